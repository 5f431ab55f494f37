//! The steps that Mainstay does itself: pre-checks, configuration, health, notes, the way back.

use super::Steps;
use super::run::named;
use crate::api::types::OperationKind;
use crate::control::now;
use crate::operations::preflight;
use crate::report::is_fine;
use crate::{doctor, store};
use mainstay_journal::EventFilter;
use mainstay_model::{Bytes, InstanceId};
use mainstay_rollout::plan::ServicePlan;
use std::collections::BTreeSet;
use std::time::Duration;

/// A clock that went back by more than this makes times of the journal meaningless.
const CLOCK_SLACK: Duration = Duration::from_secs(5);
/// Everything was healthy when its gate let it in; so long may it be seen otherwise.
const HEALTH_DEADLINE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

impl Steps {
    /// Everything that can be seen to be wrong before anything is touched.
    pub(super) async fn pre_checks(&self) -> Result<Vec<String>, String> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let root = self.control.data().root();
        match doctor::disk(root) {
            Some(full) => bad.push(full.message),
            None => good.extend(free(root).map(|free| format!("disk: {free} free"))),
        }
        let stack = &self.of.to.stack;
        match preflight::check(&self.control, &self.environment.scope, stack).await {
            Ok(()) => good.push("proxy, routes and ports: free and answering".to_owned()),
            Err(error) => bad.push(error.message),
        }
        match self.clock().await {
            Ok(words) => good.push(words),
            Err(words) => bad.push(words),
        }
        let running = self.control.observe(&self.environment.scope).len();
        good.push(format!("target: answers, {running} instances there"));
        if self.of.kind == OperationKind::Rollback {
            let missing = self.control.missing_parts(&self.of.to);
            if missing.is_empty() {
                good.push(format!("{}: everything it runs is kept", self.of.plan.to));
            }
            bad.extend(missing);
        }
        if bad.is_empty() {
            Ok(good)
        } else {
            Err(bad.join("; "))
        }
    }

    /// The wall clock against the newest event: it may not go back.
    async fn clock(&self) -> Result<String, String> {
        let filter = EventFilter {
            limit: Some(1),
            ..EventFilter::default()
        };
        let newest = self.control.store.events(filter).await;
        let newest = newest.map_err(|error| error.message)?;
        let now = now();
        let last = newest.last().map_or(now, |event| event.time);
        if last.since(now) > CLOCK_SLACK {
            return Err(format!(
                "the clock says {now}, and the journal's newest event is of {last}"
            ));
        }
        Ok(format!("clock: {now}"))
    }

    /// What the new release has different.
    pub(super) fn configuration(&self) -> Vec<String> {
        let (plan, to) = (&self.of.plan, &self.of.to.stack);
        let mut lines = vec![format!(
            "{} to {}: {} services, no problem in the files",
            named(plan.from),
            plan.to,
            to.services.len()
        )];
        let before = self.environment.inner().current.clone();
        let before = before.as_ref().map(|bundle| &bundle.stack);
        for service in &plan.services {
            let name = &service.service;
            let known = before.is_some_and(|stack| stack.services.contains_key(name));
            let word = match (service.new.is_empty(), to.services.contains_key(name)) {
                (_, false) => "removed",
                (false, true) if known => "changed",
                (false, true) => "new",
                (true, true) => "unchanged",
            };
            lines.push(format!("{name}: {word}"));
        }
        if let Some(before) = before {
            let differ = [
                ("routes", before.routes != to.routes),
                ("deploy", before.deploy != to.deploy),
                ("policy", before.policy != to.policy),
            ];
            let differ = differ.iter().filter(|(_, differs)| *differs);
            lines.extend(differ.map(|(name, _)| format!("{name}: changed")));
        }
        lines
    }

    /// Every instance of the release, healthy at the same time.
    pub(super) async fn health(&self) -> Result<Vec<String>, String> {
        let services = self.of.plan.services.iter();
        let wanted: BTreeSet<InstanceId> = services
            .flat_map(|service: &ServicePlan| service.new.iter().chain(&service.kept))
            .cloned()
            .collect();
        let deadline = tokio::time::Instant::now() + HEALTH_DEADLINE;
        loop {
            let statuses = self.control.observe(&self.environment.scope);
            let fine = statuses.iter().filter(|status| is_fine(status));
            let fine: BTreeSet<&InstanceId> = fine.map(|status| &status.id).collect();
            let ill: Vec<String> = wanted
                .iter()
                .filter(|id| !fine.contains(id))
                .map(ToString::to_string)
                .collect();
            if ill.is_empty() {
                let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
                return Ok(vec![format!("healthy: {}", names.join(", "))]);
            }
            if tokio::time::Instant::now() > deadline {
                return Err(format!("not healthy: {}", ill.join(", ")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) async fn release_notes(&self) -> Result<Vec<String>, String> {
        let scope = &self.environment.scope;
        let release = self.control.store.release(scope, self.of.plan.to).await;
        let release = release.map_err(|error| error.message)?;
        let notes = release.and_then(|release| store::record(&release).notes);
        let notes = notes.ok_or("the notes that were sent are not there any more")?;
        let from = notes.from.as_deref().unwrap_or("the beginning");
        Ok(vec![format!(
            "{} commits from {from} to {}",
            notes.commits, notes.to
        )])
    }

    /// To where, by which command, and whether everything for it is there.
    pub(super) async fn rollback_plan(&self) -> Result<Vec<String>, String> {
        let Some(from) = self.of.plan.from else {
            return Ok(vec![
                "the first release: there is none to go back to; `mainstay down` ends it"
                    .to_owned(),
            ]);
        };
        let bundle = self
            .control
            .bundle(&self.environment, from)
            .map_err(|error| format!("{from} cannot be gone back to: {error}"))?;
        let missing = self.control.missing_parts(&bundle);
        if !missing.is_empty() {
            return Err(format!(
                "{from} cannot be gone back to: {}",
                missing.join("; ")
            ));
        }
        let mut lines = vec![format!(
            "{from}: sealed stack with its secrets and {} artifacts are kept",
            bundle.artifacts.len()
        )];
        let schema = self.control.schema_stands(&self.environment, from).await;
        let schema = schema.map_err(|error| error.message)?;
        let downgrade = self.of.to.stack.deploy.migrations.as_ref();
        let downgrade = downgrade.is_some_and(|rules| rules.downgrade.is_some());
        let number = from.0;
        lines.push(match (schema.forbids(), downgrade) {
            (None, _) => format!("mainstay rollback {number} --reason …"),
            (Some(why), true) => {
                format!("{why}: mainstay rollback {number} --downgrade --reason …")
            }
            (Some(why), false) => {
                format!("{why}, and there is no downgrade command: only by --force, after a look")
            }
        });
        Ok(lines)
    }
}

fn free(directory: &std::path::Path) -> Option<Bytes> {
    let stat = rustix::fs::statvfs(directory).ok()?;
    Some(Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
}
