//! Targets of what runs: an instance is one, under the labels by which people know it.

use crate::control::Control;
use mainstay_model::{InstanceId, Scope};
use mainstay_runtime::status::Phase;
use mainstay_series::Labels;
use mainstay_stack::{Collect, MetricsRule, Probe, Service, Stack};
use mainstay_targets::Group;
use std::net::SocketAddr;

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

/// Every instance that runs and has an address.
pub(super) fn seen(control: &Control) -> Vec<Seen> {
    let mut all = Vec::new();
    for environment in control.environments() {
        let bundles = environment.inner().bundles.clone();
        for status in control.observe(&environment.scope) {
            let runs = matches!(status.phase, Phase::Healthy | Phase::Unhealthy);
            let (true, Some(address)) = (runs, status.address) else {
                continue;
            };
            let Some(bundle) = bundles.get(&status.id.release) else {
                continue;
            };
            let Some(service) = bundle.stack.services.get(&status.id.service) else {
                continue;
            };
            let rule = service.metrics.clone();
            let port = rule.port.unwrap_or(address.port());
            all.push(Seen {
                scope: environment.scope.clone(),
                may_ask: speaks_http(&bundle.stack, service),
                id: status.id,
                address: SocketAddr::new(address.ip(), port),
                rule,
            });
        }
    }
    all
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
    wanted
        .iter()
        .filter(|seen| seen.rule.collect != Collect::Never)
        .map(group)
        .collect()
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
        let never = MetricsRule {
            collect: Collect::Never,
            ..MetricsRule::default()
        };
        assert!(
            groups(&[Seen {
                rule: never,
                ..seen
            }])
            .is_empty()
        );
    }
}
