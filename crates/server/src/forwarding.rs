//! A connection to a port of an instance, for a person on another machine: `port-forward`.
//!
//! It goes past the proxy, straight to the one instance: to look at it alone, or at what is not
//! routed, such as a database. Only ports of the instance can be reached, nothing else of the host.

use crate::api::Actor;
use crate::api::types::{ApiError, ForwardQuery};
use crate::control::{Control, now};
use mainstay_journal::NewEvent;
use mainstay_model::{InstanceId, Scope};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections at a time, over all environments.
const MOST: usize = 256;

static SLOTS: Semaphore = Semaphore::const_new(MOST);

/// Until the instance has taken the connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A connection to an instance; counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) stream: TcpStream,
    _slot: SemaphorePermit<'static>,
}

impl Control {
    /// Connects to an instance: the one named, or a service's first healthy one.
    pub(crate) async fn forward(
        &self,
        scope: &Scope,
        query: &ForwardQuery,
        actor: &Actor,
    ) -> Result<Forwarded, ApiError> {
        let chosen = self.chosen_instance(scope, &query.subject)?;
        let declared = self.declared_ports(scope, &chosen.id);
        let address = address(&chosen.id, chosen.address, &declared, query.port)?;
        let slot = SLOTS.try_acquire().map_err(|_| {
            ApiError::unavailable(format!("{MOST} connections are forwarded already"))
                .hint("end one of them first")
        })?;
        let connected = tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(&chosen.id, address, &error)),
            Err(_) => return Err(unreachable(&chosen.id, address, &"no answer")),
        };
        let event = NewEvent {
            scope: Some(scope.clone()),
            subject: Some(chosen.id.to_string()),
            actor: Some(actor.name.clone()),
            ..NewEvent::new(
                now(),
                "forward",
                format!("a connection forwarded to {} at {address}", chosen.id),
            )
        };
        self.store.record(event).await?;
        Ok(Forwarded {
            stream,
            _slot: slot,
        })
    }

    /// The ports that the files give the instance's service.
    fn declared_ports(&self, scope: &Scope, id: &InstanceId) -> Vec<u16> {
        let Some(environment) = self.find(scope) else {
            return Vec::new();
        };
        let inner = environment.inner();
        let bundle = inner.bundles.get(&id.release).or(inner.current.as_ref());
        let service = bundle.and_then(|bundle| bundle.stack.services.get(&id.service));
        service.map_or_else(Vec::new, |service| {
            service.ports.iter().map(|port| port.target).collect()
        })
    }
}

/// Where to connect to. The first port is where the instance is reached in any case; a further one
/// only where the instance has an address of its own, as a container has.
fn address(
    id: &InstanceId,
    known: Option<SocketAddr>,
    declared: &[u16],
    wanted: Option<u16>,
) -> Result<SocketAddr, ApiError> {
    let known = known.ok_or_else(|| {
        ApiError::conflict(format!("{id} listens on no port"))
            .hint("give its service one under `ports` or `expose`")
    })?;
    let Some(wanted) = wanted else {
        return Ok(known);
    };
    if wanted == known.port() || Some(&wanted) == declared.first() {
        return Ok(known);
    }
    if declared.contains(&known.port()) && !known.ip().is_loopback() {
        return Ok(SocketAddr::new(known.ip(), wanted));
    }
    let mut ports: Vec<String> = declared.iter().take(1).map(u16::to_string).collect();
    ports.push(known.port().to_string());
    ports.dedup();
    Err(
        ApiError::invalid(format!("{id} has no port {wanted}")).hint(format!(
            "it is reached at {}: leave the port out, or give that one",
            ports.join(" or ")
        )),
    )
}

fn unreachable(id: &InstanceId, address: SocketAddr, error: &dyn std::fmt::Display) -> ApiError {
    ApiError::unavailable(format!("cannot connect to {id} at {address}: {error}"))
        .hint("`mainstay ps` shows whether it listens")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(known: &str, declared: &[u16], wanted: Option<u16>) -> Result<String, String> {
        let id = "app-r1-1".parse().unwrap();
        address(&id, Some(known.parse().unwrap()), declared, wanted)
            .map(|address| address.to_string())
            .map_err(|error| error.message)
    }

    #[test]
    fn a_process_is_reached_at_its_own_port_by_either_name() {
        for wanted in [None, Some(8000), Some(21_345)] {
            let address = found("127.0.0.1:21345", &[8000], wanted);
            assert_eq!(address.unwrap(), "127.0.0.1:21345");
        }
    }

    #[test]
    fn other_ports_of_the_host_are_out_of_reach() {
        for declared in [&[8000][..], &[8000, 22], &[]] {
            let refused = found("127.0.0.1:21345", declared, Some(22));
            assert_eq!(refused.unwrap_err(), "app-r1-1 has no port 22");
        }
        // Where the engine publishes a port for it, its neighbours are not the container's.
        assert!(found("192.0.2.7:49153", &[5432], Some(22)).is_err());
    }

    #[test]
    fn a_container_has_all_its_ports() {
        let address = found("172.18.0.3:8000", &[8000], Some(9090));
        assert_eq!(address.unwrap(), "172.18.0.3:9090");
    }

    #[test]
    fn without_a_port_there_is_nothing_to_reach() {
        let id = "worker-r1-1".parse().unwrap();
        assert!(address(&id, None, &[], Some(1)).is_err());
    }
}
