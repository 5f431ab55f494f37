//! What is kept over a restart, as rows that are put or taken away.

use std::collections::BTreeSet;
use std::sync::Arc;

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::History;
use super::group::{GroupId, GroupMark};
use super::log::{LogEntry, LogKey};
use super::{Action, Alert, Engine, Escalation, Silence};
use crate::beyond::Recurring;
use crate::config::Configuration;
use crate::notification::Fingerprint;

/// Who said so, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub by: String,
    pub at: Timestamp,
    pub comment: String,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    Alert {
        alert: Alert,
        acknowledged: Option<Acknowledgement>,
        muted: Option<Acknowledgement>,
    },
    Silence(Silence),
    Log {
        key: LogKey,
        entry: LogEntry,
    },
    Group(GroupMark),
    Recurring(Recurring),
    Escalation {
        alert: Fingerprint,
        escalation: Escalation,
    },
}

/// A row that is put under its key, or taken away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub key: String,
    pub record: Option<Record>,
}

/// What has changed since the rows were last asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Dirty {
    pub(super) alerts: BTreeSet<Fingerprint>,
    pub(super) groups: BTreeSet<GroupId>,
    pub(super) recurring: BTreeSet<String>,
    pub(super) escalations: BTreeSet<Fingerprint>,
}

impl Engine {
    /// The rows that have changed since the last call. To be written down, all or none, before the
    /// actions of the steps between are done.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let dirty = std::mem::take(&mut self.dirty);
        let mut changes = Vec::new();
        for fingerprint in dirty.alerts {
            let key = format!("alert/{fingerprint}");
            changes.push(Change {
                key,
                record: self.alert_record(fingerprint),
            });
        }
        for id in dirty.groups {
            changes.push(Change {
                key: id.row(),
                record: self.group_record(id),
            });
        }
        for id in dirty.recurring {
            let record = self.recurring_record(&id);
            changes.push(Change {
                key: format!("recurring/{id}"),
                record,
            });
        }
        for alert in dirty.escalations {
            let record = self.escalation_record(alert);
            changes.push(Change {
                key: format!("escalation/{alert}"),
                record,
            });
        }
        let silences: BTreeSet<String> = std::mem::take(&mut self.silences.changed)
            .into_iter()
            .collect();
        for id in silences {
            let record = self.silences.get(&id).cloned().map(Record::Silence);
            changes.push(Change {
                key: format!("silence/{id}"),
                record,
            });
        }
        let log: BTreeSet<LogKey> = std::mem::take(&mut self.log.changed).into_iter().collect();
        for key in log {
            let entry = self.log.get(&key).cloned();
            let row = key.row();
            changes.push(Change {
                key: row,
                record: entry.map(|entry| Record::Log { key, entry }),
            });
        }
        changes
    }

    /// All rows there are.
    pub fn records(&self) -> Vec<Change> {
        let put = |key: String, record: Option<Record>| {
            record.map(|r| Change {
                key,
                record: Some(r),
            })
        };
        let alerts = self.alerts.keys();
        let alerts = alerts.filter_map(|f| put(format!("alert/{f}"), self.alert_record(*f)));
        let groups = self
            .groups
            .keys()
            .filter_map(|id| put(id.row(), self.group_record(*id)));
        let silences = self.silences.iter();
        let silences = silences.filter_map(|s| {
            put(
                format!("silence/{}", s.id),
                Some(Record::Silence(s.clone())),
            )
        });
        let log = self.log.iter().filter_map(|(key, entry)| {
            let record = Record::Log {
                key: key.clone(),
                entry: entry.clone(),
            };
            put(key.row(), Some(record))
        });
        let recurring = self.recurring.keys();
        let recurring =
            recurring.filter_map(|id| put(format!("recurring/{id}"), self.recurring_record(id)));
        let escalations = self.escalations.keys();
        let escalations = escalations.filter_map(|alert| {
            put(
                format!("escalation/{alert}"),
                self.escalation_record(*alert),
            )
        });
        let kept = alerts.chain(groups).chain(silences).chain(log);
        kept.chain(recurring).chain(escalations).collect()
    }

    /// An engine that goes on where those rows were written.
    pub fn restore(
        config: Arc<Configuration>,
        records: impl IntoIterator<Item = Record>,
        now: Timestamp,
    ) -> Self {
        let mut engine = Self::new(config, now);
        let mut marks = Vec::new();
        for record in records {
            match record {
                Record::Alert {
                    alert,
                    acknowledged,
                    muted,
                } => {
                    let fingerprint = alert.fingerprint;
                    engine
                        .acknowledged
                        .extend(acknowledged.map(|who| (fingerprint, who)));
                    engine.muted.extend(muted.map(|who| (fingerprint, who)));
                    if let Err(error) = engine.keep(alert, now) {
                        engine.out.push(Action::Refused(error));
                    }
                }
                Record::Silence(silence) => engine.silences.restore(silence),
                Record::Log { key, entry } => engine.log.restore(key, entry),
                Record::Group(mark) => marks.push(mark),
                // One that was taken is taken again; a newer version may judge otherwise.
                Record::Recurring(recurring) => drop(engine.set_recurring(recurring)),
                Record::Escalation { alert, escalation } => {
                    engine.restore_escalation(alert, escalation, now);
                }
            }
        }
        engine.apply_marks(&marks, now);
        // That they are in their groups was decided before.
        engine.history = History::default();
        engine
            .out
            .retain(|action| matches!(action, Action::Refused(_)));
        // Rows of groups that are no more would stay for ever.
        engine.dirty.groups.extend(marks.iter().map(GroupMark::id));
        engine
    }

    fn alert_record(&self, fingerprint: Fingerprint) -> Option<Record> {
        let alert = self.alerts.get(&fingerprint)?.clone();
        Some(Record::Alert {
            alert,
            acknowledged: self.acknowledged.get(&fingerprint).cloned(),
            muted: self.muted.get(&fingerprint).cloned(),
        })
    }

    fn recurring_record(&self, id: &str) -> Option<Record> {
        let (recurring, _) = self.recurring.get(id)?;
        Some(Record::Recurring(recurring.clone()))
    }

    fn escalation_record(&self, alert: Fingerprint) -> Option<Record> {
        let escalation = self.escalations.get(&alert)?.clone();
        Some(Record::Escalation { alert, escalation })
    }

    fn group_record(&self, id: GroupId) -> Option<Record> {
        let group = self.groups.get(&id)?;
        Some(Record::Group(group.mark(self.routes.get(id.route)?, id)))
    }
}

impl GroupId {
    fn row(self) -> String {
        format!("group/{}/{}", self.route, self.labels)
    }
}

impl LogKey {
    fn row(&self) -> String {
        format!(
            "log/{}/{}/{}",
            self.receiver, self.integration, self.group_key
        )
    }
}
