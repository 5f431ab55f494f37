//! The steps of a restore or a recovery, and the way back, as one machine.
//!
//! The whole of it is its state: written down before each action is begun, it goes on after a crash at the
//! very task that was under way. Tasks are done one after the other; the way back is the same way backwards.
//! What was undone is never undone again. After the last task everything can still be undone, until what was
//! kept for it is given up.
//!
//! A restore that fails goes back by itself. A recovery has nothing to go back to: it stands where it
//! failed and can be tried again from there.

mod tasks;
#[cfg(test)]
mod tests;

pub use tasks::{Kind, Source, Task, Wanted};

use crate::report::Timed;
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A restore or a recovery, as far as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub wanted: Wanted,
    pub entries: Vec<Entry>,
    pub phase: Phase,
}

/// One task, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub task: Task,
    pub state: State,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// What whoever did it needs for an undo, in its own words; no secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    Waiting,
    Running,
    Done,
    Failed { why: String },
    Undoing,
    Undone,
    Settling,
    Settled,
}

/// Where the whole stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    Forward,
    /// Somebody asked for the way back; it begins when the task that runs has ended.
    Turning,
    Back {
        because: String,
    },
    /// All is done, and can be undone.
    Held,
    /// What was kept for an undo is given up.
    Settling,
    Settled,
    Undone {
        because: String,
    },
    /// Neither forward nor back; [`Event::Again`] tries the same once more.
    Stuck {
        why: String,
        back: bool,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Begin,
    /// Whoever does the tasks is there anew, and knows nothing of what was under way.
    Resumed,
    /// Of an action; see [`Action::done`].
    Done {
        index: usize,
        doing: Doing,
        #[serde(default)]
        kept: BTreeMap<String, String>,
    },
    /// See [`Action::failed`].
    Failed {
        index: usize,
        doing: Doing,
        why: String,
    },
    UndoAsked,
    /// It is good: nobody wants it undone.
    Accepted,
    Again,
}

/// What an event is told of: that a task was done is another thing than that it was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    Run,
    Undo,
    Settle,
}

/// What is to be done now. Write the plan down first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    Run {
        index: usize,
        task: Task,
    },
    /// The opposite: start what was stopped, stop what was started, put back what was replaced.
    Undo {
        index: usize,
        task: Task,
        kept: BTreeMap<String, String>,
    },
    /// Give up what was kept for an undo.
    Settle {
        index: usize,
        task: Task,
        kept: BTreeMap<String, String>,
    },
    /// Tell whoever waits: the phase says what.
    Tell,
}

impl Action {
    /// That it was done. `kept` is what its undo needs; it counts for [`Action::Run`] only.
    pub fn done(&self, kept: BTreeMap<String, String>) -> Option<Event> {
        let (index, doing) = self.subject()?;
        Some(Event::Done { index, doing, kept })
    }

    pub fn failed(&self, why: impl Into<String>) -> Option<Event> {
        let (index, doing) = self.subject()?;
        let why = why.into();
        Some(Event::Failed { index, doing, why })
    }

    const fn subject(&self) -> Option<(usize, Doing)> {
        match self {
            Self::Run { index, .. } => Some((*index, Doing::Run)),
            Self::Undo { index, .. } => Some((*index, Doing::Undo)),
            Self::Settle { index, .. } => Some((*index, Doing::Settle)),
            Self::Tell => None,
        }
    }
}

impl State {
    /// What is under way.
    const fn doing(&self) -> Option<Doing> {
        match self {
            Self::Running => Some(Doing::Run),
            Self::Undoing => Some(Doing::Undo),
            Self::Settling => Some(Doing::Settle),
            _ => None,
        }
    }
}

impl Plan {
    pub fn new(wanted: Wanted) -> Self {
        let entries = wanted.tasks().into_iter().map(|task| Entry {
            task,
            state: State::Waiting,
            began: None,
            ended: None,
            kept: BTreeMap::new(),
        });
        Self {
            entries: entries.collect(),
            wanted,
            phase: Phase::Forward,
        }
    }

    /// Takes in what happened. An event that does not fit where it stands changes nothing: it was told twice, or
    /// too late.
    pub fn step(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        match event {
            Event::Begin => self.begin(now),
            Event::Resumed => self.resumed(now),
            Event::Done { index, doing, kept } if self.does(index, doing) => {
                self.done(index, kept, now)
            }
            Event::Failed { index, doing, why } if self.does(index, doing) => {
                self.failed(index, why, now)
            }
            Event::Accepted if self.phase == Phase::Held => {
                self.phase = Phase::Settling;
                self.go_on(now)
            }
            Event::Done { .. } | Event::Failed { .. } | Event::Accepted => Vec::new(),
            Event::UndoAsked => self.undo_asked(now),
            Event::Again => self.again(now),
        }
    }

    /// Whether nothing is to be done until somebody says something.
    pub fn is_resting(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Forward | Phase::Turning | Phase::Back { .. } | Phase::Settling
        )
    }

    /// Whether it is over for good.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Settled | Phase::Undone { .. })
    }

    /// How long each task took that is done.
    pub fn timed(&self) -> Vec<Timed> {
        let took = self.entries.iter().filter_map(|entry| {
            Some(Timed {
                what: entry.task.to_string(),
                took: entry.ended?.since(entry.began?),
            })
        });
        took.collect()
    }

    fn begin(&mut self, now: Timestamp) -> Vec<Action> {
        let untouched = |entry: &Entry| entry.state == State::Waiting;
        if self.phase == Phase::Forward && self.entries.iter().all(untouched) {
            self.go_on(now)
        } else {
            Vec::new()
        }
    }

    /// What is under way is asked for again; where nothing is, the next.
    fn resumed(&mut self, now: Timestamp) -> Vec<Action> {
        if self.is_resting() {
            return vec![Action::Tell];
        }
        let under_way = |entry: &Entry| entry.state.doing().is_some();
        match self.entries.iter().position(under_way) {
            Some(index) => vec![self.action(index)],
            None => self.go_on(now),
        }
    }

    /// What is asked for, for an entry that is under way.
    fn action(&self, index: usize) -> Action {
        let Entry {
            task, state, kept, ..
        } = &self.entries[index];
        let (task, kept) = (task.clone(), kept.clone());
        match state {
            State::Undoing => Action::Undo { index, task, kept },
            State::Settling => Action::Settle { index, task, kept },
            _ => Action::Run { index, task },
        }
    }

    fn done(
        &mut self,
        index: usize,
        kept: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Vec<Action> {
        let Some(entry) = self.entries.get_mut(index) else {
            return Vec::new();
        };
        match entry.state {
            State::Running => {
                entry.state = State::Done;
                entry.ended = Some(now);
                entry.kept = kept;
            }
            State::Undoing => entry.state = State::Undone,
            State::Settling => entry.state = State::Settled,
            _ => return Vec::new(),
        }
        if self.phase == Phase::Turning {
            self.turn("somebody asked for it");
        }
        self.go_on(now)
    }

    fn failed(&mut self, index: usize, why: String, now: Timestamp) -> Vec<Action> {
        let recovers = self.wanted.kind == Kind::Recover;
        let Some(entry) = self.entries.get_mut(index) else {
            return Vec::new();
        };
        let told = format!("{}: {why}", entry.task);
        match entry.state {
            State::Running => {
                entry.state = State::Failed { why };
                entry.ended = Some(now);
                if recovers {
                    self.phase = Phase::Stuck {
                        why: told,
                        back: false,
                    };
                    return vec![Action::Tell];
                }
                self.turn(&told);
                self.go_on(now)
            }
            State::Undoing => {
                self.phase = Phase::Stuck {
                    why: format!("cannot be undone: {told}"),
                    back: true,
                };
                vec![Action::Tell]
            }
            // What is kept costs room, and nothing else.
            State::Settling => {
                entry.state = State::Settled;
                self.go_on(now)
            }
            _ => Vec::new(),
        }
    }

    fn undo_asked(&mut self, now: Timestamp) -> Vec<Action> {
        if self.wanted.kind == Kind::Recover {
            return Vec::new();
        }
        match self.phase {
            // The task that runs is waited for: half of it cannot be undone.
            Phase::Forward if self.runs() => {
                self.phase = Phase::Turning;
                Vec::new()
            }
            Phase::Forward | Phase::Held => {
                self.turn("somebody asked for it");
                self.go_on(now)
            }
            _ => Vec::new(),
        }
    }

    fn again(&mut self, now: Timestamp) -> Vec<Action> {
        let Phase::Stuck { back, .. } = self.phase else {
            return Vec::new();
        };
        if back {
            self.phase = Phase::Back {
                because: "it was tried again".to_owned(),
            };
        } else {
            self.phase = Phase::Forward;
            for entry in &mut self.entries {
                if matches!(entry.state, State::Failed { .. }) {
                    entry.state = State::Waiting;
                }
            }
        }
        self.resumed(now)
    }

    fn does(&self, index: usize, doing: Doing) -> bool {
        let entry = self.entries.get(index);
        entry.is_some_and(|entry| entry.state.doing() == Some(doing))
    }

    fn runs(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.state == State::Running)
    }

    fn turn(&mut self, because: &str) {
        self.phase = Phase::Back {
            because: because.to_owned(),
        };
    }

    /// The next task in the direction of the phase; the phase's end, where there is none.
    fn go_on(&mut self, now: Timestamp) -> Vec<Action> {
        let next = match &self.phase {
            Phase::Forward => self.position(|entry| entry.state == State::Waiting),
            Phase::Back { .. } => (self.entries.iter()).rposition(|entry| match entry.state {
                State::Done => entry.task.can_be_undone(),
                State::Failed { .. } => entry.task.leaves_traces(),
                _ => false,
            }),
            Phase::Settling => {
                self.position(|entry| entry.state == State::Done && entry.task.is_settled())
            }
            _ => return Vec::new(),
        };
        let Some(index) = next else {
            self.phase = match std::mem::replace(&mut self.phase, Phase::Settled) {
                Phase::Back { because } => Phase::Undone { because },
                Phase::Settling => Phase::Settled,
                _ => Phase::Held,
            };
            return vec![Action::Tell];
        };
        let state = match self.phase {
            Phase::Forward => State::Running,
            Phase::Settling => State::Settling,
            _ => State::Undoing,
        };
        let entry = &mut self.entries[index];
        if state == State::Running {
            (entry.began, entry.ended) = (Some(now), None);
        }
        entry.state = state;
        vec![self.action(index)]
    }

    fn position(&self, is: impl Fn(&Entry) -> bool) -> Option<usize> {
        self.entries.iter().position(is)
    }
}
