//! After a restore point is there: copies of it, what is given up, what is verified.
//!
//! **Invariant:** what the rules keep is never given up, the last proven restore point least of all; a row goes
//! when the point lies nowhere any more.

use super::job::{By, Job, Trouble};
use crate::api::types::{
    ApiError, BackupJob, BackupJobKind, KeptCopy, KeptPoint, PruneDecision, Pruning,
};
use crate::control::{Control, now};
use crate::environment::Environment;
use mainstay_backup::{Location, ReadData};
use mainstay_model::{Bytes, Scope};
use mainstay_recovery::{Decision, Keep, Standing, decide};
use mainstay_stack::Stack;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What somebody or a deploy has just made is not given up for the next one of the day.
const YOUNG: Duration = Duration::from_secs(86_400);
/// Problems of a repository that are written out.
const SHOWN: usize = 20;

impl Control {
    /// What follows a new restore point: its copies, and what the rules give up for it.
    pub(super) async fn after_create(
        &self,
        environment: &Environment,
        job: &Job,
    ) -> Result<(), Trouble> {
        let bundle = Self::bundle_of(environment)?;
        // Nothing is given up while a copy is behind: it may be what the copy still needs.
        self.copy_points(&bundle.stack, job).await?;
        self.give_up(&bundle.stack, job).await
    }

    /// Brings every point to the copies that do not have it yet.
    async fn copy_points(&self, stack: &Stack, job: &Job) -> Result<(), Trouble> {
        let scope = stack.scope();
        let from = self.location(stack, &stack.backups.repository)?;
        for (name, copy) in &stack.backups.copies {
            let to = self.location(stack, &copy.repository)?;
            if to.store == from.store {
                job.note(format!(
                    "nothing goes to copy {name}: it is the repository itself"
                ));
                continue;
            }
            let points = self.points(&scope).await?;
            // Old ones that the copy's own rules would give up at once are not brought there.
            let wanted = kept_by(&points, &copy.keep);
            let missing: Vec<KeptPoint> = points
                .into_iter()
                .filter(|kept| kept.here && !kept.copies.contains_key(name))
                .filter(|kept| wanted.contains(&kept.point.id))
                .collect();
            if missing.is_empty() {
                continue;
            }
            job.step(format!("copying to {name}"));
            self.backups.client.open(&to, true).await?;
            for kept in missing {
                self.copy_one(&from, &to, name, kept, job)
                    .await
                    .map_err(|trouble| trouble.while_at(&format!("copy {name}")))?;
            }
        }
        Ok(())
    }

    async fn copy_one(
        &self,
        from: &Location,
        to: &Location,
        name: &str,
        mut kept: KeptPoint,
        job: &Job,
    ) -> Result<(), Trouble> {
        let snapshots = snapshots(&kept);
        let watch = |progress| job.progress(progress);
        let copied = self.backups.client.copy(from, to, &snapshots, &watch);
        let copied = copied.await?;
        let copy = KeptCopy {
            at: now(),
            snapshots: copied.map,
            verified_at: None,
        };
        kept.copies.insert(name.to_owned(), copy);
        Ok(self.keep_point(&kept).await?)
    }

    /// Gives up what no rule keeps, here and in each copy by its own rules.
    async fn give_up(&self, stack: &Stack, job: &Job) -> Result<(), Trouble> {
        let scope = stack.scope();
        let backups = &stack.backups;
        let location = self.location(stack, &backups.repository)?;
        let points = self.points(&scope).await?;
        let here: Vec<KeptPoint> = points.iter().filter(|kept| kept.here).cloned().collect();
        let wanted = kept_by(&here, &backups.keep);
        let gone = here
            .into_iter()
            .filter(|kept| !wanted.contains(&kept.point.id));
        let gone: Vec<KeptPoint> = gone.collect();
        let orphans = self.sweep_orphans(&scope, &location, job).await?;
        if !gone.is_empty() || orphans > 0 {
            job.step("giving up old restore points");
            for kept in gone {
                self.give_up_here(&location, kept, job).await?;
            }
            let watch = |progress| job.progress(progress);
            let pruned = self.backups.client.prune(&location, &watch).await?;
            let removed = Bytes(pruned.removed + pruned.marked);
            job.note(format!(
                "{removed} of the repository are not needed any more"
            ));
        }
        self.give_up_logs(stack, None, &location, &backups.keep)
            .await?;
        for (name, copy) in &backups.copies {
            let location = self.location(stack, &copy.repository)?;
            self.give_up_logs(stack, Some(name), &location, &copy.keep)
                .await?;
            self.give_up_copies(&scope, name, &location, &copy.keep, job)
                .await?;
        }
        let points = self.points(&scope).await?;
        self.backups.board.points(&scope, &points);
        Ok(())
    }

    async fn give_up_here(
        &self,
        location: &Location,
        mut kept: KeptPoint,
        job: &Job,
    ) -> Result<(), Trouble> {
        self.backups
            .client
            .forget(location, &snapshots(&kept))
            .await?;
        job.note(format!("gave up {}", kept.point.name));
        kept.here = false;
        self.keep_or_forget(&kept).await
    }

    async fn give_up_copies(
        &self,
        scope: &Scope,
        name: &str,
        location: &Location,
        keep: &Keep,
        job: &Job,
    ) -> Result<(), Trouble> {
        let points = self.points(scope).await?;
        let there: Vec<KeptPoint> = points
            .into_iter()
            .filter(|kept| kept.copies.contains_key(name))
            .collect();
        let wanted = kept_by(&there, keep);
        let gone = there.iter().filter(|kept| !wanted.contains(&kept.point.id));
        let gone: Vec<KeptPoint> = gone.cloned().collect();
        // A copy that nothing was brought to is not there yet.
        let orphans = if there.is_empty() {
            0
        } else {
            self.sweep_orphans(scope, location, job).await?
        };
        if gone.is_empty() && orphans == 0 {
            return Ok(());
        }
        job.step(format!("giving up old restore points of {name}"));
        for mut kept in gone {
            let Some(copy) = kept.copies.remove(name) else {
                continue;
            };
            let snapshots: Vec<String> = copy.snapshots.into_values().collect();
            self.backups.client.forget(location, &snapshots).await?;
            self.keep_or_forget(&kept).await?;
        }
        self.backups.client.prune(location, &|_| {}).await?;
        Ok(())
    }

    async fn keep_or_forget(&self, kept: &KeptPoint) -> Result<(), Trouble> {
        if kept.here || !kept.copies.is_empty() {
            return Ok(self.keep_point(kept).await?);
        }
        Ok(self.forget_point(kept.point.id).await?)
    }

    /// What the rules come to, without doing it.
    pub(crate) async fn pruning(&self, scope: &Scope) -> Result<Pruning, ApiError> {
        let environment = self.environment(scope)?;
        let bundle = Self::bundle_of(&environment)?;
        let points = self.points(scope).await?;
        let here: Vec<KeptPoint> = points.into_iter().filter(|kept| kept.here).collect();
        let decisions = decisions(&here, &bundle.stack.backups.keep);
        let points = here
            .iter()
            .zip(decisions)
            .map(|(kept, decision)| PruneDecision {
                name: kept.point.name.clone(),
                keep: decision.keep.map(|why| why.to_string()),
            });
        Ok(Pruning {
            points: points.collect(),
        })
    }

    pub(crate) async fn begin_prune(
        self: &Arc<Self>,
        scope: &Scope,
        by: &By,
    ) -> Result<BackupJob, ApiError> {
        let environment = self.environment(scope)?;
        let bundle = Self::bundle_of(&environment)?;
        let control = Arc::clone(self);
        let job = self.begin_job(scope, BackupJobKind::Prune, by, async move |job| {
            let before = control.points(&bundle.stack.scope()).await?.len();
            control.give_up(&bundle.stack, &job).await?;
            let after = control.points(&bundle.stack.scope()).await?.len();
            Ok(format!(
                "{after} restore points are kept, {} went",
                before - after
            ))
        });
        Ok(job.await?.shown())
    }

    pub(crate) async fn begin_copy(
        self: &Arc<Self>,
        scope: &Scope,
        by: &By,
    ) -> Result<BackupJob, ApiError> {
        let environment = self.environment(scope)?;
        let bundle = Self::bundle_of(&environment)?;
        if bundle.stack.backups.copies.is_empty() {
            return Err(ApiError::invalid("there is no copy to bring them to")
                .hint("name one under `backups.copies` in mainstay.yaml"));
        }
        let control = Arc::clone(self);
        let job = self.begin_job(scope, BackupJobKind::Copy, by, async move |job| {
            control.copy_points(&bundle.stack, &job).await?;
            Ok("every restore point is in every copy that keeps it".to_owned())
        });
        Ok(job.await?.shown())
    }

    pub(crate) async fn begin_verify(
        self: &Arc<Self>,
        scope: &Scope,
        percent: Option<u8>,
        by: &By,
    ) -> Result<BackupJob, ApiError> {
        let environment = self.environment(scope)?;
        let bundle = Self::bundle_of(&environment)?;
        let control = Arc::clone(self);
        let read = match percent.unwrap_or(0) {
            0 => ReadData::Structure,
            100.. => ReadData::All,
            percent => ReadData::Percent(percent),
        };
        let job = self.begin_job(scope, BackupJobKind::Verify, by, async move |job| {
            control.verify(&bundle.stack, read, &job).await
        });
        Ok(job.await?.shown())
    }

    /// The repository, and each copy by itself: nothing of one says anything about another.
    async fn verify(&self, stack: &Stack, read: ReadData, job: &Job) -> Result<String, Trouble> {
        let backups = &stack.backups;
        let mut wrong = Vec::new();
        let mut looked = Vec::new();
        let here = ("repository", &backups.repository);
        let copies = backups.copies.iter();
        let copies = copies.map(|(name, copy)| (name.as_str(), &copy.repository));
        for (name, repository) in std::iter::once(here).chain(copies) {
            job.step(format!("verifying {name}"));
            let location = self.location(stack, repository)?;
            let watch = |progress| job.progress(progress);
            match self.backups.client.check(&location, read, &watch).await {
                Ok(checked) if checked.problems.is_empty() => {
                    looked.push(format!(
                        "{name}: {} snapshots, {} read",
                        checked.snapshots,
                        Bytes(checked.read)
                    ));
                    self.note_verified(&stack.scope(), name).await?;
                }
                Ok(checked) => {
                    for problem in checked.problems.iter().take(SHOWN) {
                        job.note(format!("{name}: {problem}"));
                    }
                    wrong.push(format!("{name} has {} problems", checked.problems.len()));
                }
                Err(failure) => wrong.push(format!("{name}: {failure}")),
            }
        }
        if wrong.is_empty() {
            return Ok(looked.join("; "));
        }
        Err(Trouble::new(wrong.join("; ")).hint(
            "make a restore point now (`mainstay backup create`); `restic check` says more about the repository",
        ))
    }

    async fn note_verified(&self, scope: &Scope, name: &str) -> Result<(), Trouble> {
        for mut kept in self.points(scope).await? {
            if let Some(copy) = kept.copies.get_mut(name) {
                copy.verified_at = Some(now());
                self.keep_point(&kept).await?;
            }
        }
        Ok(())
    }
}

/// Every snapshot of a point, its record included.
pub(super) fn snapshots(kept: &KeptPoint) -> Vec<String> {
    let parts = kept.point.parts.iter().map(|part| part.snapshot.clone());
    parts.chain(std::iter::once(kept.record.clone())).collect()
}

pub(super) fn decisions(points: &[KeptPoint], keep: &Keep) -> Vec<Decision> {
    let standings: Vec<Standing> = points
        .iter()
        .map(|kept| Standing::of(&kept.point, true))
        .collect();
    let proven = points.iter().filter(|kept| {
        let proof = kept.proof.as_ref();
        proof.is_some_and(|proof| proof.passed)
    });
    let proven: BTreeSet<Uuid> = proven.map(|kept| kept.point.id).collect();
    let keep = Keep {
        within: keep.within.max(YOUNG),
        ..*keep
    };
    decide(&standings, &keep, now(), &proven)
}

fn kept_by(points: &[KeptPoint], keep: &Keep) -> BTreeSet<Uuid> {
    let decisions = decisions(points, keep).into_iter();
    let kept = decisions.filter(|decision| decision.keep.is_some());
    kept.map(|decision| decision.id).collect()
}
