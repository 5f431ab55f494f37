//! Releases, rollouts, environments, keys, events.

use super::{Place, at, event, scope};
use crate::*;
use mainstay_model::{ReleaseNumber, Scope};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

fn release() -> NewRelease {
    let generation = ServiceGeneration {
        generation: ReleaseNumber(1),
        fingerprint: "f00d".to_owned(),
    };
    NewRelease {
        scope: scope(),
        created_at: at(5),
        by: "ada".to_owned(),
        description: Some("faster".to_owned()),
        tag: Some("v1.2".to_owned()),
        commit: None,
        definition: json!({"services": {}}),
        services: BTreeMap::from([("app".parse().unwrap(), generation)]),
        artifacts: BTreeMap::from([("target/app".to_owned(), "abc".to_owned())]),
        record: json!({"notes": "one"}),
    }
}

fn rollout(id: u128) -> NewRollout {
    NewRollout {
        id: Uuid::from_u128(id),
        scope: scope(),
        kind: RolloutKind::Deploy,
        from: None,
        to: ReleaseNumber(1),
        started_at: at(10),
        by: "ada".to_owned(),
        data: json!({"note": 1}),
    }
}

fn finish() -> FinishRollout {
    FinishRollout {
        finished_at: at(20),
        outcome: RolloutOutcome::RolledBack,
        reason: "app-r2-1 failed".to_owned(),
    }
}

#[test]
fn releases_count_from_one_in_each_scope() {
    let mut journal = Place::new().open();
    let other = Scope {
        environment: "dev".parse().unwrap(),
        ..scope()
    };
    let numbers = journal.write::<_, JournalError>(|writer| {
        let mut elsewhere = release();
        elsewhere.scope = other.clone();
        Ok([
            writer.add_release(&release())?.0,
            writer.add_release(&release())?.0,
            writer.add_release(&elsewhere)?.0,
        ])
    });
    assert_eq!(numbers.unwrap(), [1, 2, 1]);
    let found = journal
        .rows()
        .release(&scope(), ReleaseNumber(2))
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.by.as_str(), found.tag.as_deref()),
        ("ada", Some("v1.2"))
    );
    assert_eq!(found.services, release().services);
    assert_eq!(found.artifacts, release().artifacts);
    assert_eq!(found.status, ReleaseStatus::RollingOut);
    let listed = journal.rows().releases(&scope(), 10).unwrap();
    let listed: Vec<u32> = listed.iter().map(|release| release.number.0).collect();
    assert_eq!(listed, [2, 1]);
}

#[test]
fn one_release_of_a_scope_is_current() {
    let mut journal = Place::new().open();
    let statuses = journal.write::<_, JournalError>(|writer| {
        for n in 1..=2 {
            writer.add_release(&release())?;
            writer.set_release_status(&scope(), ReleaseNumber(n), ReleaseStatus::Current)?;
        }
        let releases = writer.rows().releases(&scope(), 10)?;
        Ok(releases
            .iter()
            .map(|release| release.status)
            .collect::<Vec<_>>())
    });
    assert_eq!(
        statuses.unwrap(),
        [ReleaseStatus::Current, ReleaseStatus::Superseded]
    );
    let missing = journal.write(|writer| {
        writer.set_release_status(&scope(), ReleaseNumber(9), ReleaseStatus::Failed)
    });
    let words = missing.map_err(|error: JournalError| error.to_string());
    assert_eq!(
        words,
        Err("release 9 of shop/production is not in the journal".to_owned())
    );
}

#[test]
fn a_running_rollout_is_the_lease_of_its_scope() {
    let place = Place::new();
    let mut journal = place.open();
    let begin = |journal: &mut Journal, id| {
        journal.write::<_, JournalError>(|writer| writer.begin_rollout(&rollout(id), "{}"))
    };
    begin(&mut journal, 1).unwrap();
    let refused = begin(&mut journal, 2);
    assert!(
        matches!(refused, Err(JournalError::RolloutRunning { id, .. }) if id == Uuid::from_u128(1))
    );
    drop(journal);

    // It is still held after a restart, with its state.
    let mut journal = place.open();
    let running = journal.rows().running_rollouts().unwrap();
    assert_eq!(running.len(), 1);
    assert_eq!(
        (running[0].state.as_str(), running[0].phase),
        ("{}", RolloutPhase::Running)
    );
    let id = running[0].id;
    journal
        .write::<_, JournalError>(|writer| {
            writer.save_rollout(id, "{\"a\":1}")?;
            writer.finish_rollout(id, "{\"a\":2}", &finish())
        })
        .unwrap();
    let row = journal.rows().rollout(id).unwrap().unwrap();
    assert_eq!(row.state, "{\"a\":2}");
    assert_eq!(row.outcome, Some(RolloutOutcome::RolledBack));
    assert_eq!(row.reason.as_deref(), Some("app-r2-1 failed"));
    assert_eq!(row.data, json!({"note": 1}));
    let late = journal.write::<_, JournalError>(|writer| writer.save_rollout(id, "{}"));
    assert!(matches!(late, Err(JournalError::NotRunning { .. })));

    begin(&mut journal, 2).unwrap();
    assert_eq!(journal.rows().rollouts(&scope(), 10).unwrap().len(), 2);
}

/// Also by someone who goes round this crate.
#[test]
fn the_database_itself_allows_one_running_rollout() {
    let place = Place::new();
    let mut journal = place.open();
    journal
        .write::<_, JournalError>(|writer| writer.begin_rollout(&rollout(1), "{}"))
        .unwrap();
    let connection = rusqlite::Connection::open(place.path()).unwrap();
    let second = connection.execute(
        "INSERT INTO rollouts SELECT 'x', stack, environment, kind, from_release, to_release, phase,
             state, started_at, finished_at, by, outcome, reason, data FROM rollouts",
        [],
    );
    assert!(second.is_err());
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let mut journal = Place::new().with_events(1);
    let head = journal.head().clone();
    let failed = journal.write(|writer| {
        writer.append(&event(2))?;
        writer.begin_rollout(&rollout(1), "{}")?;
        Err::<(), _>(JournalError::Closed)
    });
    assert!(failed.is_err());
    assert_eq!(journal.head(), &head);
    assert!(journal.rows().running_rollouts().unwrap().is_empty());
    assert_eq!(journal.append(&event(2)).unwrap(), 2);
    assert_eq!(journal.verify().unwrap().broken, None);
}

#[test]
fn an_environment_is_one_document() {
    let mut journal = Place::new().open();
    for n in [1, 2] {
        let put = journal.write::<_, JournalError>(|writer| {
            writer.put_environment(&scope(), &json!({"n": n}), at(n))
        });
        put.unwrap();
    }
    let row = journal.rows().environment(&scope()).unwrap().unwrap();
    assert_eq!((row.data, row.updated_at), (json!({"n": 2}), at(2)));
    assert_eq!(journal.rows().environments().unwrap().len(), 1);
    journal
        .write::<_, JournalError>(|writer| writer.drop_environment(&scope()))
        .unwrap();
    assert_eq!(journal.rows().environment(&scope()).unwrap(), None);
}

#[test]
fn a_key_is_one_operation_for_a_day() {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let mut journal = Place::new().open();
    let claim = |journal: &mut Journal, request: &str, operation: &str, ms| {
        journal.write::<_, JournalError>(|writer| writer.claim("k", request, operation, at(ms)))
    };
    assert_eq!(claim(&mut journal, "deploy", "1", 0).unwrap(), Claim::Fresh);
    let known = Claim::Known {
        operation: "1".to_owned(),
        result: None,
    };
    assert_eq!(claim(&mut journal, "deploy", "2", 1).unwrap(), known);
    let settled = journal.write::<_, JournalError>(|writer| writer.settle("k", &json!("ok")));
    settled.unwrap();
    let known = Claim::Known {
        operation: "1".to_owned(),
        result: Some(json!("ok")),
    };
    assert_eq!(claim(&mut journal, "deploy", "2", DAY_MS).unwrap(), known);
    let other = claim(&mut journal, "scale", "3", 2);
    assert!(matches!(other, Err(JournalError::KeyReused { .. })));
    assert_eq!(
        claim(&mut journal, "scale", "3", DAY_MS + 1).unwrap(),
        Claim::Fresh
    );
}

#[test]
fn events_are_found_by_what_they_are_about() {
    let mut journal = Place::new().with_events(5);
    let id = Uuid::from_u128(9);
    let mut about = NewEvent::new(at(6), "rollout.began", "it began");
    about.rollout = Some(id);
    about.release = Some(ReleaseNumber(3));
    about.actor = Some("ada".to_owned());
    journal.append(&about).unwrap();
    let seqs = |filter: EventFilter| -> Vec<u64> {
        let events = journal.rows().events(&filter).unwrap();
        events.iter().map(|event| event.seq).collect()
    };
    let filter = EventFilter::default;
    assert_eq!(seqs(filter()), [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        seqs(EventFilter {
            limit: Some(2),
            ..filter()
        }),
        [5, 6]
    );
    assert_eq!(
        seqs(EventFilter {
            after: Some(2),
            limit: Some(2),
            ..filter()
        }),
        [3, 4]
    );
    assert_eq!(
        seqs(EventFilter {
            after: Some(6),
            ..filter()
        }),
        [0; 0]
    );
    assert_eq!(
        seqs(EventFilter {
            rollout: Some(id),
            ..filter()
        }),
        [6]
    );
    assert_eq!(
        seqs(EventFilter {
            stack: Some(scope().stack),
            ..filter()
        }),
        [1, 2, 3, 4, 5]
    );
    let kind = |kind: &str| EventFilter {
        kind: Some(kind.to_owned()),
        ..filter()
    };
    assert_eq!(seqs(kind("rollout")), [6]);
    assert_eq!(seqs(kind("rollout.began")), [6]);
    assert_eq!(seqs(kind("roll")), [0; 0]);
    let found = journal
        .rows()
        .events(&EventFilter {
            rollout: Some(id),
            ..filter()
        })
        .unwrap();
    assert_eq!(found[0].actor.as_deref(), Some("ada"));
    assert_eq!(found[0].release, Some(ReleaseNumber(3)));
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let place = Place::new();
    let head = place.with_events(3).head().clone();
    let journal = place.open();
    assert_eq!(journal.head(), &head);
    let events = journal.rows().events(&EventFilter::default()).unwrap();
    assert_eq!(events[2].data, json!({"n": 3}));
    assert_eq!(events[2].scope, Some(scope()));
}

#[test]
fn the_record_of_a_release_is_written_as_it_comes() {
    let mut journal = Place::new().open();
    let number = journal
        .write::<_, JournalError>(|writer| writer.add_release(&release()))
        .unwrap();
    let read = |journal: &Journal| journal.rows().release(&scope(), number).unwrap().unwrap();
    assert_eq!(read(&journal).record, json!({"notes": "one"}));
    assert_eq!(read(&journal).verified_at, None);
    journal
        .write::<_, JournalError>(|writer| {
            writer.set_release_record(&scope(), number, &json!({"schema": "7"}))?;
            writer.set_verified(&scope(), number, at(30))
        })
        .unwrap();
    assert_eq!(read(&journal).record, json!({"schema": "7"}));
    assert_eq!(read(&journal).verified_at, Some(at(30)));
}

#[test]
fn pipelines_are_found_by_rollout_and_by_release() {
    let mut journal = Place::new().open();
    let row = |id: u128, state: &str| PipelineRow {
        rollout: Uuid::from_u128(id),
        scope: scope(),
        release: ReleaseNumber(1),
        state: state.to_owned(),
        updated_at: at(1),
    };
    journal
        .write::<_, JournalError>(|writer| {
            writer.put_pipeline(&row(2, "b"))?;
            writer.put_pipeline(&row(1, "a"))?;
            writer.put_pipeline(&row(1, "A"))
        })
        .unwrap();
    let rows = journal.rows();
    assert_eq!(
        rows.pipeline(Uuid::from_u128(1)).unwrap(),
        Some(row(1, "A"))
    );
    let all = rows.pipelines_of(&scope(), ReleaseNumber(1)).unwrap();
    assert_eq!(all, [row(1, "A"), row(2, "b")]);
    assert_eq!(rows.pipelines_of(&scope(), ReleaseNumber(2)).unwrap(), []);
}

#[test]
fn requests_are_open_until_they_are_decided_on() {
    let mut journal = Place::new().open();
    let request = |id: u128, state| RequestRow {
        id: Uuid::from_u128(id),
        scope: scope(),
        by: "token ci".to_owned(),
        created_at: at(1),
        expires_at: at(100),
        state,
        decided_at: None,
        reason: None,
        data: json!({"tag": "v1"}),
    };
    let put = |journal: &mut Journal, row: RequestRow| {
        let written = journal.write::<_, JournalError>(|writer| writer.put_request(&row));
        written.unwrap();
    };
    put(&mut journal, request(1, RequestState::Pending));
    put(&mut journal, request(2, RequestState::Pending));
    put(&mut journal, request(3, RequestState::Rejected));
    let open = |journal: &Journal| {
        let rows = journal.rows().open_requests().unwrap();
        rows.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(open(&journal), [1, 2]);
    let mut approved = request(1, RequestState::Approved);
    approved.decided_at = Some(at(50));
    put(&mut journal, approved.clone());
    assert_eq!(open(&journal), [1, 2], "it still has to be begun");
    for id in [1, 2] {
        let begin = |writer: &mut Writer<'_>| writer.begin_request(Uuid::from_u128(id));
        journal.write::<_, JournalError>(begin).unwrap();
    }
    assert_eq!(open(&journal), [2], "what is not approved is not begun");
    approved.state = RequestState::Begun;
    assert_eq!(journal.rows().request(approved.id).unwrap(), Some(approved));
}

#[test]
fn rows_of_alerting_are_put_and_taken_away_by_their_key() {
    let mut journal = Journal::in_memory().unwrap();
    let put = |journal: &mut Journal, key: &str, value: Option<serde_json::Value>| {
        let write = |writer: &mut Writer<'_>| writer.put_alerting(key, value.as_ref());
        journal.write::<_, JournalError>(write).unwrap();
    };
    put(&mut journal, "silence/b", Some(json!({"n": 1})));
    put(&mut journal, "silence/a", Some(json!({"n": 2})));
    put(&mut journal, "silence/b", Some(json!({"n": 3})));
    put(&mut journal, "silence/c", None);
    let rows = journal.rows().alerting().unwrap();
    assert_eq!(
        rows,
        [
            ("silence/a".to_owned(), json!({"n": 2})),
            ("silence/b".to_owned(), json!({"n": 3}))
        ]
    );
    put(&mut journal, "silence/a", None);
    assert_eq!(journal.rows().alerting().unwrap().len(), 1);
}

#[test]
fn restore_points_and_jobs_are_kept_by_scope_and_what_runs_is_found_again() {
    let mut journal = Place::new().open();
    let point = |id: u128, name: &str, began: i64| PointRow {
        id: Uuid::from_u128(id),
        scope: scope(),
        name: name.to_owned(),
        began_at: at(began),
        data: json!({"parts": []}),
    };
    let job = |id: u128, state: JobState| JobRow {
        id: Uuid::from_u128(id),
        scope: scope(),
        kind: "create".to_owned(),
        state,
        began_at: at(id as i64),
        ended_at: (state != JobState::Running).then(|| at(50)),
        data: json!({"step": "database"}),
    };
    let mut write = |work: &dyn Fn(&mut Writer<'_>) -> Result<(), JournalError>| {
        journal.write::<_, JournalError>(work)
    };
    write(&|writer| writer.put_point(&point(1, "first", 5))).unwrap();
    write(&|writer| writer.put_point(&point(2, "second", 6))).unwrap();
    let again = write(&|writer| writer.put_point(&point(3, "second", 7)));
    assert!(again.is_err(), "a name stands for one restore point");
    write(&|writer| writer.remove_point(Uuid::from_u128(1))).unwrap();
    write(&|writer| writer.put_job(&job(8, JobState::Running))).unwrap();
    write(&|writer| writer.put_job(&job(9, JobState::Running))).unwrap();
    write(&|writer| writer.put_job(&job(8, JobState::Failed))).unwrap();

    let rows = journal.rows();
    assert_eq!(rows.points(&scope()).unwrap(), [point(2, "second", 6)]);
    assert_eq!(rows.running_jobs().unwrap(), [job(9, JobState::Running)]);
    assert_eq!(
        rows.jobs(&scope(), 10).unwrap(),
        [job(9, JobState::Running), job(8, JobState::Failed)]
    );
    assert_eq!(rows.jobs(&scope(), 1).unwrap().len(), 1);
    assert!(rows.job(Uuid::from_u128(7)).unwrap().is_none());
}
