//! The main job: a new version replaces the old one, and nobody notices.

use crate::load::Load;
use crate::site::{Site, compose, request};
use std::process::Stdio;

/// Through everything that moves instances, under load: not one failed request.
#[test]
fn nothing_that_moves_instances_fails_a_request() {
    let site = Site::sample();
    site.up();
    assert_eq!(site.release(), 1);
    let load = Load::start(site.proxy);

    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    assert_eq!(site.get("/health").header("x-release"), Some("r2"));

    site.deploy("blue-green", &["GREETING=three"]).with_code(0);
    assert_eq!(site.get("/health").header("x-release"), Some("r3"));

    site.ok(&["rollback", "--reason", "it was better before"]);
    assert_eq!(site.get("/health").header("x-release"), Some("r2"));

    site.ok(&["scale", "app=4"]);
    assert_eq!(site.running_instances().len(), 4);
    site.ok(&["scale", "app=1"]);
    assert_eq!(site.running_instances().len(), 1);

    site.ok(&["scale", "app=2"]);
    site.ok(&["restart"]);
    assert_eq!(
        site.running_instances(),
        ["shop-dev-app-r2-3", "shop-dev-app-r2-4"]
    );

    let seen = load.seen();
    seen.no_failed_request();
    let releases: Vec<&str> = seen.releases.keys().map(String::as_str).collect();
    assert_eq!(releases, ["r1", "r2", "r3"], "{seen:?}");

    let reasons = site.events().join("\n");
    assert!(reasons.contains("it was better before"), "{reasons}");
    assert!(site.ok(&["journal", "verify"]).contains("intact"));
}

/// What did not change keeps running; what changed is replaced alone.
#[test]
fn an_unchanged_service_keeps_its_instances() {
    let site = Site::sample();
    let both = format!(
        "{}  helper:\n    x-mainstay:\n      command: [sleep, \"1000\"]\n",
        compose(1, "")
    );
    site.write("compose.yaml", &both);
    site.up();
    assert_eq!(
        site.running_instances(),
        ["shop-dev-app-r1-1", "shop-dev-helper-r1-1"]
    );
    // One service finds the other by its variables, through every release.
    let address = site.ok(&[
        "exec",
        "helper",
        "--",
        "sh",
        "-c",
        "echo $APP_HOST:$APP_PORT",
    ]);
    let address = address.trim().parse().unwrap();
    let answer = request(address, "GET", "/health", b"");
    assert_eq!(answer.header("x-release"), Some("r1"), "{answer:?}");
    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    assert_eq!(
        site.running_instances(),
        ["shop-dev-app-r2-1", "shop-dev-helper-r1-1"]
    );
    let answer = request(address, "GET", "/health", b"");
    assert_eq!(answer.header("x-release"), Some("r2"), "{answer:?}");
    site.run(&["deploy", "--set", "app.environment.GREETING=two"])
        .with_code(0)
        .says("nothing changed");
    assert_eq!(site.release(), 2);
}

/// A singleton is stopped before it is started again.
#[test]
fn a_singleton_never_runs_twice() {
    let site = Site::sample();
    let once = compose(1, "").replace("x-mainstay:\n", "x-mainstay:\n      singleton: true\n");
    site.write("compose.yaml", &once);
    site.up();
    let mut deploy = site
        .command(&["deploy", "--set", "app.environment.GREETING=two"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut looks = 0;
    let ended = loop {
        let running = site.running_instances();
        assert!(running.len() <= 1, "{running:?}");
        looks += 1;
        if let Some(status) = deploy.try_wait().unwrap() {
            break status;
        }
    };
    assert!(ended.success() && looks > 3, "{ended} after {looks} looks");
    assert_eq!(site.running_instances(), ["shop-dev-app-r2-1"]);
    site.run(&["scale", "app=2"]).with_code(2).says("singleton");
}
