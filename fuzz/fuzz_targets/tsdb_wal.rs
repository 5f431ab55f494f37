//! Any bytes as the log of a store: it opens, says what it cut, and opens again without a word.
//!
//! Checksums count as right in this build, so that what stands behind them is tried. Run it with
//! `TMPDIR` in memory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_series::{Matcher, Samples, Selection, Storage, Window};
use mainstay_tsdb::{Options, Store};

fn read(store: &Store) -> usize {
    let all = [Matcher::regex("__name__", ".*").expect("is one")];
    let found = store.select(&Selection::new(&all, Window::ALL));
    let mut samples = Samples::default();
    for series in found.expect("the head is ours") {
        series
            .read(Window::ALL, &mut samples)
            .expect("the head is ours");
        samples.clear();
    }
    store.stats(5).expect("can be counted").head.series
}

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir().expect("can be made");
    let wal = dir.path().join("wal");
    std::fs::create_dir(&wal).expect("can be made");
    std::fs::write(wal.join("00000000"), bytes).expect("can be written");
    let (store, _) = Store::open(dir.path(), Options::default(), 0).expect("opens");
    let series = read(&store);
    drop(store);
    let (store, report) = Store::open(dir.path(), Options::default(), 0).expect("opens again");
    assert!(report.cuts.is_empty(), "{report:?}");
    assert_eq!(read(&store), series);
});
