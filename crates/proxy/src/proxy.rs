//! The proxy's state, and how a configuration replaces the one before.

mod report;
mod tables;

use crate::config::{Config, HealthCheck, PROTOCOL, PROTOCOL_BEFORE};
use crate::endpoint::{Endpoint, Key};
use crate::hash;
use crate::health;
use crate::listener::{self, Listener};
use crate::pool::{Member, Pool};
use crate::shared::Shared;
use crate::store::{Store, StoreError};
use crate::table::Table;
use crate::tls::{self, Handshakes};
use crate::validate;
use crate::worker::Workers;
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// Why a configuration was not put in force. The one before stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(
        "protocol {0} is not spoken by this proxy, which speaks {PROTOCOL_BEFORE} and {PROTOCOL}\nhint: restart the proxy with the same version as the control plane"
    )]
    Protocol(u32),
    #[error("revision {offered} is not newer than {present}, which is in force")]
    Stale { offered: u64, present: u64 },
    #[error("the configuration is not valid: {}", .0.join("; "))]
    Invalid(Vec<String>),
    #[error(
        "listener {name} cannot listen on {address}: {source}\nhint: end what uses this address, or give the listener another"
    )]
    Bind {
        name: String,
        address: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the proxy is ending")]
    Ending,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    workers: Arc<Workers>,
    worker_count: usize,
    store: Store,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// One apply at a time; held across the wait for the disk. Taken before `state`.
    applying: tokio::sync::Mutex<()>,
    /// Cancelled when the proxy ends.
    pub(crate) ending: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    config: Option<Arc<Config>>,
    listeners: HashMap<SocketAddr, Arc<Listener>>,
    pools: BTreeMap<String, Arc<Pool>>,
    /// No longer configured, with something in flight.
    draining: Vec<Arc<Endpoint>>,
    checks: HashMap<Key, Check>,
}

/// A running health check; ends when dropped.
#[derive(Debug)]
struct Check {
    check: HealthCheck,
    task: AbortHandle,
}

impl Drop for Check {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What must be of one mind before a configuration is put in force.
struct Prepared {
    pools: BTreeMap<String, Arc<Pool>>,
    tables: Vec<(SocketAddr, Table)>,
    bound: HashMap<SocketAddr, TcpListener>,
    tls: tls::Present,
}

impl Proxy {
    pub(crate) fn new(
        workers: Arc<Workers>,
        worker_count: usize,
        store: Store,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            workers,
            worker_count,
            store,
            shared,
            state: Mutex::default(),
            applying: tokio::sync::Mutex::new(()),
            ending: CancellationToken::new(),
        }
    }

    /// Puts a configuration in force as a whole, or not at all.
    pub(crate) async fn apply(self: &Arc<Self>, config: Config) -> Result<(), ApplyError> {
        let _one = self.applying.lock().await;
        if self.ending.is_cancelled() {
            return Err(ApplyError::Ending);
        }
        if ![PROTOCOL_BEFORE, PROTOCOL].contains(&config.protocol) {
            return Err(ApplyError::Protocol(config.protocol));
        }
        if let Some(present) = &self.state().config {
            if **present == config {
                return Ok(());
            }
            if config.revision <= present.revision {
                return Err(ApplyError::Stale {
                    offered: config.revision,
                    present: present.revision,
                });
            }
        }
        validate::check(&config).map_err(ApplyError::Invalid)?;
        let config = Arc::new(config);
        let tls = self.read_certificates(&config).await?;
        let prepared = self.prepare(&config, tls, &mut |name, address, source| {
            Err(ApplyError::Bind {
                name: name.to_owned(),
                address,
                source,
            })
        })?;
        let store = self.store.clone();
        let saved = Arc::clone(&config);
        // The disk may take its time; accepting goes on meanwhile.
        let saving = tokio::task::spawn_blocking(move || store.save(&saved)).await;
        saving.map_err(|_| ApplyError::Ending)??;
        self.put_in_force(config, prepared);
        Ok(())
    }

    /// Puts the last configuration in force again. An address that is taken by now costs that
    /// listener only: a proxy that did not start at all could not even be told another.
    pub(crate) fn restore(self: &Arc<Self>) -> Result<(), StoreError> {
        let Some(config) = self.store.load()? else {
            return Ok(());
        };
        let tls = self.shared.tls.load(&config.tls, &config.challenges);
        let prepared = self.prepare(&config, tls, &mut |name, address, error| {
            tracing::error!(%error, listener = name, %address, "cannot listen");
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(prepared) = prepared;
        self.put_in_force(Arc::new(config), prepared);
        Ok(())
    }

    async fn read_certificates(
        self: &Arc<Self>,
        config: &Arc<Config>,
    ) -> Result<tls::Present, ApplyError> {
        let (proxy, config) = (Arc::clone(self), Arc::clone(config));
        let reading = move || proxy.shared.tls.load(&config.tls, &config.challenges);
        let read = tokio::task::spawn_blocking(reading).await;
        read.map_err(|_| ApplyError::Ending)
    }

    /// Reads the certificates that were changed on disk.
    pub(crate) async fn reload_certificates(self: &Arc<Self>) {
        let _one = self.applying.lock().await;
        let proxy = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || proxy.shared.tls.reload());
        if let Ok(Some(changed)) = reading.await {
            self.shared.tls.put_in_force(changed);
        }
    }

    fn prepare<E>(
        &self,
        config: &Config,
        tls: tls::Present,
        refused: &mut dyn FnMut(&str, SocketAddr, io::Error) -> Result<(), E>,
    ) -> Result<Prepared, E> {
        let state = self.state();
        let mut bound = HashMap::new();
        for listener in &config.listeners {
            if state.listeners.contains_key(&listener.address) {
                continue;
            }
            match listener::bind(listener.address) {
                Ok(socket) => drop(bound.insert(listener.address, socket)),
                Err(error) => refused(&listener.name, listener.address, error)?,
            }
        }
        let pools = self.pools(&state, config);
        let challenges = Arc::new(config.challenges.http.clone());
        let tables = config
            .listeners
            .iter()
            .map(|listener| {
                let metrics = &self.shared.metrics;
                let table = tables::table(listener, config, &pools, &challenges, metrics);
                (listener.address, table)
            })
            .collect();
        Ok(Prepared {
            pools,
            tables,
            bound,
            tls,
        })
    }

    fn pools(&self, state: &State, config: &Config) -> BTreeMap<String, Arc<Pool>> {
        let mut known: HashMap<Key, Arc<Endpoint>> = HashMap::new();
        let members = state.pools.values().flat_map(|pool| &pool.members);
        let endpoints = members.map(|member| &member.endpoint);
        for endpoint in endpoints.chain(&state.draining) {
            known.insert(endpoint.key.clone(), Arc::clone(endpoint));
        }
        let pools = config.pools.iter().map(|(name, pool)| {
            let members = pool.endpoints.iter().map(|endpoint| {
                let key = Key {
                    pool: name.clone(),
                    instance: endpoint.instance.clone(),
                    release: endpoint.release.clone(),
                    address: endpoint.address,
                };
                let new = || Arc::new(Endpoint::new(key.clone(), self.worker_count));
                Member {
                    endpoint: known.get(&key).map_or_else(new, Arc::clone),
                    weight: endpoint.weight,
                    hash: hash::name(&endpoint.instance),
                }
            });
            let runtime = Pool {
                stack: pool.stack.clone(),
                environment: pool.environment.clone(),
                service: pool.service.clone(),
                balance: pool.balance,
                members: members.collect(),
                turn: Mutex::new(()),
            };
            (name.clone(), Arc::new(runtime))
        });
        pools.collect()
    }

    /// Never fails. The order matters: what is new is opened, then requests are sent there, then
    /// what is old is closed. A request that meets a closed gate finds the new table.
    fn put_in_force(self: &Arc<Self>, config: Arc<Config>, mut prepared: Prepared) {
        let mut state = self.state();
        let members = || prepared.pools.values().flat_map(|pool| &pool.members);
        for member in members().filter(|member| member.weight > 0) {
            member.endpoint.open();
        }
        self.shared.tls.put_in_force(prepared.tls);
        let mut listeners = HashMap::new();
        for (address, table) in prepared.tables.drain(..) {
            if let Some(listener) = state.listeners.remove(&address) {
                listener.table.store(Arc::new(table));
                listeners.insert(address, listener);
            } else if let Some(socket) = prepared.bound.remove(&address) {
                listeners.insert(address, self.listen(address, socket, table));
            }
        }
        for removed in state.listeners.values() {
            removed.closing.cancel();
        }
        state.listeners = listeners;
        for member in members().filter(|member| member.weight == 0) {
            member.endpoint.close();
        }
        let kept: HashSet<&Key> = members().map(|member| &member.endpoint.key).collect();
        let before = std::mem::take(&mut state.pools);
        let before = before.values().flat_map(|pool| &pool.members);
        let mut draining = std::mem::take(&mut state.draining);
        draining.extend(before.map(|member| Arc::clone(&member.endpoint)));
        draining.retain(|endpoint| !kept.contains(&endpoint.key));
        for endpoint in &draining {
            endpoint.close();
        }
        // Nothing can enter any more: what is empty stays empty.
        draining.retain(|endpoint| endpoint.gate.count() > 0);
        state.draining = draining;
        state.pools = prepared.pools;
        self.watch_health(&mut state, &config);
        self.shared.metrics.retire(Instant::now());
        tracing::info!(revision = config.revision, "configuration in force");
        state.config = Some(config);
    }

    /// Starts the checks that are new and ends those of what takes no requests. One that goes on
    /// keeps its count.
    fn watch_health(self: &Arc<Self>, state: &mut State, config: &Config) {
        let mut before = std::mem::take(&mut state.checks);
        for (name, pool) in &state.pools {
            let Some(check) = &config.pools[name].health else {
                for member in &pool.members {
                    member.endpoint.ejected.store(false, Ordering::Relaxed);
                }
                continue;
            };
            for member in pool.members.iter().filter(|member| member.weight > 0) {
                let key = &member.endpoint.key;
                let known = before.remove(key).filter(|known| known.check == *check);
                let running = known.unwrap_or_else(|| {
                    let endpoint = Arc::clone(&member.endpoint);
                    let watching = health::watch(Arc::downgrade(self), endpoint, check.clone());
                    Check {
                        check: check.clone(),
                        task: tokio::spawn(watching).abort_handle(),
                    }
                });
                state.checks.insert(key.clone(), running);
            }
            let mut serving = pool.members.iter().filter(|member| member.weight > 0);
            if serving.all(|member| member.endpoint.ejected.load(Ordering::Relaxed)) {
                for member in &pool.members {
                    member.endpoint.ejected.store(false, Ordering::Relaxed);
                }
            }
        }
    }

    /// Passes an endpoint over from now on, unless it is the last one of its pool.
    pub(crate) fn eject(&self, endpoint: &Arc<Endpoint>) {
        let state = self.state();
        let Some(pool) = state.pools.get(&endpoint.key.pool) else {
            return;
        };
        let others = pool.members.iter().filter(|member| {
            member.weight > 0
                && !Arc::ptr_eq(&member.endpoint, endpoint)
                && !member.endpoint.ejected.load(Ordering::Relaxed)
        });
        let (instance, left) = (&endpoint.key.instance, others.count());
        if left == 0 {
            tracing::warn!(instance, "endpoint fails its checks; kept, being the last");
            return;
        }
        endpoint.ejected.store(true, Ordering::Relaxed);
        endpoint.ejections.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(instance, left, "endpoint ejected: it fails its checks");
    }

    /// Closes upstream connections that have been idle for too long.
    pub(crate) fn sweep_idle(&self) {
        let state = self.state();
        let members = state.pools.values().flat_map(|pool| &pool.members);
        for member in members {
            member.endpoint.sweep_idle();
        }
    }

    fn listen(
        self: &Arc<Self>,
        address: SocketAddr,
        socket: TcpListener,
        table: Table,
    ) -> Arc<Listener> {
        let listener = Arc::new(Listener {
            address,
            table: ArcSwap::from_pointee(table),
            connections: AtomicU64::new(0),
            handshakes: Handshakes::default(),
            closing: self.ending.child_token(),
        });
        tokio::spawn(listener::accept(
            Arc::clone(&listener),
            socket,
            Arc::clone(&self.workers),
            Arc::clone(&self.shared),
        ));
        listener
    }

    /// Stops accepting; connections end after their present request.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }

    /// Client connections that have not ended.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
