//! Targets of what runs: an instance is one, under the labels by which people know it.

use crate::control::Control;
use crate::specs::Bundle;
use mainstay_model::{InstanceId, Scope};
use mainstay_runtime::status::{InstanceStatus, Phase};
use mainstay_series::Labels;
use mainstay_stack::{ExporterRule, MetricsRule, Probe, Service, Stack, StackSecret, TargetKind};
use mainstay_targets::Group;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// An instance that could be scraped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) scope: Scope,
    pub(super) id: InstanceId,
    /// Where metrics are asked for.
    pub(super) address: SocketAddr,
    pub(super) rule: MetricsRule,
    /// Whether it may be asked without having been named: it speaks HTTP.
    pub(super) may_ask: bool,
}

/// An instance that runs, and what its release says of it.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) scope: Scope,
    pub(super) status: InstanceStatus,
    /// Of the release that it was started by.
    bundle: Arc<Bundle>,
    /// The one that is in force, where it is no older: how an instance is looked at may change while
    /// it stays as it is.
    current: Option<Arc<Bundle>>,
}

impl Running {
    pub(super) fn service(&self) -> Option<&Service> {
        self.bundle.stack.services.get(&self.status.id.service)
    }

    /// How its metrics are collected.
    pub(super) fn rule(&self) -> Option<&MetricsRule> {
        let current = self.current.as_ref();
        let current = current.and_then(|bundle| bundle.stack.services.get(&self.status.id.service));
        current
            .or_else(|| self.service())
            .map(|service| &service.metrics)
    }

    /// The stack that has what the rule names.
    pub(super) fn secrets(&self, rule: &ExporterRule) -> &BTreeMap<String, StackSecret> {
        let knows = |bundle: &&Arc<Bundle>| {
            let secret = rule.secret.as_ref();
            secret.is_some_and(|secret| bundle.stack.secrets.contains_key(secret))
        };
        let current = self.current.as_ref().filter(knows);
        &current.unwrap_or(&self.bundle).stack.secrets
    }

    pub(super) fn target(&self) -> TargetKind {
        self.bundle.stack.target
    }

    /// What it runs: the image as the files name it; of a process its program.
    pub(super) fn image(&self) -> String {
        let Some(service) = self.service() else {
            return String::new();
        };
        let built = self.bundle.images.get(&self.status.id.service);
        let named = built.map(|image| image.reference.clone());
        if self.target().runs_containers() {
            return named.or_else(|| service.image.clone()).unwrap_or_default();
        }
        let process = service.process.as_ref();
        let program = process.and_then(|process| process.command.first());
        program.cloned().unwrap_or_default()
    }

    /// By what people know it, beside its own name.
    pub(super) fn labels(&self) -> [(&'static str, String); 4] {
        let (scope, id) = (&self.scope, &self.status.id);
        [
            ("service", id.service.to_string()),
            ("release", format!("r{}", id.release.0)),
            ("stack", scope.stack.to_string()),
            ("environment", scope.environment.to_string()),
        ]
    }
}

/// Every instance that runs.
pub(super) fn running(control: &Control) -> Vec<Running> {
    let mut all = Vec::new();
    for environment in control.environments() {
        let (bundles, current) = {
            let inner = environment.inner();
            let current = inner.kept.desired.release.zip(inner.current.clone());
            (inner.bundles.clone(), current)
        };
        for status in control.observe(&environment.scope) {
            if !matches!(status.phase, Phase::Healthy | Phase::Unhealthy) {
                continue;
            }
            let Some(bundle) = bundles.get(&status.id.release) else {
                continue;
            };
            let current = current.as_ref();
            let current = current.filter(|(release, _)| status.id.release <= *release);
            all.push(Running {
                scope: environment.scope.clone(),
                bundle: Arc::clone(bundle),
                current: current.map(|(_, bundle)| Arc::clone(bundle)),
                status,
            });
        }
    }
    all
}

/// Those that have an address.
pub(super) fn seen(control: &Control) -> Vec<Seen> {
    let seen = running(control).into_iter().filter_map(|one| {
        let address = one.status.address?;
        let rule = one.rule()?.clone();
        let port = rule.port.unwrap_or(address.port());
        Some(Seen {
            may_ask: speaks_http(&one.bundle.stack, one.service()?),
            scope: one.scope.clone(),
            id: one.status.id.clone(),
            address: SocketAddr::new(address.ip(), port),
            rule,
        })
    });
    seen.collect()
}

/// A database would write into its log that somebody talks nonsense to it.
fn speaks_http(stack: &Stack, service: &Service) -> bool {
    let checked = service
        .health
        .as_ref()
        .is_some_and(|check| matches!(check.probe, Probe::Http { .. }));
    checked
        || stack
            .routes
            .iter()
            .any(|route| route.service == service.name)
}

/// One group for each instance that is scraped.
pub(super) fn groups(wanted: &[Seen]) -> Vec<Group> {
    wanted.iter().map(group).collect()
}

fn group(seen: &Seen) -> Group {
    let (scope, id) = (&seen.scope, &seen.id);
    let interval = seen.rule.interval_ms.map(|ms| format!("{ms}ms"));
    // A scrape never takes longer than what is between two.
    let timeout = seen
        .rule
        .interval_ms
        .map(|ms| format!("{}ms", ms.min(10_000)));
    let labels = [
        ("job", Some(id.service.to_string())),
        ("instance", Some(id.to_string())),
        ("service", Some(id.service.to_string())),
        ("release", Some(format!("r{}", id.release.0))),
        ("stack", Some(scope.stack.to_string())),
        ("environment", Some(scope.environment.to_string())),
        ("__metrics_path__", Some(seen.rule.path.clone())),
        ("__scrape_interval__", interval),
        ("__scrape_timeout__", timeout),
    ];
    let labels = labels
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    Group::of_addresses(
        format!("{scope}/{id}"),
        Labels::from_pairs(labels),
        [seen.address.to_string()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_targets::targets;

    #[tokio::test]
    async fn an_instance_is_scraped_under_the_labels_it_is_known_by() {
        let settings = mainstay_stack::server_file::MetricsSettings::default();
        let job = super::super::configuration::load(&settings).await.unwrap();
        let seen = Seen {
            scope: Scope {
                stack: "shop".parse().unwrap(),
                environment: "dev".parse().unwrap(),
            },
            id: "app-r12-1".parse().unwrap(),
            address: "127.0.0.1:9000".parse().unwrap(),
            rule: MetricsRule {
                path: "/api/metrics".to_owned(),
                interval_ms: Some(5_000),
                ..MetricsRule::default()
            },
            may_ask: true,
        };
        let found = targets(&job.jobs[0], &groups(std::slice::from_ref(&seen)));
        let target = &found.active[0];
        assert_eq!(target.url, "http://127.0.0.1:9000/api/metrics");
        assert_eq!(target.interval.as_secs(), 5);
        assert_eq!(
            target.labels.to_string(),
            r#"{environment="dev", instance="app-r12-1", job="app", release="r12", service="app", stack="shop"}"#
        );
    }
}
