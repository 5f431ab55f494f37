//! Appends, reads, maintenance and deletion at once: a reader sees one moment, and nothing waits
//! for ever.

use std::sync::atomic::{AtomicBool, Ordering};

use mainstay_series::{Matcher, Window};
use mainstay_tsdb::{Durability, Entry, Options, Store};

use crate::support::{BLOCK, START, any, labels, open_with, put, read_with};

const SERIES: usize = 30;
const ROUNDS: i64 = 400;

/// Between rounds; large, so that blocks are cut all the time.
const STEP: i64 = 900_000;

/// Each batch has one sample for each series: a reader that sees a part of a batch is wrong.
fn append(store: &Store) {
    let all: Vec<_> = (0..SERIES).map(|n| labels("together", n)).collect();
    for round in 0..ROUNDS {
        let entry = |labels| Entry::labelled(labels, START + round * STEP, round as f64);
        let batch: Vec<_> = all.iter().map(entry).collect();
        let durability = if round % 8 == 0 {
            Durability::Synced
        } else {
            Durability::Soon
        };
        let done = store.append(&batch, durability).unwrap();
        assert_eq!(done.rejected, []);
    }
}

fn read(store: &Store, done: &AtomicBool) {
    let mut seen = 0;
    while !done.load(Ordering::Acquire) {
        let matchers = [Matcher::equal("__name__", "together")];
        let all = read_with(store, &matchers, Window::ALL);
        let counts: Vec<_> = all.values().map(Vec::len).collect();
        assert!(counts.windows(2).all(|two| two[0] == two[1]), "{counts:?}");
        let count = counts.first().copied().unwrap_or(0);
        assert!(count >= seen, "{count} after {seen}");
        let expected = (0..count as i64).map(|n| (START + n * STEP, (n as f64).to_bits()));
        assert!(
            all.values()
                .all(|of| of.iter().copied().eq(expected.clone()))
        );
        seen = count;
    }
}

fn look_after(store: &Store, done: &AtomicBool) {
    let mut time = START;
    while !done.load(Ordering::Acquire) {
        store.maintain(time).unwrap();
        store
            .delete(&[Matcher::equal("__name__", "gone")], Window::ALL)
            .unwrap();
        store.stats(10).unwrap();
        time += STEP;
    }
}

/// Lets the others end, also when this thread fails.
struct Finish<'a>(&'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_reader_sees_one_moment_whatever_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 64 << 10,
        retention_ms: 1000 * BLOCK,
        ..Options::default()
    };
    let (store, _) = open_with(dir.path(), options.clone());
    put(&store, &labels("gone", 0), START, 1.0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| read(&store, &done));
        scope.spawn(|| look_after(&store, &done));
        let _finish = Finish(&done);
        append(&store);
    });
    store.maintain(START + ROUNDS * STEP).unwrap();
    assert!(!store.stats(0).unwrap().blocks.is_empty());
    let all = read_with(&store, &any(), Window::ALL);
    assert_eq!(all.len(), SERIES, "what was deleted is gone");
    drop(store);
    let (store, report) = open_with(dir.path(), options);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(read_with(&store, &any(), Window::ALL), all);
}
