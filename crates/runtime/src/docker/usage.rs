//! What containers use, as their engine measures it.

use super::engine::Engine;
use crate::status::Resources;
use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use mainstay_model::{Bytes, InstanceId, Scope};

/// Questions to the engine at once.
const AT_ONCE: usize = 8;

type Measured = (Scope, InstanceId, Resources);

/// Of those that run; one that cannot be measured is left out.
pub(crate) async fn of(engine: &Engine, instances: Vec<(Scope, InstanceId)>) -> Vec<Measured> {
    futures_util::stream::iter(instances)
        .map(|(scope, id)| async move {
            let used = measure(engine, &scope.instance_name(&id)).await?;
            Some((scope, id, used))
        })
        .buffered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

async fn measure(engine: &Engine, name: &str) -> Option<Resources> {
    let docker = engine.api().await.ok()?;
    let options = StatsOptionsBuilder::default()
        .stream(false)
        .one_shot(true)
        .build();
    let mut stats = std::pin::pin!(docker.stats(name, Some(options)));
    resources(&stats.next().await?.ok()?)
}

fn resources(stats: &ContainerStatsResponse) -> Option<Resources> {
    let memory = stats.memory_stats.as_ref()?;
    let details = memory.stats.as_ref();
    // Page cache that can be taken back; its name depends on the version of cgroups.
    let cache = details.and_then(|details| {
        let cache = details.get("total_inactive_file");
        cache.or_else(|| details.get("inactive_file")).copied()
    });
    let used = stats.cpu_stats.as_ref()?.cpu_usage.as_ref()?;
    let (cpu, user) = (used.total_usage?, used.usage_in_usermode);
    let count = stats.pids_stats.as_ref().and_then(|pids| pids.current);
    Some(Resources {
        cpu_seconds: cpu as f64 / 1e9,
        user_seconds: user.unwrap_or_default() as f64 / 1e9,
        rss: Bytes(memory.usage?.saturating_sub(cache.unwrap_or_default())),
        // The engine counts tasks, and calls them processes.
        processes: count.unwrap_or_default() as usize,
        threads: count.unwrap_or_default() as usize,
    })
}
