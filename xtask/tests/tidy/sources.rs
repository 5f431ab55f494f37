//! What every source file keeps to.

use super::{assert_none, files, root, text};
use std::path::Path;

/// Over this a file is split.
const MAX_LINES: usize = 800;

/// Tables may be longer; each needs its reason.
const TABLES: [&str; 0] = [];

/// Written in two halves, so that this file does not find itself.
const UNFINISHED: [&str; 3] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
];

/// The one use of switching a test off: it is a process that another test starts.
const CHILD: &str = concat!("#[", "ignore = \"started by ");

fn rust_files() -> impl Iterator<Item = (String, String)> {
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some((path.display().to_string(), text(&path)?)))
}

#[test]
fn each_file_says_what_it_is() {
    let mistakes: Vec<_> = rust_files()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| {
            format!("{path}: does not open with `//!`\n  mend: say what it is, why, and what it does not do")
        })
        .collect();
    assert_none(&mistakes);
}

#[test]
fn no_file_is_longer_than_one_can_hold_in_mind() {
    let mistakes: Vec<_> = rust_files()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(path, lines)| *lines > MAX_LINES && !TABLES.contains(&path.as_str()))
        .map(|(path, lines)| {
            format!("{path}: {lines} lines\n  mend: split it by noun; over {MAX_LINES} is too long")
        })
        .collect();
    assert_none(&mistakes);
}

#[test]
fn nothing_is_left_unfinished_in_silence() {
    let mut mistakes = Vec::new();
    for (path, text) in rust_files() {
        for (number, line) in (1..).zip(text.lines()) {
            if line.contains(CHILD) {
                continue;
            }
            for mark in UNFINISHED.iter().filter(|mark| line.contains(**mark)) {
                mistakes.push(format!(
                    "{path}:{number}: {mark}\n  mend: finish it, or return an error that says so; \
                     a process that another test starts says {CHILD}…"
                ));
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn no_file_knows_this_machine() {
    let mut places = vec![root().to_string_lossy().into_owned()];
    if let Some(home) = std::env::var_os("HOME") {
        let home = home.to_string_lossy().into_owned();
        if Path::new(&home).components().count() > 1 {
            places.push(format!("{home}/"));
        }
    }
    let mut mistakes = Vec::new();
    for path in files() {
        let Some(text) = text(&path) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            for place in places.iter().filter(|place| line.contains(place.as_str())) {
                mistakes.push(format!(
                    "{}:{number}: names {place}\n  mend: write a path relative to the checkout",
                    path.display()
                ));
            }
        }
    }
    assert_none(&mistakes);
}
