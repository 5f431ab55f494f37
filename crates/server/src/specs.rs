//! From a release's stack to what its target is asked to run. Pure.

pub(crate) mod container;
mod one_shot;
mod staged;

pub(crate) use one_shot::one_shot_spec;
pub(crate) use staged::{Copies, cannot_stage, stage_network, staged_spec};

use crate::api::types::Files;
use crate::planning::has_port;
use crate::ways::Ways;
use mainstay_model::{InstanceId, Secret, ServiceName};
use mainstay_runtime::images::ImageRecord;
use mainstay_runtime::spec::{
    HealthCheck, InstanceFile, InstanceSpec, Probe, ProcessRun, RestartCondition, RestartPolicy,
    Run,
};
use mainstay_stack as stack;
use mainstay_stack::{FileKind, Service, Stack, TargetKind};
use mainstay_wire::shim::{Limits, LogPolicy, StopPolicy};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Everything a release needs to start its instances again; kept sealed, since the stack holds
/// secret values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    pub stack: Stack,
    /// Path as in `ProcessRun::artifacts` → SHA-256.
    pub artifacts: BTreeMap<PathBuf, String>,
    /// What each service runs on a container target: settled before the release is made, so that
    /// a tag that moves changes nothing that is there.
    #[serde(default)]
    pub images: BTreeMap<ServiceName, ImageRecord>,
    /// What the stack was resolved from.
    #[serde(default)]
    pub files: Files,
}

/// Why an instance cannot be described to its target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SpecError {
    #[error("release has no service `{0}`")]
    UnknownService(ServiceName),
    #[error("service `{0}` has no `x-mainstay` command: the process target cannot run it")]
    MissingCommand(ServiceName),
    #[error("service `{0}` has no image: a container target cannot run it")]
    MissingImage(ServiceName),
    #[error("artifact `{0}` of the release is not kept any more")]
    LostArtifact(String),
}

/// The specification of one instance. `artifact` gives the place of a kept file by its SHA-256.
pub(crate) fn instance_spec(
    bundle: &Bundle,
    id: &InstanceId,
    ways: &Ways,
    artifact: impl Fn(&str) -> Option<PathBuf>,
) -> Result<InstanceSpec, SpecError> {
    let stack = &bundle.stack;
    let service = stack
        .services
        .get(&id.service)
        .ok_or_else(|| SpecError::UnknownService(id.service.clone()))?;
    let run = if stack.target == TargetKind::Process {
        Run::Process(process(bundle, service, artifact)?)
    } else {
        Run::Container(Box::new(container::run(bundle, service)?))
    };
    Ok(InstanceSpec {
        scope: stack.scope(),
        id: id.clone(),
        environment: environment(stack, service, id, ways),
        user: service.user.clone(),
        group: service.group.clone(),
        limits: Limits {
            memory: service.limits.memory,
            cpus: service.limits.cpus,
            processes: service.limits.processes,
            open_files: service.limits.open_files,
        },
        health: service.health.as_ref().map(health),
        restart: restart(&service.restart),
        stop: StopPolicy {
            signal: service.stop_signal.clone(),
            grace: service.stop_grace,
        },
        log: LogPolicy {
            max_size: service.log.max_size,
            max_files: service.log.max_files,
            max_age: service.log.max_age,
        },
        files: files(service),
        run,
    })
}

fn process(
    bundle: &Bundle,
    service: &Service,
    artifact: impl Fn(&str) -> Option<PathBuf>,
) -> Result<ProcessRun, SpecError> {
    let stack = &bundle.stack;
    let run = service
        .process
        .as_ref()
        .filter(|run| !run.command.is_empty())
        .ok_or_else(|| SpecError::MissingCommand(service.name.clone()))?;
    let mut command = run.command.clone();
    if let Some(hash) = bundle.artifacts.get(Path::new(&command[0])) {
        let kept = artifact(hash).ok_or_else(|| SpecError::LostArtifact(command[0].clone()))?;
        command[0] = kept.to_string_lossy().into_owned();
    }
    Ok(ProcessRun {
        command,
        working_directory: working_directory(stack, service),
        wants_port: has_port(stack, service),
    })
}

/// Compose allows numbers only; without one it is root's.
fn number(text: Option<&str>) -> u32 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// What was granted. A config that is called as a secret is gets another name beside it.
fn files(service: &Service) -> Vec<InstanceFile> {
    let secrets: BTreeSet<&str> = service
        .files
        .iter()
        .filter(|file| file.kind == FileKind::Secret)
        .map(|file| file.name.as_str())
        .collect();
    let granted = service.files.iter().filter_map(|file| {
        let clashes = file.kind == FileKind::Config && secrets.contains(file.name.as_str());
        let suffix = if clashes { ".config" } else { "" };
        Some(InstanceFile {
            name: format!("{}{suffix}", file.name),
            target: file.target.clone(),
            content: file.content.clone()?,
            mode: file.mode,
            uid: number(file.uid.as_deref()),
            gid: number(file.gid.as_deref()),
        })
    });
    granted.collect()
}

fn working_directory(stack: &Stack, service: &Service) -> PathBuf {
    // `join` keeps an absolute path as it is.
    service.working_directory.as_ref().map_or_else(
        || stack.directory.clone(),
        |path| stack.directory.join(path),
    )
}

/// What the user wrote wins over what we add; our own `MAINSTAY_` names cannot be overridden.
fn environment(
    stack: &Stack,
    service: &Service,
    id: &InstanceId,
    ways: &Ways,
) -> BTreeMap<String, Secret<String>> {
    let mut environment: BTreeMap<String, String> = BTreeMap::new();
    if stack.target == TargetKind::Process {
        // An image has its own.
        environment.insert("PATH".to_owned(), default_path());
    }
    for name in ways.ports.keys().filter(|name| **name != id.service) {
        let Some((host, port)) = ways.between(stack, &id.service, name) else {
            continue;
        };
        let prefix = variable_prefix(name);
        environment.insert(format!("{prefix}_URL"), format!("http://{host}:{port}"));
        environment.insert(format!("{prefix}_HOST"), host);
        environment.insert(format!("{prefix}_PORT"), port.to_string());
    }
    for (key, value) in &service.environment {
        environment.insert(key.clone(), value.text.expose().clone());
    }
    let scope = stack.scope();
    for (key, value) in [
        ("MAINSTAY_STACK", scope.stack.to_string()),
        ("MAINSTAY_ENVIRONMENT", scope.environment.to_string()),
        ("MAINSTAY_SERVICE", id.service.to_string()),
        ("MAINSTAY_RELEASE", id.release.to_string()),
        ("MAINSTAY_INSTANCE", scope.instance_name(id)),
    ] {
        environment.insert(key.to_owned(), value);
    }
    environment
        .into_iter()
        .map(|(key, value)| (key, Secret::new(value)))
        .collect()
}

/// A service's program must be found as in the shell that deployed it; nothing else is inherited.
fn default_path() -> String {
    std::env::var("PATH")
        .unwrap_or_else(|_| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into())
}

/// `my-cache` → `MY_CACHE`
fn variable_prefix(name: &ServiceName) -> String {
    name.as_str()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

fn health(health: &stack::HealthCheck) -> HealthCheck {
    HealthCheck {
        probe: match &health.probe {
            stack::Probe::Http { path } => Probe::Http { path: path.clone() },
            stack::Probe::Tcp => Probe::Tcp,
            stack::Probe::Command { command } => Probe::Command {
                command: command.clone(),
            },
        },
        interval: health.interval,
        start_interval: health.start_interval,
        timeout: health.timeout,
        start_period: health.start_period,
        retries: health.retries,
        passes: health.passes,
    }
}

fn restart(restart: &stack::Restart) -> RestartPolicy {
    RestartPolicy {
        condition: match restart.condition {
            stack::RestartCondition::No => RestartCondition::No,
            stack::RestartCondition::OnFailure => RestartCondition::OnFailure,
            stack::RestartCondition::Always | stack::RestartCondition::UnlessStopped => {
                RestartCondition::Always
            }
        },
        delay: restart.delay,
        max_attempts: restart.max_attempts,
        window: restart.window,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use mainstay_stack::Value;

    fn bundle() -> Bundle {
        let mut app = testing::service("app", 1);
        app.process = Some(stack::ProcessRun {
            build: None,
            artifacts: vec!["bin/app".into()],
            command: vec!["bin/app".into(), "--serve".into()],
        });
        app.environment.insert(
            "MY_CACHE_HOST".to_owned(),
            Value {
                text: Secret::new("mine".to_owned()),
                secret: false,
            },
        );
        Bundle {
            stack: testing::stack([app, testing::service("my-cache", 1)]),
            artifacts: BTreeMap::from([("bin/app".into(), "abc".to_owned())]),
            images: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    #[test]
    fn the_kept_artifact_runs_and_the_user_wins_over_injected_addresses() {
        let ways = Ways {
            ports: BTreeMap::from([
                (ServiceName::new("my-cache").unwrap(), 21_000),
                (ServiceName::new("app").unwrap(), 21_001),
            ]),
            ..Ways::default()
        };
        let id = "app-r3-1".parse().unwrap();
        let spec = instance_spec(&bundle(), &id, &ways, |hash| {
            Some(format!("/kept/{hash}").into())
        });
        let spec = spec.unwrap();
        let Run::Process(run) = &spec.run else {
            panic!("a process");
        };
        assert_eq!(run.command, ["/kept/abc", "--serve"]);
        let value = |key: &str| spec.environment.get(key).map(|v| v.expose().as_str());
        assert_eq!(value("MY_CACHE_HOST"), Some("mine"));
        assert_eq!(value("MY_CACHE_URL"), Some("http://127.0.0.1:21000"));
        assert_eq!(value("APP_URL"), None);
        assert_eq!(value("MAINSTAY_RELEASE"), Some("r3"));
        assert_eq!(value("MAINSTAY_INSTANCE"), Some("shop-dev-app-r3-1"));
        assert!(run.wants_port);
    }

    #[test]
    fn a_service_without_a_command_is_refused_by_name() {
        let id = "my-cache-r1-1".parse().unwrap();
        let error = instance_spec(&bundle(), &id, &Ways::default(), |_| None);
        assert!(error.unwrap_err().to_string().contains("`my-cache`"));
    }
}
