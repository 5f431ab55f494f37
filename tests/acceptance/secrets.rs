//! A secret value is where it is needed, and nowhere else.

use crate::site::{Site, compose};
use std::path::Path;

const VALUE: &str = "tr0ub4dor-and-3-horses";

#[test]
fn a_secret_is_in_no_file_no_answer_and_no_argument() {
    let site = Site::sample();
    let secret = format!("      API_TOKEN: {VALUE}\n");
    site.write("compose.yaml", &compose(1, &secret));
    site.up();
    assert_eq!(
        site.ok(&["exec", "app", "--", "sh", "-c", "echo $API_TOKEN"])
            .trim(),
        VALUE
    );
    // A failed deploy leaves evidence, and a rollback brings the secret back.
    site.deploy("rolling", &["FAULT_START=crash"]).with_code(1);
    site.deploy("rolling", &["API_TOKEN=another-one-altogether"])
        .with_code(0);
    site.ok(&["rollback"]);
    assert_eq!(
        site.ok(&["exec", "app", "--", "sh", "-c", "echo $API_TOKEN"])
            .trim(),
        VALUE
    );
    for question in [
        &["config"][..],
        &["status", "--json"],
        &["events", "--json", "--limit", "1000"],
        &["releases", "show", "1", "--json"],
        &["doctor", "--json"],
        &["logs"],
        &["rollout", "status", "--json"],
    ] {
        let said = site.run(question);
        let all = said.out() + &said.err();
        assert!(!all.contains(VALUE), "{question:?}: {all}");
    }
    for process in site.processes() {
        assert!(!process.arguments.contains(VALUE), "{process:?}");
    }
    let mut looked_at = 0;
    every_file(&site.path().join(".mainstay"), &mut |path, bytes| {
        looked_at += 1;
        let found = bytes
            .windows(VALUE.len())
            .any(|window| window == VALUE.as_bytes());
        assert!(!found, "{}", path.display());
    });
    assert!(looked_at > 8, "only {looked_at} files");
}

fn every_file(directory: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            every_file(&path, look);
        } else if let Ok(bytes) = std::fs::read(&path) {
            look(&path, &bytes);
        }
    }
}
