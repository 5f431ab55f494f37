//! Which services a restore stops, and in which order things come back.

use mainstay_model::{Scope, Timestamp};
use mainstay_recovery::plan::{Kind, Plan};
use mainstay_recovery::{Part, PartKind, PointName, Reason, RestorePoint};
use mainstay_stack::{MemoryLoader, Request, Stack, resolve};
use std::collections::BTreeMap;
use uuid::Uuid;

const COMPOSE: &str = "
services:
  db: {image: 'postgres:16', volumes: ['db:/var/lib/postgresql/data']}
  cache: {image: 'redis:7', volumes: ['cache:/data']}
  api: {image: api, environment: {PGHOST: db}, volumes: ['uploads:/u']}
  page: {image: page, depends_on: [api]}
  worker: {image: worker, environment: {REDIS_URL: 'redis://cache:6379'}}
  thumbs: {image: thumbs, volumes: ['uploads:/u:ro']}
  mail: {image: mail}
volumes: {db: {}, cache: {}, uploads: {x-mainstay: {shared: true}}}
";

const OPERATION: &str = "
environments: {production: {}}
backups:
  sources:
    index: {command: {service: api, dump: index dump, restore: index load}}
    infra: {command: {dump: terraform state pull}}
";

fn stack() -> Stack {
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", COMPOSE)
        .with("/shop/mainstay.yaml", OPERATION);
    let request = Request {
        directory: "/shop".into(),
        environment: Some("production".to_owned()),
        ..Request::default()
    };
    let resolution = resolve(&files, &request);
    let problems = resolution.problems.to_string();
    resolution.stack.unwrap_or_else(|| panic!("{problems}"))
}

fn point(parts: &[(&str, PartKind, Option<&str>)]) -> RestorePoint {
    let now = Timestamp::from_millis(0);
    let parts = parts.iter().map(|(source, kind, service)| Part {
        source: (*source).to_owned(),
        kind: *kind,
        service: service.map(|name| name.parse().expect("a name")),
        snapshot: "0".repeat(64),
        path: (*source).to_owned(),
        taken: now,
        bytes: 1,
        sha256: None,
        figures: None,
        details: BTreeMap::new(),
    });
    RestorePoint {
        format: 1,
        id: Uuid::nil(),
        name: PointName::new("p").expect("a name"),
        scope: Scope {
            stack: "shop".parse().expect("a name"),
            environment: "production".parse().expect("a name"),
        },
        release: None,
        reason: Reason::Asked {
            by: "me".to_owned(),
        },
        began: now,
        ended: now,
        parts: parts.collect(),
    }
}

fn whole() -> RestorePoint {
    point(&[
        ("db", PartKind::Postgresql, Some("db")),
        ("cache", PartKind::Redis, Some("cache")),
        ("uploads", PartKind::Volume, None),
        ("stack", PartKind::Stack, None),
        ("secrets", PartKind::Secrets, None),
    ])
}

fn tasks(point: &RestorePoint, only: Option<&str>, kind: Kind) -> Vec<String> {
    let plan = Plan::new(stack().wanted(point, only, kind));
    let tasks = plan.entries.iter();
    tasks.map(|entry| entry.task.to_string()).collect()
}

#[test]
fn only_those_stand_still_who_use_what_comes_back() {
    assert_eq!(
        tasks(&whole(), Some("db"), Kind::Restore),
        [
            "save what is there",
            "stop page",
            "stop api",
            "bring back db",
            "start api",
            "start page",
            "validate",
        ]
    );
    let uploads = tasks(&whole(), Some("uploads"), Kind::Restore);
    assert_eq!(
        uploads[1..4],
        ["stop thumbs", "stop page", "stop api"],
        "{uploads:?}"
    );
    let cache = tasks(&whole(), Some("cache"), Kind::Restore);
    assert_eq!(cache[1..3], ["stop worker", "bring back cache"]);
    let all = tasks(&whole(), None, Kind::Restore);
    assert!(!all.iter().any(|task| task.contains("mail")), "{all:?}");
}

#[test]
fn a_command_takes_its_copy_in_within_a_service_that_runs() {
    let both = point(&[
        ("index", PartKind::Command, Some("api")),
        ("uploads", PartKind::Volume, None),
    ]);
    let of = |only| tasks(&both, Some(only), Kind::Restore);
    assert_eq!(
        of("index"),
        ["save what is there", "bring back index", "validate"],
        "nobody stands still for it"
    );
    let all = tasks(&both, None, Kind::Restore);
    let ends = ["start thumbs", "bring back index", "validate"];
    assert_eq!(all[all.len() - 3..], ends, "{all:?}");
    assert!(all.contains(&"stop api".to_owned()), "{all:?}");
    let recovered = tasks(&both, None, Kind::Recover);
    let at = |task: &str| recovered.iter().position(|one| one == task).unwrap();
    assert!(at("bring back uploads") < at("start api"), "{recovered:?}");
    assert!(at("start api") < at("bring back index"), "{recovered:?}");
}

#[test]
fn a_base_is_put_below_a_server_that_stands_still() {
    let base = point(&[("db", PartKind::PostgresqlBase, Some("db"))]);
    let tasks = tasks(&base, None, Kind::Restore);
    assert_eq!(
        tasks[1..6],
        [
            "stop page",
            "stop api",
            "stop db",
            "bring back db",
            "start db"
        ]
    );
}

#[test]
fn where_nobody_is_known_to_use_it_everybody_stands_still() {
    let gone = point(&[("other", PartKind::Directory, None)]);
    let tasks = tasks(&gone, None, Kind::Restore);
    let stopped = tasks.iter().filter(|task| task.starts_with("stop"));
    assert_eq!(stopped.count(), 7, "{tasks:?}");
}

#[test]
fn an_empty_machine_gets_everything_and_every_service() {
    let tasks = tasks(&whole(), None, Kind::Recover);
    assert_eq!(
        tasks[..6],
        [
            "bring back the stack's files",
            "bring back secrets",
            "bring back uploads",
            "start cache",
            "start db",
            "bring back db",
        ]
    );
    assert_eq!(tasks.last().map(String::as_str), Some("validate"));
    let started = tasks.iter().filter(|task| task.starts_with("start"));
    assert_eq!(started.count(), 7);
}
