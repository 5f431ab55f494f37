//! Bad releases and bad input: refused with a reason, and what ran before still runs.

use crate::load::Load;
use crate::site::{Site, compose};

/// Every way in which a release can be bad.
#[test]
fn a_bad_release_gets_no_request_and_the_old_one_stays() {
    let site = Site::sample();
    site.write(
        "mainstay.yaml",
        &crate::site::QUICK.replace("healthy_deadline: 15s", "healthy_deadline: 4s"),
    );
    site.up();
    let before = site.running_instances();
    let load = Load::start(site.proxy);
    for (fault, reason) in [
        ("FAULT_HEALTH=fail", "503"),
        ("FAULT_START=crash", "exit code"),
        ("FAULT_START=hang", "did not become healthy"),
        ("FAULT_START=never-bind", "did not become healthy"),
        ("FAULT_CRASH_AFTER=200ms", "exit code"),
    ] {
        site.deploy("blue-green", &[fault])
            .with_code(1)
            .says(reason);
        assert_eq!(site.running_instances(), before, "{fault}");
        let events = site.events();
        let last = events
            .iter()
            .rev()
            .find(|event| event.contains("rollback-began"));
        assert!(
            last.is_some_and(|event| event.contains(reason)),
            "{fault}: {events:#?}"
        );
    }
    let seen = load.seen();
    seen.no_failed_request();
    assert_eq!(seen.releases.len(), 1, "a bad release answered: {seen:?}");
    site.run(&["doctor"])
        .with_code(1)
        .says("the last deploy did not succeed");
    site.deploy("rolling", &["GREETING=good"]).with_code(0);
}

/// Nothing is left of a stack that cannot start, and the reason is said.
#[test]
fn a_stack_that_fails_to_start_leaves_nothing_behind() {
    let site = Site::sample();
    site.write("compose.yaml", &compose(2, "      FAULT_START: crash\n"));
    site.run(&["up", "--detach"]).with_code(1).says("exit code");
    site.eventually("nothing of it runs", || site.processes().is_empty());

    let missing = compose(1, "").replace("command: [", "command: [no-such-program] #");
    site.write("compose.yaml", &missing);
    site.run(&["up", "--detach"])
        .with_code(1)
        .says("no-such-program");
    site.eventually("nothing of it runs", || site.processes().is_empty());
}

/// A port that somebody else has is named with its owner, before anything is started.
#[test]
fn a_taken_port_is_refused_with_its_owner() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let site = Site::sample();
    let published =
        compose(1, "").replace("expose: [\"8000\"]", &format!("ports: [\"{port}:8000\"]"));
    site.write("compose.yaml", &published);
    let pid = std::process::id();
    site.run(&["up", "--detach"])
        .with_code(1)
        .says(&format!("port {port}"))
        .says(&format!("pid {pid}"));
}

/// Problems are shown together, each with its place.
#[test]
fn problems_of_the_files_are_shown_together() {
    let site = Site::sample();
    site.write(
        "compose.yaml",
        &compose(2, "").replace("replicas", "replcas"),
    );
    site.write("mainstay.yaml", "deploy:\n  watch: 5 apples\nrotes: []\n");
    site.run(&["up", "--detach"])
        .with_code(2)
        .says("compose.yaml:")
        .says("did you mean `replicas`")
        .says("mainstay.yaml:2:")
        .says("did you mean `routes`");
    assert!(site.processes().is_empty());
}
