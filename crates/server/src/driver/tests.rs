//! The driver's turns, and its loop over a world that obeys.

use super::{Begin, Driver, DriverError, Ended, Engine, run};
use mainstay_journal::{
    EventFilter, Journal, JournalError, JournalHandle, RolloutKind, RolloutOutcome, RolloutPhase,
};
use mainstay_model::{InstanceId, ReleaseNumber, Scope, ServiceName, Timestamp};
use mainstay_rollout::plan::{Plan, ServicePlan, Strategy};
use mainstay_rollout::world::{
    Action, Command, EndpointView, Event, InstancePhase, InstanceView, World,
};
use mainstay_rollout::{Failure, Outcome};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// No rollout here takes a second; this one ends a test that hangs.
const DEADLINE: Duration = Duration::from_secs(30);

fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(since.as_millis() as i64)
}

fn scope() -> Scope {
    Scope {
        stack: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
    }
}

fn instance(release: u32, slot: u32) -> InstanceId {
    InstanceId::new("app".parse().unwrap(), ReleaseNumber(release), slot)
}

fn plan() -> Plan {
    let service = ServicePlan {
        service: ServiceName::new("app").unwrap(),
        after: std::collections::BTreeSet::new(),
        old: vec![instance(1, 1), instance(1, 2)],
        new: vec![instance(2, 1), instance(2, 2)],
        kept: vec![],
        strategy: Strategy::Rolling {
            surge: 1,
            parallelism: 1,
        },
        routed: true,
        one_shot: false,
        healthy_deadline: Duration::from_secs(20),
        minimum_healthy_time: Duration::ZERO,
        drain: Duration::from_secs(1),
        stop_grace: Duration::from_secs(1),
    };
    Plan {
        from: Some(ReleaseNumber(1)),
        to: ReleaseNumber(2),
        services: vec![service],
        progress_deadline: Duration::from_secs(20),
        gate_deadline: Duration::ZERO,
        watch: Duration::ZERO,
        hook_before: false,
        hook_after: false,
        rollback: true,
    }
}

fn begin() -> Begin {
    Begin {
        id: Uuid::now_v7(),
        scope: scope(),
        kind: RolloutKind::Deploy,
        by: "ada".to_owned(),
        data: Value::Null,
    }
}

/// What is asked for happens at once.
#[derive(Debug, Default)]
struct Obedient {
    world: Mutex<World>,
    done: Mutex<Vec<Action>>,
    changed: Notify,
    looks: Mutex<u32>,
    /// So many starts fail before one works.
    failing_starts: Mutex<u32>,
    /// Started instances stay as they are.
    asleep: bool,
}

impl Obedient {
    fn new() -> Self {
        let this = Self::default();
        let mut traffic = BTreeMap::new();
        for slot in 1..=2 {
            let id = instance(1, slot);
            this.enter(&id, InstancePhase::Healthy);
            traffic.insert(id, endpoint(1));
        }
        this.world().traffic = Some(traffic);
        this
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn enter(&self, id: &InstanceId, phase: InstancePhase) {
        let view = InstanceView {
            phase,
            since: now(),
            restarts: 0,
            detail: None,
        };
        self.world().instances.insert(id.clone(), view);
    }

    fn start(&self, id: &InstanceId) -> Result<(), String> {
        let mut failing = self.failing_starts.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err("no place left".to_owned());
        }
        let phase = if self.asleep {
            InstancePhase::Starting
        } else {
            InstancePhase::Healthy
        };
        self.enter(id, phase);
        Ok(())
    }

    fn starts(&self) -> usize {
        let done = self.done.lock().unwrap();
        done.iter()
            .filter(|action| matches!(action, Action::Start { .. }))
            .count()
    }
}

fn endpoint(weight: u32) -> EndpointView {
    EndpointView {
        weight: Some(weight),
        in_flight: 0,
    }
}

impl Engine for Obedient {
    async fn observe(&self) -> World {
        *self.looks.lock().unwrap() += 1;
        self.world().clone()
    }

    async fn execute(&self, action: &Action) -> Result<(), String> {
        self.done.lock().unwrap().push(action.clone());
        self.changed.notify_one();
        match action {
            Action::Start { instance } => self.start(instance)?,
            Action::Stop { instance, .. } => self.enter(instance, InstancePhase::Stopped),
            Action::Remove { instance } => drop(self.world().instances.remove(instance)),
            Action::Route { weights, .. } => {
                let traffic = weights
                    .iter()
                    .map(|(id, weight)| (id.clone(), endpoint(*weight)));
                self.world().traffic = Some(traffic.collect());
            }
            Action::RunHookBefore | Action::RunHookAfter => {}
        }
        Ok(())
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// A driver at its first turn, its journal, and what holds its file.
async fn begun(directory: &tempfile::TempDir) -> (Driver, JournalHandle) {
    let journal = JournalHandle::open(&directory.path().join("journal.db")).unwrap();
    let driver = journal.write(|journal| Driver::begin(journal, begin(), plan(), now()));
    (driver.await.unwrap(), journal)
}

/// Runs to the end, with these commands waiting.
async fn run_to_end(
    driver: Driver,
    journal: &JournalHandle,
    engine: &Obedient,
    waiting: Vec<Command>,
    stop: CancellationToken,
) -> Ended {
    let (sender, commands) = mpsc::channel(8);
    for command in waiting {
        sender.send(command).await.unwrap();
    }
    let (summary, _) = watch::channel(driver.summary());
    let run = run(
        driver,
        journal.clone(),
        engine,
        commands,
        summary,
        now,
        stop,
    );
    timeout(DEADLINE, run).await.unwrap().unwrap()
}

async fn kinds(journal: &JournalHandle) -> Vec<String> {
    let events = journal.read(|rows| rows.events(&EventFilter::default()));
    let events = events.await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

#[test]
fn a_turn_is_persisted_before_its_actions_are_handed_out() {
    let mut journal = Journal::in_memory().unwrap();
    let mut driver = Driver::begin(&mut journal, begin(), plan(), now()).unwrap();
    let engine = Obedient::new();
    let event = Event::Observed(engine.world().clone());
    let turn = driver.turn(&mut journal, &event, now()).unwrap();
    assert!(turn.actions.contains(&Action::Start {
        instance: instance(2, 1)
    }));
    let row = journal.rows().rollout(driver.id()).unwrap().unwrap();
    assert!(
        row.state.contains("\"app-r2-1\":{\"stand\":\"starting\""),
        "{}",
        row.state
    );

    // Nothing new: nothing is written, and what is missing is asked for again.
    let head = journal.head().clone();
    let turn = driver.turn(&mut journal, &event, now()).unwrap();
    assert!(turn.actions.contains(&Action::Start {
        instance: instance(2, 1)
    }));
    assert_eq!((journal.head(), turn.decisions.len()), (&head, 0));
}

#[test]
fn a_turn_that_cannot_be_written_was_not_taken() {
    let mut journal = Journal::in_memory().unwrap();
    let mut driver = Driver::begin(&mut journal, begin(), plan(), now()).unwrap();
    journal.limit_pages(1).unwrap();
    let before = driver.summary();
    let mut refused = None;
    for _ in 0..1000 {
        let by = "x".repeat(4000);
        let event = Event::Command(Command::Resume { by });
        if let Err(error) = driver.turn(&mut journal, &event, now()) {
            refused = Some(error);
            break;
        }
    }
    assert!(
        matches!(refused, Some(DriverError::Journal(JournalError::Full))),
        "{refused:?}"
    );
    assert_eq!(driver.summary(), before);
}

#[test]
fn one_rollout_at_a_time_and_it_is_found_again() {
    let mut journal = Journal::in_memory().unwrap();
    let driver = Driver::begin(&mut journal, begin(), plan(), now()).unwrap();
    let second = Driver::begin(&mut journal, begin(), plan(), now());
    assert!(
        matches!(second, Err(DriverError::Journal(JournalError::RolloutRunning { id, .. })) if id == driver.id())
    );
    let found = Driver::recover(&mut journal, &scope(), now())
        .unwrap()
        .unwrap();
    assert_eq!((found.id(), found.plan()), (driver.id(), driver.plan()));
    let elsewhere = Scope {
        environment: "dev".parse().unwrap(),
        ..scope()
    };
    assert!(
        Driver::recover(&mut journal, &elsewhere, now())
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_deploy_runs_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let (driver, journal) = begun(&directory).await;
    let id = driver.id();
    let engine = Obedient::new();
    let ended = run_to_end(driver, &journal, &engine, vec![], CancellationToken::new()).await;
    assert_eq!(ended, Ended::Finished(Outcome::Succeeded));
    let left: Vec<_> = engine.world().instances.keys().cloned().collect();
    assert_eq!(left, [instance(2, 1), instance(2, 2)]);
    let row = journal
        .read(move |rows| rows.rollout(id))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.phase, RolloutPhase::Finished);
    assert_eq!(row.outcome, Some(RolloutOutcome::Succeeded));
    let kinds = kinds(&journal).await;
    assert_eq!(kinds.first().map(String::as_str), Some("rollout.began"));
    assert_eq!(kinds.last().map(String::as_str), Some("rollout.finished"));
    let verdict = journal.read(|rows| rows.verify()).await.unwrap();
    assert_eq!(verdict.broken, None);
}

#[tokio::test]
async fn a_failing_action_is_told_once_and_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let (driver, journal) = begun(&directory).await;
    let engine = Obedient::new();
    *engine.failing_starts.lock().unwrap() = 3;
    let ended = run_to_end(driver, &journal, &engine, vec![], CancellationToken::new()).await;
    assert_eq!(ended, Ended::Finished(Outcome::Succeeded));
    assert_eq!(engine.starts(), 5);
    let told = kinds(&journal).await;
    let told = told
        .iter()
        .filter(|kind| *kind == "rollout.action-failed")
        .count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn an_abort_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    let (driver, journal) = begun(&directory).await;
    let engine = Obedient::new();
    let abort = Command::Abort {
        by: "ada".to_owned(),
        reason: Some("wrong branch".to_owned()),
    };
    let ended = run_to_end(
        driver,
        &journal,
        &engine,
        vec![abort],
        CancellationToken::new(),
    )
    .await;
    assert!(
        matches!(
            &ended,
            Ended::Finished(Outcome::RolledBack {
                failure: Failure::Aborted { .. }
            })
        ),
        "{ended:?}"
    );
    assert_eq!(engine.starts(), 0);
}

#[tokio::test]
async fn a_parked_rollout_is_taken_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let (driver, journal) = begun(&directory).await;
    let engine = Obedient {
        asleep: true,
        ..Obedient::new()
    };
    let stop = CancellationToken::new();
    let wake = async {
        // The first start shows that it is under way.
        while engine.starts() == 0 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let running = run_to_end(driver, &journal, &engine, vec![], stop.clone());
    let (ended, ()) = tokio::join!(running, wake);
    assert_eq!(ended, Ended::Parked);

    engine.enter(&instance(2, 1), InstancePhase::Healthy);
    let engine = Obedient {
        asleep: false,
        ..engine
    };
    let again = journal.write(|journal| Driver::recover(journal, &scope(), now()));
    let driver = again.await.unwrap().unwrap();
    let ended = run_to_end(driver, &journal, &engine, vec![], CancellationToken::new()).await;
    assert_eq!(ended, Ended::Finished(Outcome::Succeeded));
}

#[tokio::test]
async fn nothing_is_done_while_the_journal_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let (driver, journal) = begun(&directory).await;
    let limit = |pages| journal.write(move |journal| journal.limit_pages(pages));
    limit(1).await.unwrap();
    // Fill what room its pages have left.
    let filled = journal.write(|journal| {
        let mut event = mainstay_journal::NewEvent::new(now(), "test", "x".repeat(2000));
        while journal.append(&event).is_ok() {}
        event.message = "x".to_owned();
        while journal.append(&event).is_ok() {}
        Ok::<_, JournalError>(())
    });
    filled.await.unwrap();
    let engine = Obedient::new();
    let stop = CancellationToken::new();
    let room = async {
        // A second look means that the first turn was tried and given up.
        while *engine.looks.lock().unwrap() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(engine.done.lock().unwrap().is_empty());
        limit(1_000_000).await.unwrap();
    };
    let running = run_to_end(driver, &journal, &engine, vec![], stop);
    let (ended, ()) = tokio::join!(running, room);
    assert_eq!(ended, Ended::Finished(Outcome::Succeeded));
}

/// How far the clock of the next test is ahead.
static AHEAD_MS: AtomicI64 = AtomicI64::new(0);

fn jumping_clock() -> Timestamp {
    Timestamp::from_millis(now().as_millis() + AHEAD_MS.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_machine_that_slept_for_an_hour_has_missed_no_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let (driver, journal) = begun(&directory).await;
    let engine = Obedient {
        asleep: true,
        ..Obedient::new()
    };
    let (_sender, commands) = mpsc::channel(1);
    let (summary, _) = watch::channel(driver.summary());
    let stop = CancellationToken::new();
    let clock = jumping_clock;
    let running = run(
        driver,
        journal.clone(),
        &engine,
        commands,
        summary,
        clock,
        stop,
    );
    let sleep = async {
        while engine.starts() == 0 {
            tokio::task::yield_now().await;
        }
        AHEAD_MS.store(3_600_000, Ordering::SeqCst);
        let looks = || *engine.looks.lock().unwrap();
        let before = looks();
        while looks() < before + 3 {
            tokio::task::yield_now().await;
        }
        // The second new instance sleeps as well, until it is woken.
        for slot in 1..=2 {
            while engine.starts() < slot as usize {
                tokio::task::yield_now().await;
            }
            engine.enter(&instance(2, slot), InstancePhase::Healthy);
        }
    };
    let (ended, ()) = timeout(DEADLINE, async { tokio::join!(running, sleep) })
        .await
        .unwrap();
    assert_eq!(ended.unwrap(), Ended::Finished(Outcome::Succeeded));
}
