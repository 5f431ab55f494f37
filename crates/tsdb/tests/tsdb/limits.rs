//! What is refused, sample by sample, and what is said of the whole.

use mainstay_series::{LabelQuery, Labels, Matcher, Storage as _, Window};
use mainstay_tsdb::{Durability, Entry, Exemplar, Metadata, Options, Rejection, StoreError};

use crate::support::{BLOCK, START, any, fill, labels, open, open_with, put};

#[test]
fn each_rejection_has_its_name_and_the_rest_of_the_batch_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_series: 2,
        out_of_order_ms: 60_000,
        ..Options::default()
    };
    let (store, _) = open_with(dir.path(), options.clone());
    let (a, b, c) = (labels("a", 0), labels("b", 0), labels("c", 0));
    let none = Labels::empty();
    let batch = [
        Entry::labelled(&a, START, 1.0),
        Entry::labelled(&a, START, 1.0),
        Entry::labelled(&a, START, 2.0),
        Entry::labelled(&b, START + 100_000, 1.0),
        Entry::labelled(&b, START + 50_000, 1.0),
        Entry::labelled(&b, START + 30_000, 1.0),
        Entry::labelled(&c, START, 1.0),
        Entry::labelled(&none, START, 1.0),
    ];
    let done = store.append(&batch, Durability::Synced).unwrap();
    assert_eq!(done.appended, 3, "the second is known already");
    let expected = [
        (2, Rejection::DuplicateTimestamp),
        (5, Rejection::TooOld),
        (6, Rejection::SeriesLimit),
        (7, Rejection::NoLabels),
    ];
    assert_eq!(done.rejected, expected);
    assert_eq!(done.series[0], done.series[1]);
    assert_eq!((done.series[6], done.series[7]), (None, None));
    drop(store);

    // Without a window.
    let options = Options {
        out_of_order_ms: 0,
        ..options
    };
    let (store, _) = open_with(dir.path(), options);
    let batch = [
        Entry::labelled(&b, START + 100_000 + BLOCK, 1.0),
        Entry::labelled(&b, START + 99_999 + BLOCK, 1.0),
        Entry::labelled(&a, START + 50_000, 1.0),
    ];
    let done = store.append(&batch, Durability::Synced).unwrap();
    let expected = [(1, Rejection::OutOfOrder), (2, Rejection::OutOfBounds)];
    assert_eq!(done.rejected, expected);
}

#[test]
fn a_reference_outlives_its_series_only_with_labels() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let old = labels("old", 0);
    let done = store
        .append(&[Entry::labelled(&old, START, 1.0)], Durability::Soon)
        .unwrap();
    let kept = done.series[0].unwrap();
    fill(&store, 1, START, START + 2 * BLOCK);
    assert_eq!(
        store.maintain(START + 2 * BLOCK).unwrap().forgotten.len(),
        1
    );
    // Another takes its slot.
    put(&store, &labels("new", 0), START + 2 * BLOCK, 1.0);
    let mut entry = Entry::cached(kept, &old, START + 2 * BLOCK, 2.0);
    entry.labels = None;
    let done = store.append(&[entry], Durability::Soon).unwrap();
    assert_eq!(done.rejected, [(0, Rejection::UnknownSeries)]);
    entry.labels = Some(&old);
    let done = store.append(&[entry], Durability::Soon).unwrap();
    assert!(done.rejected.is_empty() && done.series[0] != Some(kept));
}

#[test]
fn a_batch_has_a_bound() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_batch: 2,
        ..Options::default()
    };
    let (store, _) = open_with(dir.path(), options);
    let one = labels("a", 0);
    let batch = [Entry::labelled(&one, START, 1.0); 3];
    let error = store.append(&batch, Durability::Synced).unwrap_err();
    assert!(matches!(error, StoreError::TooMuch { limit: 2, .. }));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        block_ms: 0,
        ..Options::default()
    };
    let error = mainstay_tsdb::Store::open(dir.path(), options, START).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)));
}

#[test]
fn labels_are_found_in_head_and_blocks_with_matchers_and_limits() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    put(&store, &labels("past", 70), START, 1.0);
    fill(&store, 50, START, START + 2 * BLOCK);
    store.maintain(START + 2 * BLOCK).unwrap();
    let query = |matchers, limit| LabelQuery {
        matchers,
        window: Window::ALL,
        limit,
    };
    let names = store.label_names(query(&[], 0)).unwrap();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["__name__", "instance", "job"]
    );
    assert_eq!(
        store.label_values("instance", query(&[], 0)).unwrap().len(),
        51
    );
    let few = store.label_values("instance", query(&[], 3)).unwrap();
    assert_eq!(
        few.into_iter().collect::<Vec<_>>(),
        ["host-0:9100", "host-10:9100", "host-11:9100"]
    );
    let past = [Matcher::equal("__name__", "past")];
    let values = store.label_values("instance", query(&past, 0)).unwrap();
    assert_eq!(values.into_iter().collect::<Vec<_>>(), ["host-70:9100"]);
    let pattern = [Matcher::regex("instance", "host-(1|2)[0-9]:.*").unwrap()];
    assert_eq!(
        store
            .label_values("instance", query(&pattern, 0))
            .unwrap()
            .len(),
        20
    );
    let now = Window {
        start_ms: START + 2 * BLOCK - 1,
        end_ms: i64::MAX,
    };
    let query = LabelQuery {
        matchers: &past,
        window: now,
        limit: 0,
    };
    assert!(store.label_values("instance", query).unwrap().is_empty());
    assert!(store.label_names(query).unwrap().is_empty());
}

#[test]
fn statistics_name_what_takes_the_room() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 10, START, START + 30_000);
    put(&store, &labels("one", 0), START, 1.0);
    let stats = store.stats(2).unwrap();
    let head = &stats.head;
    assert_eq!((head.series, head.chunks, head.appended), (11, 11, 21));
    assert_eq!(
        (head.min_time_ms, head.max_time_ms),
        (Some(START), Some(START + 15_000))
    );
    let list = |of: &[mainstay_tsdb::Count]| {
        of.iter()
            .map(|c| format!("{} {}", c.name, c.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&head.series_by_metric), ["requests_total 10", "one 1"]);
    assert_eq!(list(&head.values_by_label), ["instance 10", "__name__ 2"]);
    assert_eq!(
        list(&head.series_by_pair),
        ["__name__=requests_total 10", "job=even 6"]
    );
    assert_eq!(head.label_pairs, 14);
    assert!(head.memory_bytes > 0 && stats.blocks.is_empty());
}

#[test]
fn exemplars_are_found_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 2, START, START + 2 * BLOCK);
    let of = |n, time_ms: i64| Exemplar {
        series: labels("requests_total", n),
        labels: Labels::from_pairs([("trace_id", time_ms.to_string())]),
        time_ms,
        value: 0.25,
    };
    let (old, new) = (of(0, START + 1), of(1, START + 2 * BLOCK - 1));
    for one in [&old, &new] {
        assert!(store.add_exemplar(one.clone()));
        assert!(
            !store.add_exemplar(one.clone()),
            "it is shown again at each scrape"
        );
    }
    // Of a series that the head does not have: in memory alone.
    assert!(store.add_exemplar(of(7, START + BLOCK)));
    let found = |store: &mainstay_tsdb::Store| store.exemplars(&[any()], Window::ALL);
    assert_eq!(found(&store).len(), 3);
    drop(store);
    let (store, report) = open(dir.path());
    assert_eq!((report.foreign_records, report.unknown), (0, 0));
    assert_eq!(found(&store), [old, new.clone()]);
    // What was cut into blocks goes from the log.
    assert_eq!(store.maintain(START + 2 * BLOCK).unwrap().cut, 1);
    drop(store);
    assert_eq!(found(&open(dir.path()).0), [new]);
}

#[test]
fn metadata_is_kept_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let metadata = Metadata {
        kind: "counter".into(),
        help: "Requests.".into(),
        unit: String::new(),
    };
    assert!(store.set_metadata("requests_total", metadata.clone()));
    assert_eq!(
        store.metadata(None, 0),
        [("requests_total".to_owned(), metadata)]
    );
}
