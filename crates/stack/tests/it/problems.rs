//! Every class of error, with the exact message: one directory of `tests/problems/` each.
//!
//! A case holds the files of a stack, `problems.txt` with what must be said of them, and, where
//! it needs more than the files, `request.json`. Write the expected texts anew with
//! `SNAPSHOTS=overwrite cargo test -p mainstay-stack problems`, and read the difference.

use crate::disk;
use mainstay_stack::{Request, resolve};
use snapbox::{Data, assert_data_eq};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    compose_files: Vec<PathBuf>,
    environment: Option<String>,
    profiles: Vec<String>,
    variables: BTreeMap<String, String>,
    sets: Vec<String>,
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    let entries = std::fs::read_dir(root).expect("the cases");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("a case").path()).collect();
    cases.sort();
    cases
}

fn problems(directory: &Path) -> mainstay_stack::Resolution {
    let case: Case = match std::fs::read_to_string(directory.join("request.json")) {
        Ok(text) => serde_json::from_str(&text).expect("a request"),
        Err(_) => Case::default(),
    };
    let request = Request {
        directory: directory.to_owned(),
        stack: None,
        compose_files: case.compose_files,
        mainstay_file: None,
        environment: case.environment,
        profiles: case.profiles,
        variables: case.variables,
        sets: case.sets,
    };
    disk::supplied(&disk::Disk, resolve(&disk::Disk, &request))
}

#[test]
fn each_case_says_exactly_what_is_wrong() {
    for directory in cases() {
        let resolution = problems(&directory);
        let root = directory.display().to_string();
        let mut text = String::new();
        for problem in &resolution.problems {
            text.push_str(&format!("[{}] {problem}\n", problem.code).replace(&root, "DIRECTORY"));
        }
        assert_eq!(
            resolution.stack.is_none(),
            resolution.problems.has_errors(),
            "a stack is there exactly when nothing is an error: {root}"
        );
        let expected = Data::read_from(&directory.join("problems.txt"), None);
        assert_data_eq!(text, expected.raw());
    }
}

/// A code that no case shows is a message that nobody has read.
#[test]
fn every_code_has_a_case() {
    let shown: BTreeSet<String> = cases()
        .iter()
        .flat_map(|directory| problems(directory).problems)
        .map(|problem| problem.code)
        .collect();
    let mut codes = BTreeSet::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut codes,
    );
    for prefix in ["compose", "mainstay"] {
        codes.extend(["unknown-key", "type", "value"].map(|name| format!("{prefix}/{name}")));
    }
    // Its case would be a file of a megabyte: see `bounds`.
    codes.remove("yaml/too-large");
    // No store is asked here: see the crate that fetches.
    codes.remove("secret/unreachable");
    let missing: Vec<_> = codes.difference(&shown).collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

/// Every text that looks like a code in the sources.
fn collect(folder: &Path, codes: &mut BTreeSet<String>) {
    const AREAS: [&str; 13] = [
        "command", "deploy", "docker", "yaml", "variable", "env", "file", "compose", "mainstay",
        "process", "secret", "set", "health",
    ];
    for entry in std::fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("a source").path();
        if path.is_dir() {
            collect(&path, codes);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        for word in text.split('"') {
            let Some((area, name)) = word.split_once('/') else {
                continue;
            };
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            if AREAS.contains(&area) && is_name {
                codes.insert(word.to_owned());
            }
        }
    }
}
