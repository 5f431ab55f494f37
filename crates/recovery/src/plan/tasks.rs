//! What has to be done, in which order.

use mainstay_model::ServiceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What is brought back, and around which services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub kind: Kind,
    /// In the order in which they are brought back.
    pub sources: Vec<Source>,
    /// Every service that has to do with it, what others depend on first.
    pub services: Vec<ServiceName>,
    /// Whether what is there is saved first. Nothing is there for [`Kind::Recover`].
    pub safety: bool,
    /// Whether secrets are in the restore point, for [`Kind::Recover`].
    pub secrets: bool,
}

/// Into what is running, or onto a machine that has nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Restore,
    Recover,
}

/// One source of the restore point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub name: String,
    /// The database's own service, where there is one.
    pub engine: Option<ServiceName>,
    /// Whether the engine runs while it takes the copy in: a dump is loaded into a running one, a base and its
    /// log are put below one that stands still.
    pub engine_runs: bool,
    /// A command of the user's takes it in: within a service that runs as it always does, when all others are back.
    #[serde(default)]
    pub last: bool,
}

/// One thing to do. Each may be asked for again after a crash, and done twice is done once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Task {
    /// Save what is there now.
    Safety,
    /// The stack's files and the release that ran.
    Files,
    Secrets,
    Stop {
        service: ServiceName,
    },
    Bring {
        source: String,
    },
    Start {
        service: ServiceName,
    },
    /// The proxy leads to the stack again.
    Traffic,
    /// Every service is healthy, and what was brought back is what was saved.
    Validate,
}

impl Task {
    /// Whether going back means anything for it.
    pub(super) const fn can_be_undone(&self) -> bool {
        matches!(
            self,
            Self::Stop { .. } | Self::Bring { .. } | Self::Start { .. }
        )
    }

    /// Whether one that failed may have changed something. A source that could not be brought back left
    /// everything as it was.
    pub(super) const fn leaves_traces(&self) -> bool {
        matches!(self, Self::Stop { .. } | Self::Start { .. })
    }

    /// Whether something is kept for an undo, until it is given up.
    pub(super) const fn is_settled(&self) -> bool {
        matches!(self, Self::Bring { .. })
    }
}

impl Wanted {
    pub(super) fn tasks(&self) -> Vec<Task> {
        match self.kind {
            Kind::Restore => self.restore(),
            Kind::Recover => self.recover(),
        }
    }

    fn restore(&self) -> Vec<Task> {
        // An engine that has to run while its copy is taken in goes on running.
        let running = self.running();
        let stopped: Vec<&ServiceName> = (self.services.iter())
            .filter(|service| !running.contains(service))
            .collect();
        let mut tasks = Vec::new();
        tasks.extend(self.safety.then_some(Task::Safety));
        tasks.extend(stopped.iter().rev().map(|service| Task::Stop {
            service: (*service).clone(),
        }));
        tasks.extend(self.sources.iter().filter(|source| !source.last).map(bring));
        tasks.extend(stopped.iter().map(|service| start(service)));
        tasks.extend(self.sources.iter().filter(|source| source.last).map(bring));
        tasks.push(Task::Validate);
        tasks
    }

    fn recover(&self) -> Vec<Task> {
        let running = self.running();
        let mut tasks = vec![Task::Files];
        tasks.extend(self.secrets.then_some(Task::Secrets));
        let is_below = |source: &&Source| !source.engine_runs && !source.last;
        tasks.extend(self.sources.iter().filter(is_below).map(bring));
        let (engines, others): (Vec<_>, Vec<_>) =
            (self.services.iter()).partition(|service| running.contains(service));
        tasks.extend(engines.into_iter().map(start));
        let is_loaded = |source: &&Source| source.engine_runs;
        tasks.extend(self.sources.iter().filter(is_loaded).map(bring));
        tasks.extend(others.into_iter().map(start));
        tasks.extend(self.sources.iter().filter(|source| source.last).map(bring));
        tasks.extend([Task::Traffic, Task::Validate]);
        tasks
    }

    /// Engines that take their copy in while they run. One that also has to stand still for another source is
    /// none of them.
    fn running(&self) -> BTreeSet<&ServiceName> {
        let engines = |runs: bool| {
            let sources = self.sources.iter();
            let sources = sources.filter(move |source| source.engine_runs == runs);
            sources.filter_map(|source| source.engine.as_ref())
        };
        let still: BTreeSet<&ServiceName> = engines(false).collect();
        engines(true).filter(|one| !still.contains(one)).collect()
    }
}

fn bring(source: &Source) -> Task {
    Task::Bring {
        source: source.name.clone(),
    }
}

fn start(service: &ServiceName) -> Task {
    Task::Start {
        service: service.clone(),
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Safety => write!(f, "save what is there"),
            Self::Files => write!(f, "bring back the stack's files"),
            Self::Secrets => write!(f, "bring back secrets"),
            Self::Stop { service } => write!(f, "stop {service}"),
            Self::Bring { source } => write!(f, "bring back {source}"),
            Self::Start { service } => write!(f, "start {service}"),
            Self::Traffic => write!(f, "let traffic in"),
            Self::Validate => write!(f, "validate"),
        }
    }
}
