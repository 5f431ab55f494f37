//! What the load balancer passes on, and to whom.

use super::hcl::Expr;
use super::plan::Plan;
use mainstay_stack::{Balance, HealthCheck, Probe, Route, Service};

/// What an ingress controller of the cluster listens on, on every machine.
pub(super) const INGRESS_NODE_PORT: u16 = 30080;
/// The target group of the cluster's ingress controller.
pub(super) const INGRESS: &str = "ingress";

/// What the load balancer sends requests to.
pub(super) fn targets(plan: &Plan<'_>) -> Expr {
    let services = plan.services.iter();
    let routed = services.filter_map(|service| {
        let routes = plan.routed.get(service.name.as_str())?;
        let health = service.health.as_ref();
        let balance = routes.first().map(|route| route.balance);
        let sticky = balance == Some(Balance::ClientIp);
        let least = balance == Some(Balance::LeastConnections);
        let policy = plan.stack.deploy.services.get(&service.name);
        let policy = policy.unwrap_or(&plan.stack.deploy.default);
        let mut entries = vec![("port", Expr::from(port(service)))];
        if plan.blue_green(service).is_some() {
            entries.push(("blue_green", true.into()));
        }
        if least {
            entries.push(("balance", "least_outstanding_requests".into()));
        }
        if sticky {
            entries.push(("sticky", true.into()));
        }
        entries.push(("drain_seconds", policy.drain.as_secs().min(3600).into()));
        if let Some(path) = path(health) {
            entries.push(("health_path", path.into()));
        }
        if let Some(health) = health {
            let interval = health.interval.as_secs().clamp(5, 300);
            entries.push(("health_interval_seconds", interval.into()));
            let timeout = health.timeout.as_secs().clamp(2, interval.max(3) - 1);
            entries.push(("health_timeout_seconds", timeout.into()));
        }
        Some((service.name.to_string(), Expr::map(entries)))
    });
    Expr::map(routed.collect::<Vec<_>>())
}

/// Which requests go where: with hosts before without, the longest path first.
pub(super) fn routes(plan: &Plan<'_>) -> Expr {
    let routes = plan.routed.values().flatten();
    let mut routes: Vec<&&Route> = routes.collect();
    routes.sort_by_key(|route| (route.hosts.is_empty(), std::cmp::Reverse(route.path.len())));
    let lines = routes.into_iter().map(|one| {
        let paths = match one.path.trim_end_matches('/') {
            "" => vec!["/*".to_owned()],
            path => vec![path.to_owned(), format!("{path}/*")],
        };
        route(one.service.as_str(), &paths, &one.hosts)
    });
    Expr::List(lines.collect())
}

pub(super) fn route(target: &str, paths: &[String], hosts: &[String]) -> Expr {
    let mut entries = vec![
        ("target", Expr::from(target)),
        ("paths", Expr::texts(paths)),
    ];
    if !hosts.is_empty() {
        entries.push(("hosts", Expr::texts(hosts)));
    }
    Expr::map(entries)
}

/// The cluster's ingress controller: any answer of it says that it is there.
pub(super) fn ingress(plan: &Plan<'_>) -> Expr {
    let drain = plan.stack.deploy.default.drain.as_secs().min(3600);
    Expr::map([
        ("port", Expr::from(INGRESS_NODE_PORT)),
        ("target_type", "instance".into()),
        ("drain_seconds", drain.into()),
        ("health_matcher", "200-499".into()),
    ])
}

pub(super) fn path(health: Option<&HealthCheck>) -> Option<&str> {
    match &health?.probe {
        Probe::Http { path } => Some(path),
        _ => None,
    }
}

/// What the load balancer speaks to.
pub(super) fn port(service: &Service) -> u16 {
    service.ports.first().map_or(80, |port| port.target)
}
