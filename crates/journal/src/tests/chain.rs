//! Every change to the chain is found, and the first row that does not fit is named.

use super::{Place, at, event};
use crate::{EventFilter, NewEvent};

/// What verification says after someone had the file.
fn broken_by(sql: &str) -> (u64, String) {
    let place = Place::new();
    drop(place.with_events(10));
    place.meddle(sql);
    let verdict = place.open().verify().unwrap();
    let broken = verdict
        .broken
        .unwrap_or_else(|| panic!("not noticed: {sql}"));
    (broken.seq, broken.problem)
}

#[test]
fn tampering_is_found_and_the_row_is_named() {
    let changed = "its content or a hash before it was changed";
    let cases = [
        (
            "UPDATE events SET message = 'nothing' WHERE seq = 4",
            4,
            changed,
        ),
        (
            "UPDATE events SET time = time + 1 WHERE seq = 10",
            10,
            changed,
        ),
        ("UPDATE events SET subject = NULL WHERE seq = 1", 1, changed),
        (
            "UPDATE events SET hash = zeroblob(32) WHERE seq = 6",
            6,
            changed,
        ),
        (
            "DELETE FROM events WHERE seq = 5",
            5,
            "the next row has number 6: rows were removed or renumbered",
        ),
        (
            "DELETE FROM events WHERE seq > 8",
            8,
            "the last row is 8, and 10 were written",
        ),
        (
            "UPDATE chain SET hash = zeroblob(32)",
            10,
            "its hash is not the one that was noted when it was written",
        ),
        (
            "DELETE FROM events",
            1,
            "the last row is 0, and 10 were written",
        ),
        (
            "INSERT INTO events SELECT 11, time, stack, environment, kind, subject, rollout,
                release, message, data, actor, hash FROM events WHERE seq = 10",
            11,
            changed,
        ),
    ];
    for (sql, seq, problem) in cases {
        assert_eq!(broken_by(sql), (seq, problem.to_owned()), "{sql}");
    }
}

/// Values that run into each other are different values.
#[test]
fn a_shift_between_two_columns_is_a_change() {
    let sql = "UPDATE events SET kind = kind || substr(message, 1, 1), message = substr(message, 2)
               WHERE seq = 3";
    assert_eq!(broken_by(sql).0, 3);
}

#[test]
fn equal_events_have_different_hashes_by_what_was_before() {
    let place = Place::new();
    let mut journal = place.open();
    let same = NewEvent::new(at(1), "same", "same");
    journal.append(&same).unwrap();
    let first = journal.head().clone();
    journal.append(&same).unwrap();
    assert_ne!(first.hash, journal.head().hash);
    assert_eq!(journal.head().hash_hex().len(), 64);
}

/// The hash is the one that the format's page defines, computed here by hand.
#[test]
fn the_hash_is_the_one_of_the_format() {
    let place = Place::new();
    let mut journal = place.open();
    journal.append(&NewEvent::new(at(7), "k", "m")).unwrap();
    let mut bytes = vec![0; 32];
    let integer = |bytes: &mut Vec<u8>, value: i64| {
        bytes.push(1);
        bytes.extend(value.to_le_bytes());
    };
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.push(2);
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    integer(&mut bytes, 1); // seq
    integer(&mut bytes, 7); // time
    bytes.extend([0, 0]); // stack, environment
    text(&mut bytes, "k");
    bytes.extend([0, 0, 0]); // subject, rollout, release
    text(&mut bytes, "m");
    text(&mut bytes, "null"); // data
    bytes.push(0); // actor
    let expected = ring::digest::digest(&ring::digest::SHA256, &bytes);
    assert_eq!(journal.head().hash, expected.as_ref());
}

#[test]
fn retention_leaves_a_chain_that_verifies() {
    let place = Place::new();
    let mut journal = place.with_events(10);
    let prune = |journal: &mut crate::Journal, before| {
        journal.write::<_, crate::JournalError>(|writer| writer.prune_events(at(before), at(99)))
    };
    assert_eq!(prune(&mut journal, 1).unwrap(), 0);
    assert_eq!(prune(&mut journal, 5).unwrap(), 4);
    let events = journal.rows().events(&EventFilter::default()).unwrap();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| (event.seq, event.kind.as_str()))
        .collect();
    assert_eq!(kinds.first(), Some(&(5, "test.event")));
    assert_eq!(kinds.last(), Some(&(11, "journal.pruned")));
    assert_eq!(events[6].data["anchor_seq"], 4);
    assert_eq!(journal.verify().unwrap().broken, None);
    // The newest one always stays, so that there is a head to go on from.
    assert_eq!(prune(&mut journal, 1000).unwrap(), 6);
    assert_eq!(journal.verify().unwrap().broken, None);
    drop(journal);
    // Removing by hand what retention would remove is noticed.
    place.meddle("DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)");
    assert!(place.open().verify().unwrap().broken.is_some());
}

#[test]
fn a_head_kept_elsewhere_shows_a_rewritten_chain() {
    let place = Place::new();
    let kept = place.with_events(5).head().clone();
    std::fs::remove_file(place.path()).unwrap();
    let mut rewritten = place.open();
    for n in 1..=5 {
        let mut event = event(n);
        event.message.push('!');
        rewritten.append(&event).unwrap();
    }
    let verdict = rewritten.verify().unwrap();
    assert_eq!(verdict.broken, None);
    assert_ne!(verdict.head, kept);
}
