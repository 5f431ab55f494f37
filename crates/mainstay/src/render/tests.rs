//! What people see, on values, at a fixed width and without colour.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]

use crate::look::Look;
use crate::render::{environment, history, rollout, summary};
use mainstay_model::{InstanceId, ReleaseNumber, Scope, ServiceName, Timestamp};
use mainstay_server::api::types::*;
use mainstay_stack::policy::Monitoring;
use snapbox::{assert_data_eq, str};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const NARROW: Look = Look {
    colour: false,
    width: Some(60),
};

fn scope() -> Scope {
    Scope {
        stack: "whisper-transcriber".parse().unwrap(),
        environment: "dev".parse().unwrap(),
    }
}

fn app() -> ServiceName {
    ServiceName::new("app").unwrap()
}

fn before(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - seconds * 1000)
}

fn instance(release: u32, slot: u32, phase: &str) -> InstanceReport {
    InstanceReport {
        id: InstanceId::new(app(), ReleaseNumber(release), slot),
        phase: phase.to_owned(),
        since: before(75),
        started_at: Some(before(80)),
        address: Some(([127, 0, 0, 1], 41_000 + slot as u16).into()),
        pid: Some(1000 + slot as i32),
        restarts: 0,
        detail: None,
        weight: Some(100),
        in_flight: 3,
        rss_bytes: Some(12 << 20),
        cpu_seconds: Some(0.5),
        warnings: Vec::new(),
    }
}

fn release(number: u32, status: ReleaseStatus) -> Release {
    Release {
        number: ReleaseNumber(number),
        created_at: before(300),
        by: "user 0".to_owned(),
        description: Some("look for the leak".to_owned()),
        tag: Some("v1.4.0".to_owned()),
        commit: Some("4f2a9c1d5e6f7a8b9c0d4f2a9c1d5e6f7a8b9c0d".to_owned()),
        status,
        services: BTreeMap::from([(app(), ReleaseNumber(number))]),
        verified_at: None,
        promoted_from: None,
    }
}

fn up() -> EnvironmentStatus {
    EnvironmentStatus {
        scope: scope(),
        state: EnvironmentState::Up,
        release: Some(release(3, ReleaseStatus::Current)),
        urls: vec![RouteUrl {
            url: "http://127.0.0.1:8080/".to_owned(),
            service: app(),
        }],
        services: vec![ServiceStatus {
            name: app(),
            wanted: 2,
            healthy: 2,
            instances: vec![instance(3, 1, "healthy"), instance(3, 2, "healthy")],
        }],
        rollout: None,
        requests: Vec::new(),
        monitoring: Monitoring::default(),
        problems: Vec::new(),
    }
}

fn degraded() -> EnvironmentStatus {
    let mut status = up();
    status.state = EnvironmentState::Degraded;
    status.services[0].healthy = 1;
    status.services[0].instances[1] = InstanceReport {
        address: None,
        pid: None,
        restarts: 5,
        detail: Some("exit code 3".to_owned()),
        weight: None,
        in_flight: 0,
        rss_bytes: None,
        warnings: vec!["no cgroup: memory limit is not enforced".to_owned()],
        ..instance(3, 2, "crash loop")
    };
    status.problems = vec![Diagnosis {
        code: "exits-at-once".to_owned(),
        subject: Some("app-r3-2".to_owned()),
        message: "ended 5 times within 1 s, last with exit code 3".to_owned(),
        evidence: vec!["cannot open database: no such directory".to_owned()],
        hint: "see all it printed: mainstay logs app-r3-2".to_owned(),
    }];
    status
}

fn operation(outcome: Option<OperationResult>) -> Operation {
    Operation {
        id: Uuid::nil(),
        scope: scope(),
        kind: OperationKind::Deploy,
        release: Some(ReleaseNumber(3)),
        started_at: before(12),
        outcome: outcome.map(|result| OperationOutcome {
            result,
            reason: "app-r3-1: GET /health: 503".to_owned(),
            finished_at: NOW,
        }),
        waiting: None,
    }
}

fn rolling() -> RolloutStatus {
    RolloutStatus {
        operation: operation(None),
        from: Some(ReleaseNumber(2)),
        to: ReleaseNumber(3),
        phase: "rolling app".to_owned(),
        hold: Some("waiting for app-r3-1 to be healthy for 10s, for 4s so far".to_owned()),
        paused: true,
        elapsed: Duration::from_secs(12),
        services: vec![RolloutProgress {
            service: app(),
            new_wanted: 2,
            new_ready: 1,
            old_left: 1,
            traffic_percent: 50,
        }],
    }
}

#[test]
fn status_of_a_healthy_environment() {
    assert_data_eq!(
        environment::status(&up(), NOW, "mainstay", Look::PLAIN),
        str![[r#"
whisper-transcriber/dev  up  release r3 (v1.4.0)  made 5 min ago by user 0
  http://127.0.0.1:8080/ → app

SERVICE  HEALTHY  RELEASE  RESTARTS  MEMORY
app      2/2      r3              0  24 MiB

"#]]
    );
}

#[test]
fn status_of_a_sick_environment_says_what_to_do() {
    assert_data_eq!(
        environment::status(&degraded(), NOW, "mainstay", Look::PLAIN),
        str![[r#"
whisper-transcriber/dev  degraded  release r3 (v1.4.0)  made 5 min ago by user 0
  http://127.0.0.1:8080/ → app

SERVICE  HEALTHY  RELEASE  RESTARTS  MEMORY
app      1/2      r3              5       -

exits-at-once: app-r3-2: ended 5 times within 1 s, last with exit code 3
  | cannot open database: no such directory
  hint: see all it printed: mainstay logs app-r3-2

next: see what it prints: mainstay logs app -n 50; look for the cause: mainstay doctor

"#]]
    );
}

#[test]
fn status_during_a_rollout() {
    let mut status = up();
    status.state = EnvironmentState::RollingOut;
    status.rollout = Some(rolling());
    assert_data_eq!(
        environment::status(&status, NOW, "mainstay", Look::PLAIN),
        str![[r#"
whisper-transcriber/dev  rolling out  release r3 (v1.4.0)  made 5 min ago by user 0
  http://127.0.0.1:8080/ → app

SERVICE  HEALTHY  RELEASE  RESTARTS  MEMORY
app      2/2      r3              0  24 MiB

r2 → r3: rolling app, 12 s
  app: 1 of 2 new ready, 1 old left, 50 % of the traffic
  waiting for app-r3-1 to be healthy for 10s, for 4s so far
  hint: go on: mainstay rollout resume; go back: mainstay rollout abort

next: follow it: mainstay events -f

"#]]
    );
}

#[test]
fn status_of_what_is_down() {
    let mut status = up();
    status.state = EnvironmentState::Down;
    status.services.clear();
    status.urls.clear();
    assert_data_eq!(
        environment::status(&status, NOW, "mainstay", Look::PLAIN),
        str![[r#"
whisper-transcriber/dev  down  release r3 (v1.4.0)  made 5 min ago by user 0

next: start it: mainstay up

"#]]
    );
}

#[test]
fn instances_one_a_line() {
    assert_data_eq!(
        environment::instances(&degraded(), NOW, Look::PLAIN),
        str![[r#"
INSTANCE  PHASE       SINCE  ADDRESS           PID  RESTARTS  WEIGHT  BUSY  MEMORY  DETAIL
app-r3-1  healthy     75 s   127.0.0.1:41001  1001         0     100     3  12 MiB
app-r3-2  crash loop  75 s   -                   -         5       -     0       -  exit code 3; no cgroup: memory limit is not enforced
"#]]
    );
}

#[test]
fn a_narrow_terminal_gets_no_longer_lines() {
    let text = environment::instances(&degraded(), NOW, NARROW);
    for line in text.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    let colourful = Look {
        colour: true,
        width: None,
    };
    let text = environment::status(&degraded(), NOW, "mainstay", colourful);
    assert!(text.contains("\x1b[31m"), "{text:?}");
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    let trimmed = |text: &str| {
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(
        trimmed(&plain),
        trimmed(&environment::status(
            &degraded(),
            NOW,
            "mainstay",
            Look::PLAIN
        ))
    );
}

#[test]
fn a_rollout_says_what_it_waits_for() {
    assert_data_eq!(
        rollout::status(&rolling(), Look::PLAIN),
        str![[r#"
r2 → r3: rolling app, 12 s
  app: 1 of 2 new ready, 1 old left, 50 % of the traffic
  waiting for app-r3-1 to be healthy for 10s, for 4s so far
  hint: go on: mainstay rollout resume; go back: mainstay rollout abort

"#]]
    );
}

#[test]
fn endings() {
    for (result, expected) in [
        (
            OperationResult::Succeeded,
            "deploy to r3: succeeded after 12 s: app-r3-1: GET /health: 503",
        ),
        (
            OperationResult::RolledBack,
            "deploy to r3: rolled back after 12 s: app-r3-1: GET /health: 503",
        ),
    ] {
        assert_eq!(
            rollout::ending(&operation(Some(result)), Look::PLAIN),
            expected
        );
    }
}

#[test]
fn releases_and_one_release() {
    let all = [
        release(3, ReleaseStatus::Current),
        Release {
            tag: None,
            commit: None,
            description: None,
            ..release(2, ReleaseStatus::Failed)
        },
    ];
    assert_data_eq!(
        history::releases(&all, NOW, Look::PLAIN),
        str![[r#"
RELEASE  STATUS   MADE       BY      TAG     COMMIT     MESSAGE
r3       current  5 min ago  user 0  v1.4.0  4f2a9c1d5  look for the leak
r2       failed   5 min ago  user 0  -       -
"#]]
    );
    assert_eq!(
        history::releases(&[], NOW, Look::PLAIN),
        "no release yet; make one: mainstay deploy"
    );
}

#[test]
fn the_summary_of_up_has_commands_that_can_be_copied() {
    assert_data_eq!(
        summary::text(
            &up(),
            "mainstay -C examples/whisper-transcriber",
            true,
            Look::PLAIN
        ),
        str![[r#"
whisper-transcriber/dev is up with release r3 (v1.4.0)

SERVICE  HEALTHY  RELEASE  RESTARTS  MEMORY
app      2/2      r3              0  24 MiB

where to look
  http://127.0.0.1:8080/  → app

what to try next
  a request through the proxy        curl -i http://127.0.0.1:8080/
  how it is                          mainstay -C examples/whisper-transcriber status
  what it prints                     mainstay -C examples/whisper-transcriber logs -f
  a new release, no request lost     mainstay -C examples/whisper-transcriber deploy --set app.environment.GREETING=hello
  back to the release before         mainstay -C examples/whisper-transcriber rollback
  stop it                            mainstay -C examples/whisper-transcriber down

"#]]
    );
}

#[test]
fn the_journal_is_intact_or_says_where_not() {
    let mut verdict = JournalVerdict {
        intact: true,
        events: 1,
        head: "00ff".to_owned(),
        problem: None,
    };
    assert_data_eq!(
        history::verdict(&verdict, Look::PLAIN),
        str![[r#"
intact: 1 event, each chained to the one before
head 00ff
"#]]
    );
    verdict.intact = false;
    verdict.problem = Some("event 7 does not follow from event 6".to_owned());
    assert_data_eq!(
        history::verdict(&verdict, Look::PLAIN),
        str![[r#"
broken: event 7 does not follow from event 6 (1 event read)
head 00ff
"#]]
    );
}

#[test]
fn log_prefixes_line_up() {
    assert_eq!(history::log_prefix("app-r1-1", 10, None), "app-r1-1   |");
}
