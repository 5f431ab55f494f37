//! What is shown of an environment: from state and observation to API types.

use crate::api::types::{
    ApiError, EnvironmentState, EnvironmentStatus, EnvironmentSummary, InstanceReport, ProxyStatus,
    Release, RolloutProgress, RolloutStatus, RouteUrl, ServerStatus, ServiceStatus,
};
use crate::control::{Control, detail, now};
use crate::environment::Environment;
use crate::front::Front;
use crate::keeper::phase_word;
use crate::proxy_link::instance_of;
use crate::store::{shown_operation, shown_release};
use crate::traffic;
use mainstay_model::{InstanceId, Scope, ServiceName};
use mainstay_proxy::config::{EndpointStatus, Status};
use mainstay_rollout::{Rollout, ServiceSummary, Summary};
use mainstay_runtime::status::{InstanceStatus, Phase, Resources};
use mainstay_stack::Stack;
use std::collections::{BTreeMap, BTreeSet};

impl Control {
    pub async fn server_status(&self) -> ServerStatus {
        let status = self.proxy().status().await;
        ServerStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: self.started_at,
            background: self.background,
            directory: self.data().root().to_owned(),
            api: self.api_address(),
            proxy: ProxyStatus {
                pid: status.as_ref().map(|status| status.pid),
                problem: self.proxy().problem(),
                listeners: status
                    .iter()
                    .flat_map(|status| &status.listeners)
                    .map(|listener| listener.address)
                    .collect(),
            },
            environments: self.summaries(),
        }
    }

    pub fn summaries(&self) -> Vec<EnvironmentSummary> {
        let environments = self.environments();
        environments.iter().map(|one| self.summary(one)).collect()
    }

    pub(crate) fn summary(&self, environment: &Environment) -> EnvironmentSummary {
        EnvironmentSummary {
            scope: environment.scope.clone(),
            state: self.state(environment),
            // Last: the guard lives to the end of the expression, and `state` locks too.
            release: environment.inner().kept.desired.release,
        }
    }

    fn state(&self, environment: &Environment) -> EnvironmentState {
        let (rolling, desired) = {
            let inner = environment.inner();
            (inner.running.is_some(), inner.kept.desired.clone())
        };
        if rolling {
            return EnvironmentState::RollingOut;
        }
        if desired.release.is_none() {
            return EnvironmentState::Down;
        }
        let fine: BTreeSet<InstanceId> = self
            .observe(&environment.scope)
            .into_iter()
            .filter(is_fine)
            .map(|status| status.id)
            .collect();
        let all = desired
            .instances
            .values()
            .flatten()
            .all(|id| fine.contains(id));
        if all {
            EnvironmentState::Up
        } else {
            EnvironmentState::Degraded
        }
    }

    pub async fn environment_status(&self, scope: &Scope) -> Result<EnvironmentStatus, ApiError> {
        let environment = self.environment(scope)?;
        let release = environment.inner().kept.desired.release;
        let release: Option<Release> = match release {
            Some(number) => self
                .store
                .release(scope, number)
                .await?
                .as_ref()
                .map(shown_release),
            None => None,
        };
        let rollout = self.rollout_status(scope).await.ok();
        let proxy = self.proxy().status().await;
        let problems = self.diagnose(scope).await?;
        let (requests, monitoring) = {
            let inner = environment.inner();
            let monitoring = inner.current.as_ref().map(|bundle| bundle.stack.monitoring);
            (inner.requests.clone(), monitoring.unwrap_or_default())
        };
        Ok(EnvironmentStatus {
            scope: scope.clone(),
            state: self.state(&environment),
            release,
            urls: self.urls(&environment),
            services: self.services(&environment, proxy.as_ref()).await,
            rollout,
            requests,
            monitoring,
            problems,
        })
    }

    fn urls(&self, environment: &Environment) -> Vec<RouteUrl> {
        let inner = environment.inner();
        let running = inner.running.as_ref().map(|running| &running.to);
        match running.or(inner.current.as_ref()) {
            Some(bundle) => self.urls_of(&bundle.stack),
            None => Vec::new(),
        }
    }

    /// Where people reach a stack that runs, with the certificates there are.
    pub(crate) fn urls_of(&self, stack: &Stack) -> Vec<RouteUrl> {
        let certificates = self.proxy().certificates();
        let names = certificates.iter().flat_map(|one| &one.names);
        let names: Vec<&str> = names.map(String::as_str).collect();
        urls(stack, self.proxy().front(), &names)
    }

    /// What the instances of a scope use.
    pub(crate) async fn usage(&self, scope: &Scope) -> BTreeMap<InstanceId, Resources> {
        let all = self.targets().resources().await;
        all.into_iter()
            .filter(|(other, _, _)| other == scope)
            .map(|(_, id, resources)| (id, resources))
            .collect()
    }

    async fn services(
        &self,
        environment: &Environment,
        proxy: Option<&Status>,
    ) -> Vec<ServiceStatus> {
        let endpoints = endpoints(&environment.scope, proxy);
        let usage = self.usage(&environment.scope).await;
        let statuses = self.observe(&environment.scope);
        let (desired, targets) = {
            let inner = environment.inner();
            let targets: BTreeMap<ServiceName, u32> = inner
                .running
                .iter()
                .flat_map(|running| &running.plan.services)
                .map(|plan| {
                    (
                        plan.service.clone(),
                        (plan.new.len() + plan.kept.len()) as u32,
                    )
                })
                .collect();
            (inner.kept.desired.clone(), targets)
        };
        let names: BTreeSet<ServiceName> = desired
            .instances
            .keys()
            .chain(targets.keys())
            .cloned()
            .chain(statuses.iter().map(|status| status.id.service.clone()))
            .collect();
        let wanted = |name: &ServiceName| {
            let now = desired
                .instances
                .get(name)
                .map_or(0, |ids| ids.len() as u32);
            targets.get(name).copied().unwrap_or(now)
        };
        names
            .into_iter()
            .map(|name| {
                let own = statuses.iter().filter(|status| status.id.service == name);
                ServiceStatus {
                    wanted: wanted(&name),
                    healthy: own.clone().filter(|status| is_fine(status)).count() as u32,
                    instances: own
                        .map(|status| instance(status, endpoints.get(&status.id).copied(), &usage))
                        .collect(),
                    name,
                }
            })
            .collect()
    }

    pub async fn rollout_status(&self, scope: &Scope) -> Result<RolloutStatus, ApiError> {
        let environment = self.environment(scope)?;
        let running = environment.inner().running.clone();
        if let Some(running) = running {
            let summary = running.summary.borrow().clone();
            return Ok(rollout_status(running.operation, &summary, now()));
        }
        let row = self
            .store
            .last_rollout(scope)
            .await?
            .ok_or_else(|| ApiError::not_found(format!("no rollout has run in {scope} yet")))?;
        let rollout: Rollout = serde_json::from_str(&row.state)
            .map_err(|error| ApiError::unavailable(format!("state of the rollout: {error}")))?;
        Ok(rollout_status(
            shown_operation(&row),
            &rollout.summary(),
            now(),
        ))
    }
}

fn instance(
    status: &InstanceStatus,
    endpoint: Option<&EndpointStatus>,
    usage: &BTreeMap<InstanceId, Resources>,
) -> InstanceReport {
    let resources = usage.get(&status.id);
    InstanceReport {
        id: status.id.clone(),
        phase: phase_word(&status.phase).to_owned(),
        since: status.since,
        started_at: status.started_at,
        address: status.address,
        pid: status.pid,
        restarts: status.restarts,
        detail: detail(status),
        weight: endpoint.and_then(|endpoint| endpoint.weight),
        in_flight: endpoint.map_or(0, |endpoint| endpoint.in_flight),
        rss_bytes: resources.map(|resources| resources.rss.0),
        cpu_seconds: resources.map(|resources| resources.cpu_seconds),
        warnings: status.warnings.clone(),
    }
}

/// Healthy, or ended well by itself.
pub(crate) fn is_fine(status: &InstanceStatus) -> bool {
    match &status.phase {
        Phase::Healthy => true,
        Phase::Exited { exit, requested } => exit.is_success() && !requested,
        _ => false,
    }
}

pub(crate) fn endpoints<'a>(
    scope: &Scope,
    proxy: Option<&'a Status>,
) -> BTreeMap<InstanceId, &'a EndpointStatus> {
    proxy
        .iter()
        .flat_map(|status| &status.endpoints)
        .filter_map(|endpoint| Some((instance_of(scope, &endpoint.instance)?, endpoint)))
        .collect()
}

/// Where people reach the stack: under `https` where one of `names`, those that certificates are
/// served for, covers the route's host.
fn urls(stack: &Stack, front: &Front, names: &[&str]) -> Vec<RouteUrl> {
    let routed = stack.routes.iter().map(|route| {
        let host = route.hosts.first().filter(|host| !host.starts_with('*'));
        RouteUrl {
            url: format!("{}{}", origin(host, front, names), route.path),
            service: route.service.clone(),
        }
    });
    let published = traffic::published(stack)
        .into_iter()
        .map(|(service, address, protocol)| {
            let scheme = match protocol {
                mainstay_stack::PortProtocol::Http => "http",
                mainstay_stack::PortProtocol::Tcp => "tcp",
            };
            RouteUrl {
                url: format!("{scheme}://{address}/"),
                service: service.clone(),
            }
        });
    routed.chain(published).collect()
}

/// Scheme, host and port under which a route is reached.
pub(crate) fn origin(host: Option<&String>, front: &Front, names: &[&str]) -> String {
    let Some(host) = host else {
        return format!("http://{}", front.http);
    };
    let covered = names.iter().any(|name| mainstay_x509::covers(name, host));
    let (scheme, port) = match front.https_port() {
        Some(port) if covered => ("https", port),
        _ => ("http", front.http.port()),
    };
    match (scheme, port) {
        ("https", 443) | ("http", 80) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

fn rollout_status(
    operation: crate::api::types::Operation,
    summary: &Summary,
    now: mainstay_model::Timestamp,
) -> RolloutStatus {
    let end = operation
        .outcome
        .as_ref()
        .map_or(now, |outcome| outcome.finished_at);
    RolloutStatus {
        from: summary.from,
        to: summary.to,
        phase: summary.phase.clone(),
        hold: summary.hold.as_ref().map(ToString::to_string),
        paused: summary.paused_by.is_some(),
        elapsed: end.since(operation.started_at),
        services: summary.services.iter().map(progress).collect(),
        operation,
    }
}

fn progress(service: &ServiceSummary) -> RolloutProgress {
    let serving = service.new_serving + service.old_serving;
    let share = (100 * service.new_serving)
        .checked_div(serving)
        .unwrap_or(0);
    RolloutProgress {
        service: service.service.clone(),
        new_wanted: service.new,
        new_ready: service.new_serving,
        old_left: service.old.saturating_sub(service.old_gone),
        traffic_percent: service.percent.unwrap_or(share as u8),
    }
}
