//! What a service waits for before it starts: its `depends_on` as init containers.
//!
//! A cluster's Service leads to pods that are ready, and to no other: who reaches it has waited for the
//! dependency's own health check. A database is asked with the tools of its own image; the others with one
//! small image. That something has completed only the cluster knows, and it is asked with `kubectl`.

use super::known::{self, Engine};
use super::security;
use super::site::{self, Site};
use super::workload;
use crate::names;
use mainstay_stack::{DependencyCondition, Service};
use mainstay_yaml::write::Map;

/// Opens a connection, and no more.
const CONNECTS: &str = "busybox:1.37.0";
/// Kubernetes' own.
const KUBECTL: &str = "registry.k8s.io/kubectl:v1.33.1";

/// A dependency that is waited for.
pub(super) enum Wait<'a> {
    /// Its port, when it is ready.
    Ready(&'a Service, u16),
    /// The Job of this name.
    Completed(String),
}

/// What is waited for, by the name of each.
pub(super) fn waits<'a>(site: &Site<'a>, service: &Service) -> Vec<(String, Wait<'a>)> {
    let mut all: Vec<(String, Wait<'a>)> = ready(site, service);
    for (name, dependency) in &service.depends_on {
        let completed = dependency.condition == DependencyCondition::ServiceCompletedSuccessfully;
        if let Some(other) = site
            .stack
            .services
            .get(name)
            .filter(|_| completed && dependency.required)
        {
            let job = workload::job_name(site, other);
            all.push((site::name(other), Wait::Completed(job)));
        }
    }
    let migrations = site.stack.deploy.migrations.as_ref();
    if migrations.is_some_and(|migrations| migrations.service == service.name) {
        let job = workload::migration_name(site, service);
        all.push(("migrations".to_owned(), Wait::Completed(job)));
    }
    all
}

/// Dependencies that are asked on their port.
fn ready<'a>(site: &Site<'a>, service: &Service) -> Vec<(String, Wait<'a>)> {
    let mut all = Vec::new();
    for (name, dependency) in &service.depends_on {
        let healthy = dependency.condition == DependencyCondition::ServiceHealthy;
        let Some(other) = site
            .stack
            .services
            .get(name)
            .filter(|_| healthy && dependency.required)
        else {
            continue;
        };
        if let Some(port) = known::first_port(other) {
            all.push((site::name(other), Wait::Ready(other, port)));
        }
    }
    all
}

/// Whether pods of the service speak to the cluster's own server.
pub(super) fn asks_the_cluster(site: &Site<'_>, service: &Service) -> bool {
    let waits = waits(site, service);
    waits
        .iter()
        .any(|(_, wait)| matches!(wait, Wait::Completed(_)))
}

/// Init containers of a service that stays up.
pub(super) fn containers(site: &Site<'_>, service: &Service) -> Vec<Map> {
    let waits = waits(site, service);
    waits
        .iter()
        .map(|(name, wait)| container(site, name, wait))
        .collect()
}

/// Init containers of something that ends: it waits for who must answer it.
pub(super) fn before_task(site: &Site<'_>, service: &Service) -> Vec<Map> {
    let waits = ready(site, service);
    waits
        .iter()
        .map(|(name, wait)| container(site, name, wait))
        .collect()
}

fn container(site: &Site<'_>, name: &str, wait: &Wait<'_>) -> Map {
    let (image, words, user) = match wait {
        Wait::Ready(other, port) => {
            let own = known::engine(other).and_then(|engine| tool(engine, name, *port));
            let image = own.as_ref().and_then(|_| site.image(other));
            let test = own.unwrap_or_else(|| format!("nc -z -w 2 {name} {port}"));
            let line = format!("until {test}; do echo waiting for {name}; sleep 1; done");
            let words = vec!["sh".to_owned(), "-c".to_owned(), line];
            (image.unwrap_or_else(|| CONNECTS.to_owned()), words, 65534)
        }
        Wait::Completed(job) => {
            let words = [
                "kubectl",
                "wait",
                "--for=condition=complete",
                "--timeout=10m",
            ];
            let words = words.iter().map(|word| (*word).to_owned());
            (
                KUBECTL.to_owned(),
                words.chain([format!("job/{job}")]).collect(),
                65532,
            )
        }
    };
    let context = Map::new()
        .set("allowPrivilegeEscalation", false)
        .set("readOnlyRootFilesystem", true)
        .set("runAsNonRoot", true)
        .set("runAsUser", user)
        .set("capabilities", Map::new().set("drop", ["ALL"]));
    let small = || Map::new().set("cpu", "50m").set("memory", "64Mi");
    Map::new()
        .set("name", names::dns(&format!("wait-for-{name}")))
        .set("image", image)
        .set("imagePullPolicy", "IfNotPresent")
        .set("command", words)
        .set(
            "resources",
            Map::new().set("requests", small()).set("limits", small()),
        )
        .set("securityContext", context)
}

/// A database's own question whether it answers.
fn tool(engine: Engine, host: &str, port: u16) -> Option<String> {
    match engine {
        Engine::Postgresql => Some(format!("pg_isready -q -h {host} -p {port}")),
        // Without the password the answer is that one is wanted: it answers.
        Engine::Redis => Some(format!("redis-cli -h {host} -p {port} ping >/dev/null")),
        Engine::Mysql => None,
    }
}

/// Waivers that the waiting asks for.
pub(super) fn waive(site: &Site<'_>, service: &Service, waivers: &mut security::Waivers) {
    if asks_the_cluster(site, service) {
        waivers.add(
            "CKV_K8S_38",
            "it asks the cluster whether a Job is done, and may do nothing else",
        );
    }
}
