//! `kill -9` at random moments: what was acknowledged is there afterwards, wherever it hit.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mainstay_tsdb::{Durability, Entry, Options};

use crate::support::{BLOCK, START, labels, open_with, read};

const SERIES: usize = 20;

/// Time between samples: large, so that cuts, merges and checkpoints happen within a second.
const STEP: i64 = 600_000;

fn options() -> Options {
    Options {
        segment_bytes: 64 << 10,
        out_of_order_ms: STEP * 2,
        ..Options::default()
    }
}

/// The child: appends, says what was acknowledged, maintains, until it is killed. It goes on from
/// the round that stands in the environment.
#[test]
#[ignore = "started by acknowledged_batches_outlive_kill_9"]
fn child() {
    let Some(dir) = std::env::var_os("TSDB_CRASH_DIR") else {
        return;
    };
    let first: i64 = std::env::var("TSDB_CRASH_FROM").unwrap().parse().unwrap();
    let (store, report) = open_with(Path::new(&dir), options());
    assert!(report.is_clean() && report.unknown == 0, "{report:?}");
    let all: Vec<_> = (0..SERIES).map(|n| labels("crash", n)).collect();
    for round in first.. {
        let time = START + round * STEP;
        let entry = |labels| Entry::labelled(labels, time, round as f64);
        let mut batch: Vec<_> = all.iter().map(entry).collect();
        // One late sample of the batch before, at a time of its own.
        let late = labels("late", 0);
        batch.push(Entry::labelled(&late, time, 0.0));
        batch.push(Entry::labelled(&late, time - STEP / 2, 1.0));
        let done = store.append(&batch, Durability::Synced).unwrap();
        assert_eq!(done.rejected, []);
        println!("acknowledged {round}");
        if round % 3 == 0 {
            store.maintain(time).unwrap();
        }
        if time > START + 200 * BLOCK {
            return;
        }
    }
}

/// Runs the child for a while and kills it. The last round it said was safe.
fn run_and_kill(dir: &Path, from: i64, after: usize) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env("TSDB_CRASH_DIR", dir)
        .env("TSDB_CRASH_FROM", from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let rounds = lines.map_while(Result::ok).filter_map(|line| {
        let (_, round) = line.rsplit_once("acknowledged ")?;
        round.parse::<i64>().ok()
    });
    let mut last = from - 1;
    let mut killed = false;
    for (seen, round) in rounds.enumerate() {
        last = round;
        if seen >= after && !killed {
            // Somewhere within the next rounds, at no place that we choose.
            std::thread::sleep(Duration::from_micros(after as u64 * 377 % 5_000));
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself after {last}");
    last
}

#[test]
fn acknowledged_batches_outlive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut next = 0;
    for kill in 0..15 {
        let last = run_and_kill(dir.path(), next, 3 + kill * 7 % 23);
        let (store, report) = open_with(dir.path(), options());
        assert!(report.is_clean() && report.unknown == 0, "{report:?}");
        let all = read(&store);
        let whole: Vec<_> = all
            .iter()
            .filter(|(name, _)| name.starts_with("crash"))
            .collect();
        assert_eq!(whole.len(), SERIES);
        let rounds = whole[0].1.len() as i64;
        assert!(rounds > last, "{last} was acknowledged, {rounds} are there");
        let expected: Vec<_> = (0..rounds)
            .map(|n| (START + n * STEP, (n as f64).to_bits()))
            .collect();
        for (name, samples) in whole {
            assert_eq!(samples, &expected, "all of a batch or none of it: {name}");
        }
        let late = all
            .iter()
            .find(|(name, _)| name.starts_with("late"))
            .unwrap()
            .1;
        assert_eq!(late.len() as i64, 2 * rounds, "late samples outlive it too");
        next = rounds;
    }
    let (store, _) = open_with(dir.path(), options());
    assert!(
        !store.stats(0).unwrap().blocks.is_empty(),
        "it came to cuts"
    );
}
