//! What runs, as cAdvisor tells it: containers of an engine on this machine by their control groups,
//! those of an engine elsewhere by what it measures, processes by `/proc`.

use crate::control::Control;
use crate::metrics::instances::{Running, running};
use mainstay_exporters::Page;
use mainstay_exporters::containers::{self, Usage, Watched};
use mainstay_model::{InstanceId, Scope};
use mainstay_runtime::status::Resources;
use mainstay_stack::TargetKind;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

type Measured = HashMap<(Scope, InstanceId), Resources>;

/// Everything that runs now.
pub(super) async fn page(control: &Arc<Control>, now_seconds: f64) -> Result<Page, String> {
    let all = running(control);
    let measured = control.targets().resources().await.into_iter();
    let measured: Measured = measured
        .map(|(scope, id, resources)| ((scope, id), resources))
        .collect();
    let work = move || {
        let used = all.iter().filter_map(|one| {
            let resources = measured.get(&(one.scope.clone(), one.status.id.clone()));
            used(one, resources)
        });
        let used: Vec<(Watched, Usage)> = used.collect();
        containers::page(&used, now_seconds)
    };
    let page = tokio::task::spawn_blocking(work).await;
    page.map_err(|error| error.to_string())
}

fn used(one: &Running, resources: Option<&Resources>) -> Option<(Watched, Usage)> {
    let own = (one.target() == TargetKind::Docker)
        .then(|| group(one.status.pid?))
        .flatten();
    let (group, mut usage) = match (own, resources) {
        (Some((group, usage)), _) => (Some(group), usage),
        (None, Some(resources)) => (None, measured(resources)),
        (None, None) => return None,
    };
    let service = one.service()?;
    // A limit that the kernel does not hold is ours to tell.
    if usage.memory_max.is_none() {
        let limit = service.limits.memory;
        usage.memory_max = Some(limit.map_or(f64::INFINITY, |bytes| bytes.0 as f64));
    }
    if let (None, Some(cpus)) = (usage.quota, service.limits.cpus) {
        usage.period = Some(PERIOD);
        usage.quota = Some(cpus * PERIOD);
    }
    Some((watched(one, group), usage))
}

/// Microseconds, the kernel's default.
const PERIOD: f64 = 100_000.0;

fn watched(one: &Running, group: Option<String>) -> Watched {
    let name = one.scope.instance_name(&one.status.id);
    Watched {
        // Processes have a name of ours where cAdvisor has a path.
        group: group.unwrap_or_else(|| format!("/mainstay/{name}")),
        image: one.image(),
        labels: one
            .labels()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        started: one
            .status
            .started_at
            .map(|time| time.as_millis() as f64 / 1e3),
        name,
    }
}

/// The control group of a container's first process, where it can be seen from here.
fn group(pid: i32) -> Option<(String, Usage)> {
    let root = Path::new("/");
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let group = containers::group_of(&text)?;
    let mut usage = containers::read(root, group)?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    usage.networks = containers::networks(&text);
    Some((group.to_owned(), usage))
}

fn measured(resources: &Resources) -> Usage {
    let memory = resources.rss.0 as f64;
    Usage {
        cpu_seconds: Some(resources.cpu_seconds),
        user_seconds: Some(resources.user_seconds),
        system_seconds: Some((resources.cpu_seconds - resources.user_seconds).max(0.0)),
        memory: Some(memory),
        anonymous: Some(memory),
        processes: Some(resources.processes as f64),
        threads: Some(resources.threads as f64),
        ..Usage::default()
    }
}
