//! Health: a stack is judged by what was measured of it, once, again and again, and as a page to keep.

use crate::site::{Site, free_address, kill};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

/// The machine that runs this may be busy or full: only the stack is to be judged.
const NOT_THE_MACHINE: [&str; 6] = [
    "--threshold",
    "system.cpu=100%",
    "--threshold",
    "system.memory=100%",
    "--threshold",
    "system.disk=:100%",
];

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["health", "--profile", "whisper-transcriber"];
    arguments.extend(NOT_THE_MACHINE);
    arguments.extend(more);
    arguments
}

/// The finding of one check.
fn found(report: &Value, check: &str) -> Value {
    let findings = report["findings"].as_array().unwrap().iter();
    let found = findings.clone().find(|finding| finding["check"] == check);
    found.cloned().unwrap()
}

fn asked(site: &Site) {
    for _ in 0..10 {
        assert_eq!(site.get("/status").status, 200);
    }
}

#[test]
fn a_stack_is_judged_by_what_was_measured_of_it() {
    let site = Site::sample();
    site.write(".mainstay/server.yaml", "metrics: {interval: 1s}\n");
    site.up();
    site.eventually("answers were timed", || {
        asked(&site);
        let report = site.run(&arguments(&["--json"])).out();
        let report: Value = serde_json::from_str(&report).unwrap();
        found(&report, "api.response")["state"] == "pass"
    });
    let healthy = site.run(&arguments(&[])).with_code(0);
    let out = healthy.out();
    for words in [
        "healthy: ",
        "api.available",
        "100 %",
        "system.memory",
        "cannot measure",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }

    // One threshold moved, and the same stack fails, with what to do next.
    let report = site.path().join("health.md");
    let report = report.to_str().unwrap();
    let strict = ["--threshold", "api.response=0ms", "--report", report];
    site.run(&arguments(&strict)).with_code(1);
    let page = std::fs::read_to_string(report).unwrap();
    for words in [
        "# Health of ",
        "**degraded: 1 of",
        "## What fails",
        "Next: `mainstay logs",
        "HighResponseTime.md",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(!site.path().join("health.md.new").exists());

    // Again and again, until somebody ends it.
    let mut child = site
        .command(&arguments(&["--continuous", "--interval", "1", "--json"]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let looks: Vec<Value> = lines
        .take(2)
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert_ne!(looks[0]["at"], looks[1]["at"]);
    kill(i32::try_from(child.id()).unwrap());
    child.wait().unwrap();
    site.ok(&["down"]);
}

#[test]
fn what_cannot_be_meant_is_refused_and_nobody_to_ask_is_no_health() {
    let site = Site::sample();
    let nobody = format!("http://{}", free_address());
    site.run(&["health", "--server", &nobody]).with_code(1);
    for (arguments, words) in [
        (
            ["health", "--profile", "whisperengin"],
            "did you mean `whisperengine`?",
        ),
        (
            ["health", "--threshold", "system.cup=1"],
            "did you mean `system.cpu`?",
        ),
        (
            ["health", "--threshold", "system.cpu=75"],
            "write 75% or 0.75",
        ),
        (["health", "--interval", "30"], "--continuous"),
    ] {
        site.run(&arguments).with_code(2).says(words);
    }
}
