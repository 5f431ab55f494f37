//! Probes of a container, from the health check of its service.

use super::known;
use mainstay_stack::{DeployPolicy, HealthCheck, Probe, Service};
use mainstay_yaml::write::{Doc, Map};
use std::time::Duration;

/// How long something must be broken before it is started again. A check may look at what a service depends
/// on, and a database that is away for a moment must not restart everybody who asks for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// `startupProbe`, `readinessProbe`, `livenessProbe`: none where there is nothing to ask.
pub(super) fn probes(service: &Service, policy: &DeployPolicy) -> Vec<(&'static str, Doc)> {
    let Some(port) = known::first_port(service) else {
        return commands_only(service, policy);
    };
    match &service.health {
        Some(health) => of(health, Some(port), policy),
        None => connects(port),
    }
}

/// A service without a port can be asked by a command alone.
fn commands_only(service: &Service, policy: &DeployPolicy) -> Vec<(&'static str, Doc)> {
    match &service.health {
        Some(health) if matches!(health.probe, Probe::Command { .. }) => of(health, None, policy),
        _ => Vec::new(),
    }
}

/// Nothing is said: it listens, or it does not.
fn connects(port: u16) -> Vec<(&'static str, Doc)> {
    let probe = || Map::new().set("tcpSocket", Map::new().set("port", port));
    let lives = probe().set("periodSeconds", 10).set("failureThreshold", 6);
    let ready = probe().set("periodSeconds", 5);
    vec![
        ("readinessProbe", ready.into()),
        ("livenessProbe", lives.into()),
    ]
}

fn of(health: &HealthCheck, port: Option<u16>, policy: &DeployPolicy) -> Vec<(&'static str, Doc)> {
    let period = seconds(health.interval);
    let starting = seconds(health.start_interval);
    let deadline = seconds(policy.healthy_deadline.max(health.start_period));
    let probe = || asked(&health.probe, port).set("timeoutSeconds", seconds(health.timeout));
    let starts = probe()
        .set("periodSeconds", starting)
        .set("failureThreshold", deadline.div_ceil(starting));
    let ready = probe()
        .set("periodSeconds", period)
        .set("failureThreshold", health.retries.max(1))
        .set("successThreshold", health.passes.max(1));
    let patient = seconds(PATIENCE).div_ceil(period);
    let lives = probe()
        .set("periodSeconds", period)
        .set("failureThreshold", patient.max(u64::from(health.retries)));
    vec![
        ("startupProbe", starts.into()),
        ("readinessProbe", ready.into()),
        ("livenessProbe", lives.into()),
    ]
}

/// What is asked, and where.
fn asked(probe: &Probe, port: Option<u16>) -> Map {
    match (probe, port) {
        (Probe::Http { path }, Some(port)) => {
            Map::new().set("httpGet", Map::new().set("path", path).set("port", port))
        }
        (Probe::Tcp, Some(port)) => Map::new().set("tcpSocket", Map::new().set("port", port)),
        (Probe::Command { command }, _) => {
            Map::new().set("exec", Map::new().set("command", command.as_slice()))
        }
        (Probe::Http { .. } | Probe::Tcp, None) => Map::new(),
    }
}

/// Whole seconds, one at least.
fn seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1000).max(1) as u64
}
