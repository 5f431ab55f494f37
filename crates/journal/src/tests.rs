//! The journal on real files.

use crate::*;
use mainstay_model::Timestamp;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    for n in 1..=3 {
        let event = NewEvent::new(at(n), "test.event", format!("event {n}"));
        assert_eq!(journal.append(&event).unwrap(), n as u64);
    }
    let head = journal.head().clone();
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.head(), &head);
    let events = journal.rows().events(&EventFilter::default()).unwrap();
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
    let verdict = journal.verify().unwrap();
    assert_eq!((verdict.events, verdict.broken), (3, None));
}
