//! Which lines are asked for, and which are printed after a stream broke off.

use super::*;
use mainstay_model::ReleaseNumber;
use mainstay_server::api::types::{EnvironmentState, ServiceStatus};
use mainstay_stack::policy::Monitoring;

fn scope() -> Scope {
    Scope {
        stack: "tiny".parse().unwrap(),
        environment: "dev".parse().unwrap(),
    }
}

fn status() -> EnvironmentStatus {
    let service = |name: &str| ServiceStatus {
        name: name.parse().unwrap(),
        wanted: 1,
        healthy: 1,
        instances: Vec::new(),
    };
    EnvironmentStatus {
        scope: scope(),
        state: EnvironmentState::Up,
        release: None,
        urls: Vec::new(),
        services: vec![service("app"), service("worker")],
        rollout: None,
        requests: Vec::new(),
        monitoring: Monitoring::default(),
        problems: Vec::new(),
    }
}

fn wanted(subjects: &[&str]) -> Outcome<Wanted> {
    let subjects: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    Wanted::new(&subjects, &status())
}

fn line(slot: u32, millis: i64, text: &str) -> LogLine {
    LogLine {
        time: Timestamp::from_millis(millis),
        instance: InstanceId::new("app".parse().unwrap(), ReleaseNumber(1), slot),
        stream: "stdout".to_owned(),
        line: text.to_owned(),
    }
}

#[test]
fn subjects_become_the_narrowest_question() {
    for (subjects, query) in [
        (&[][..], ""),
        (&["app"], "&service=app"),
        (&["app", "worker"], "&service=app,worker"),
        (&["app-r1-2"], "&instance=app-r1-2"),
        // Two questions in one: everything is asked for, and the rest left out here.
        (&["worker", "app-r1-2"], ""),
    ] {
        assert_eq!(wanted(subjects).unwrap().query(), query, "{subjects:?}");
    }
    let mixed = wanted(&["worker", "app-r1-2"]).unwrap();
    assert!(mixed.includes(&"worker-r9-1".parse().unwrap()));
    assert!(mixed.includes(&"app-r1-2".parse().unwrap()));
    assert!(!mixed.includes(&"app-r1-1".parse().unwrap()));
}

#[test]
fn an_unknown_subject_is_an_error_of_the_input() {
    let failure = wanted(&["wroker"]).unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert_eq!(failure.hint.as_deref(), Some("did you mean `worker`?"));
    let failure = wanted(&["database"]).unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("there is app, worker"));
}

#[test]
fn since_takes_a_duration_or_a_time() {
    let now = Timestamp::from_millis(1_000_000);
    assert_eq!(since("10s", now).unwrap(), Timestamp::from_millis(990_000));
    assert_eq!(
        since("1970-01-01T00:00:05Z", now).unwrap(),
        Timestamp::from_millis(5_000)
    );
    assert_eq!(since("yesterday", now).unwrap_err().exit_code(), 2);
}

#[test]
fn a_question_asked_again_begins_where_the_lines_ended() {
    let selection = Selection {
        scope: scope(),
        wanted: Wanted::default(),
        tail: Some(5),
        since: None,
        follow: true,
    };
    let path = "/api/v1/environments/tiny/dev/logs?follow=true";
    assert_eq!(query(&selection, None), format!("{path}&tail=5"));
    assert_eq!(
        query(&selection, Some(Timestamp::from_millis(7))),
        format!("{path}&since=1970-01-01T00:00:00.007Z")
    );
}

#[test]
fn a_resumed_stream_repeats_nothing_and_loses_nothing() {
    let mut seen = Seen::default();
    assert_eq!(seen.resume(), None);
    let print = |seen: &mut Seen, lines: &[LogLine]| -> Vec<String> {
        let new = lines.iter().filter(|line| seen.is_new(line));
        new.map(|line| line.line.clone()).collect()
    };
    // A line may well come twice of itself; the second instance is behind the first.
    let (first, second) = (
        [line(1, 1, "a"), line(1, 5, "b"), line(1, 5, "b")],
        [line(2, 3, "c")],
    );
    assert_eq!(print(&mut seen, &first), ["a", "b", "b"]);
    assert_eq!(print(&mut seen, &second), ["c"]);
    assert_eq!(seen.resume(), Some(Timestamp::from_millis(3)));
    let again = [
        line(1, 5, "b"),
        line(1, 5, "b"),
        line(1, 5, "b, a third time"),
        line(1, 6, "d"),
        line(2, 3, "c"),
        line(2, 4, "e"),
        line(3, 4, "f"),
    ];
    assert_eq!(print(&mut seen, &again), ["b, a third time", "d", "e", "f"]);
    // A clock that was set back loses nothing while the stream holds.
    assert_eq!(print(&mut seen, &[line(1, 2, "g")]), ["g"]);
}
