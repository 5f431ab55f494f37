//! What the tests share: opening, appending, reading all.

use std::collections::BTreeMap;
use std::path::Path;

use mainstay_series::{Labels, Matcher, Samples, Selection, Storage as _, Window};
use mainstay_tsdb::{Durability, Entry, Options, RecoveryReport, Store};

/// Two hours.
pub(crate) const BLOCK: i64 = 7_200_000;

/// A multiple of every span that blocks have here: 2023-11-13.
pub(crate) const START: i64 = 1_699_833_600_000;

pub(crate) type All = BTreeMap<String, Vec<(i64, u64)>>;

pub(crate) fn open(dir: &Path) -> (Store, RecoveryReport) {
    open_with(dir, Options::default())
}

pub(crate) fn open_with(dir: &Path, options: Options) -> (Store, RecoveryReport) {
    Store::open(dir, options, START).unwrap()
}

pub(crate) fn labels(name: &str, n: usize) -> Labels {
    Labels::from_pairs([
        ("__name__", name.to_owned()),
        ("instance", format!("host-{n}:9100")),
        (
            "job",
            if n.is_multiple_of(2) { "even" } else { "odd" }.to_owned(),
        ),
    ])
}

/// One sample, durably; it must be taken.
pub(crate) fn put(store: &Store, labels: &Labels, time_ms: i64, value: f64) {
    let done = store
        .append(&[Entry::labelled(labels, time_ms, value)], Durability::Soon)
        .unwrap();
    assert_eq!(done.rejected, []);
}

/// A value each 15 s for each of some series.
pub(crate) fn fill(store: &Store, series: usize, from: i64, to: i64) {
    let all: Vec<_> = (0..series).map(|n| labels("requests_total", n)).collect();
    for time in (from..to).step_by(15_000) {
        let value = |n: usize| (n + 1) as f64 * ((time - START) / 1000) as f64;
        let entry = |(n, labels)| Entry::labelled(labels, time, value(n));
        let batch: Vec<_> = all.iter().enumerate().map(entry).collect();
        let done = store.append(&batch, Durability::Soon).unwrap();
        assert_eq!(done.rejected, []);
    }
}

pub(crate) fn any() -> Vec<Matcher> {
    vec![Matcher::regex("__name__", ".+").unwrap()]
}

/// Everything that a selection reads.
pub(crate) fn read_with(store: &Store, matchers: &[Matcher], window: Window) -> All {
    let found = store.select(&Selection::new(matchers, window)).unwrap();
    let mut all = All::new();
    for series in found {
        let mut samples = Samples::default();
        series.read(window, &mut samples).unwrap();
        let samples: Vec<_> = samples
            .iter()
            .map(|s| (s.time_ms, s.value.to_bits()))
            .collect();
        if !samples.is_empty() {
            let before = all.insert(series.labels().to_string(), samples);
            assert!(before.is_none(), "one series, one entry");
        }
    }
    all
}

pub(crate) fn read(store: &Store) -> All {
    read_with(store, &any(), Window::ALL)
}

pub(crate) fn count(all: &All) -> usize {
    all.values().map(Vec::len).sum()
}
