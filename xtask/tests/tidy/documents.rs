//! What the documents promise is there.

use super::{assert_none, cargo, files, root, text};
use serde_json::Value;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 300;

/// A newcomer needs these two and no third.
const COMMANDS: [&str; 2] = [
    "cargo run --release -- up examples/whisper-transcriber",
    "cargo xtask test",
];

fn architecture() -> String {
    text(Path::new("ARCHITECTURE.md")).expect("ARCHITECTURE.md is text")
}

#[test]
fn the_map_fits_on_a_few_screens() {
    let lines = architecture().lines().count();
    assert!(
        lines <= MAX_LINES,
        "ARCHITECTURE.md: {lines} lines\n  mend: move detail into the crate's own documentation"
    );
}

#[test]
fn the_map_names_every_package() {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .expect("cargo can be started");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let map = architecture();
    let mistakes: Vec<_> = metadata["packages"]
        .as_array()
        .expect("packages is a list")
        .iter()
        .filter_map(|package| package["manifest_path"].as_str())
        .filter_map(|manifest| Path::new(manifest).parent()?.strip_prefix(root()).ok())
        .map(|folder| folder.display().to_string())
        .filter(|folder| !map.contains(&format!("`{folder}`")))
        .map(|folder| format!("ARCHITECTURE.md does not name `{folder}`\n  mend: add a paragraph"))
        .collect();
    assert_none(&mistakes);
}

/// Words in backticks that look like paths of the checkout.
fn paths(document: &str) -> impl Iterator<Item = &str> {
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains('/') && !word.contains([' ', '*', '<', '…', '{', '$']))
        .filter(|word| {
            let first = word.split('/').next().unwrap_or_default();
            !first.is_empty() && root().join(first).is_dir()
        })
}

#[test]
fn every_path_in_the_map_exists() {
    let map = architecture();
    let mistakes: Vec<_> = paths(&map)
        .filter(|path| !root().join(path).exists())
        .map(|path| format!("ARCHITECTURE.md names `{path}`, which is not there"))
        .collect();
    assert_none(&mistakes);
}

#[test]
fn the_readme_holds_the_two_commands() {
    let readme = text(Path::new("README.md")).expect("README.md is text");
    for command in COMMANDS {
        assert!(
            readme
                .lines()
                .any(|line| line.trim_start_matches("$ ").starts_with(command)),
            "README.md does not say `{command}`"
        );
    }
}

/// Links of the form `](path)` in Markdown files, relative ones only.
fn links(document: &str) -> impl Iterator<Item = &str> {
    document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter_map(|link| link.split('#').next())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
}

#[test]
fn every_link_leads_somewhere() {
    let mut mistakes = Vec::new();
    for path in files() {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let Some(document) = text(&path) else {
            continue;
        };
        let folder: PathBuf = root().join(path.parent().unwrap_or(Path::new("")));
        for link in links(&document).filter(|link| !folder.join(link).exists()) {
            mistakes.push(format!("{}: {link} is not there", path.display()));
        }
    }
    assert_none(&mistakes);
}
