//! Looking for targets: a task for each way of a job, which tells what it found when that changes.

mod dns;
mod docker;
mod file;
mod http;
mod resolve;

use std::sync::Arc;
use std::time::Duration;

use mainstay_targets::{Discovery, Group, Job};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use docker::{DockerTargets, LookUp};

use crate::pool::Update;
use crate::scraper::Shared;

/// Looks that are under way; dropping it ends them.
#[derive(Debug, Default)]
pub(crate) struct Looking(Vec<JoinHandle<()>>);

impl Drop for Looking {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Starts every discovery of a job.
pub(crate) fn start(job: &Job, updates: &mpsc::Sender<Update>, shared: &Arc<Shared>) -> Looking {
    let mut looking = Looking::default();
    for (number, discovery) in job.discovery.iter().enumerate() {
        let task = tokio::spawn(look(
            discovery.clone(),
            format!("{number}/{}", word(discovery)),
            updates.clone(),
            Arc::clone(shared),
        ));
        looking.0.push(task);
    }
    looking
}

fn word(discovery: &Discovery) -> &'static str {
    match discovery {
        Discovery::Static(_) => "static",
        Discovery::File(_) => "file",
        Discovery::Dns(_) => "dns",
        Discovery::Docker(_) => "docker",
        Discovery::Http(_) => "http",
    }
}

/// Looks at once and then again and again. What was found is told when it is other than before;
/// so is what keeps it from looking.
async fn look(
    discovery: Discovery,
    source: String,
    updates: mpsc::Sender<Update>,
    shared: Arc<Shared>,
) {
    let mut last: Option<Result<Vec<Group>, String>> = None;
    let mut http = http::Asker::new(&discovery);
    loop {
        let groups = once(&discovery, &source, &shared, &mut http).await;
        if last.as_ref() != Some(&groups) {
            let update = Update {
                source: source.clone(),
                groups: groups.clone(),
                done: None,
            };
            if updates.send(update).await.is_err() {
                return;
            }
            last = Some(groups);
        }
        let Some(pause) = pause(&discovery) else {
            return;
        };
        tokio::time::sleep(pause).await;
    }
}

async fn once(
    discovery: &Discovery,
    source: &str,
    shared: &Shared,
    http: &mut http::Asker,
) -> Result<Vec<Group>, String> {
    match discovery {
        Discovery::Static(groups) => Ok(groups.clone()),
        Discovery::File(files) => file::groups(files.files.clone()).await,
        Discovery::Dns(dns) => dns::groups(dns, source).await,
        Discovery::Docker(docker) => docker::groups(docker, shared.docker.as_deref()).await,
        Discovery::Http(_) => http.groups().await,
    }
}

/// How long what was found is believed; `None`: for ever.
fn pause(discovery: &Discovery) -> Option<Duration> {
    /// Files are looked at this often, instead of being watched.
    const FILES: Duration = Duration::from_secs(5);
    match discovery {
        Discovery::Static(_) => None,
        Discovery::File(files) => Some(files.refresh.min(FILES)),
        Discovery::Dns(dns) => Some(dns.refresh),
        Discovery::Docker(docker) => Some(docker.refresh),
        Discovery::Http(http) => Some(http.refresh),
    }
}
