//! The store on SQLite; the same on PostgreSQL runs with the whole service in `tests/`.

use super::super::job::JobState;
use super::*;
use crate::moment::Moment;
use crate::store::tests::scratch;
use bytes::Bytes;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(10);

async fn add(store: &Store, id: &str, owner: &str, created: i64) {
    let job = NewJob {
        id: id.to_owned(),
        owner: owner.to_owned(),
        name: format!("{id}.wav"),
        content: Bytes::from_static(b"samples"),
    };
    store.add_job(job, Moment(created)).await.unwrap();
}

async fn claim(store: &Store, worker: &str, now: i64) -> Option<Claim> {
    store.claim(worker, Moment(now), LEASE).await.unwrap()
}

async fn state(store: &Store, id: &str) -> JobState {
    store.job(id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn the_oldest_job_is_given_out_once() {
    let scratch = scratch(SCHEMA).await;
    let store = &scratch.store;
    add(store, "late", "ann", 2).await;
    add(store, "early", "ann", 1).await;
    let first = claim(store, "a", 10).await.unwrap();
    assert_eq!(first.id, "early");
    assert_eq!(first.content, "samples");
    assert_eq!(claim(store, "b", 10).await.unwrap().id, "late");
    assert!(claim(store, "c", 10).await.is_none());
}

#[tokio::test]
async fn a_lost_workers_job_is_given_out_again_and_its_writes_are_refused() {
    let scratch = scratch(SCHEMA).await;
    let store = &scratch.store;
    add(store, "x", "ann", 1).await;
    let lost = claim(store, "a", 10).await.unwrap();
    let over = 11 + LEASE.as_millis() as i64;
    assert!(claim(store, "b", over - 1).await.is_none());
    let again = claim(store, "b", over).await.unwrap();
    let gone = Err("late".to_owned());
    assert!(!store.progress(&lost, 0.5, Moment(over)).await.unwrap());
    assert!(!store.finish(&lost, &gone, Moment(over)).await.unwrap());
    assert!(!store.put_back(&lost).await.unwrap());
    assert!(store.progress(&again, 0.5, Moment(over)).await.unwrap());
    assert_eq!(state(store, "x").await, JobState::Running);
}

#[tokio::test]
async fn the_same_worker_does_not_mistake_an_earlier_attempt_for_its_own() {
    let scratch = scratch(SCHEMA).await;
    let store = &scratch.store;
    add(store, "x", "ann", 1).await;
    let before = claim(store, "a", 10).await.unwrap();
    let again = claim(store, "a", 11 + LEASE.as_millis() as i64)
        .await
        .unwrap();
    assert!(!store.progress(&before, 0.5, Moment(0)).await.unwrap());
    assert!(store.progress(&again, 0.5, Moment(0)).await.unwrap());
}

#[tokio::test]
async fn a_job_whose_worker_is_lost_each_time_is_given_up() {
    let scratch = scratch(SCHEMA).await;
    let store = &scratch.store;
    add(store, "x", "ann", 1).await;
    let mut now = 10;
    while claim(store, "a", now).await.is_some() {
        now += 1 + LEASE.as_millis() as i64;
    }
    store.give_up_lost(Moment(now)).await.unwrap();
    let job = store.job("x").await.unwrap().unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Failed, 3));
    assert!(job.error.unwrap().contains("given up"));
}

#[tokio::test]
async fn a_job_put_back_waits_again_and_counts_no_attempt() {
    let scratch = scratch(SCHEMA).await;
    let store = &scratch.store;
    add(store, "x", "ann", 1).await;
    let claimed = claim(store, "a", 10).await.unwrap();
    assert!(store.put_back(&claimed).await.unwrap());
    let job = store.job("x").await.unwrap().unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Queued, 0));
    assert!(claim(store, "b", 11).await.is_some());
}

#[tokio::test]
async fn jobs_are_listed_by_owner_and_state() {
    let scratch = scratch(SCHEMA).await;
    let store = &scratch.store;
    for (n, owner) in [(1, "ann"), (2, "bob"), (3, "ann")] {
        add(store, &format!("j{n}"), owner, n).await;
    }
    let claimed = claim(store, "a", 10).await.unwrap();
    let failed = Err("no".to_owned());
    assert!(store.finish(&claimed, &failed, Moment(20)).await.unwrap());
    let list = |owner: Option<&str>, state, limit| {
        let filter = Filter {
            owner: owner.map(str::to_owned),
            state,
            limit,
        };
        async move {
            let jobs = store.jobs(&filter).await.unwrap();
            jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(None, None, 10).await, ["j3", "j2", "j1"]);
    assert_eq!(list(None, None, 2).await, ["j3", "j2"]);
    assert_eq!(list(Some("ann"), None, 10).await, ["j3", "j1"]);
    assert_eq!(list(None, Some(JobState::Failed), 10).await, ["j1"]);
    let counts = store.job_counts().await.unwrap();
    assert_eq!(counts[&JobState::Queued], 2);
    assert_eq!(counts[&JobState::Done], 0);
}
