//! The journal behind its threads.

use super::{Place, event};
use crate::{EventFilter, JournalError, JournalHandle};
use std::time::Duration;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

async fn append(journal: &JournalHandle, n: i64) -> u64 {
    let written = journal.write(move |journal| journal.append(&event(n)));
    written.await.unwrap()
}

#[tokio::test]
async fn a_read_sees_what_was_written_before() {
    let place = Place::new();
    let journal = JournalHandle::open(&place.path()).unwrap();
    for n in 1..=20 {
        let seq = append(&journal, n).await;
        let read = journal.read(|rows| rows.events(&EventFilter::default()));
        let events = read.await.unwrap();
        assert_eq!(events.last().map(|event| event.seq), Some(seq));
    }
}

#[tokio::test]
async fn many_writers_make_one_chain() {
    let place = Place::new();
    let journal = JournalHandle::open(&place.path()).unwrap();
    let writers = (0..50).map(|n| {
        let journal = journal.clone();
        async move { append(&journal, n).await }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for writer in writers {
        tasks.spawn(writer);
    }
    let mut seqs = tasks.join_all().await;
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=50).collect::<Vec<u64>>());
    let verdict = journal.read(|rows| rows.verify()).await.unwrap();
    assert_eq!((verdict.events, verdict.broken), (50, None));
}

/// A follower reads by number after each change: it misses nothing, however slow it is.
#[tokio::test]
async fn a_follower_sees_every_event_once() {
    let place = Place::new();
    let journal = JournalHandle::open(&place.path()).unwrap();
    let follower = {
        let journal = journal.clone();
        tokio::spawn(async move {
            let mut newest = journal.subscribe();
            let mut seen = Vec::new();
            while seen.len() < 100 {
                let after = seen.last().copied().unwrap_or(0);
                let filter = EventFilter {
                    after: Some(after),
                    limit: Some(7),
                    ..EventFilter::default()
                };
                let events = journal
                    .read(move |rows| rows.events(&filter))
                    .await
                    .unwrap();
                if events.is_empty() {
                    timeout(DEADLINE, newest.changed()).await.unwrap().unwrap();
                }
                seen.extend(events.into_iter().map(|event| event.seq));
            }
            seen
        })
    };
    for n in 0..100 {
        append(&journal, n).await;
    }
    let seen = timeout(DEADLINE, follower).await.unwrap().unwrap();
    assert_eq!(seen, (1..=100).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_error_comes_back_and_the_writer_goes_on() {
    let place = Place::new();
    let journal = JournalHandle::open(&place.path()).unwrap();
    let failed = journal
        .write(|journal| {
            journal.write(|writer| {
                writer.append(&event(1))?;
                Err::<(), _>(JournalError::Closed)
            })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(append(&journal, 1).await, 1);
}
