//! Migrations: the user's commands, each as a one-shot instance of the target.
//!
//! An instance has a name of its own for each release and purpose, and a target starts a name once:
//! a control plane that dies in the middle finds the command running, or its exit code, and never
//! starts it a second time. Its record goes with the rollout.

use super::Steps;
use crate::api::types::SchemaChange;
use crate::specs::{Bundle, one_shot_spec};
use mainstay_model::{InstanceId, ReleaseNumber, ServiceName};
use mainstay_pipeline::Finish;
use mainstay_runtime::logs::{LogQuery, LogStream};
use mainstay_runtime::status::{InstanceStatus, Phase};
use mainstay_stack::Migrations;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Lines of a command that are read: the revision is the last, and evidence needs no more.
const LINES: usize = 20;
const LOOK: Duration = Duration::from_millis(50);
/// For a command that is ended because it took too long.
const GRACE: Duration = Duration::from_secs(10);
/// For the end of one that was killed to be seen.
const END_SEEN: Duration = Duration::from_secs(20);

/// Which way the schema goes.
#[derive(Debug, Clone)]
pub(crate) enum Direction {
    Up,
    /// Back, by the rules of the release that brought the schema.
    Down {
        bundle: Arc<Bundle>,
        release: ReleaseNumber,
        /// The revision that the older release needs, where it is known.
        to: Option<String>,
    },
}

/// What instances of migrations are called: they are none of the service's own.
pub(crate) fn one_shot_name(service: &ServiceName) -> Option<ServiceName> {
    let room: String = service.as_str().chars().take(55).collect();
    ServiceName::new(format!("{room}.migrate")).ok()
}

/// One command that ran to its end.
struct Ran {
    /// Why it counts as failed.
    failure: Option<String>,
    /// What it printed last, both streams.
    lines: Vec<String>,
    revision: Option<String>,
}

/// What a migration runs by.
struct Way<'a> {
    bundle: &'a Bundle,
    release: ReleaseNumber,
    rules: &'a Migrations,
    command: &'a [String],
    /// The first of three slots: revision, command, revision.
    slot: u32,
    variables: BTreeMap<String, String>,
}

impl Steps {
    /// Revision, command, revision; what changed is kept with the step's own end.
    pub(super) async fn migration(&self) -> Finish {
        let way = match self.way() {
            Ok(way) => way,
            Err(why) => return Finish::NotDone { why },
        };
        match self.migrate(&way).await {
            Ok(finish) => finish,
            Err(reason) => Finish::Failed {
                reason,
                evidence: Vec::new(),
            },
        }
    }

    fn way(&self) -> Result<Way<'_>, String> {
        let missing = "the release has no `deploy.migrations`";
        let (bundle, release) = match &self.of.direction {
            Direction::Up => (&self.of.to, self.of.plan.to),
            Direction::Down {
                bundle, release, ..
            } => (bundle, *release),
        };
        let rules = bundle.stack.deploy.migrations.as_ref().ok_or(missing)?;
        let mut variables = BTreeMap::new();
        let (command, slot) = match &self.of.direction {
            Direction::Up => (Some(&rules.command), 1),
            Direction::Down { to, .. } => {
                variables.extend(to.clone().map(|to| ("MAINSTAY_SCHEMA_TO".to_owned(), to)));
                (rules.downgrade.as_ref(), 4)
            }
        };
        Ok(Way {
            bundle,
            release,
            rules,
            command: command.ok_or("the release has no `deploy.migrations.downgrade`")?,
            slot,
            variables,
        })
    }

    async fn migrate(&self, way: &Way<'_>) -> Result<Finish, String> {
        let before = self.revision(way, way.slot).await?;
        let ran = self.one_shot(way, way.slot + 1, way.command).await?;
        let mut evidence = ran.lines;
        // Also after a failure: how far it came is what has to be known then.
        let after = match (&ran.failure, self.revision(way, way.slot + 2).await) {
            (_, Ok(after)) => after,
            (Some(_), Err(error)) => {
                evidence.push(format!("its revision cannot be read: {error}"));
                None
            }
            (None, Err(error)) => return Err(error),
        };
        let words = |revision: &Option<String>| revision.clone().unwrap_or_else(|| "?".to_owned());
        if before.is_some() || after.is_some() {
            evidence.push(format!("schema: {} → {}", words(&before), words(&after)));
            self.of.note_change(SchemaChange {
                before: before.clone(),
                after: after.clone(),
            });
        }
        let failure = ran.failure.map(|failure| {
            if before == after {
                return failure;
            }
            format!(
                "{failure}; the schema has changed all the same, from {} to {}",
                words(&before),
                words(&after)
            )
        });
        let failure = failure.or_else(|| match &self.of.direction {
            Direction::Down { to: Some(to), .. } if after.as_ref() != Some(to) => Some(format!(
                "after the downgrade the schema is at {}, and {to} is needed",
                words(&after)
            )),
            _ => None,
        });
        Ok(match failure {
            Some(reason) => Finish::Failed { reason, evidence },
            None => Finish::Passed { evidence },
        })
    }

    /// What the revision command says; `None` where there is none.
    async fn revision(&self, way: &Way<'_>, slot: u32) -> Result<Option<String>, String> {
        let Some(command) = &way.rules.revision else {
            return Ok(None);
        };
        let ran = self.one_shot(way, slot, command).await?;
        match (ran.failure, ran.revision) {
            (Some(failure), _) => Err(format!(
                "the schema's revision cannot be read: {failure}{}",
                ran.lines
                    .last()
                    .map_or_else(String::new, |line| format!(": {line}"))
            )),
            (None, revision) => Ok(Some(revision.unwrap_or_default())),
        }
    }

    async fn one_shot(&self, way: &Way<'_>, slot: u32, command: &[String]) -> Result<Ran, String> {
        let service = &way.rules.service;
        let name = one_shot_name(service).ok_or("the service's name is too long")?;
        let id = InstanceId::new(name, way.release, slot);
        let started = self
            .control
            .start_one_shot(
                &self.environment,
                &id,
                &way.bundle.stack,
                |ways, artifact| {
                    one_shot_spec(
                        way.bundle,
                        service,
                        &id,
                        command,
                        &way.variables,
                        ways,
                        artifact,
                    )
                },
            )
            .await;
        started.map_err(|error| error.to_string())?;
        let failure = self.until_ended(&id, way.rules.timeout).await;
        let (lines, revision) = self.printed(&id).await;
        Ok(Ran {
            failure,
            lines,
            revision,
        })
    }

    /// Why it failed, once it has ended; ends it where it takes too long.
    async fn until_ended(&self, id: &InstanceId, timeout: Duration) -> Option<String> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(ended) = self.status(id).as_ref().and_then(ended) {
                return ended.err();
            }
            if Instant::now() > deadline {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let scope = &self.environment.scope;
        let mut words = format!("not done after {} s", timeout.as_secs());
        match self.control.stop_instance(scope, id, GRACE).await {
            Ok(()) => words.push_str(", and ended"),
            Err(error) => {
                words.push_str(", and cannot be ended: ");
                words.push_str(&error.to_string());
            }
        }
        let seen = Instant::now() + END_SEEN;
        while self.status(id).as_ref().and_then(ended).is_none() && Instant::now() < seen {
            tokio::time::sleep(LOOK).await;
        }
        Some(words)
    }

    fn status(&self, id: &InstanceId) -> Option<InstanceStatus> {
        let all = self.control.observe(&self.environment.scope);
        all.into_iter().find(|status| status.id == *id)
    }

    /// The last lines, and the last one of standard output that is not empty.
    async fn printed(&self, id: &InstanceId) -> (Vec<String>, Option<String>) {
        let query = LogQuery {
            tail: Some(LINES),
            ..LogQuery::default()
        };
        let scope = &self.environment.scope;
        let Ok(mut log) = self.control.read_instance_log(scope, id, query) else {
            return (Vec::new(), None);
        };
        let (mut lines, mut revision) = (Vec::new(), None);
        while let Some(line) = log.recv().await {
            let text = line.line.trim_end().to_owned();
            if line.stream == LogStream::Stdout && !text.trim().is_empty() {
                revision = Some(text.trim().to_owned());
            }
            if line.stream != LogStream::Mainstay {
                lines.push(text);
            }
        }
        (lines, revision)
    }
}

/// `None`: it runs. What is lost may have been half done.
fn ended(status: &InstanceStatus) -> Option<Result<(), String>> {
    use mainstay_wire::shim::Exit;
    match &status.phase {
        Phase::Exited { exit: Exit::Lost, .. } => Some(Err(
            "its end was not seen (the machine went down with it): it may be half done; look at the database before you deploy again".to_owned(),
        )),
        Phase::Exited { exit, .. } if exit.is_success() => Some(Ok(())),
        Phase::Exited { exit, .. } | Phase::CrashLoop { exit } => Some(Err(exit.to_string())),
        Phase::NotStarted { reason } => Some(Err(reason.clone())),
        _ => None,
    }
}
