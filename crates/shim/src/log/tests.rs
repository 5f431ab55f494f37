//! Sizes, ages and torn ends; a disk that is really full is in the target's conformance suite.

use super::*;
use mainstay_model::Bytes;
use std::time::SystemTime;

const HOUR: Duration = Duration::from_hours(1);

fn policy(max_size: u64, max_files: u32) -> LogPolicy {
    LogPolicy {
        max_size: Bytes(max_size),
        max_files,
        max_age: 4 * HOUR,
    }
}

fn write(log: &mut Log, time: Timestamp, text: &str) {
    log.line(time, Stream::Stdout, text.as_bytes(), false);
    log.flush();
}

/// Names of the files, and the `line` of each of their lines.
fn files(directory: &Path) -> Vec<(String, Vec<String>)> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
                line["line"].as_str().unwrap_or("(torn)").to_owned()
            });
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, lines.collect())
        })
        .collect();
    files.sort();
    files
}

fn names(directory: &Path) -> Vec<String> {
    files(directory).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_file_is_rotated_before_it_outgrows_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let line = format_line(clock::now(), Stream::Stdout, b"0", false).len() as u64;
    let mut log = Log::open(directory.path(), &policy(3 * line, 9));
    for number in 0..8 {
        write(&mut log, clock::now(), &number.to_string());
    }
    let expected = [
        ("00000001.log", &["0", "1", "2"][..]),
        ("00000002.log", &["3", "4", "5"]),
        ("current.log", &["6", "7"]),
    ];
    let expected = expected.map(|(name, lines)| {
        (
            name.to_owned(),
            lines.iter().map(|line| (*line).to_owned()).collect(),
        )
    });
    assert_eq!(files(directory.path()), expected);
}

#[test]
fn a_line_that_is_larger_than_a_file_has_one_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::open(directory.path(), &policy(10, 9));
    for text in ["one", "two"] {
        write(&mut log, clock::now(), text);
    }
    assert_eq!(names(directory.path()), ["00000001.log", "current.log"]);
}

#[test]
fn a_quiet_log_is_rotated_by_age_also_across_shims() {
    let directory = tempfile::tempdir().unwrap();
    let began = clock::now();
    // With one rotated file kept four hours, a file lasts two.
    let policy = policy(1 << 20, 1);
    write(&mut Log::open(directory.path(), &policy), began, "first");
    let mut log = Log::open(directory.path(), &policy);
    write(&mut log, began + HOUR, "second");
    assert_eq!(names(directory.path()), ["current.log"]);
    write(
        &mut log,
        began + HOUR * 2 + Duration::from_millis(1),
        "third",
    );
    assert_eq!(names(directory.path()), ["00000001.log", "current.log"]);
}

#[test]
fn what_is_too_many_or_too_old_is_removed_and_strangers_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for number in 3..=7 {
        std::fs::write(path(&format!("{number:08}.log")), "").unwrap();
    }
    std::fs::write(path("notes.log"), "").unwrap();
    let old = File::options()
        .write(true)
        .open(path("00000006.log"))
        .unwrap();
    old.set_modified(SystemTime::now() - 5 * HOUR).unwrap();
    let mut log = Log::open(directory.path(), &policy(10, 3));
    assert_eq!(
        names(directory.path()),
        ["00000005.log", "00000007.log", "current.log", "notes.log"]
    );
    for text in ["one", "two"] {
        write(&mut log, clock::now(), text);
    }
    assert!(path("00000008.log").exists());
}

#[test]
fn no_rotated_file_can_be_kept_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::open(directory.path(), &policy(10, 0));
    for text in ["one", "two"] {
        write(&mut log, clock::now(), text);
    }
    assert_eq!(names(directory.path()), ["current.log"]);
}

#[test]
fn a_torn_end_is_not_grown_onto() {
    let directory = tempfile::tempdir().unwrap();
    let current = directory.path().join(CURRENT);
    std::fs::write(&current, "{\"time\":\"2026-01-01T0").unwrap();
    let mut log = Log::open(directory.path(), &policy(1 << 20, 1));
    write(&mut log, clock::now(), "whole");
    let (_, lines) = files(directory.path()).remove(0);
    assert_eq!(lines, ["(torn)", "whole"]);
}

#[test]
fn a_directory_that_cannot_be_written_costs_lines_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("log");
    // A file where the directory should be.
    std::fs::write(&place, "").unwrap();
    let mut log = Log::open(&place, &policy(1 << 20, 1));
    write(&mut log, clock::now(), "lost");
    assert!(log.wake_at().is_some());
    std::fs::remove_file(&place).unwrap();
    log.tick(clock::monotonic() + RETRY * 2);
    assert!(log.wake_at().is_none());
    write(&mut log, clock::now(), "kept");
    let (_, lines) = files(&place).remove(0);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("1 lines were dropped: "), "{lines:?}");
    assert_eq!(lines[1], "kept");
}
