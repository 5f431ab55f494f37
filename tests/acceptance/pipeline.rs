//! The ten steps: refused where one cannot be done, recorded each with its time, and undone where
//! one fails.

use crate::site::{QUICK, Site};
use serde_json::Value;
use std::process::Stdio;

/// Production with the steps that need a command. `load` is what the load test does.
fn files(site: &Site, load: &str) {
    let steps = format!(
        "  pipeline:
    steps:
      backup: {{command: [[sh, -c, 'echo saved 3 tables']]}}
      load-test: {{command: [[sh, -c, '{load}']]}}
      alerts: {{waive: the platform pages us}}
"
    );
    let environments = "environments: {production: {purpose: production}}\n";
    site.write("mainstay.yaml", &format!("{environments}{QUICK}{steps}"));
}

const ENV: [&str; 2] = ["--env", "production"];

fn deploy(site: &Site, greeting: &str) -> crate::site::Said {
    let set = format!("app.environment.GREETING={greeting}");
    site.run(&["deploy", ENV[0], ENV[1], "--set", &set])
}

/// Name → (state, whether it took time, evidence or reason).
fn steps(site: &Site, release: &str) -> Vec<(String, String, String)> {
    let detail = site.json(&["releases", "show", release, ENV[0], ENV[1]]);
    let steps = detail["pipelines"][0]["steps"].as_array().unwrap().clone();
    let word = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
    let line = |step: &Value| {
        let said = format!("{} {}", word(step, "reason"), step["evidence"]);
        (word(step, "name"), word(step, "state"), said)
    };
    steps.iter().map(line).collect()
}

fn states(site: &Site, release: &str) -> Vec<String> {
    let steps = steps(site, release).into_iter();
    steps
        .map(|(name, state, _)| format!("{name} {state}"))
        .collect()
}

#[test]
fn production_takes_ten_steps_and_keeps_a_record_of_each() {
    let site = Site::sample();
    site.write(
        "mainstay.yaml",
        &format!("environments: {{production: {{purpose: production}}}}\n{QUICK}"),
    );
    // Everything that is missing at once, and nothing is touched. A restore point is made by itself.
    let refused = site.run(&["up", "--detach", ENV[0], ENV[1]]).with_code(2);
    for step in ["load-test", "alerts", "release-notes"] {
        assert!(
            refused.err().contains(&format!("{step} (")),
            "{}",
            refused.err()
        );
    }
    assert!(site.processes().is_empty(), "{:?}", site.processes());

    files(&site, "test -n \"$$MAINSTAY_URL\" && echo p95 12 ms");
    site.commit_all();
    site.ok(&["up", "--detach", ENV[0], ENV[1]]);
    site.git(&["commit", "-q", "--allow-empty", "-m", "fix: greet at once"]);
    deploy(&site, "two").with_code(0);
    let expected = [
        "pre-checks passed",
        "configuration passed",
        "backup passed",
        "update passed",
        "health passed",
        "load-test passed",
        "alerts waived",
        "release-notes passed",
        "rollback-plan passed",
        "watch passed",
    ];
    assert_eq!(states(&site, "2"), expected);
    let all = steps(&site, "2");
    let said = |at: usize| all[at].2.as_str();
    assert!(
        said(2).contains("restore point")
            && said(2).contains("saved 3 tables")
            && said(5).contains("p95 12 ms"),
        "{all:?}"
    );
    assert!(said(8).contains("mainstay rollback 1"), "{all:?}");
    assert_eq!(
        states(&site, "1")[9],
        "watch skipped",
        "the first one has nothing to go back to"
    );

    let text = site.ok(&["releases", "show", "2", ENV[0], ENV[1]]);
    assert!(
        text.contains("STEP") && text.contains("greet at once"),
        "{text}"
    );
    let document = site.ok(&["releases", "show", "2", "--markdown", ENV[0], ENV[1]]);
    assert!(document.contains("| 3 | backup | passed |"), "{document}");
    assert!(
        document.contains("### Fixes") && !document.contains("GREETING"),
        "{document}"
    );
    assert!(site.ok(&["journal", "verify"]).contains("intact"));
}

#[test]
fn a_step_that_fails_takes_the_release_back() {
    let site = Site::sample();
    files(&site, "true");
    site.commit_all();
    site.ok(&["up", "--detach", ENV[0], ENV[1]]);
    let before = site.running_instances();

    files(&site, "echo p95 900 ms; exit 4");
    deploy(&site, "two").with_code(1).says("load-test");
    assert_eq!(site.running_instances(), before);
    let states = states(&site, "2");
    assert!(
        states.contains(&"load-test failed".to_owned()),
        "{states:?}"
    );
    assert!(
        states.contains(&"release-notes not_done".to_owned()),
        "{states:?}"
    );
    assert!(states.contains(&"watch not_done".to_owned()), "{states:?}");

    // Left out by name, for a reason, for this once.
    let set = "app.environment.GREETING=three";
    site.ok(&[
        "deploy",
        ENV[0],
        ENV[1],
        "--set",
        set,
        "--waive",
        "load-test",
        "--reason",
        "no traffic yet",
    ]);
    let steps = steps(&site, "3");
    let waived = steps
        .iter()
        .find(|(name, _, _)| name == "load-test")
        .unwrap();
    assert!(
        waived.1 == "waived" && waived.2.contains("no traffic yet"),
        "{waived:?}"
    );
}

/// The control plane dies while a step runs: the step is run again, and nothing is lost.
#[test]
fn a_control_plane_that_dies_in_a_step_takes_it_again() {
    let site = Site::sample();
    files(&site, "true");
    site.commit_all();
    site.ok(&["up", "--detach", ENV[0], ENV[1]]);
    files(&site, "echo load >> load.log; sleep 2");
    let mut command = site.command(&["deploy", ENV[0], ENV[1]]);
    command.args(["--set", "app.environment.GREETING=two"]);
    let mut deploy = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    site.eventually("the load test runs", || {
        site.path().join("load.log").exists()
    });
    site.kill_server();
    let log = std::fs::File::create(site.path().join("serve.log")).unwrap();
    let mut server = site
        .command(&["serve", "."])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    std::thread::spawn(move || server.wait());
    assert!(deploy.wait().unwrap().success(), "{}", site.story());
    assert_eq!(states(&site, "2")[5], "load-test passed");
    let runs = std::fs::read_to_string(site.path().join("load.log")).unwrap();
    assert_eq!(runs.lines().count(), 2, "once before, once after");
}
