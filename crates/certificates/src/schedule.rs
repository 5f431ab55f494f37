//! When certificates are asked for. Pure: it is told what happened and when.
//!
//! One order runs at a time. A certificate is renewed after two thirds of its lifetime, a little
//! earlier by a share that its host decides, so that a hundred of them do not come at once. After
//! a failure the next try is later each time, and never sooner than the authority asked for.

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After the first failure in a row, the second, and so on; the last for all others. An authority
/// that is public allows five failed proofs an hour for one host.
const BACK_OFF: [Duration; 7] = [
    Duration::from_secs(60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(12 * 3600),
];

/// An order that never came back, for example because its server was killed.
const LOST: Duration = Duration::from_secs(15 * 60);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These hosts want a certificate, and no others.
    Wanted(BTreeSet<String>),
    /// This one is kept for the host, from now or from before.
    Issued {
        host: String,
        not_before: Timestamp,
        not_after: Timestamp,
    },
    Failed {
        host: String,
        reason: String,
        /// The authority asked for this much time.
        limited: Option<Duration>,
    },
    /// Somebody asks for a new one now.
    Asked(String),
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Order { host: String },
}

/// What is known of the failures of one host; kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// In a row.
    pub failures: u32,
    pub reason: String,
    pub since: Timestamp,
    pub next_try: Timestamp,
}

#[derive(Debug, Clone, Default)]
struct Host {
    validity: Option<(Timestamp, Timestamp)>,
    trouble: Option<Trouble>,
    asked: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Schedule {
    wanted: BTreeSet<String>,
    hosts: BTreeMap<String, Host>,
    running: Option<(String, Timestamp)>,
}

impl Schedule {
    /// With the troubles that were kept from before.
    pub fn new(troubles: BTreeMap<String, Trouble>) -> Self {
        let hosts = troubles.into_iter().map(|(host, trouble)| {
            let known = Host {
                trouble: Some(trouble),
                ..Host::default()
            };
            (host, known)
        });
        Self {
            hosts: hosts.collect(),
            ..Self::default()
        }
    }

    /// Takes in what happened, and says what is to be done.
    pub fn step(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        match event {
            Event::Tick => {}
            Event::Wanted(hosts) => {
                self.hosts.retain(|host, _| hosts.contains(host));
                self.wanted = hosts;
            }
            Event::Asked(host) => {
                self.ask(&host);
            }
            Event::Issued {
                host,
                not_before,
                not_after,
            } => {
                self.end(&host);
                let known = self.hosts.entry(host).or_default();
                *known = Host {
                    validity: Some((not_before, not_after)),
                    ..Host::default()
                };
            }
            Event::Failed {
                host,
                reason,
                limited,
            } => self.failed(host, reason, limited, now),
        }
        self.next(now).into_iter().collect()
    }

    /// A certificate that lies there from before. It ends no trouble: the one after it failed.
    pub fn note_kept(&mut self, host: &str, not_before: Timestamp, not_after: Timestamp) {
        let known = self.hosts.entry(host.to_owned()).or_default();
        known.validity = Some((not_before, not_after));
    }

    /// As [`Event::Asked`], for who waits for no answer.
    pub fn ask(&mut self, host: &str) {
        if self.wanted.contains(host) {
            self.hosts.entry(host.to_owned()).or_default().asked = true;
        }
    }

    fn end(&mut self, host: &str) {
        if self
            .running
            .as_ref()
            .is_some_and(|(running, _)| running == host)
        {
            self.running = None;
        }
    }

    fn failed(&mut self, host: String, reason: String, limited: Option<Duration>, now: Timestamp) {
        self.end(&host);
        let spread = share(&host);
        let known = self.hosts.entry(host).or_default();
        known.asked = false;
        let failures = known.trouble.as_ref().map_or(0, |trouble| trouble.failures);
        let step = BACK_OFF[(failures as usize).min(BACK_OFF.len() - 1)];
        let wait = step.max(limited.unwrap_or_default());
        known.trouble = Some(Trouble {
            failures: failures.saturating_add(1),
            reason,
            since: known.trouble.as_ref().map_or(now, |trouble| trouble.since),
            next_try: now + wait + wait.mul_f64(spread / 10.0),
        });
    }

    fn next(&mut self, now: Timestamp) -> Option<Action> {
        if let Some((_, since)) = &self.running
            && now < *since + LOST
        {
            return None;
        }
        let due = self.wanted.iter().filter_map(|host| {
            let due = self.due(host);
            (due <= now).then_some((due, host))
        });
        let (_, host) = due.min()?;
        let host = host.clone();
        self.running = Some((host.clone(), now));
        Some(Action::Order { host })
    }

    /// When the next order for a host is due.
    fn due(&self, host: &str) -> Timestamp {
        let Some(known) = self.hosts.get(host) else {
            return Timestamp::default();
        };
        if known.asked {
            return Timestamp::default();
        }
        let renewal = known.validity.map_or(Timestamp::default(), |validity| {
            renewal(host, validity.0, validity.1)
        });
        let next_try = known.trouble.as_ref().map(|trouble| trouble.next_try);
        renewal.max(next_try.unwrap_or_default())
    }

    /// When something is to be done next; `None`: not by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        if let Some((_, since)) = &self.running {
            return Some(*since + LOST);
        }
        self.wanted.iter().map(|host| self.due(host)).min()
    }

    /// When the certificate of a host is renewed or had; `None`: nobody wants one.
    pub fn due_of(&self, host: &str) -> Option<Timestamp> {
        self.wanted.contains(host).then(|| self.due(host))
    }

    /// What keeps the hosts from their certificates.
    pub fn troubles(&self) -> BTreeMap<String, Trouble> {
        let troubled = self.hosts.iter().filter_map(|(host, known)| {
            let trouble = known.trouble.clone()?;
            Some((host.clone(), trouble))
        });
        troubled.collect()
    }

    pub fn wanted(&self) -> &BTreeSet<String> {
        &self.wanted
    }
}

/// After two thirds of the lifetime, less up to a twentieth of it.
fn renewal(host: &str, not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    let lifetime = not_after.since(not_before);
    not_before + lifetime.mul_f64(2.0 / 3.0 - share(host) / 20.0)
}

/// From 0 to 1, always the same for one host (FNV-1a).
fn share(host: &str) -> f64 {
    let hash = host.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash % 1000) as f64 / 1000.0
}

#[cfg(test)]
mod tests;
