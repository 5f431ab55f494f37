//! A disk that is full: a child whose files may not grow, which is then allowed to let them grow.
//!
//! `RLIMIT_FSIZE` counts per file, so the log runs into it in the middle of a segment as it does
//! into a full disk, and lifting the soft limit is making room. The signal that comes with it is
//! blocked in the thread that starts the others.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mainstay_tsdb::{Durability, Entry, Options, StoreError};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::support::{BLOCK, START, count, fill, labels, open, open_with, read};

const LIMIT: u64 = 64 << 10;

fn limit(bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    setrlimit(Resource::Fsize, limit).unwrap();
}

#[test]
#[ignore = "started by a_full_disk_stops_writing_and_nothing_else"]
fn child() {
    let Some(dir) = std::env::var_os("TSDB_FULL_DIR") else {
        return;
    };
    let options = Options {
        compress_log: false,
        ..Options::default()
    };
    let (store, _) = open_with(Path::new(&dir), options);
    limit(Some(LIMIT));
    let series: Vec<_> = (0..100).map(|n| labels("m", n)).collect();
    let mut acknowledged = 0;
    let mut time = START;
    let stopped = loop {
        time += 1000;
        let batch: Vec<_> = series
            .iter()
            .map(|s| Entry::labelled(s, time, 1.0))
            .collect();
        match store.append(&batch, Durability::Synced) {
            Ok(done) => acknowledged += done.appended,
            Err(error) => break error,
        }
        assert!(acknowledged < 1_000_000, "the limit must be met");
    };
    assert!(matches!(stopped, StoreError::Stopped(_)), "{stopped}");
    assert!(stopped.to_string().contains("hint: make room"), "{stopped}");
    assert!(store.stopped().is_some());
    let again = store.append(
        &[Entry::labelled(&series[0], time + 1, 1.0)],
        Durability::Soon,
    );
    assert!(matches!(again, Err(StoreError::Stopped(_))));
    assert!(count(&read(&store)) >= acknowledged, "reads go on");
    limit(None);
    let until = Instant::now() + Duration::from_secs(30);
    while store.stopped().is_some() {
        assert!(Instant::now() < until, "it goes on by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    let batch: Vec<_> = series
        .iter()
        .map(|s| Entry::labelled(s, time + 1000, 1.0))
        .collect();
    assert_eq!(
        store.append(&batch, Durability::Synced).unwrap().appended,
        100
    );
    println!("there are {}", count(&read(&store)));
}

/// Runs a test of this binary as a child that gets an error, not a signal, where its files may not
/// grow; what it printed.
fn limited_child(test: &str, dir: &Path) -> String {
    // Ignored signals stay ignored in what is started: the write gives EFBIG instead.
    let script = format!("trap '' XFSZ; exec \"$0\" --exact {test} --ignored --nocapture");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("TSDB_FULL_DIR", dir)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = std::io::stderr().write_all(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn a_full_disk_stops_writing_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let text = limited_child("full::child", dir.path());
    let (_, there) = text.split_once("there are ").unwrap();
    let there: usize = there.split_whitespace().next().unwrap().parse().unwrap();
    let (store, report) = open(dir.path());
    assert!(report.is_clean() && report.cuts.is_empty(), "{report:?}");
    assert_eq!(
        count(&read(&store)),
        there,
        "what was in memory meanwhile is in the log too"
    );
}

#[test]
#[ignore = "started by on_a_full_disk_what_is_too_old_still_goes"]
fn old_child() {
    let Some(dir) = std::env::var_os("TSDB_FULL_DIR") else {
        return;
    };
    let options = Options {
        retention_ms: BLOCK,
        ..Options::default()
    };
    let (store, _) = open_with(Path::new(&dir), options);
    limit(Some(100));
    let done = store.maintain(START + 3 * BLOCK).unwrap();
    assert_eq!(
        (done.retired, done.aggregated, done.not_aggregated),
        (1, 0, 1)
    );
    limit(None);
    let left = std::fs::read_dir(Path::new(&dir).join("aggregates/last")).unwrap();
    assert_eq!(left.count(), 0, "nothing half made is left");
    println!("done");
}

#[test]
fn on_a_full_disk_what_is_too_old_still_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 3, START, START + 3 * BLOCK);
    assert_eq!(store.maintain(START + 3 * BLOCK).unwrap().cut, 2);
    drop(store);
    let text = limited_child("full::old_child", dir.path());
    assert!(text.contains("done"), "{text}");
}
