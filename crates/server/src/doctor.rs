//! What is wrong with a stack, how that is known, and what to do.
//!
//! Looks at what is there now and at what the last rollout left behind as evidence: a failed
//! instance is removed with its log, so what it said last is taken down before.

use crate::api::types::{ApiError, Diagnosis, OperationKind, OperationResult};
use crate::control::{Control, detail};
use crate::environment::Environment;
use crate::report;
use crate::watch::{self, Seen};
use mainstay_model::{Bytes, InstanceId, Scope};
use mainstay_runtime::logs::LogQuery;
use mainstay_runtime::process::Orphan;
use mainstay_runtime::status::{InstanceStatus, Phase};
use mainstay_runtime::target::TargetError;
use mainstay_stack::Stack;
use mainstay_stack::policy::Monitoring;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Log lines that are shown as evidence.
pub(crate) const EVIDENCE_LINES: usize = 15;
/// Below this the disk counts as full: a release, a log file and a journal page need room.
const DISK_FLOOR: Bytes = Bytes(64 << 20);

impl Control {
    /// Everything that is wrong, most important first; empty: nothing is.
    pub async fn diagnose(&self, scope: &Scope) -> Result<Vec<Diagnosis>, ApiError> {
        let environment = self.environment(scope)?;
        let mut found = Vec::new();
        found.extend(disk(self.data().root()));
        found.extend(self.proxy().problem().map(|problem| proxy(&problem)));
        found.extend(self.diagnose_certificates(scope));
        let stack = {
            let inner = environment.inner();
            let running = inner.running.as_ref().map(|running| &running.to);
            running
                .or(inner.current.as_ref())
                .map(|bundle| bundle.stack.clone())
        };
        let statuses = self.observe(scope);
        for status in &statuses {
            let lines = self.last_lines(&environment, &status.id).await;
            found.extend(instance(status, stack.as_ref(), &statuses, lines));
        }
        if let Some(stack) = &stack {
            found.extend(self.watched(scope, stack, &statuses).await);
        }
        found.extend(self.schema_ahead(&environment).await?);
        let (last, evidence) = {
            let inner = environment.inner();
            (inner.last.clone(), inner.evidence.clone())
        };
        if let Some(operation) = last
            && let Some(outcome) = &operation.outcome
            && matches!(
                outcome.result,
                OperationResult::RolledBack | OperationResult::Failed
            )
        {
            let what = kind_word(operation.kind);
            found.extend(evidence);
            found.push(Diagnosis {
                code: "last-operation-failed".to_owned(),
                subject: operation.release.map(|release| release.to_string()),
                message: format!("the last {what} did not succeed: {}", outcome.reason),
                evidence: Vec::new(),
                hint: format!(
                    "mend the cause and {what} again; `mainstay events` tells the whole story"
                ),
            });
        }
        Ok(found)
    }

    /// What the environment's monitoring level looks at.
    async fn watched(
        &self,
        scope: &Scope,
        stack: &Stack,
        statuses: &[InstanceStatus],
    ) -> Vec<Diagnosis> {
        if stack.monitoring == Monitoring::Basic {
            return Vec::new();
        }
        let memory = self.usage(scope).await.into_iter();
        let proxy = self.proxy().status().await;
        let endpoints = report::endpoints(scope, proxy.as_ref()).into_iter();
        let disk = rustix::fs::statvfs(self.data().root()).ok().map(|stat| {
            let all = stat.f_blocks.saturating_mul(stat.f_frsize);
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            (all.saturating_sub(free), all)
        });
        let seen = Seen {
            statuses,
            memory: memory.map(|(id, resources)| (id, resources.rss)).collect(),
            endpoints: endpoints.map(|(id, one)| (id, one.clone())).collect(),
            disk,
        };
        watch::watched(stack.monitoring, stack, &seen)
    }

    /// The schema went on, and the release that runs did not: after a failed deploy, or `--force`.
    async fn schema_ahead(&self, environment: &Environment) -> Result<Option<Diagnosis>, ApiError> {
        let (release, rolling) = {
            let inner = environment.inner();
            (inner.kept.desired.release, inner.running.is_some())
        };
        let Some(release) = release.filter(|_| !rolling) else {
            return Ok(None);
        };
        let stands = self.schema_stands(environment, release).await?;
        Ok(stands.forbids().map(|why| Diagnosis {
            code: "schema-ahead".to_owned(),
            subject: Some(release.to_string()),
            message: why,
            evidence: Vec::new(),
            hint: "deploy what belongs to it, or take it back: the downgrade command of the release that brought it".to_owned(),
        }))
    }

    /// What is wrong with the machine's side of it: reads all of `/proc`, so `status` does without.
    pub async fn diagnose_target(&self) -> Vec<Diagnosis> {
        let target = Arc::clone(self.targets().process());
        let orphans = tokio::task::spawn_blocking(move || target.orphans()).await;
        let orphans = orphans.unwrap_or_default().into_iter().map(orphan);
        let mut found: Vec<Diagnosis> = orphans.collect();
        found.extend(
            self.targets()
                .process()
                .damaged()
                .iter()
                .map(|path| damaged(path)),
        );
        for engine in self.targets().engines() {
            found.extend(engine.damaged().iter().map(|path| damaged(path)));
            found.extend(engine.check().await.err().map(|error| unreachable(&error)));
        }
        found
    }

    /// Takes down why an instance failed, before it is removed with its log.
    pub(crate) async fn take_evidence(
        &self,
        environment: &Environment,
        id: &InstanceId,
    ) -> Option<Diagnosis> {
        let statuses = self.observe(&environment.scope);
        let status = statuses.iter().find(|status| status.id == *id)?;
        let stack = environment
            .inner()
            .running
            .as_ref()
            .map(|running| running.to.stack.clone());
        let lines = self.last_lines(environment, id).await;
        let found = instance(status, stack.as_ref(), &statuses, lines)?;
        let mut inner = environment.inner();
        if inner
            .evidence
            .iter()
            .all(|other| other.subject != found.subject)
        {
            inner.evidence.push(found.clone());
        }
        Some(found)
    }

    /// The last lines of an instance's log, with the secret values of its stack taken out.
    pub(crate) async fn last_lines(
        &self,
        environment: &Environment,
        id: &InstanceId,
    ) -> Vec<String> {
        let query = LogQuery {
            tail: Some(EVIDENCE_LINES),
            ..LogQuery::default()
        };
        let Ok(mut log) = self.targets().read_logs(&environment.scope, id, query) else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        while let Some(line) = log.recv().await {
            lines.push(line.line);
        }
        let secrets = self
            .bundle(environment, id.release)
            .map(|bundle| bundle.stack.secret_values())
            .unwrap_or_default();
        lines
            .into_iter()
            .map(|line| scrub(line, &secrets))
            .collect()
    }
}

pub(crate) fn scrub(line: String, secrets: &BTreeSet<String>) -> String {
    secrets.iter().fold(line, |line, secret| {
        line.replace(secret.as_str(), mainstay_stack::HIDDEN)
    })
}

fn damaged(path: &Path) -> Diagnosis {
    let path = path.display();
    Diagnosis {
        code: "instance-damaged".to_owned(),
        subject: Some(path.to_string()),
        message: format!("the record of an instance in {path} cannot be read"),
        evidence: Vec::new(),
        hint: "the server's log says why; move the directory away once nothing of it runs"
            .to_owned(),
    }
}

fn unreachable(error: &TargetError) -> Diagnosis {
    Diagnosis {
        code: "engine-unreachable".to_owned(),
        subject: None,
        message: error.message.clone(),
        evidence: Vec::new(),
        hint: error.hint.clone().unwrap_or_default(),
    }
}

/// Without its command: an argument may be what should not be shown.
fn orphan(orphan: Orphan) -> Diagnosis {
    let owner = match orphan.instance {
        Some((scope, id)) => format!("{id} of {scope}"),
        None => "an instance of this server".to_owned(),
    };
    let pid = orphan.process.pid;
    Diagnosis {
        code: "orphan-process".to_owned(),
        subject: None,
        message: format!("process {pid} of {owner} runs, and nothing looks after it"),
        evidence: Vec::new(),
        hint: format!("end it: kill {pid}"),
    }
}

/// What is wrong with one instance.
fn instance(
    status: &InstanceStatus,
    stack: Option<&Stack>,
    others: &[InstanceStatus],
    lines: Vec<String>,
) -> Option<Diagnosis> {
    let id = &status.id;
    let words = detail(status).unwrap_or_default();
    let (code, message, hint) = match &status.phase {
        Phase::Healthy | Phase::Stopping => return None,
        Phase::Exited { exit, requested } if *requested || exit.is_success() => return None,
        Phase::NotStarted { reason } => not_started(id, reason),
        Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::Restarting { .. } => (
            "exits-at-once",
            format!(
                "{id} does not stay up: {words} ({} restarts)",
                status.restarts
            ),
            "its last lines say why; `mainstay logs` shows all of them".to_owned(),
        ),
        Phase::Starting | Phase::Unhealthy => match waits_for(status, stack, others) {
            Some(dependency) => (
                "dependency-down",
                format!(
                    "{id} is not healthy ({words}), and `{dependency}`, which it depends on, is not either"
                ),
                format!("look at `{dependency}` first: `mainstay logs {dependency}`"),
            ),
            // Starting without a failed probe is nothing wrong yet.
            None if status.phase == Phase::Starting && words.is_empty() => return None,
            None => (
                "health-never-passes",
                format!("{id} is not healthy: {words}"),
                health_hint(status),
            ),
        },
    };
    Some(Diagnosis {
        code: code.to_owned(),
        subject: Some(id.to_string()),
        message,
        evidence: lines,
        hint,
    })
}

/// What parts the reason of a target that knows what to do from what to do.
const HINT: &str = "; hint: ";

fn not_started(id: &InstanceId, reason: &str) -> (&'static str, String, String) {
    if let Some((reason, hint)) = reason.split_once(HINT) {
        let words = reason.to_lowercase();
        let code = if words.contains("no such image") {
            "image-missing"
        } else if words.contains("the volume") && words.contains("in use") {
            "volume-in-use"
        } else {
            "not-started"
        };
        let message = format!("{id} could not be started: {reason}");
        return (code, message, hint.to_owned());
    }
    let code = if reason.contains("not found") {
        "command-not-found"
    } else {
        "not-started"
    };
    let hint = format!(
        "correct `command` under `x-mainstay` of service `{}`, or install the program",
        id.service
    );
    (code, format!("{id} could not be started: {reason}"), hint)
}

fn health_hint(status: &InstanceStatus) -> String {
    let address = status.address.map(|address| address.to_string());
    let place = address.unwrap_or_else(|| "its port".to_owned());
    format!(
        "see that it listens on the port in its variable PORT ({place}) and answers its health check; or correct `health` in mainstay.yaml"
    )
}

/// A dependency of the instance that is not well itself.
fn waits_for(
    status: &InstanceStatus,
    stack: Option<&Stack>,
    others: &[InstanceStatus],
) -> Option<String> {
    let service = stack?.services.get(&status.id.service)?;
    service
        .depends_on
        .keys()
        .find(|name| {
            let mut own = others
                .iter()
                .filter(|other| other.id.service == **name)
                .peekable();
            own.peek().is_some() && !own.any(crate::report::is_fine)
        })
        .map(ToString::to_string)
}

fn proxy(problem: &str) -> Diagnosis {
    let (code, hint) = if problem.contains("in use") {
        (
            "port-taken",
            "end the process that has the port, or choose another one; it is tried again by itself",
        )
    } else if problem.contains("ermission denied") && problem.contains("cannot listen") {
        (
            "port-forbidden",
            "ports below 1024 need a right: `mainstay install` writes a unit that has it; for a server without one, `sudo setcap cap_net_bind_service=+ep` on the program, and end the proxy so that it starts with it",
        )
    } else {
        (
            "proxy",
            "`proxy/proxy.log` in the data directory says more; it is tried again by itself",
        )
    };
    Diagnosis {
        code: code.to_owned(),
        subject: Some("proxy".to_owned()),
        message: format!("the proxy does not have what it should: {problem}"),
        evidence: Vec::new(),
        hint: hint.to_owned(),
    }
}

/// A disk with no room left, where the data directory is.
pub fn disk(directory: &Path) -> Option<Diagnosis> {
    let stat = rustix::fs::statvfs(directory).ok()?;
    let free = Bytes(stat.f_bavail.saturating_mul(stat.f_frsize));
    (free < DISK_FLOOR).then(|| Diagnosis {
        code: "disk-full".to_owned(),
        subject: Some(directory.display().to_string()),
        message: format!("the disk of the data directory has {free} left"),
        evidence: Vec::new(),
        hint: format!("make room: at least {DISK_FLOOR} are needed"),
    })
}

pub(crate) fn kind_word(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Deploy => "deploy",
        OperationKind::Rollback => "rollback",
        OperationKind::Scale => "scale",
        OperationKind::Restart => "restart",
        OperationKind::Down => "down",
        OperationKind::Infra => "change of the infrastructure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_wire::shim::Exit;

    fn status(phase: Phase) -> InstanceStatus {
        InstanceStatus {
            scope: serde_json::from_str(r#"{"stack":"shop","environment":"dev"}"#).unwrap(),
            id: "app-r1-1".parse().unwrap(),
            phase,
            since: mainstay_model::Timestamp::from_millis(0),
            started_at: None,
            address: Some("127.0.0.1:20000".parse().unwrap()),
            pid: None,
            restarts: 2,
            last_exit: None,
            last_probe: Some("GET /health: 503".to_owned()),
            warnings: Vec::new(),
        }
    }

    fn code(phase: Phase) -> Option<String> {
        let status = status(phase);
        instance(&status, None, &[], Vec::new()).map(|found| found.code)
    }

    #[test]
    fn each_failure_has_its_code() {
        let exit = Exit::Code(3);
        assert_eq!(code(Phase::Healthy), None);
        assert_eq!(
            code(Phase::CrashLoop { exit: exit.clone() }).unwrap(),
            "exits-at-once"
        );
        assert_eq!(code(Phase::Unhealthy).unwrap(), "health-never-passes");
        let reason = "`sarvice` is not found in PATH".to_owned();
        assert_eq!(
            code(Phase::NotStarted { reason }).unwrap(),
            "command-not-found"
        );
        let reason = "No such image: app:v1; hint: pull or build it".to_owned();
        assert_eq!(code(Phase::NotStarted { reason }).unwrap(), "image-missing");
        let asked = Phase::Exited {
            exit,
            requested: true,
        };
        assert_eq!(code(asked), None);
    }

    #[test]
    fn secret_values_are_taken_out_of_evidence() {
        let line = scrub(
            "password=hunter22 ok".to_owned(),
            &BTreeSet::from(["hunter22".to_owned()]),
        );
        assert_eq!(line, "password=•••••• ok");
    }
}
