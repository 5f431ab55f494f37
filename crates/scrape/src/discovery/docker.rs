//! `docker_sd_configs`: containers, as somebody who knows the engine tells them.

use std::future::Future;
use std::pin::Pin;

use mainstay_targets::{DockerDiscovery, Group};

/// What a look at an engine will give.
pub type LookUp<'a> = Pin<Box<dyn Future<Output = Result<Vec<Group>, String>> + Send + 'a>>;

/// Who knows containers. The labels of targets are those that Prometheus documents
/// (`__meta_docker_container_name`, `__meta_docker_network_ip`, `__meta_docker_port_private`, …),
/// `__address__` among them.
pub trait DockerTargets: Send + Sync {
    /// Looks at the engine that the configuration names.
    fn find<'a>(&'a self, wanted: &'a DockerDiscovery) -> LookUp<'a>;
}

pub(super) async fn groups(
    docker: &DockerDiscovery,
    engine: Option<&dyn DockerTargets>,
) -> Result<Vec<Group>, String> {
    match engine {
        Some(engine) => engine.find(docker).await,
        None => Err("no container engine is connected".to_owned()),
    }
}
