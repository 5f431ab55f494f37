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

use crate::support::{START, count, labels, open, open_with, read};

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

#[test]
fn a_full_disk_stops_writing_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let exe = std::env::current_exe().unwrap();
    // Ignored signals stay ignored in what is started: the write gives EFBIG instead.
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; exec \"$0\" --exact full::child --ignored --nocapture",
        ])
        .arg(exe)
        .env("TSDB_FULL_DIR", dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let _ = std::io::stderr().write_all(&output.stderr);
    assert!(output.status.success(), "{text}");
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
