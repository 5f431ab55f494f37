//! The steps in virtual time, with failures and with a crash after every event.

use crate::*;
use mainstay_model::{Step, Timestamp};
use std::collections::BTreeMap;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn full() -> Plan {
    Plan {
        parts: Part::ALL
            .into_iter()
            .map(|part| Planned::new(part, How::Do))
            .collect(),
    }
}

/// A rollout and a machine that do what is asked, one thing each 10 ms.
struct Toy {
    pipeline: Pipeline,
    now: i64,
    ran: Vec<Part>,
    /// Parts that do not pass.
    bad: BTreeMap<Part, Finish>,
    /// The control plane dies after this many events.
    crash_at: Option<usize>,
    events: usize,
}

impl Toy {
    fn new(plan: Plan) -> Self {
        Self {
            pipeline: Pipeline::begin(plan),
            now: 0,
            ran: Vec::new(),
            bad: BTreeMap::new(),
            crash_at: None,
            events: 0,
        }
    }

    /// One event; `None`: the control plane died before it could act on it.
    fn step(&mut self, event: Event) -> Option<Vec<Action>> {
        self.now += 10;
        self.events += 1;
        let actions = self.pipeline.step(event, at(self.now));
        let kept = serde_json::to_string(&self.pipeline).unwrap();
        if self.crash_at == Some(self.events) {
            self.pipeline = serde_json::from_str(&kept).unwrap();
            assert!(
                self.pipeline
                    .step(Event::Restarted, at(self.now))
                    .is_empty()
            );
            return None;
        }
        Some(actions)
    }

    /// Asks until the gate is open or shut, as a rollout does.
    fn pass(&mut self, gate: Gate) -> Result<(), String> {
        let mut event = Event::Wanted { gate };
        for _ in 0..100 {
            let Some(actions) = self.step(event) else {
                event = Event::Wanted { gate };
                continue;
            };
            assert!(actions.len() <= 1, "one thing at a time: {actions:?}");
            event = match actions.into_iter().next() {
                Some(Action::Run { part }) => {
                    self.ran.push(part);
                    let passed = Finish::Passed {
                        evidence: vec![format!("{part} done")],
                    };
                    let finish = self.bad.get(&part).cloned().unwrap_or(passed);
                    Event::Finished { part, finish }
                }
                Some(Action::Open { gate: opened }) => {
                    assert_eq!(opened, gate);
                    return Ok(());
                }
                Some(Action::Shut { gate: shut, reason }) => {
                    assert_eq!(shut, gate);
                    return Err(reason);
                }
                None => Event::Wanted { gate },
            };
        }
        panic!("the gate neither opens nor shuts: {:#?}", self.pipeline);
    }

    fn deploy(&mut self) -> Result<(), String> {
        let result = self
            .pass(Gate::Before)
            .and_then(|()| self.pass(Gate::After));
        let outcome = match &result {
            Ok(()) => Outcome::Succeeded,
            Err(reason) => Outcome::Failed {
                reason: reason.clone(),
            },
        };
        let ended = Event::RolloutEnded { outcome };
        if self.step(ended.clone()).is_none() {
            // The next start settles it again.
            self.step(ended);
        }
        result
    }

    fn states(&self) -> Vec<(Part, String)> {
        let entries = self.pipeline.entries().iter();
        entries
            .map(|entry| (entry.part, entry.state.to_string()))
            .collect()
    }
}

#[test]
fn all_ten_steps_pass_in_their_order_with_their_times() {
    let mut toy = Toy::new(full());
    assert_eq!(toy.deploy(), Ok(()));
    let steps: Vec<Step> = toy
        .pipeline
        .entries()
        .iter()
        .filter_map(|one| one.part.step())
        .collect();
    assert_eq!(steps, Step::ALL);
    assert!(
        toy.states().iter().all(|(_, state)| state == "passed"),
        "{:?}",
        toy.states()
    );
    for entry in toy.pipeline.entries() {
        let (from, to) = (entry.started_at.unwrap(), entry.finished_at.unwrap());
        assert!(to.since(from).as_millis() >= 10, "{entry:?}");
    }
    assert!(toy.pipeline.has_ended());
}

/// After every single event the control plane dies once: the record is the same, but for times.
#[test]
fn a_crash_between_any_two_steps_changes_nothing_but_time() {
    let mut without = Toy::new(full());
    without.deploy().unwrap();
    for crash_at in 1..=without.events {
        let mut toy = Toy::new(full());
        toy.crash_at = Some(crash_at);
        assert_eq!(toy.deploy(), Ok(()), "crash at {crash_at}");
        assert_eq!(toy.states(), without.states(), "crash at {crash_at}");
        let mut once = toy.ran.clone();
        once.dedup();
        assert_eq!(
            once, without.ran,
            "crash at {crash_at}: order, and nothing that ended runs again"
        );
    }
}

#[test]
fn a_required_step_that_fails_shuts_its_gate_and_the_rest_is_not_done() {
    for part in Part::ALL.into_iter().filter(|part| part.gate().is_some()) {
        for finish in [
            Finish::Failed {
                reason: "exit 3".to_owned(),
                evidence: vec!["no room".to_owned()],
            },
            Finish::NotDone {
                why: "cannot measure".to_owned(),
            },
        ] {
            let mut without = Toy::new(full());
            without.bad.insert(part, finish.clone());
            let reason = without.deploy().unwrap_err();
            assert!(reason.starts_with(part.word()), "{reason}");
            for crash_at in 1..=without.events {
                let mut toy = Toy::new(full());
                toy.bad.insert(part, finish.clone());
                toy.crash_at = Some(crash_at);
                assert_eq!(toy.deploy(), Err(reason.clone()), "crash at {crash_at}");
                assert_eq!(toy.states(), without.states(), "crash at {crash_at}");
            }
            for (other, state) in without.states() {
                if other > part && other != Part::Update {
                    assert!(state.starts_with("not done"), "{other}: {state}");
                }
            }
            assert_ne!(without.states()[part as usize].1, "passed");
        }
    }
}

#[test]
fn a_step_that_is_not_required_may_fail() {
    let mut plan = full();
    for planned in &mut plan.parts {
        planned.required = planned.part != Part::LoadTest;
    }
    let mut toy = Toy::new(plan);
    let reason = "too slow".to_owned();
    let evidence = vec!["p95 900 ms".to_owned()];
    toy.bad
        .insert(Part::LoadTest, Finish::Failed { reason, evidence });
    assert_eq!(toy.deploy(), Ok(()));
    let entry = toy.pipeline.entry(Part::LoadTest).unwrap();
    assert_eq!(entry.state.to_string(), "failed: too slow");
    assert_eq!(entry.evidence, ["p95 900 ms"]);
}

#[test]
fn what_is_missing_is_refused_by_name_unless_it_is_waived_or_not_required() {
    let missing = || How::Missing {
        why: "no command".to_owned(),
        hint: "give one".to_owned(),
    };
    let waived = How::Waived {
        by: "user 0".to_owned(),
        reason: "none yet".to_owned(),
    };
    let mut plan = full();
    plan.parts[2].how = missing();
    plan.parts[8].how = missing();
    let parts: Vec<Part> = plan.refusals().iter().map(|one| one.part).collect();
    assert_eq!(parts, [Part::Backup, Part::LoadTest]);
    plan.parts[2].how = waived;
    plan.parts[8].required = false;
    assert!(plan.refusals().is_empty());
    let mut toy = Toy::new(plan);
    assert_eq!(toy.deploy(), Ok(()));
    assert_eq!(toy.states()[2].1, "waived by user 0: none yet");
    assert_eq!(toy.states()[8].1, "not done: no command");
    assert!(!toy.ran.contains(&Part::Backup) && !toy.ran.contains(&Part::LoadTest));
}

#[test]
fn a_rollout_that_turns_back_by_itself_leaves_no_step_open() {
    for failing_watch in [false, true] {
        let mut toy = Toy::new(full());
        toy.pass(Gate::Before).unwrap();
        if failing_watch {
            toy.pass(Gate::After).unwrap();
        }
        let reason = "app-r2-1 crashed".to_owned();
        toy.step(Event::RolloutEnded {
            outcome: Outcome::Failed { reason },
        });
        assert!(toy.pipeline.entries().iter().all(Entry::has_ended));
        let failed = if failing_watch {
            Part::Watch
        } else {
            Part::Update
        };
        let entry = toy.pipeline.entry(failed).unwrap();
        assert_eq!(entry.state.to_string(), "failed: app-r2-1 crashed");
    }
}

#[test]
fn what_comes_too_late_or_twice_is_nothing() {
    let mut toy = Toy::new(full());
    let passed = |part| Event::Finished {
        part,
        finish: Finish::Passed { evidence: vec![] },
    };
    assert_eq!(toy.step(passed(Part::Backup)), Some(vec![]));
    let gate = Gate::Before;
    toy.step(Event::Wanted { gate });
    assert_eq!(
        toy.step(Event::Wanted { gate }),
        Some(vec![]),
        "it runs already"
    );
    toy.pipeline.step(passed(Part::PreChecks), at(0));
    assert_eq!(toy.step(passed(Part::PreChecks)), Some(vec![]));
    assert_eq!(toy.pipeline.running(), Some(Part::Configuration));
}
