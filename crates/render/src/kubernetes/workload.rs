//! What keeps pods there: Deployments, StatefulSets, Jobs.

use super::pod::{self, Task};
use super::security;
use super::site::{self, Object, Site, fingerprint};
use super::storage;
use super::wait;
use mainstay_stack::{DependencyCondition, DeployPolicy, RestartCondition, Service, Strategy};
use mainstay_yaml::write::{Doc, Map};

/// A day: long enough to read what a Job said.
const JOB_KEPT_SECONDS: u32 = 86_400;

/// What a service becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    /// It has state of its own.
    StatefulSet,
    /// It ends.
    Job,
}

pub(super) fn kind(site: &Site<'_>, service: &Service) -> Kind {
    let others = site.stack.services.values();
    let awaited = others
        .filter_map(|other| other.depends_on.get(&service.name))
        .any(|dependency| {
            dependency.condition == DependencyCondition::ServiceCompletedSuccessfully
        });
    let ends = service.restart.condition == RestartCondition::No;
    if awaited || ends && service.ports.is_empty() && service.health.is_none() {
        Kind::Job
    } else if storage::is_set(service) {
        Kind::StatefulSet
    } else {
        Kind::Deployment
    }
}

/// Everything that runs, but for backups.
pub(super) fn objects(site: &Site<'_>) -> Vec<Object> {
    let mut all = Vec::new();
    for service in site.stack.services.values() {
        all.push(match kind(site, service) {
            Kind::Deployment => Object::new("deployment.yaml", deployment(site, service)),
            Kind::StatefulSet => Object::new("statefulset.yaml", stateful_set(site, service)),
            Kind::Job => {
                let name = job_name(site, service);
                Object::new("job.yaml", job(site, service, &name, None))
            }
        });
    }
    all.extend(migration(site));
    all
}

fn replicas(site: &Site<'_>, service: &Service) -> Option<u32> {
    let said = site.stack.render.services.get(&service.name);
    // With an autoscaler the number is its own, and must not be put back by whoever applies the files.
    if said.is_some_and(|said| said.autoscale.is_some()) {
        return None;
    }
    Some(if service.singleton {
        service.replicas.min(1)
    } else {
        service.replicas
    })
}

fn begun(site: &Site<'_>, service: &Service, kind: &str) -> Map {
    let mut waivers = security::waivers(service);
    wait::waive(site, service, &mut waivers);
    if service.environment.values().any(pod::is_secret) {
        waivers.add(
            "CKV_K8S_35",
            "the service reads this secret from a variable",
        );
    }
    let name = site::name(service);
    site.annotated("apps/v1", kind, &name, &name, waivers.annotations())
}

pub(super) fn deployment(site: &Site<'_>, service: &Service) -> Map {
    let policy = site.policy(service);
    let kept = site.stack.deploy.keep_releases;
    let calm = policy.minimum_healthy_time.as_secs();
    let deadline = site.stack.deploy.progress_deadline.as_secs();
    let spec = Map::new()
        .maybe("replicas", replicas(site, service))
        .set("revisionHistoryLimit", kept)
        .set("minReadySeconds", calm)
        .set("progressDeadlineSeconds", deadline.max(calm + 1))
        .set("strategy", strategy(service, policy))
        .set(
            "selector",
            Map::new().set("matchLabels", site.selector(&site::name(service))),
        )
        .set("template", pod::template(site, service, &Task::default()));
    begun(site, service, "Deployment").set("spec", spec)
}

/// How pods are replaced; what a Deployment has no word for is said as lost.
fn strategy(service: &Service, policy: &DeployPolicy) -> Map {
    let surge = match policy.strategy {
        _ if service.singleton || service.stateful.is_some() => None,
        Strategy::StopFirst => None,
        Strategy::Rolling { surge, .. } => Some(surge.max(1)),
        Strategy::BlueGreen { .. } => Some(1),
    };
    let Some(surge) = surge else {
        return Map::new()
            .comment("Never two at once.")
            .set("type", "Recreate");
    };
    let rolling = Map::new().set("maxSurge", surge).set("maxUnavailable", 0);
    Map::new()
        .set("type", "RollingUpdate")
        .set("rollingUpdate", rolling)
}

fn stateful_set(site: &Site<'_>, service: &Service) -> Map {
    let name = site::name(service);
    let claims: Vec<Doc> = storage::templates(site, service)
        .into_iter()
        .map(Doc::from)
        .collect();
    let spec = Map::new()
        .maybe("replicas", replicas(site, service))
        .set("revisionHistoryLimit", site.stack.deploy.keep_releases)
        .set(
            "minReadySeconds",
            site.policy(service).minimum_healthy_time.as_secs(),
        )
        .set("serviceName", &name)
        .set(
            "selector",
            Map::new().set("matchLabels", site.selector(&name)),
        )
        .set("template", pod::template(site, service, &Task::default()))
        .some("volumeClaimTemplates", claims);
    begun(site, service, "StatefulSet").set("spec", spec)
}

/// A Job cannot be changed: another image or configuration is another Job.
pub(super) fn job_name(site: &Site<'_>, service: &Service) -> String {
    numbered(site, service, &site::name(service), None)
}

pub(super) fn migration_name(site: &Site<'_>, service: &Service) -> String {
    let command = site
        .stack
        .deploy
        .migrations
        .as_ref()
        .map(|migrations| migrations.command.clone());
    numbered(site, service, "migrations", command)
}

fn numbered(
    site: &Site<'_>,
    service: &Service,
    name: &str,
    command: Option<Vec<String>>,
) -> String {
    let task = Task {
        command,
        restart: Some("Never"),
    };
    let pod = Doc::from(pod::template(site, service, &task)).text();
    let short: String = name.chars().take(50).collect();
    format!("{short}-{}", &fingerprint(&pod)[..8])
}

fn job(site: &Site<'_>, service: &Service, name: &str, command: Option<Vec<String>>) -> Map {
    let (restart, again) = match service.restart.condition {
        RestartCondition::No => ("Never", 0),
        _ => ("OnFailure", service.restart.max_attempts),
    };
    let task = Task {
        command,
        restart: Some(restart),
    };
    let spec = Map::new()
        .set("backoffLimit", again)
        .set("ttlSecondsAfterFinished", JOB_KEPT_SECONDS)
        .set("template", pod::template(site, service, &task));
    let mut waivers = security::waivers(service);
    waive_probes(&mut waivers);
    site.annotated(
        "batch/v1",
        "Job",
        name,
        &site::name(service),
        waivers.annotations(),
    )
    .set("spec", spec)
}

/// A pod that ends is not probed.
pub(super) fn waive_probes(waivers: &mut security::Waivers) {
    waivers.add("CKV_K8S_8", "it ends, and is not probed");
    waivers.add("CKV_K8S_9", "it ends, and is not probed");
}

/// Changes of the schema, once for each image.
fn migration(site: &Site<'_>) -> Option<Object> {
    let migrations = site.stack.deploy.migrations.as_ref()?;
    let service = site.stack.services.get(&migrations.service)?;
    let name = migration_name(site, service);
    let mut once = service.clone();
    once.restart.condition = RestartCondition::No;
    let job = job(site, &once, &name, Some(migrations.command.clone()));
    Some(Object::new("migration-job.yaml", job))
}

/// The name of whatever keeps the pods, for those who scale or look at it.
pub(super) fn scaled(site: &Site<'_>, service: &Service) -> Map {
    let kind = match kind(site, service) {
        Kind::StatefulSet => "StatefulSet",
        Kind::Deployment | Kind::Job => "Deployment",
    };
    Map::new()
        .set("apiVersion", "apps/v1")
        .set("kind", kind)
        .set("name", site::name(service))
}
