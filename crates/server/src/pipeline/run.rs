//! Each part, run once: the built-in ones here and in `checks`, the user's as commands.

use super::migrate::Direction;
use super::{Steps, plan, schema};
use crate::api::types::{OperationKind, SchemaChange};
use crate::backups;
use crate::doctor::scrub;
use crate::environment::Schema;
use crate::hooks::HookRun;
use crate::specs::Bundle;
use mainstay_model::{ReleaseNumber, Step};
use mainstay_pipeline::{Finish, Part};
use mainstay_rollout::plan::Plan;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Output lines of a command that stand in the record.
const LINES: usize = 12;

/// What the steps are of, fixed when the rollout begins.
#[derive(Debug)]
pub(crate) struct StepsOf {
    pub(crate) operation: Uuid,
    pub(crate) kind: OperationKind,
    pub(crate) plan: Arc<Plan>,
    pub(crate) to: Arc<Bundle>,
    pub(crate) direction: Direction,
    /// What the migration did, until it is written down.
    change: Mutex<Option<SchemaChange>>,
}

impl StepsOf {
    pub(crate) fn new(
        operation: Uuid,
        kind: OperationKind,
        plan: Arc<Plan>,
        to: Arc<Bundle>,
        direction: Direction,
    ) -> Self {
        Self {
            operation,
            kind,
            plan,
            to,
            direction,
            change: Mutex::default(),
        }
    }

    pub(super) fn note_change(&self, change: SchemaChange) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }

    /// For the release's record; a downgrade changes no record: the release is an old one.
    pub(super) fn schema_change(&self) -> Option<SchemaChange> {
        let change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        change
            .clone()
            .filter(|_| matches!(self.direction, Direction::Up))
    }

    /// What the database has now, where a migration has just been through.
    pub(super) fn new_schema(&self) -> Option<Schema> {
        let change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        schema(change.as_ref()?.after.clone(), self.plan.to)
    }
}

impl Steps {
    /// Runs a part to its end. What it printed is shown without the stack's secrets.
    pub(super) async fn run(&self, part: Part) -> Finish {
        let finish = match part {
            Part::PreChecks => self.checked(Step::PreChecks, self.pre_checks().await).await,
            Part::Configuration => {
                let found = Ok(self.configuration());
                self.checked(Step::Configuration, found).await
            }
            Part::Health => self.checked(Step::Health, self.health().await).await,
            Part::Backup => {
                let made = self.restore_point().await;
                self.checked(Step::Backup, made).await
            }
            Part::LoadTest => self.checked(Step::LoadTest, Ok(Vec::new())).await,
            Part::Alerts => self.checked(Step::Alerts, Ok(Vec::new())).await,
            Part::ReleaseNotes => finish(self.release_notes().await),
            Part::RollbackPlan => finish(self.rollback_plan().await),
            Part::Migration => self.migration().await,
            Part::HooksBefore => self.hooks(&self.of.to.stack.deploy.hooks.before).await,
            Part::HooksAfter => self.hooks(&self.of.to.stack.deploy.hooks.after).await,
            // The rollout's own.
            Part::Update | Part::Watch => finish(Ok(Vec::new())),
        };
        self.without_secrets(finish)
    }

    /// The built-in check first, then the user's commands.
    async fn checked(&self, step: Step, found: Result<Vec<String>, String>) -> Finish {
        let mut evidence = match found {
            Ok(evidence) => evidence,
            Err(reason) => return finish(Err(reason)),
        };
        let stack = &self.of.to.stack;
        if let Some(rules) = plan::rules(stack, step).filter(|rules| !rules.commands.is_empty()) {
            match self
                .commands(&rules.commands, rules.timeout, step.word())
                .await
            {
                Ok(printed) => evidence.extend(printed),
                Err((reason, printed)) => {
                    evidence.extend(printed);
                    return Finish::Failed { reason, evidence };
                }
            }
        }
        finish(Ok(evidence))
    }

    /// Where backups are on; a stack may have commands of its own instead.
    async fn restore_point(&self) -> Result<Vec<String>, String> {
        let plan = &self.of.plan;
        let migrates = self.of.to.stack.deploy.migrations.is_some();
        if !backups::is_wanted(&self.of.to.stack, migrates) {
            return Ok(Vec::new());
        }
        let (environment, by) = (&self.environment, "pipeline");
        let made = self
            .control
            .back_up_before(environment, plan.from, plan.to, by);
        made.await
    }

    async fn hooks(&self, commands: &[Vec<String>]) -> Finish {
        let timeout = self.of.to.stack.deploy.hooks.timeout;
        match self.commands(commands, timeout, "hooks").await {
            Ok(evidence) => Finish::Passed { evidence },
            Err((reason, evidence)) => Finish::Failed { reason, evidence },
        }
    }

    /// What they printed last; with the reason where one failed.
    async fn commands(
        &self,
        commands: &[Vec<String>],
        timeout: std::time::Duration,
        step: &str,
    ) -> Result<Vec<String>, (String, Vec<String>)> {
        let mut variables = self.variables();
        variables.insert("MAINSTAY_STEP".to_owned(), step.to_owned());
        let run = HookRun {
            commands: commands.to_vec(),
            directory: self.of.to.stack.directory.clone(),
            variables,
            timeout,
        };
        let last = |text: &str| {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let surplus = lines.len().saturating_sub(LINES);
            lines[surplus..].to_vec()
        };
        match run.run().await {
            Ok(printed) => Ok(last(&printed)),
            Err(failed) => Err((failed.reason, last(&failed.printed))),
        }
    }

    /// What a script needs to know: names, numbers and an address, no secret.
    fn variables(&self) -> BTreeMap<String, String> {
        let scope = &self.environment.scope;
        let (plan, stack) = (&self.of.plan, &self.of.to.stack);
        let mut variables = BTreeMap::from([
            ("MAINSTAY_STACK", scope.stack.to_string()),
            ("MAINSTAY_ENVIRONMENT", scope.environment.to_string()),
            ("MAINSTAY_RELEASE", plan.to.to_string()),
            ("MAINSTAY_OPERATION", self.of.operation.to_string()),
        ]);
        if let Some(from) = plan.from {
            variables.insert("MAINSTAY_RELEASE_BEFORE", from.to_string());
        }
        let urls = self.control.urls_of(stack);
        if let Some(first) = urls.into_iter().next() {
            variables.insert("MAINSTAY_URL", first.url);
        }
        let named = variables.into_iter();
        named
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn without_secrets(&self, finish: Finish) -> Finish {
        let secrets = self.of.to.stack.secret_values();
        let clean = |text: String| scrub(text, &secrets);
        let all = |lines: Vec<String>| lines.into_iter().map(clean).collect();
        match finish {
            Finish::Passed { evidence } => Finish::Passed {
                evidence: all(evidence),
            },
            Finish::Failed { reason, evidence } => Finish::Failed {
                reason: clean(reason),
                evidence: all(evidence),
            },
            Finish::NotDone { why } => Finish::NotDone { why: clean(why) },
        }
    }
}

pub(super) fn finish(found: Result<Vec<String>, String>) -> Finish {
    match found {
        Ok(evidence) => Finish::Passed { evidence },
        Err(reason) => Finish::Failed {
            reason,
            evidence: Vec::new(),
        },
    }
}

/// `r3`, or what is there where nothing was.
pub(super) fn named(release: Option<ReleaseNumber>) -> String {
    release.map_or_else(|| "nothing".to_owned(), |release| release.to_string())
}
