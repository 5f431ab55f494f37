//! Bringing a restore point back in place: the machine of `mainstay_recovery::plan`, carried out.
//!
//! **Invariants:** the plan is on disk before each of its tasks; what fails goes back to what was there; a
//! control plane that died in the middle goes on at the task that was under way.

use super::bring::{Bringing, Found, KeptWords};
use super::create::Wanted as NewPoint;
use super::job::{By, Job, Trouble};
use crate::api::types::{ApiError, BackupJob, BackupJobKind, KeptPoint, RestoreRequest};
use crate::control::{Control, now};
use crate::environment::Environment;
use crate::specs::Bundle;
use mainstay_model::{Scope, ServiceName, Timestamp};
use mainstay_recovery::plan::{Action, Event, Kind, Phase, Plan, Task};
use mainstay_recovery::{
    Chosen, Part, PartKind, PointName, Reason, Report, RestorePoint, differences,
};
use mainstay_stack::{BackupSource, BackupWhat, Stack};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A restore, as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Restoring {
    pub(super) plan: Plan,
    pub(super) chosen: Chosen,
    /// Tables or files: only these of the one source.
    pub(super) items: Vec<String>,
    /// What the safety backup is called.
    pub(super) safety: Option<PointName>,
}

impl Control {
    /// Begins a restore because somebody asked for it.
    pub(crate) async fn restore(
        self: &Arc<Self>,
        scope: &Scope,
        request: RestoreRequest,
        by: &By,
    ) -> Result<BackupJob, ApiError> {
        let environment = self.environment(scope)?;
        let (_, bundle) = Self::idle(&environment)?;
        let (chosen, points) = self
            .choose(scope, &request.which, &request.only)
            .await
            .map_err(refused)?;
        let restorable = known_sources(&bundle.stack, &chosen, &request)?;
        if let Some(name) = request.beside.clone() {
            return self
                .begin_beside(&environment, chosen, points, name, by)
                .await;
        }
        let parts = parts_of(&points, &chosen, &restorable);
        let mut wanted = bundle.stack.wanted(&parts?, None, Kind::Restore);
        wanted.safety = !request.no_safety;
        let plan = Plan::new(wanted);
        let safety = if request.no_safety {
            None
        } else {
            Some(self.safety_name(scope, &chosen.name).await?)
        };
        let restoring = Restoring {
            plan,
            chosen,
            items: request.tables,
            safety,
        };
        let control = Arc::clone(self);
        let begun = self.begin_job(scope, BackupJobKind::Restore, by, async move |job| {
            control
                .drive_restore(&environment, &job, restoring, Event::Begin)
                .await
        });
        Ok(begun.await?.shown())
    }

    async fn safety_name(&self, scope: &Scope, of: &PointName) -> Result<PointName, ApiError> {
        let free = self.free_name(scope).await?;
        let room: String = of.as_str().chars().take(24).collect();
        let name = PointName::new(format!("before-{room}-{free}"));
        Ok(name.unwrap_or(free))
    }

    async fn begin_beside(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        chosen: Chosen,
        points: Vec<KeptPoint>,
        name: String,
        by: &By,
    ) -> Result<BackupJob, ApiError> {
        let (control, environment) = (Arc::clone(self), Arc::clone(environment));
        let scope = environment.scope.clone();
        let begun = self.begin_job(&scope, BackupJobKind::Restore, by, async move |job| {
            job.about(&chosen.name);
            let bundle = Self::bundle_of(&environment)?;
            let bringing = Bringing {
                control: &control,
                environment: &environment,
                bundle: &bundle,
                job: &job,
            };
            let mut done = Vec::new();
            for picked in &chosen.sources {
                let Some(source) = bundle.stack.backups.sources.get(&picked.source) else {
                    continue;
                };
                job.step(format!("bringing {} beside", picked.source));
                let found = control.find_part(&bundle, &points, &chosen, &picked.source)?;
                done.push(bringing.beside(source, &found, &name).await?);
            }
            Ok(done.join("; "))
        });
        Ok(begun.await?.shown())
    }

    /// Carries the plan through, from wherever it stands.
    pub(super) async fn drive_restore(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        job: &Job,
        mut restoring: Restoring,
        first: Event,
    ) -> Result<String, Trouble> {
        job.about(&restoring.chosen.name);
        let bundle = Self::bundle_of(environment)?;
        let mut event = first;
        loop {
            let actions = restoring.plan.step(event, now());
            job.keep(self, &restoring).await?;
            let Some(action) = actions.into_iter().next() else {
                break;
            };
            let restore = Restore {
                control: self,
                environment,
                bundle: &bundle,
                job,
                restoring: &restoring,
            };
            let none = KeptWords::new();
            let outcome = match &action {
                Action::Run { task, .. } => {
                    job.step(task.to_string());
                    restore.run(task).await
                }
                Action::Undo { task, kept, .. } => {
                    job.step(format!("take back: {task}"));
                    restore.undo(task, kept).await.map(|()| none)
                }
                Action::Settle { task, kept, .. } => {
                    restore.settle(task, kept).await.map(|()| none)
                }
                Action::Tell if restoring.plan.phase == Phase::Held => {
                    event = Event::Accepted;
                    continue;
                }
                Action::Tell => break,
            };
            let told = match outcome {
                Ok(kept) => action.done(kept),
                Err(trouble) => action.failed(trouble.to_string()),
            };
            let Some(told) = told else { break };
            event = told;
            if job.is_turning() {
                // The task that has just ended still stands as running: it is undone with the others.
                restoring.plan.step(Event::UndoAsked, now());
            }
        }
        self.told(environment, &bundle, job, &restoring).await
    }

    /// What came of it, in words.
    async fn told(
        &self,
        environment: &Environment,
        bundle: &Bundle,
        job: &Job,
        restoring: &Restoring,
    ) -> Result<String, Trouble> {
        let name = &restoring.chosen.name;
        match &restoring.plan.phase {
            Phase::Undone { because } => {
                Err(Trouble::new(format!("{because}; everything is as it was")))
            }
            Phase::Stuck { why, .. } => {
                // Whatever state it is in, what can run is better than what does not.
                let held = environment.inner().kept.held.clone();
                self.let_go(environment, &held).await?;
                let safety = restoring.safety.as_ref();
                let hint = safety.map_or_else(
                    || "`mainstay backup list` shows what can be brought back".to_owned(),
                    |safety| format!("what was there before is in restore point {safety}"),
                );
                Err(Trouble::new(why.clone()).hint(hint))
            }
            _ => {
                let moments: Vec<Timestamp> = restoring
                    .chosen
                    .sources
                    .iter()
                    .map(|one| one.moment)
                    .collect();
                let report = Report::new(
                    restoring.plan.timed(),
                    (job.shown().began_at, now()),
                    &moments,
                    bundle.stack.backups.objectives,
                );
                job.note(format!("RTO {}", report.judge_rto().reason));
                job.note(format!("RPO {}", report.judge_rpo().reason));
                let undo = restoring
                    .safety
                    .as_ref()
                    .map_or_else(String::new, |safety| {
                        format!("; what was there before: `mainstay restore --name {safety}`")
                    });
                Ok(format!("{} is back from {name}{undo}", environment.scope))
            }
        }
    }

    /// The part that a picked source means, and where it lies.
    pub(super) fn find_part(
        &self,
        bundle: &Bundle,
        points: &[KeptPoint],
        chosen: &Chosen,
        source: &str,
    ) -> Result<Found, Trouble> {
        let (kept, part) = picked_part(points, chosen, source)?;
        self.found(bundle, kept, part)
    }
}

/// A point of exactly what is brought back.
fn parts_of(
    points: &[KeptPoint],
    chosen: &Chosen,
    known: &BTreeMap<String, BackupSource>,
) -> Result<RestorePoint, ApiError> {
    let kept = points.iter().find(|kept| kept.point.id == chosen.point);
    let kept = kept.ok_or_else(|| ApiError::not_found("the restore point is gone"))?;
    let mut point = kept.point.clone();
    point.parts.clear();
    let picked = chosen.sources.iter();
    for picked in picked.filter(|picked| known.contains_key(&picked.source)) {
        let (_, part) = picked_part(points, chosen, &picked.source)?;
        point.parts.push(part.clone());
    }
    files_first(&mut point.parts);
    Ok(point)
}

/// What a database among files brings back would go with the directory that they replace: it is left out in there.
fn files_first(parts: &mut [Part]) {
    parts.sort_by_key(|part| !matches!(part.kind, PartKind::Volume | PartKind::Directory));
}

fn picked_part<'a>(
    points: &'a [KeptPoint],
    chosen: &Chosen,
    source: &str,
) -> Result<(&'a KeptPoint, &'a Part), Trouble> {
    let missing = || Trouble::new(format!("restore point {} has no `{source}`", chosen.name));
    let picked = chosen.sources.iter().find(|one| one.source == source);
    let picked = picked.ok_or_else(missing)?;
    let kept = points.iter().find(|kept| kept.point.id == picked.point);
    let kept = kept.ok_or_else(missing)?;
    let wanted = |kind: PartKind| match picked.to {
        Some(_) => kind == PartKind::PostgresqlBase,
        None => kind != PartKind::PostgresqlBase,
    };
    let parts = kept.point.parts.iter();
    let part = parts
        .filter(|part| part.source == source)
        .find(|part| wanted(part.kind));
    Ok((kept, part.ok_or_else(missing)?))
}

fn refused(trouble: Trouble) -> ApiError {
    let error = ApiError::not_found(trouble.message);
    match trouble.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Sources of the point that the stack still has; what is asked for by name has to be one of them.
fn known_sources(
    stack: &Stack,
    chosen: &Chosen,
    request: &RestoreRequest,
) -> Result<BTreeMap<String, BackupSource>, ApiError> {
    let all = &stack.backups.sources;
    for name in &request.only {
        if !all.contains_key(name) {
            return Err(
                ApiError::invalid(format!("`{name}` is no source of the stack that runs"))
                    .hint("`mainstay backup list` shows them"),
            );
        }
    }
    if !request.tables.is_empty() && request.only.len() != 1 {
        return Err(
            ApiError::invalid("tables or files are of one source").hint("name it: `--only SOURCE`")
        );
    }
    let picked = chosen.sources.iter();
    let known: BTreeMap<String, BackupSource> = picked
        .filter_map(|picked| {
            let source = all.get(&picked.source)?;
            Some((picked.source.clone(), source.clone()))
        })
        .collect();
    if known.is_empty() {
        return Err(ApiError::invalid(format!(
            "nothing of restore point {} is a source of the stack that runs",
            chosen.name
        )));
    }
    Ok(known)
}

/// One task of the plan.
struct Restore<'a> {
    control: &'a Arc<Control>,
    environment: &'a Arc<Environment>,
    bundle: &'a Bundle,
    job: &'a Job,
    restoring: &'a Restoring,
}

impl Restore<'_> {
    fn bringing(&self) -> Bringing<'_> {
        Bringing {
            control: self.control,
            environment: self.environment,
            bundle: self.bundle,
            job: self.job,
        }
    }

    async fn found(&self, source: &str) -> Result<Found, Trouble> {
        let points = self.control.points(&self.environment.scope).await?;
        self.control
            .find_part(self.bundle, &points, &self.restoring.chosen, source)
    }

    fn source(&self, name: &str) -> Result<&BackupSource, Trouble> {
        let source = self.bundle.stack.backups.sources.get(name);
        source.ok_or_else(|| Trouble::new(format!("`{name}` is no source of the stack any more")))
    }

    async fn run(&self, task: &Task) -> Result<KeptWords, Trouble> {
        let none = KeptWords::new();
        let stack = &self.bundle.stack;
        match task {
            Task::Safety => self.safety().await.map(|()| none),
            Task::Stop { service } => {
                let held = self.control.hold(self.environment, stack, service);
                held.await.map(|()| none)
            }
            Task::Start { service } => self.start(service).await.map(|()| none),
            Task::Bring { source } => {
                let found = self.found(source).await?;
                let picked = self.restoring.chosen.sources.iter();
                let to = picked
                    .filter(|picked| picked.source == *source)
                    .find_map(|picked| picked.to);
                let bringing = self.bringing();
                let source = self.source(source)?;
                match to {
                    Some(to) => bringing.to_moment(source, &found, to).await,
                    None => {
                        bringing
                            .replace(source, &found, &self.restoring.items)
                            .await
                    }
                }
            }
            Task::Validate => self.validate().await.map(|()| none),
            Task::Files | Task::Secrets | Task::Traffic => Ok(none),
        }
    }

    async fn safety(&self) -> Result<(), Trouble> {
        let Some(name) = &self.restoring.safety else {
            return Ok(());
        };
        let scope = &self.environment.scope;
        let points = self.control.points(scope).await?;
        if points.iter().any(|kept| kept.point.name == *name) {
            // Made before a crash.
            return Ok(());
        }
        let wanted = NewPoint {
            name: name.clone(),
            what: BackupWhat::Full,
            reason: Reason::Safety {
                before: self.restoring.chosen.name.clone(),
            },
        };
        let made = self
            .control
            .make_point(self.environment, self.job, wanted)
            .await;
        self.job.about(&self.restoring.chosen.name);
        made.map(|_| ()).map_err(|trouble| {
            trouble
                .while_at("no safety backup")
                .hint("where there is nothing worth saving any more: `--no-safety`")
        })
    }

    async fn start(&self, service: &ServiceName) -> Result<(), Trouble> {
        let one = BTreeSet::from([service.clone()]);
        self.control.let_go(self.environment, &one).await?;
        let stack = &self.bundle.stack;
        self.control
            .until_healthy(self.environment, stack, &one)
            .await
    }

    /// What was brought back is what was saved: a service that runs again may have changed rows, and then the
    /// difference is told and not counted.
    async fn validate(&self) -> Result<(), Trouble> {
        let stack = &self.bundle.stack;
        let all: BTreeSet<ServiceName> = self
            .environment
            .inner()
            .kept
            .desired
            .instances
            .keys()
            .cloned()
            .collect();
        self.control
            .until_healthy(self.environment, stack, &all)
            .await?;
        if !self.restoring.items.is_empty() {
            return Ok(());
        }
        for picked in &self.restoring.chosen.sources {
            let Ok(source) = self.source(&picked.source) else {
                continue;
            };
            let found = self.found(&picked.source).await?;
            let Some(saved) = found.part.figures.as_ref().filter(|_| picked.to.is_none()) else {
                continue;
            };
            let opened = self
                .control
                .database(self.environment, self.bundle, source)?;
            let Some(opened) = opened else { continue };
            let now = opened.database.figures(opened.place).await?;
            if !saved.tables.is_empty() && now.tables.is_empty() {
                return Err(Trouble::new(format!("{} is empty", picked.source)));
            }
            for difference in differences(saved, &now).iter().take(5) {
                self.job.note(format!(
                    "{}: {difference} (the services run again and may have changed it)",
                    picked.source
                ));
            }
        }
        Ok(())
    }

    async fn undo(&self, task: &Task, kept: &KeptWords) -> Result<(), Trouble> {
        let stack = &self.bundle.stack;
        match task {
            Task::Stop { service } => self.start(service).await,
            Task::Start { service } => self.control.hold(self.environment, stack, service).await,
            Task::Bring { source } => {
                let found = self.found(source).await?;
                let source = self.source(source)?;
                self.bringing().undo(source, &found.part, kept).await
            }
            _ => Ok(()),
        }
    }

    async fn settle(&self, task: &Task, kept: &KeptWords) -> Result<(), Trouble> {
        let Task::Bring { source } = task else {
            return Ok(());
        };
        let found = self.found(source).await?;
        let part = &found.part;
        self.bringing()
            .settle(self.source(source)?, part, kept)
            .await
    }
}

#[cfg(test)]
mod tests;
