//! A target in a temporary directory, specs for it, and waiting with a deadline.

use mainstay_model::{InstanceId, Scope, Secret};
use mainstay_runtime::process::{Options, ProcessTarget};
use mainstay_runtime::spec::{InstanceSpec, RestartCondition, RestartPolicy};
use mainstay_runtime::status::{InstanceStatus, Phase};
use mainstay_runtime::target::Target;
use mainstay_wire::shim::{Limits, LogPolicy, StopPolicy};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No wait in these tests is longer; it is only reached where something is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Directories that outlive any number of targets.
#[derive(Debug)]
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn options(&self) -> Options {
        options(self.path())
    }

    pub(crate) fn open(&self) -> ProcessTarget {
        ProcessTarget::open(self.options()).unwrap()
    }
}

pub(crate) fn options(path: &Path) -> Options {
    Options {
        directory: path.join("instances"),
        socket_directory: path.join("run"),
        shim_command: vec![std::env::current_exe().unwrap().into(), "shim".into()],
    }
}

pub(crate) fn scope() -> Scope {
    Scope {
        stack: "shop".parse().unwrap(),
        environment: "test".parse().unwrap(),
    }
}

pub(crate) fn id(slot: u32) -> InstanceId {
    format!("app-r1-{slot}").parse().unwrap()
}

/// Runs `script` in a shell, never restarted, with a short grace.
pub(crate) fn shell(slot: u32, script: &str) -> InstanceSpec {
    InstanceSpec {
        scope: scope(),
        id: id(slot),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        environment: BTreeMap::from([("PATH".into(), Secret::new("/usr/bin:/bin".into()))]),
        working_directory: PathBuf::from("/"),
        user: None,
        group: None,
        limits: Limits::default(),
        wants_port: false,
        health: None,
        restart: RestartPolicy {
            condition: RestartCondition::No,
            delay: Duration::from_millis(10),
            max_attempts: 3,
            window: Duration::from_secs(60),
        },
        stop: StopPolicy {
            signal: "SIGTERM".into(),
            grace: Duration::from_secs(5),
        },
        log: LogPolicy::default(),
    }
}

/// The status of an instance once it satisfies `wanted`.
pub(crate) async fn seen(
    target: &impl Target,
    slot: u32,
    wanted: impl Fn(&InstanceStatus) -> bool,
) -> InstanceStatus {
    let mut changes = target.changes();
    let mut last = None;
    let look = async {
        loop {
            changes.mark_unchanged();
            last = target
                .observe()
                .into_iter()
                .find(|status| status.id == id(slot));
            if let Some(status) = last.clone().filter(|status| wanted(status)) {
                return status;
            }
            changes.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(DEADLINE, look).await;
    found.unwrap_or_else(|_| panic!("not seen in time; last seen: {last:?}"))
}

pub(crate) async fn healthy(target: &impl Target, slot: u32) -> InstanceStatus {
    seen(target, slot, |status| status.phase == Phase::Healthy).await
}

/// The status once it has ended for good.
pub(crate) async fn ended(target: &impl Target, slot: u32) -> InstanceStatus {
    seen(target, slot, |status| {
        matches!(
            status.phase,
            Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. }
        )
    })
    .await
}
