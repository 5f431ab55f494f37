//! A disk that is really full: a small file system in memory, filled by somebody else and then freed.
//!
//! It is mounted in a mount namespace of the child's own, which only root may make; others skip it.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mainstay_tsdb::{Durability, Entry, Options, StoreError};

use crate::support::{BLOCK, START, count, fill, labels, open, open_with, read};

/// What the file system holds.
const SIZE: &str = "16m";

/// Takes all of the room that is left, down to the last byte.
fn fill_up(ballast: &Path) {
    let mut file = std::fs::File::create(ballast).unwrap();
    for step in [1 << 16, 1 << 10, 1] {
        let piece = vec![1u8; step];
        while file.write_all(&piece).is_ok() {}
    }
}

#[test]
#[ignore = "started by a_full_file_system_stops_writing_and_keeps_answering"]
fn child() {
    let Some(dir) = std::env::var_os("TSDB_TMPFS_DIR") else {
        return;
    };
    let (dir, ballast) = (
        Path::new(&dir).join("store"),
        Path::new(&dir).join("ballast"),
    );
    let options = Options {
        compress_log: false,
        ..Options::default()
    };
    let (store, _) = open_with(&dir, options.clone());
    // Enough for a block, which cannot be written while the disk is full.
    fill(&store, 20, START, START + 2 * BLOCK);
    store.flush().unwrap();
    let before = count(&read(&store));
    fill_up(&ballast);

    let series: Vec<_> = (0..100).map(|n| labels("m", n)).collect();
    let mut time = START + 2 * BLOCK;
    let mut batch = |durability| {
        time += 1000;
        let of = |s| Entry::labelled(s, time, 1.0);
        let batch: Vec<_> = series.iter().map(of).collect();
        store.append(&batch, durability).map(|done| done.appended)
    };
    let mut acknowledged = 0;
    let stopped = loop {
        match batch(Durability::Synced) {
            Ok(appended) => acknowledged += appended,
            Err(error) => break error,
        }
        assert!(acknowledged < 1_000_000, "the disk must be full");
    };
    assert!(matches!(stopped, StoreError::Stopped(_)), "{stopped}");
    assert!(stopped.to_string().contains("No space left"), "{stopped}");
    assert!(stopped.to_string().contains("hint: make room"), "{stopped}");
    assert!(store.maintain(START + 2 * BLOCK).is_err(), "no block fits");
    assert!(
        batch(Durability::Soon).is_err(),
        "nothing is taken that cannot be kept"
    );
    assert!(count(&read(&store)) >= before + acknowledged, "reads go on");

    std::fs::remove_file(&ballast).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while store.stopped().is_some() {
        assert!(Instant::now() < until, "it goes on by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(batch(Durability::Synced).unwrap(), 100);
    assert!(store.maintain(START + 2 * BLOCK).unwrap().cut > 0);
    let all = read(&store);
    assert!(count(&all) >= before + acknowledged + 100);
    drop(store);
    let (store, report) = open(&dir);
    assert!(report.is_clean() && report.cuts.is_empty(), "{report:?}");
    assert_eq!(read(&store), all);
    println!("there are {}", count(&all));
}

#[test]
fn a_full_file_system_stops_writing_and_keeps_answering() {
    let name = "a_full_file_system_stops_writing_and_keeps_answering";
    let dir = tempfile::tempdir().unwrap();
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        command.arg(std::env::current_exe().unwrap());
        command.env("TSDB_TMPFS_DIR", dir.path());
        command.output()
    };
    let mount = format!("mount -t tmpfs -o size={SIZE} tmpfs \"$TSDB_TMPFS_DIR\"");
    if !namespace(&mount).is_ok_and(|output| output.status.success()) {
        // Past the capture of what tests print.
        let line = format!("skipped for want of a mount namespace: {name}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    let script = format!("{mount} && exec \"$0\" --exact tmpfs::child --ignored --nocapture");
    let output = namespace(&script).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("there are "), "{text}");
}
