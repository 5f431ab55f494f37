//! Restores and recoveries played through, with a crash at every step.

use super::*;
use mainstay_model::ServiceName;

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn source(name: &str, engine: Option<&str>, engine_runs: bool) -> Source {
    Source {
        name: name.to_owned(),
        engine: engine.map(self::name),
        engine_runs,
        last: false,
    }
}

/// A database that runs on, one that stands still, a volume, and two services that use them.
fn wanted(kind: Kind) -> Wanted {
    Wanted {
        kind,
        sources: vec![
            source("orders", Some("db"), true),
            source("cache", Some("redis"), false),
            source("uploads", None, false),
        ],
        services: ["db", "redis", "app", "worker"].map(name).to_vec(),
        safety: kind == Kind::Restore,
        secrets: true,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn shown(plan: &Plan) -> Vec<String> {
    let tasks = plan.entries.iter();
    tasks.map(|entry| entry.task.to_string()).collect()
}

#[test]
fn services_stop_in_reverse_and_start_in_order_and_a_loaded_database_runs_on() {
    let plan = Plan::new(wanted(Kind::Restore));
    assert_eq!(
        shown(&plan),
        [
            "save what is there",
            "stop worker",
            "stop app",
            "stop redis",
            "bring back orders",
            "bring back cache",
            "bring back uploads",
            "start redis",
            "start app",
            "start worker",
            "validate",
        ]
    );
}

#[test]
fn an_empty_machine_gets_files_and_data_before_what_uses_them() {
    let plan = Plan::new(wanted(Kind::Recover));
    assert_eq!(
        shown(&plan),
        [
            "bring back the stack's files",
            "bring back secrets",
            "bring back cache",
            "bring back uploads",
            "start db",
            "bring back orders",
            "start redis",
            "start app",
            "start worker",
            "let traffic in",
            "validate",
        ]
    );
}

/// What the tasks did to the world. Doing one twice is doing it once, as whoever does them promises.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct World {
    stopped: Vec<String>,
    replaced: Vec<String>,
    settled: Vec<String>,
    /// Undone replacements, each as often as it was told done.
    undone: Vec<String>,
}

impl World {
    fn act(&mut self, action: &Action) {
        let add = |list: &mut Vec<String>, what: &str| {
            if !list.iter().any(|one| one == what) {
                list.push(what.to_owned());
            }
        };
        match action {
            Action::Run { task, .. } => match task {
                Task::Stop { service } => add(&mut self.stopped, service.as_str()),
                Task::Start { service } => self.stopped.retain(|one| one != service.as_str()),
                Task::Bring { source } => add(&mut self.replaced, source),
                _ => {}
            },
            Action::Undo { task, kept, .. } => match task {
                Task::Stop { service } => self.stopped.retain(|one| one != service.as_str()),
                Task::Start { service } => add(&mut self.stopped, service.as_str()),
                Task::Bring { source } => {
                    assert_eq!(kept["of"], *source, "what was kept comes back");
                    self.replaced.retain(|one| one != source);
                }
                _ => panic!("{task} cannot be undone"),
            },
            Action::Settle { task, .. } => add(&mut self.settled, &task.to_string()),
            Action::Tell => {}
        }
    }

    fn done(&mut self, action: &Action) -> Event {
        let (Action::Run { task, .. } | Action::Undo { task, .. } | Action::Settle { task, .. }) =
            action
        else {
            panic!("nothing is under way")
        };
        let mut kept = BTreeMap::new();
        if let Task::Bring { source } = task {
            kept.insert("of".to_owned(), source.clone());
            if matches!(action, Action::Undo { .. }) {
                assert!(!self.undone.contains(source), "{source} is undone twice");
                self.undone.push(source.clone());
            }
        }
        action.done(kept).unwrap()
    }
}

/// What becomes of a run in which step `failing` fails, and in which whoever does it dies: before the action, or
/// after it and before it was told.
#[derive(Debug, Clone, Copy, Default)]
struct Course {
    failing: Option<usize>,
    crash_before: Option<usize>,
    crash_after: Option<usize>,
}

/// As it would be on disk.
fn reread(plan: &Plan) -> Plan {
    serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap()
}

/// Plays on until the plan rests. `count` counts actions over the whole of a test.
fn play(plan: &mut Plan, first: Event, world: &mut World, course: Course) -> usize {
    let mut count = 0;
    let mut actions = plan.step(first, at(0));
    loop {
        assert!(actions.len() <= 1, "one thing at a time: {actions:?}");
        let Some(action) = actions.pop().filter(|action| *action != Action::Tell) else {
            return count;
        };
        if course.crash_before == Some(count) || course.crash_after == Some(count) {
            if course.crash_after == Some(count) {
                world.act(&action);
            }
            *plan = reread(plan);
            let again = plan.step(Event::Resumed, at(count as i64));
            assert_eq!(
                again,
                std::slice::from_ref(&action),
                "what was under way is asked for again"
            );
        }
        world.act(&action);
        let fails = matches!(action, Action::Run { .. }) && course.failing == Some(count);
        let event = match (&action, fails) {
            (Action::Run { task, .. }, true) => {
                if let Task::Bring { source } = task {
                    world.replaced.retain(|one| one != source);
                }
                action.failed("no room left").unwrap()
            }
            _ => world.done(&action),
        };
        count += 1;
        assert!(count < 100, "it never ends: {plan:?}");
        actions = plan.step(event.clone(), at(count as i64));
        assert!(
            plan.step(event, at(count as i64)).is_empty(),
            "told twice is told once"
        );
    }
}

fn ended(kind: Kind, course: Course, then: &[Event]) -> (Plan, World) {
    let (mut plan, mut world) = (Plan::new(wanted(kind)), World::default());
    play(&mut plan, Event::Begin, &mut world, course);
    for event in then {
        play(&mut plan, event.clone(), &mut world, Course::default());
    }
    (plan, world)
}

fn crashes(count: usize) -> impl Iterator<Item = Course> {
    (0..count).flat_map(|index| {
        let before = Course {
            crash_before: Some(index),
            ..Course::default()
        };
        let after = Course {
            crash_after: Some(index),
            ..Course::default()
        };
        [before, after]
    })
}

#[test]
fn a_crash_between_any_two_steps_changes_nothing_about_the_end() {
    for kind in [Kind::Restore, Kind::Recover] {
        let (plan, world) = ended(kind, Course::default(), &[Event::Accepted]);
        assert_eq!(plan.phase, Phase::Settled, "{plan:?}");
        assert_eq!(world.replaced.len(), 3);
        assert!(world.stopped.is_empty());
        assert_eq!(world.settled.len(), 3);
        for course in crashes(plan.entries.len() + 1) {
            let crashed = ended(kind, course, &[Event::Accepted]);
            assert_eq!(crashed.1, world, "{course:?}");
            assert_eq!(crashed.0.phase, Phase::Settled, "{course:?}");
        }
    }
}

#[test]
fn whatever_fails_everything_is_as_it_was_and_nothing_is_undone_twice() {
    let tasks = wanted(Kind::Restore).tasks().len();
    for failing in 0..tasks {
        for course in crashes(2 * tasks) {
            let failing = Some(failing);
            let course = Course { failing, ..course };
            let (plan, world) = ended(Kind::Restore, course, &[]);
            assert!(
                matches!(&plan.phase, Phase::Undone { because } if because.contains("no room left")),
                "{course:?}: {plan:?}"
            );
            assert!(world.replaced.is_empty(), "{course:?}: {world:?}");
            assert!(world.stopped.is_empty(), "{course:?}: {world:?}");
        }
    }
}

#[test]
fn what_is_done_can_be_undone_until_it_is_accepted() {
    let (plan, world) = ended(Kind::Restore, Course::default(), &[Event::UndoAsked]);
    assert!(matches!(plan.phase, Phase::Undone { .. }), "{plan:?}");
    assert!(world.replaced.is_empty() && world.stopped.is_empty());
    assert_eq!(world.undone, ["uploads", "cache", "orders"], "backwards");
    let then = [Event::Accepted, Event::UndoAsked];
    let (plan, world) = ended(Kind::Restore, Course::default(), &then);
    assert_eq!(plan.phase, Phase::Settled);
    assert_eq!(world.replaced.len(), 3, "too late");
}

#[test]
fn somebody_who_changes_his_mind_waits_for_the_task_that_runs() {
    let mut plan = Plan::new(wanted(Kind::Restore));
    let done = |action: &Action| action.done(BTreeMap::new()).unwrap();
    let first = plan.step(Event::Begin, at(0));
    let second = plan.step(done(&first[0]), at(1));
    assert_eq!(plan.step(Event::UndoAsked, at(2)), []);
    assert_eq!(plan.phase, Phase::Turning);
    let mut plan = reread(&plan);
    assert_eq!(plan.step(Event::Resumed, at(3)), second);
    let back = plan.step(done(&second[0]), at(3));
    assert!(matches!(back.as_slice(), [Action::Undo { index: 1, .. }]));
    assert_eq!(plan.step(done(&second[0]), at(3)), [], "told twice");
    assert_eq!(plan.step(done(&back[0]), at(4)), [Action::Tell]);
    assert!(matches!(plan.phase, Phase::Undone { .. }));
}

#[test]
fn a_way_back_that_fails_stands_still_and_is_tried_again() {
    let course = Course {
        failing: Some(10),
        ..Course::default()
    };
    let mut plan = Plan::new(wanted(Kind::Restore));
    let mut world = World::default();
    let mut actions = plan.step(Event::Begin, at(0));
    let mut refused = false;
    while let Some(action) = actions.pop().filter(|action| *action != Action::Tell) {
        let event = match &action {
            Action::Run { index, .. } if Some(*index) == course.failing => {
                action.failed("gone").unwrap()
            }
            Action::Undo {
                task: Task::Bring { source },
                ..
            } if source == "cache" && !refused => {
                refused = true;
                action.failed("gone").unwrap()
            }
            _ => {
                world.act(&action);
                world.done(&action)
            }
        };
        actions = plan.step(event, at(1));
    }
    let Phase::Stuck { why, back: true } = &plan.phase else {
        panic!("{plan:?}")
    };
    assert_eq!(why, "cannot be undone: bring back cache: gone");
    assert_eq!(world.undone, ["uploads"]);
    assert_eq!(plan.step(Event::Begin, at(2)), []);
    play(&mut plan, Event::Again, &mut world, Course::default());
    assert!(matches!(plan.phase, Phase::Undone { .. }));
    assert_eq!(world.undone, ["uploads", "cache", "orders"], "each once");
}

#[test]
fn a_recovery_that_fails_goes_on_from_there() {
    let course = Course {
        failing: Some(5),
        ..Course::default()
    };
    let (plan, _) = ended(Kind::Recover, course, &[]);
    let Phase::Stuck { why, back: false } = &plan.phase else {
        panic!("{plan:?}")
    };
    assert_eq!(why, "bring back orders: no room left");
    assert!(plan.is_resting() && !plan.is_over());
    let then = [Event::UndoAsked, Event::Again, Event::Accepted];
    let (plan, world) = ended(Kind::Recover, course, &then);
    assert_eq!(plan.phase, Phase::Settled, "there is no way back from it");
    assert_eq!(world.replaced.len(), 3);
    assert_eq!(plan.timed().len(), plan.entries.len());
}
