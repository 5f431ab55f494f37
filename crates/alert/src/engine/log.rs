//! The notification log: what each integration was last told about each group.
//!
//! It is what makes a restart go on instead of telling everything again, and what a repetition is
//! measured by.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notification::{Fingerprint, IntegrationKey};

/// How long an entry is kept at most.
const RETENTION: Duration = Duration::from_hours(120);

/// Whom an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogKey {
    pub group_key: String,
    pub receiver: String,
    pub integration: IntegrationKey,
}

/// What was last told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    pub at: Timestamp,
    pub firing: BTreeSet<Fingerprint>,
    pub resolved: BTreeSet<Fingerprint>,
    pub gone_at: Timestamp,
}

/// Why an integration is told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It has not been told about this group.
    First,
    /// Alerts fire that it has not been told of.
    NewFiring,
    /// Nothing fires any more.
    AllResolved,
    /// Some are over, and it wants to know.
    NewResolved,
    /// `repeat_interval` has passed.
    Repeat,
    /// A step of an escalation is due.
    Escalation,
    /// A sign of life is due.
    Heartbeat,
}

/// Why an integration is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quiet {
    /// What is over was never told.
    NeverTold,
    /// It knows all of it; told again when `repeat_interval` has passed.
    KnowsAll { since: Timestamp },
    /// It knows that all is over.
    KnowsResolved,
    /// All that fires is acknowledged.
    Acknowledged,
}

#[derive(Debug, Clone, Default)]
pub(super) struct NotificationLog {
    entries: BTreeMap<LogKey, LogEntry>,
    pub(super) changed: Vec<LogKey>,
}

impl NotificationLog {
    pub(super) fn get(&self, key: &LogKey) -> Option<&LogEntry> {
        self.entries.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&LogKey, &LogEntry)> {
        self.entries.iter()
    }

    pub(super) fn put(
        &mut self,
        key: LogKey,
        firing: BTreeSet<Fingerprint>,
        resolved: BTreeSet<Fingerprint>,
        repeat: Duration,
        now: Timestamp,
    ) {
        let gone_at = now + RETENTION.min(repeat * 2);
        self.changed.push(key.clone());
        self.entries.insert(
            key,
            LogEntry {
                at: now,
                firing,
                resolved,
                gone_at,
            },
        );
    }

    /// An entry that is still needed though nothing is told.
    pub(super) fn keep(&mut self, key: &LogKey, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(key)
            && entry.gone_at < now + RETENTION / 2
        {
            entry.gone_at = now + RETENTION;
            self.changed.push(key.clone());
        }
    }

    pub(super) fn restore(&mut self, key: LogKey, entry: LogEntry) {
        self.entries.insert(key, entry);
    }

    pub(super) fn sweep(&mut self, now: Timestamp) {
        let changed = &mut self.changed;
        self.entries.retain(|key, entry| {
            let keep = entry.gone_at > now;
            if !keep {
                changed.push(key.clone());
            }
            keep
        });
    }
}

/// Whether an integration has to be told, and why or why not.
pub(super) fn needs(
    entry: Option<&LogEntry>,
    firing: &BTreeSet<Fingerprint>,
    resolved: &BTreeSet<Fingerprint>,
    send_resolved: bool,
    repeat: Duration,
    now: Timestamp,
) -> Result<Reason, Quiet> {
    let Some(entry) = entry else {
        return if firing.is_empty() {
            Err(Quiet::NeverTold)
        } else {
            Ok(Reason::First)
        };
    };
    if !firing.is_subset(&entry.firing) {
        return Ok(Reason::NewFiring);
    }
    // Whether or not it wants to know: what it was told to fire has to be forgotten.
    if firing.is_empty() {
        let told = !entry.firing.is_empty();
        return if told {
            Ok(Reason::AllResolved)
        } else {
            Err(Quiet::KnowsResolved)
        };
    }
    if send_resolved && !resolved.is_subset(&entry.resolved) {
        return Ok(Reason::NewResolved);
    }
    if entry.at + repeat < now {
        return Ok(Reason::Repeat);
    }
    Err(Quiet::KnowsAll { since: entry.at })
}
