//! One job: its discoveries, its targets, and a task for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainstay_series::Labels;
use mainstay_targets::{Found, Group, Job, Target, targets};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::discovery;
use crate::scraper::Shared;
use crate::state::{ActiveTarget, DiscoveryTrouble, DroppedTarget, Health, Snapshot};
use crate::task::{Ending, Memory, State, Task, end_series};

/// What a discovery found, or why it found nothing.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) source: String,
    pub(crate) groups: Result<Vec<Group>, String>,
    /// Told when the targets are what the groups say.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// Updates that may wait.
const QUEUE: usize = 16;

/// Dropped targets that are shown.
const SHOWN: usize = 1000;

/// What everybody sees of a job.
#[derive(Debug, Default)]
struct Shown {
    active: BTreeMap<Key, State>,
    dropped: Vec<Labels>,
    dropped_count: usize,
    troubles: BTreeMap<String, String>,
}

/// What makes a target the same one.
type Key = (Labels, String, Duration, Duration);

fn key(target: &Target) -> Key {
    (
        target.labels.clone(),
        target.url.clone(),
        target.interval,
        target.timeout,
    )
}

/// A job that runs. Dropping it ends its targets' series.
#[derive(Debug)]
pub(crate) struct Pool {
    job: Arc<Job>,
    shown: Arc<Mutex<Shown>>,
    updates: mpsc::Sender<Update>,
    ending: watch::Sender<Ending>,
    keeper: Option<JoinHandle<Legacy>>,
}

/// What a job leaves to the one that takes its place.
#[derive(Debug, Default)]
pub(crate) struct Legacy {
    /// By labels and address.
    memories: BTreeMap<(Labels, String), Memory>,
    /// Targets that others gave, by their source.
    given: BTreeMap<String, Vec<Group>>,
}

/// A job whose place is taken.
#[derive(Debug)]
pub(crate) struct Retired {
    keeper: JoinHandle<Legacy>,
    /// Whether its series are labelled as those of the new one will be.
    same_labels: bool,
}

/// Gives targets to a job.
#[derive(Debug, Clone)]
pub(crate) struct Feed(mpsc::Sender<Update>);

impl Feed {
    /// Waits until the targets are taken up.
    pub(crate) async fn give(&self, source: &str, groups: Vec<Group>) -> bool {
        let (done, taken) = oneshot::channel();
        let update = Update {
            source: source.to_owned(),
            groups: Ok(groups),
            done: Some(done),
        };
        self.0.send(update).await.is_ok() && taken.await.is_ok()
    }
}

impl Pool {
    /// Starts a job; in the place of `retired`, where there is one.
    pub(crate) fn start(job: Job, shared: &Arc<Shared>, retired: Option<Retired>) -> Self {
        let job = Arc::new(job);
        let (updates, queue) = mpsc::channel(QUEUE);
        let (ending, ended) = watch::channel(Ending::Run);
        let shown = Arc::new(Mutex::new(Shown::default()));
        let keeper = Keeper {
            job: Arc::clone(&job),
            shown: Arc::clone(&shown),
            shared: Arc::clone(shared),
            groups: BTreeMap::new(),
            tasks: BTreeMap::new(),
            given: BTreeMap::new(),
            reported: BTreeSet::new(),
            inherited: BTreeMap::new(),
        };
        let looking = discovery::start(&job, &updates, shared);
        let keeper = Some(tokio::spawn(async move {
            let legacy = keeper.run(queue, ended, retired).await;
            drop(looking);
            legacy
        }));
        Self {
            job,
            shown,
            updates,
            ending,
            keeper,
        }
    }

    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    pub(crate) fn feed(&self) -> Feed {
        Feed(self.updates.clone())
    }

    pub(crate) fn show(&self, into: &mut Snapshot) {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for state in shown.active.values() {
            into.active
                .push(state.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
        let pool = || self.job.name.clone();
        for discovered in &shown.dropped {
            let discovered = discovered.clone();
            into.dropped.push(DroppedTarget {
                pool: pool(),
                discovered,
            });
        }
        into.dropped_counts.push((pool(), shown.dropped_count));
        for (source, error) in &shown.troubles {
            let (source, error) = (source.clone(), error.clone());
            into.troubles.push(DiscoveryTrouble {
                pool: pool(),
                source,
                error,
            });
        }
    }

    /// Stops without ending series.
    pub(crate) async fn stop(mut self) {
        let _ = self.ending.send(Ending::Stop);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.await;
        }
    }

    /// Makes room for the same job as it is now.
    pub(crate) fn retire(mut self, new: &Job) -> Option<Retired> {
        let _ = self.ending.send(Ending::HandOver);
        let keeper = self.keeper.take()?;
        let old = &self.job;
        let same_labels = old.honor_labels == new.honor_labels
            && old.honor_timestamps == new.honor_timestamps
            && old.track_timestamps_staleness == new.track_timestamps_staleness
            && old.metric_relabel == new.metric_relabel
            && old.limits == new.limits;
        Some(Retired {
            keeper,
            same_labels,
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.ending.send_if_modified(|ending| {
            let runs = *ending == Ending::Run;
            if runs {
                *ending = Ending::Gone;
            }
            runs
        });
    }
}

/// A task that runs.
#[derive(Debug)]
struct Running {
    ending: watch::Sender<Ending>,
    task: JoinHandle<Option<Memory>>,
    state: State,
}

/// Brings tasks in line with what was found.
struct Keeper {
    job: Arc<Job>,
    shown: Arc<Mutex<Shown>>,
    shared: Arc<Shared>,
    groups: BTreeMap<String, Vec<Group>>,
    tasks: BTreeMap<Key, Running>,
    given: BTreeMap<String, Vec<Group>>,
    /// Discoveries that have found something, or that there is nothing.
    reported: BTreeSet<String>,
    /// Memories of targets that the job before this one had.
    inherited: BTreeMap<(Labels, String), Memory>,
}

impl Keeper {
    async fn run(
        mut self,
        mut queue: mpsc::Receiver<Update>,
        mut ended: watch::Receiver<Ending>,
        retired: Option<Retired>,
    ) -> Legacy {
        if let Some(retired) = retired {
            self.inherit(retired).await;
        }
        loop {
            let update = tokio::select! {
                update = queue.recv() => update,
                _ = ended.wait_for(|ending| *ending != Ending::Run) => None,
            };
            let Some(update) = update else { break };
            match (&update.done, &update.groups) {
                (Some(_), Ok(groups)) => {
                    self.given.insert(update.source.clone(), groups.clone());
                }
                _ => {
                    self.reported.insert(update.source.clone());
                }
            }
            self.take(update.source, update.groups);
            if self.reported.len() >= self.job.discovery.len() {
                self.disinherit().await;
            }
            if let Some(done) = update.done {
                let _ = done.send(());
            }
        }
        let ending = match *ended.borrow() {
            Ending::Run => Ending::Gone,
            other => other,
        };
        self.end(ending).await
    }

    async fn end(mut self, ending: Ending) -> Legacy {
        let tasks = std::mem::take(&mut self.tasks);
        for running in tasks.values() {
            let _ = running.ending.send(ending);
        }
        let mut memories = std::mem::take(&mut self.inherited);
        for ((labels, url, ..), running) in tasks {
            if let Ok(Some(memory)) = running.task.await {
                memories.insert((labels, url), memory);
            }
        }
        if ending == Ending::Gone {
            self.inherited = std::mem::take(&mut memories);
            self.disinherit().await;
        }
        Legacy {
            memories,
            given: self.given,
        }
    }

    /// Takes over from the job before this one: what others gave it, and its targets' memories.
    async fn inherit(&mut self, retired: Retired) {
        let legacy = retired.keeper.await.unwrap_or_default();
        self.inherited = legacy.memories;
        if !retired.same_labels {
            self.disinherit().await;
        }
        for (source, groups) in legacy.given {
            self.given.insert(source.clone(), groups.clone());
            self.take(source, Ok(groups));
        }
    }

    /// Ends the series of targets that nobody scrapes any more.
    async fn disinherit(&mut self) {
        for ((_, url), memory) in std::mem::take(&mut self.inherited) {
            end_series(&self.shared, memory, &url).await;
        }
    }

    fn take(&mut self, source: String, groups: Result<Vec<Group>, String>) {
        match groups {
            Ok(groups) => {
                self.shown().troubles.remove(&source);
                self.groups.insert(source, groups);
                self.sync();
            }
            Err(error) => {
                tracing::warn!(job = %self.job.name, %source, %error, "targets cannot be found");
                self.shown().troubles.insert(source, error);
            }
        }
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&mut self) {
        let groups: Vec<Group> = self.groups.values().flatten().cloned().collect();
        let mut found = targets(&self.job, &groups);
        for error in &found.errors {
            tracing::warn!(job = %self.job.name, %error, "a target cannot be scraped");
        }
        let limit = self.limit(&mut found);
        let wanted: BTreeMap<Key, Target> = found
            .active
            .into_iter()
            .map(|target| (key(&target), target))
            .collect();
        self.tasks.retain(|key, running| {
            let stays = wanted.contains_key(key);
            if !stays {
                let _ = running.ending.send(Ending::Gone);
            }
            stays
        });
        for (key, target) in wanted {
            match self.tasks.get(&key) {
                Some(running) => {
                    let mut state = running.state.lock().unwrap_or_else(PoisonError::into_inner);
                    state.discovered = target.discovered;
                }
                None => self.begin(key, target),
            }
        }
        let active = self
            .tasks
            .iter()
            .map(|(key, running)| (key.clone(), Arc::clone(&running.state)));
        let active = active.collect();
        let mut shown = self.shown();
        shown.active = active;
        shown.dropped_count = found.dropped.len();
        let dropped = found.dropped.into_iter().take(SHOWN);
        shown.dropped = dropped.map(|dropped| dropped.discovered).collect();
        match limit {
            Some(error) => shown.troubles.insert("target_limit".to_owned(), error),
            None => shown.troubles.remove("target_limit"),
        };
    }

    /// More targets than allowed are none at all, and that is told.
    fn limit(&self, found: &mut Found) -> Option<String> {
        let (limit, count) = (self.job.limits.targets, found.active.len() as u64);
        if limit == 0 || count <= limit {
            return None;
        }
        found.active.clear();
        Some(format!(
            "target_limit exceeded (number of targets: {count}, limit: {limit})"
        ))
    }

    fn begin(&mut self, key: Key, target: Target) {
        let state = Arc::new(Mutex::new(ActiveTarget {
            pool: self.job.name.clone(),
            discovered: target.discovered.clone(),
            labels: target.labels.clone(),
            url: target.url.clone(),
            health: Health::Unknown,
            last_error: String::new(),
            last_scrape_ms: None,
            last_duration: Duration::ZERO,
            interval: target.interval,
            timeout: target.timeout,
            samples: 0,
            kept: 0,
            metadata: Arc::default(),
        }));
        let (shared, url) = (Arc::clone(&self.shared), target.url.clone());
        let Some(mut task) = Task::new(&self.job, target, Arc::clone(&state), shared) else {
            tracing::warn!(job = %self.job.name, %url, "a target has an address that is none");
            return;
        };
        if let Some(memory) = self.inherited.remove(&(key.0.clone(), url)) {
            task.inherit(memory);
        }
        let (ending, ended) = watch::channel(Ending::Run);
        let task = tokio::spawn(task.run(ended));
        self.tasks.insert(
            key,
            Running {
                ending,
                task,
                state,
            },
        );
    }
}
