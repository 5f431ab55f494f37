//! An engine that fails: said clearly, and the environment is as it was.

use super::Yard;
use super::engine::{self, OwnEngine};
use crate::site::{Said, Site, finish};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

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

/// A service alone: nothing beside it minds what happens to the disk.
const ALONE: &str = "  app:
    image: 127.0.0.1:1/mainstay-acceptance:v1
    command: [sample-service]
    environment: {HOST: 0.0.0.0, DATABASE_PATH: /tmp/sample.db}
    expose: [\"8000\"]
    stop_grace_period: 5s
";

#[test]
fn a_host_port_that_is_taken_is_said_before_anything_is_touched() {
    let test = "a_host_port_that_is_taken_is_said_before_anything_is_touched";
    let Some(yard) = Yard::new(test) else {
        return;
    };
    let site = &yard.site;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let compose = format!("name: {}\nservices:\n{ALONE}", yard.stack);
    site.write("compose.yaml", &compose);
    site.up();
    let before = yard.running();
    let published = format!("{compose}    ports: [\"127.0.0.1:{port}:8000\"]\n");
    site.write("compose.yaml", &published);
    site.run(&["deploy"])
        .with_code(1)
        .says(&format!("port {port} of `app` is taken by"))
        .says("hint:");
    assert_eq!(yard.running(), before);
    assert_eq!((site.release(), site.get("/").status), (1, 200));
    drop(taken);
    site.run(&["deploy"]).with_code(0);
    site.ok(&["down"]);
}

/// A user without rights, on every Linux.
const NOBODY: u32 = 65534;

#[test]
fn an_engine_that_one_may_not_use_is_said_before_anything_is_touched() {
    let test = "an_engine_that_one_may_not_use_is_said_before_anything_is_touched";
    let Some(address) = engine::shared(test) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        super::skip("root, to be somebody else", test);
        return;
    }
    let mut site = Site::empty();
    site.set("DOCKER_HOST", &address.to_string());
    site.write("compose.yaml", &format!("services:\n{ALONE}"));
    site.write("mainstay.yaml", super::TARGET);
    // Somebody else's place, and a program that they can reach.
    let program = site.path().join("mainstay");
    std::fs::copy(env!("CARGO_BIN_EXE_mainstay"), &program).unwrap();
    std::os::unix::fs::chown(site.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new(&program);
    let like = site.command(&[]);
    let variables = like
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command
        .args(["up", "--detach"])
        .current_dir(site.path())
        .env_clear()
        .envs(variables)
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = finish(command.spawn().unwrap(), Duration::from_secs(60)).unwrap();
    Said::new("mainstay up --detach".to_owned(), output)
        .with_code(1)
        .says("permission denied")
        .says("group that owns the socket");
}

/// A file system in memory, gone with this.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        let done = mount.arg(at).stderr(Stdio::null()).status().ok()?;
        done.success().then_some(Self(at))
    }

    /// Until nothing more goes in.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("ballast")).unwrap();
        let block = [1_u8; 4096];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_the_old_release_stays() {
    let test = "a_full_disk_is_said_and_the_old_release_stays";
    if !engine::can_start_own(test) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(directory.path(), "1g") else {
        super::skip("the right to mount", test);
        return;
    };
    let own = OwnEngine::start(directory.path(), "10.215.0.0/17");
    let Some(yard) = Yard::on(&own.address(), test) else {
        return;
    };
    let site = &yard.site;
    let compose = format!("name: {}\nservices:\n{ALONE}", yard.stack);
    site.write("compose.yaml", &compose);
    site.up();
    let before = yard.running();
    disk.fill();
    site.deploy("rolling", &["GREETING=two"])
        .with_code(1)
        .says("no space left on device")
        .says("hint:");
    assert_eq!(yard.running(), before);
    assert_eq!((site.release(), site.get("/").status), (1, 200));
    std::fs::remove_file(directory.path().join("ballast")).unwrap();
    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    site.ok(&["down"]);
}
