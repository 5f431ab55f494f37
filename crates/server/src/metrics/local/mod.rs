//! What is collected without a scrape: the figures of the server, of the machine and of what runs on
//! it, of servers that are asked in a language of their own, and probes.
//!
//! Each look is stored as if it had been scraped. [`wanted`] says what there is to look at, [`source`]
//! how it is looked at, [`stored`] puts it into the store; here is when, and what came of it.
//!
//! **Invariant:** one look at a thing at a time, each within its deadline; a thing that is gone ends
//! its series at once.

mod containers;
mod probes;
mod source;
mod stored;
mod wanted;

use super::sink::StoreSink;
use crate::control::Control;
use mainstay_model::Timestamp;
use mainstay_prometheus::{ActiveTarget, MetricMetadata, ScrapeState, TargetMetadata};
use mainstay_series::Labels;
use mainstay_stack::server_file::MetricsSettings;
use source::Source;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stored::{Memory, Outcome};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

pub(super) use wanted::host_name;

/// Looks at a time; those beyond it wait for the next round.
const AT_ONCE: usize = 16;
/// Beyond the look's own deadline, for storing.
const SLACK: Duration = Duration::from_secs(5);

/// Names of jobs, as most people call those of the exporters.
const SERVER: &str = "mainstay";
const HOST: &str = "node";
const CONTAINERS: &str = "cadvisor";
const POSTGRES: &str = "postgres";
const REDIS: &str = "redis";
const PROBES: &str = "blackbox";
const JOBS: [&str; 6] = [PROBES, CONTAINERS, SERVER, HOST, POSTGRES, REDIS];

/// One thing that is looked at.
#[derive(Debug, Clone)]
struct Wanted {
    job: &'static str,
    /// Of every series, where it has none of the name: what the thing is known by.
    labels: Labels,
    /// For people; without a secret.
    address: String,
    interval: Duration,
    timeout: Duration,
    source: Source,
}

/// What is known of each thing, for whoever asks.
#[derive(Debug, Default)]
pub(super) struct Board {
    known: Mutex<BTreeMap<(String, String), Known>>,
}

#[derive(Debug)]
struct Known {
    target: ActiveTarget,
    metadata: Vec<MetricMetadata>,
}

impl Board {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<(String, String), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pools() -> impl Iterator<Item = String> {
        JOBS.into_iter().map(str::to_owned)
    }

    /// By job, then by labels.
    pub(super) fn active(&self) -> Vec<ActiveTarget> {
        let known = self.locked();
        known.values().map(|one| one.target.clone()).collect()
    }

    pub(super) fn metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata> {
        let known = self.locked();
        let of = |one: &Known| {
            let said = one.metadata.iter();
            let said = said.filter(|said| metric.is_none_or(|metric| metric == said.metric));
            let told = said.map(|said| TargetMetadata {
                target: one.target.labels.clone(),
                metadata: said.clone(),
            });
            told.collect::<Vec<_>>()
        };
        known.values().flat_map(of).collect()
    }

    fn expect(&self, wanted: &Wanted) {
        let target = ActiveTarget {
            pool: wanted.job.to_owned(),
            discovered: wanted.labels.clone(),
            labels: wanted.labels.clone(),
            url: wanted.address.clone(),
            global_url: String::new(),
            health: ScrapeState::Unknown,
            last_error: String::new(),
            last_scrape_ms: None,
            last_duration: Duration::ZERO,
            interval: wanted.interval,
            timeout: wanted.timeout,
        };
        let mut known = self.locked();
        let there = known.entry(key(wanted)).or_insert_with(|| Known {
            target: target.clone(),
            metadata: Vec::new(),
        });
        // Its state stays with it.
        there.target.url = target.url;
        there.target.interval = target.interval;
        there.target.timeout = target.timeout;
    }

    fn settle(&self, wanted: &Wanted, outcome: Outcome) {
        let mut known = self.locked();
        let Some(there) = known.get_mut(&key(wanted)) else {
            return;
        };
        let before = there.target.health;
        there.target.health = match outcome.trouble {
            None => ScrapeState::Up,
            Some(_) => ScrapeState::Down,
        };
        let trouble = outcome.trouble.unwrap_or_default();
        if there.target.health == ScrapeState::Down && before != ScrapeState::Down {
            let (job, instance) = (wanted.job, wanted.labels.get("instance"));
            tracing::warn!(job, instance, trouble, "cannot be asked for its metrics");
        }
        there.target.last_error = trouble;
        there.target.last_scrape_ms = Some(outcome.at.as_millis());
        there.target.last_duration = outcome.took;
        if let Some(metadata) = outcome.metadata {
            there.metadata = metadata;
        }
    }

    fn forget(&self, wanted: &Wanted) {
        self.locked().remove(&key(wanted));
    }
}

fn key(wanted: &Wanted) -> (String, String) {
    (wanted.job.to_owned(), wanted.labels.to_string())
}

#[derive(Debug)]
struct Entry {
    wanted: Wanted,
    due: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Box<Memory>),
    /// The task has the memory.
    Looking(Id),
}

/// Collects on time.
pub(super) struct Local {
    settings: MetricsSettings,
    board: Arc<Board>,
    entries: HashMap<Labels, Entry>,
    looks: JoinSet<(Labels, Box<Memory>)>,
}

impl Local {
    pub(super) fn new(settings: &MetricsSettings, board: Arc<Board>) -> Self {
        Self {
            settings: settings.clone(),
            board,
            entries: HashMap::new(),
            looks: JoinSet::new(),
        }
    }

    /// Begins what is due, takes what is done. Called again and again; waits for nothing but the end
    /// of series.
    pub(super) async fn collect_when_due(&mut self, control: &Arc<Control>, sink: &Arc<StoreSink>) {
        self.take_finished();
        let wanted = wanted::wanted(control, &self.settings);
        self.end_others(&wanted, sink).await;
        let now = Instant::now();
        for wanted in wanted {
            self.board.expect(&wanted);
            let entry = self.entries.entry(wanted.labels.clone());
            let entry = entry.or_insert_with(|| Entry {
                due: first(&wanted, now),
                wanted: wanted.clone(),
                state: State::Waiting(Box::default()),
            });
            entry.wanted = wanted;
        }
        self.begin(control, sink, now);
    }

    fn begin(&mut self, control: &Arc<Control>, sink: &Arc<StoreSink>, now: Instant) {
        let mut due: Vec<&mut Entry> = self.entries.values_mut().collect();
        due.retain(|entry| entry.due <= now);
        // Who waits longest comes first.
        due.sort_by_key(|entry| entry.due);
        for entry in due {
            let State::Waiting(memory) = &mut entry.state else {
                continue;
            };
            if self.looks.len() >= AT_ONCE {
                return;
            }
            let memory = std::mem::take(memory);
            let (control, sink) = (Arc::clone(control), Arc::clone(sink));
            let board = Arc::clone(&self.board);
            let wanted = entry.wanted.clone();
            let look = self.looks.spawn(async move {
                let labels = wanted.labels.clone();
                let (memory, outcome) = stored::look(&control, sink, &wanted, memory).await;
                board.settle(&wanted, outcome);
                (labels, memory)
            });
            entry.state = State::Looking(look.id());
            entry.due = (entry.due + entry.wanted.interval).max(now);
        }
    }

    fn take_finished(&mut self) {
        while let Some(finished) = self.looks.try_join_next() {
            match finished {
                Ok((labels, memory)) => {
                    if let Some(entry) = self.entries.get_mut(&labels) {
                        entry.state = State::Waiting(memory);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a look at something was given up");
                    let lost = |entry: &&mut Entry| matches!(entry.state, State::Looking(id) if id == error.id());
                    if let Some(entry) = self.entries.values_mut().find(lost) {
                        entry.state = State::Waiting(Box::default());
                    }
                }
            }
        }
    }

    /// One that is just being looked at ends in a later round.
    async fn end_others(&mut self, wanted: &[Wanted], sink: &Arc<StoreSink>) {
        let wanted: HashSet<&Labels> = wanted.iter().map(|one| &one.labels).collect();
        let gone = self.entries.iter().filter(|(labels, entry)| {
            !wanted.contains(labels) && matches!(entry.state, State::Waiting(_))
        });
        let gone: Vec<Labels> = gone.map(|(labels, _)| labels.clone()).collect();
        for labels in gone {
            let Some(entry) = self.entries.remove(&labels) else {
                continue;
            };
            self.board.forget(&entry.wanted);
            if let State::Waiting(memory) = entry.state {
                stored::end(memory, Arc::clone(sink)).await;
            }
        }
    }
}

/// The proxy is just being started when the server is, and so is what is probed.
fn first(wanted: &Wanted, now: Instant) -> Instant {
    match wanted.source {
        Source::Server | Source::Probe { .. } => now + wanted.interval,
        _ => now,
    }
}

impl Outcome {
    fn failed(at: Timestamp, took: Duration, trouble: String) -> Self {
        Self {
            at,
            took,
            trouble: Some(trouble),
            metadata: None,
        }
    }
}
