//! An engine that fails: said clearly, and the environment is as it was.

use super::Yard;
use super::engine::{self, OwnEngine};
use crate::site::Site;

#[test]
fn an_engine_that_does_not_run_is_said_before_anything_is_touched() {
    let mut site = Site::empty();
    site.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    site.write(
        "compose.yaml",
        "services:\n  app:\n    image: app:v1\n    expose: [\"8000\"]\n",
    );
    site.write("mainstay.yaml", super::TARGET);
    site.run(&["up", "--detach"])
        .with_code(1)
        .says("no engine listens at unix:///nowhere/docker.sock")
        .says("systemctl start docker");
}

#[test]
fn a_missing_image_is_said_before_anything_is_touched() {
    let Some(yard) = Yard::new("a_missing_image_is_said_before_anything_is_touched") else {
        return;
    };
    yard.site.up();
    let before = yard.running();
    let missing = "app.image=127.0.0.1:1/no-such-image:v1";
    yard.site
        .run(&["deploy", "--set", missing])
        .with_code(1)
        .says("127.0.0.1:1/no-such-image:v1");
    assert_eq!(yard.running(), before);
    assert_eq!(yard.site.release(), 1);
    yard.end();
}

#[test]
fn an_engine_that_is_lost_changes_nothing_until_it_is_back() {
    let test = "an_engine_that_is_lost_changes_nothing_until_it_is_back";
    if !engine::can_start_own(test) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut own = OwnEngine::start(directory.path(), "10.214.0.0/17");
    let Some(yard) = Yard::on(&own.address(), test) else {
        return;
    };
    let site = &yard.site;
    site.up();
    let before = yard.running();
    own.kill();
    // Its containers run on, and so do their requests; but the names in its networks were its own.
    assert_eq!(site.get("/").status, 200);
    site.eventually("what is known is said to be the last that was seen", || {
        site.ok(&["ps"]).contains("last known state")
    });
    site.run(&["deploy", "--set", "app.environment.GREETING=two"])
        .with_code(1)
        .says("no engine listens");
    site.run(&["doctor"]).with_code(1).says("no engine listens");
    assert_eq!(site.release(), 1);
    assert_eq!(site.get("/").status, 200);
    own.start_again();
    // An engine that begins ends what it finds; what is shown until then is the last that was seen.
    site.eventually("everything runs", || {
        yard.running() == before && site.json(&["status"])["state"] == "up"
    });
    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    assert_eq!(site.get("/health").header("x-release"), Some("r2"));
    yard.end();
}
