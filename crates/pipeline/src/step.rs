//! One event in, actions out.

use crate::part::{Gate, Part};
use crate::state::{Entry, Phase, Pipeline, State};
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The rollout stands before the gate and asks for it. May come again.
    Wanted { gate: Gate },
    /// A part that was asked for has ended.
    Finished { part: Part, finish: Finish },
    /// The control plane started again: what ran in it runs no more.
    Restarted,
    /// The rollout has ended.
    RolloutEnded { outcome: Outcome },
}

/// How a part ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finish", rename_all = "snake_case")]
pub enum Finish {
    Passed {
        evidence: Vec<String>,
    },
    Failed {
        reason: String,
        evidence: Vec<String>,
    },
    /// It could not be measured.
    NotDone {
        why: String,
    },
}

/// How the rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed { reason: String },
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    Run {
        part: Part,
    },
    /// The rollout may go on.
    Open {
        gate: Gate,
    },
    /// The rollout must turn back.
    Shut {
        gate: Gate,
        reason: String,
    },
}

impl Pipeline {
    /// Takes one event. Persist what it changed before its actions are carried out.
    pub fn step(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        match event {
            Event::Wanted { gate } => self.wanted(gate, now),
            Event::Finished { part, finish } => self.finished(part, finish, now),
            Event::Restarted => {
                self.restarted();
                Vec::new()
            }
            Event::RolloutEnded { outcome } => {
                self.rollout_ended(&outcome, now);
                Vec::new()
            }
        }
    }

    fn wanted(&mut self, gate: Gate, now: Timestamp) -> Vec<Action> {
        if let Some((shut, reason)) = self.failure.clone().filter(|(shut, _)| *shut == gate) {
            return vec![Action::Shut { gate: shut, reason }];
        }
        match (gate, self.phase) {
            (Gate::Before, Phase::Before) | (Gate::After, Phase::After) => self.advance(now),
            (Gate::After, Phase::Moving) => {
                self.end(Part::Update, State::Passed, now);
                self.phase = Phase::After;
                self.advance(now)
            }
            // It is open already: the answer was lost.
            (Gate::Before, Phase::Moving | Phase::After | Phase::Watching)
            | (Gate::After, Phase::Watching) => vec![Action::Open { gate }],
            _ => Vec::new(),
        }
    }

    /// The next part, or the gate.
    fn advance(&mut self, now: Timestamp) -> Vec<Action> {
        let gate = match self.phase {
            Phase::Before => Gate::Before,
            Phase::After => Gate::After,
            _ => return Vec::new(),
        };
        let mut parts = self.entries.iter_mut();
        let open = parts.find(|entry| entry.part.gate() == Some(gate) && !entry.has_ended());
        if let Some(entry) = open {
            if entry.state == State::Running {
                return Vec::new();
            }
            entry.begin(now);
            return vec![Action::Run { part: entry.part }];
        }
        let (phase, part) = match gate {
            Gate::Before => (Phase::Moving, Part::Update),
            Gate::After => (Phase::Watching, Part::Watch),
        };
        self.phase = phase;
        if let Some(entry) = self.entry_mut(part).filter(|entry| !entry.has_ended()) {
            entry.begin(now);
        }
        vec![Action::Open { gate }]
    }

    fn finished(&mut self, part: Part, finish: Finish, now: Timestamp) -> Vec<Action> {
        let running = self.running() == Some(part) && part.gate().is_some();
        let Some(entry) = self.entry_mut(part).filter(|_| running) else {
            // Of an earlier life, or after the rollout turned back.
            return Vec::new();
        };
        let (state, evidence) = match finish {
            Finish::Passed { evidence } => (State::Passed, evidence),
            Finish::Failed { reason, evidence } => (State::Failed { reason }, evidence),
            Finish::NotDone { why } => (State::NotDone { why }, Vec::new()),
        };
        entry.state = state;
        entry.evidence = evidence;
        entry.finished_at = Some(now);
        if entry.state == State::Passed || !entry.required {
            return self.advance(now);
        }
        let reason = format!("{part}: {}", said(&entry.state));
        self.shut(part, reason)
    }

    fn shut(&mut self, part: Part, reason: String) -> Vec<Action> {
        let Some(gate) = part.gate() else {
            return Vec::new();
        };
        self.failure = Some((gate, reason.clone()));
        let why = format!("the deploy ended at {part}");
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.state == State::Waiting)
        {
            entry.state = State::NotDone { why: why.clone() };
        }
        vec![Action::Shut { gate, reason }]
    }

    /// What ran is asked for again when its gate is; the rollout goes on by itself.
    fn restarted(&mut self) {
        for entry in &mut self.entries {
            if entry.state == State::Running && entry.part.gate().is_some() {
                entry.state = State::Waiting;
            }
        }
    }

    fn rollout_ended(&mut self, outcome: &Outcome, now: Timestamp) {
        if self.phase == Phase::Ended {
            return;
        }
        self.phase = Phase::Ended;
        for entry in &mut self.entries {
            let own = matches!(entry.part, Part::Update | Part::Watch);
            let state = match (&entry.state, outcome) {
                (State::Running, Outcome::Succeeded) if own => State::Passed,
                (State::Running, Outcome::Failed { reason }) if own => State::Failed {
                    reason: reason.clone(),
                },
                (State::Running, Outcome::Failed { reason }) => State::NotDone {
                    why: format!("interrupted: {reason}"),
                },
                (State::Waiting | State::Running, _) => State::NotDone {
                    why: "the rollout ended before".to_owned(),
                },
                _ => continue,
            };
            if entry.state == State::Running {
                entry.finished_at = Some(now);
            }
            entry.state = state;
        }
    }

    fn end(&mut self, part: Part, state: State, now: Timestamp) {
        if let Some(entry) = self.entry_mut(part).filter(|entry| !entry.has_ended()) {
            entry.state = state;
            entry.finished_at = Some(now);
        }
    }

    fn entry_mut(&mut self, part: Part) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.part == part)
    }
}

impl Entry {
    /// Begun again it keeps the time of its first beginning.
    fn begin(&mut self, now: Timestamp) {
        self.state = State::Running;
        self.started_at.get_or_insert(now);
    }
}

/// The words of a state behind its name.
fn said(state: &State) -> String {
    match state {
        State::Failed { reason } => reason.clone(),
        other => other.to_string(),
    }
}
