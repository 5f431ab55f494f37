//! Who is in a drill's network, when it cannot be tried, and what counts as healthy.

use super::*;
use crate::testing;
use mainstay_model::Timestamp;
use mainstay_recovery::PartKind;
use mainstay_stack::{
    BackupSource, Dependency, DependencyCondition, PostgresqlSource, SourceFound, SqliteSource,
};
use mainstay_wire::shim::Exit;

pub(super) fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

pub(super) fn source(kind: SourceKind) -> BackupSource {
    BackupSource {
        enabled: true,
        kind,
        timeout: Duration::from_secs(1),
        minimum: mainstay_model::Bytes(0),
        query: None,
        found: SourceFound::Engine,
    }
}

/// `app` waits for `queue`, `queue` for nobody; `db` and `other` are on their own.
pub(super) fn stack() -> Stack {
    let mut app = testing::service("app", 2);
    let dependency = Dependency {
        condition: DependencyCondition::ServiceHealthy,
        restart: false,
        required: true,
    };
    app.depends_on.insert(name("queue"), dependency);
    let others = ["db", "other", "queue"].map(|name| testing::service(name, 1));
    let [db, other, queue] = others;
    let mut stack = testing::stack([app, db, other, queue]);
    stack.target = TargetKind::Docker;
    let database = SourceKind::Postgresql(PostgresqlSource {
        service: name("db"),
        database: None,
        user: None,
        secret: None,
        wal: None,
        checksums: true,
    });
    stack
        .backups
        .sources
        .insert("db".to_owned(), source(database));
    stack
}

fn part(kind: PartKind) -> Part {
    Part {
        source: "db".to_owned(),
        kind,
        service: None,
        snapshot: String::new(),
        path: String::new(),
        taken: Timestamp::from_millis(0),
        bytes: 0,
        sha256: None,
        figures: None,
        details: BTreeMap::new(),
    }
}

#[test]
fn it_holds_the_service_what_it_waits_for_and_the_databases_of_the_copy() {
    let stack = stack();
    let with = |parts: &[Part]| cast(&stack, &name("app"), &databases(&stack, parts));
    let whole = with(&[part(PartKind::Postgresql)]);
    assert_eq!(whole, ["queue", "app", "db"].map(name));
    assert_eq!(with(&[]), ["queue", "app"].map(name));
}

#[test]
fn what_could_harm_or_would_deceive_is_refused_by_name() {
    let mut stack = stack();
    let cast = [name("queue"), name("app")];
    let why = |stack: &Stack, boot: &str| cannot_boot(stack, &name(boot), &cast);
    assert_eq!(why(&stack, "app"), None);
    assert!(why(&stack, "gone").unwrap().contains("no service"));
    let sqlite = SourceKind::Sqlite(SqliteSource {
        service: Some(name("app")),
        path: "/app/data/app.db".to_owned(),
    });
    let rows = source(sqlite);
    stack.backups.sources.insert("rows".to_owned(), rows);
    assert!(why(&stack, "app").unwrap().contains("`rows`"));
    let queue = stack.services.get_mut(&name("queue")).unwrap();
    queue.container.isolation.privileged = true;
    assert!(
        why(&stack, "app")
            .unwrap()
            .contains("`queue` is privileged")
    );
    stack.target = TargetKind::Process;
    assert!(why(&stack, "app").unwrap().contains("process target"));
}

#[test]
fn a_service_has_settled_when_it_is_healthy_and_a_task_when_it_ended_well() {
    let status = |phase| InstanceStatus {
        scope: stack().scope(),
        id: "app.scratch-r1-1".parse().unwrap(),
        phase,
        since: Timestamp::from_millis(0),
        started_at: None,
        address: None,
        pid: None,
        restarts: 0,
        last_exit: None,
        last_probe: Some("GET /health: 503".to_owned()),
        warnings: Vec::new(),
    };
    let of = |phase, completes| settled(&status(phase), completes);
    let ended = |code| Phase::Exited {
        exit: Exit::Code(code),
        requested: false,
    };
    assert_eq!(of(Phase::Starting, false), None);
    assert_eq!(of(Phase::Healthy, false), Some(Ok(())));
    assert_eq!(of(Phase::Healthy, true), None);
    assert_eq!(of(ended(0), true), Some(Ok(())));
    assert!(matches!(of(ended(0), false), Some(Err(_))));
    assert!(matches!(of(ended(1), true), Some(Err(_))));
    assert_eq!(of(Phase::Unhealthy, false), None, "it may still become");
    assert_eq!(
        seen(&status(Phase::Unhealthy)),
        "unhealthy, GET /health: 503"
    );
    assert!(is_scratch(&status(Phase::Healthy).id));
}
