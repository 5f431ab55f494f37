//! The engine as the rest of the target speaks to it: a few verbs, each with its failure.
//!
//! Connected at the first question and asked for its version then; a client that was refused is
//! made anew at the next one, so that an engine that starts late is found.

use super::address::EngineAddress;
use super::failure::{Answer, Failure};
use super::labels::{self, Labels};
use bollard::Docker;
use bollard::models::{ContainerInspectResponse, PortBinding};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use futures_util::StreamExt;
use mainstay_model::{InstanceId, Scope, Timestamp};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Beyond the grace, how long the engine may take to end a container.
const STOP_OVERHEAD: Duration = Duration::from_secs(60);

/// For a first sign of life.
const HELLO: Duration = Duration::from_secs(10);

/// One engine, and who we are to it.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) address: EngineAddress,
    /// Stands in the labels of everything of ours.
    pub(crate) server: String,
    connected: OnceCell<Connected>,
}

#[derive(Debug)]
struct Connected {
    docker: Docker,
    /// Containers' own addresses can be dialled from here.
    bridged: bool,
}

/// A container of ours as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) running: bool,
    /// The engine's own form; tells one run from the next. `None` where it never ran.
    pub(crate) run: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) exit_code: i64,
    /// Why it could not be started.
    pub(crate) error: Option<String>,
    pub(crate) out_of_memory: bool,
    pub(crate) pid: Option<i32>,
    pub(crate) labels: Labels,
    networks: HashMap<String, Option<IpAddr>>,
    ports: HashMap<String, u16>,
}

impl Engine {
    pub(crate) fn new(address: EngineAddress, server: String) -> Self {
        Self {
            address,
            server,
            connected: OnceCell::new(),
        }
    }

    pub(crate) fn failed(&self) -> impl Fn(bollard::errors::Error) -> Failure + '_ {
        |error| Failure::of(&self.address, error)
    }

    async fn connected(&self) -> Answer<&Connected> {
        self.connected.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Answer<Connected> {
        let docker = self.address.connect().map_err(self.failed())?;
        let hello = async {
            let docker = docker.negotiate_version().await?;
            let info = docker.info().await?;
            Ok((docker, info))
        };
        let (docker, info) = tokio::time::timeout(HELLO, hello)
            .await
            .unwrap_or(Err(bollard::errors::Error::RequestTimeoutError))
            .map_err(self.failed())?;
        let options = info.security_options.unwrap_or_default();
        let rootless = options.iter().any(|option| option.contains("rootless"));
        Ok(Connected {
            docker,
            bridged: self.address.is_local() && !rootless,
        })
    }

    pub(crate) async fn api(&self) -> Answer<&Docker> {
        Ok(&self.connected().await?.docker)
    }

    /// False: an engine elsewhere, or one without rights over the network (rootless).
    pub(crate) async fn is_bridged(&self) -> Answer<bool> {
        Ok(self.connected().await?.bridged)
    }

    /// Whether it answers.
    pub(crate) async fn hello(&self) -> Answer<()> {
        let ping = self.api().await?.ping();
        let answer = tokio::time::timeout(HELLO, ping).await;
        let answer = answer.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
        answer.map(drop).map_err(self.failed())
    }

    /// `None` where there is no container of this name; refused where it is not ours.
    pub(crate) async fn look(&self, scope: &Scope, id: &InstanceId) -> Answer<Option<Container>> {
        let docker = self.api().await?;
        let name = scope.instance_name(id);
        let found = docker.inspect_container(&name, None).await;
        let found = match found.map_err(self.failed()) {
            Ok(found) => Container::read(found),
            Err(failure) if failure.is_missing() => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let instance = labels::instance(&self.server, &found.labels);
        // `a-b` in `c` and `a` in `b-c` have one name for two instances.
        if instance.is_none_or(|(other, number)| other != *scope || number != *id) {
            return Err(Failure::new(
                format!(
                    "the container name `{name}` is taken by a container that is not ours, or of another environment"
                ),
                format!("rename or remove it: `docker rename {name} …`"),
            ));
        }
        Ok(Some(found))
    }

    /// Every container of ours.
    pub(crate) async fn ours(&self) -> Answer<Vec<(Scope, InstanceId, Labels)>> {
        let docker = self.api().await?;
        let mark = format!("{}={}", labels::SERVER, self.server);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&HashMap::from([("label", vec![mark])]))
            .build();
        let found = docker.list_containers(Some(options)).await;
        let found = found.map_err(self.failed())?;
        let ours = found.into_iter().filter_map(|container| {
            let labels = container.labels?;
            let (scope, id) = labels::instance(&self.server, &labels)?;
            Some((scope, id, labels))
        });
        Ok(ours.collect())
    }

    /// Running containers of ours that have a volume mounted, by name.
    pub(crate) async fn holders(&self, volume: &str) -> Answer<Vec<String>> {
        let docker = self.api().await?;
        let options = ListContainersOptionsBuilder::default()
            .filters(&HashMap::from([
                ("volume", vec![volume.to_owned()]),
                ("label", vec![labels::SERVER.to_owned()]),
            ]))
            .build();
        let found = docker.list_containers(Some(options)).await;
        let names = found.map_err(self.failed())?.into_iter();
        let names = names.filter_map(|container| container.names?.into_iter().next());
        Ok(names
            .map(|name| name.trim_start_matches('/').to_owned())
            .collect())
    }

    pub(crate) async fn start(&self, name: &str) -> Answer<()> {
        let docker = self.api().await?;
        docker
            .start_container(name, None)
            .await
            .map_err(self.failed())
    }

    /// Signal, grace, SIGKILL: carried out by the engine also when we are gone. Comes back when
    /// the container has ended.
    pub(crate) async fn stop(&self, name: &str, grace: Duration) -> Answer<()> {
        let seconds = grace.as_millis().div_ceil(1000);
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let docker = self.api().await?.clone();
        let docker = docker.with_timeout(grace + STOP_OVERHEAD);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let stopped = docker.stop_container(name, Some(options)).await;
        stopped.map_err(self.failed())
    }

    /// Comes back when the container does not run, or nobody knows.
    pub(crate) async fn ended(&self, name: &str) {
        let Ok(docker) = self.api().await else {
            return;
        };
        let mut waiting = std::pin::pin!(docker.wait_container(name, None));
        let _ = waiting.next().await;
    }

    /// Removes a container of ours that does not run, with its unnamed volumes.
    pub(crate) async fn remove(&self, name: &str) -> Answer<()> {
        let docker = self.api().await?;
        let options = RemoveContainerOptionsBuilder::default().v(true).build();
        let removed = docker.remove_container(name, Some(options)).await;
        match removed.map_err(self.failed()) {
            Err(failure) if failure.is_missing() => Ok(()),
            other => other,
        }
    }

    /// Where a running container is reached.
    pub(crate) async fn address_of(
        &self,
        container: &Container,
        kept: &labels::Kept,
    ) -> Answer<Option<SocketAddr>> {
        let Some(port) = kept.port.filter(|_| container.running) else {
            return Ok(None);
        };
        if kept.host_network {
            return Ok(resolve(self.address.host(), port).await);
        }
        if !self.is_bridged().await? {
            return Ok(match container.ports.get(&format!("{port}/tcp")) {
                Some(published) => resolve(self.address.host(), *published).await,
                None => None,
            });
        }
        let network = kept.network.as_deref().unwrap_or("bridge");
        let ip = container.networks.get(network).copied().flatten();
        Ok(ip.map(|ip| SocketAddr::new(ip, port)))
    }
}

async fn resolve(host: &str, port: u16) -> Option<SocketAddr> {
    let name = (host.to_owned(), port);
    let found = tokio::task::spawn_blocking(move || name.to_socket_addrs()).await;
    found.ok()?.ok()?.next()
}

impl Container {
    fn read(inspected: ContainerInspectResponse) -> Self {
        let state = inspected.state.unwrap_or_default();
        let settings = inspected.network_settings.unwrap_or_default();
        let networks = settings.networks.unwrap_or_default().into_iter();
        let ports = settings.ports.unwrap_or_default().into_iter();
        Self {
            id: inspected.id.unwrap_or_default(),
            running: state.running.unwrap_or_default(),
            run: state.started_at.clone().filter(|text| time(text).is_some()),
            started_at: state.started_at.as_deref().and_then(time),
            finished_at: state.finished_at.as_deref().and_then(time),
            exit_code: state.exit_code.unwrap_or_default(),
            error: state.error.filter(|error| !error.is_empty()),
            out_of_memory: state.oom_killed.unwrap_or_default(),
            pid: state.pid.filter(|pid| *pid > 0).map(|pid| pid as i32),
            labels: inspected
                .config
                .and_then(|config| config.labels)
                .unwrap_or_default(),
            networks: networks
                .map(|(name, endpoint)| (name, endpoint.ip_address.and_then(|ip| ip.parse().ok())))
                .collect(),
            ports: ports
                .filter_map(|(port, bindings)| Some((port, published(&bindings?)?)))
                .collect(),
        }
    }
}

fn published(bindings: &[PortBinding]) -> Option<u16> {
    bindings
        .iter()
        .find_map(|binding| binding.host_port.as_deref()?.parse().ok())
}

/// The engine's times have nanoseconds; year 1 stands for never.
fn time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = serde_json::from_value(text.into()).ok()?;
    (time.as_millis() > 0).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        let at = time("2026-09-21T14:13:20.007123456Z").unwrap();
        assert_eq!(at.as_millis(), 1_790_000_000_007);
    }
}
