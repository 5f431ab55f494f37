//! What was acknowledged is there after `kill -9`, a torn log and a full disk.

use super::{Place, event};
use crate::{Journal, JournalError};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Set for the child that appends until it is killed.
const APPEND_TO: &str = "MAINSTAY_TEST_APPEND_TO";

/// The child's half of the next test: appends for ever, and says after each what is durable.
#[test]
#[ignore = "started by the test below"]
fn append_for_ever() {
    let Some(path) = std::env::var_os(APPEND_TO) else {
        return;
    };
    let mut journal = Journal::open(Path::new(&path)).unwrap();
    for n in 0..1_000_000 {
        let seq = journal.append(&event(n)).unwrap();
        println!("durable {seq}");
    }
}

/// Ends the child by SIGKILL after so many acknowledged events; the last one it acknowledged.
fn append_and_kill(path: &Path, after: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::durability::append_for_ever"])
        .args(["--ignored", "--nocapture"])
        .env(APPEND_TO, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = 0;
    let mut count = 0;
    for line in output.lines() {
        let Ok(line) = line else { break };
        let Some((_, seq)) = line.split_once("durable ") else {
            continue;
        };
        // A line that the kill cut short acknowledges nothing.
        let Ok(seq) = seq.parse() else { break };
        acknowledged = seq;
        count += 1;
        if count == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let place = Place::new();
    for after in [1, 7, 40, 100] {
        let acknowledged = append_and_kill(&place.path(), after);
        let journal = place.open();
        let head = journal.head().seq;
        assert!(head >= acknowledged, "{head} < {acknowledged}");
        let verdict = journal.verify().unwrap();
        assert_eq!((verdict.events, verdict.broken), (head, None));
    }
}

/// A log that ends anywhere, as after a power cut on a disk that lies: a prefix is left, and it
/// verifies.
#[test]
fn a_torn_log_leaves_a_whole_prefix() {
    let place = Place::new();
    let journal = place.with_events(30);
    let wal = place.path().with_file_name("journal.db-wal");
    let (database, log) = (
        std::fs::read(place.path()).unwrap(),
        std::fs::read(&wal).unwrap(),
    );
    drop(journal);
    let mut seen = Vec::new();
    for part in (0..=20).map(|n| log.len() * n / 20) {
        let torn = Place::new();
        std::fs::write(torn.path(), &database).unwrap();
        let torn_wal = torn.path().with_file_name("journal.db-wal");
        std::fs::write(torn_wal, &log[..part]).unwrap();
        let journal = torn.open();
        let verdict = journal.verify().unwrap();
        assert_eq!(verdict.broken, None, "after {part} bytes");
        seen.push(verdict.events);
    }
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&30)));
    assert!(seen.is_sorted(), "{seen:?}");
}

/// A page overwritten anywhere ends in an error or in a verdict, never in a panic or in silence.
#[test]
fn a_damaged_file_is_noticed() {
    let place = Place::new();
    let journal = place.with_events(200);
    drop(journal);
    let good = std::fs::read(place.path()).unwrap();
    let mut unnoticed = Vec::new();
    for page in 0..good.len() / 4096 {
        let bad = Place::new();
        let mut bytes = good.clone();
        bytes[page * 4096..][..200].fill(0xA5);
        std::fs::write(bad.path(), bytes).unwrap();
        let verdict = Journal::open(&bad.path()).and_then(|journal| journal.verify());
        match verdict {
            Ok(verdict) if verdict.broken.is_none() => unnoticed.push(page),
            Ok(_)
            | Err(
                JournalError::Damaged { .. }
                | JournalError::NotAJournal { .. }
                | JournalError::NewerFormat { .. }
                | JournalError::Sqlite(_),
            ) => {}
            Err(other) => panic!("page {page}: {other}"),
        }
    }
    assert_eq!(unnoticed, [0; 0]);
}

fn fill(journal: &mut Journal) -> JournalError {
    let mut big = event(1);
    big.message = "x".repeat(4000);
    let mut error = None;
    for _ in 0..5000 {
        if let Err(found) = journal.append(&big) {
            error = Some(found);
            break;
        }
    }
    error.expect("the disk never got full")
}

fn check_full(journal: &mut Journal) {
    let error = fill(journal);
    assert!(matches!(error, JournalError::Full), "{error}");
    assert_eq!(
        error.to_string(),
        "no space left for the journal; hint: free some space on its disk, nothing was lost"
    );
    let verdict = journal.verify().unwrap();
    assert_eq!((verdict.events, verdict.broken), (journal.head().seq, None));
}

#[test]
fn a_full_file_is_an_error_and_nothing_is_lost() {
    let place = Place::new();
    let mut journal = place.with_events(3);
    journal.limit_pages(100).unwrap();
    check_full(&mut journal);
    journal.limit_pages(1_000_000).unwrap();
    journal.append(&event(1)).unwrap();
    assert_eq!(journal.verify().unwrap().broken, None);
}

/// A file system of one megabyte, where this machine lets us mount one.
#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let place = Place::new();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none"])
        .arg(place.directory.path())
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        println!("skipped: cannot mount a tmpfs here");
        return;
    }
    let unmount = Unmount(place.directory.path().to_owned());
    let mut journal = place.with_events(3);
    let ballast = place.directory.path().join("ballast");
    std::fs::write(&ballast, vec![0; 200 * 1024]).unwrap();
    check_full(&mut journal);
    std::fs::remove_file(ballast).unwrap();
    journal.append(&event(1)).unwrap();
    assert_eq!(journal.verify().unwrap().broken, None);
    drop(journal);
    drop(unmount);
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
