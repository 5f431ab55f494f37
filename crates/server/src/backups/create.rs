//! Making a restore point: every source, what ran, and the record of it — all of them, or none.

use super::job::{By, Job, Trouble};
use super::sources::Making;
use crate::api::types::{ApiError, BackupJob, BackupJobKind, CreateBackup, KeptPoint};
use crate::control::{Control, now};
use crate::environment::Environment;
use mainstay_backup::{Location, NewSnapshot};
use mainstay_model::{Bytes, Scope, Timestamp, did_you_mean};
use mainstay_recovery::{Part, PointName, Reason, RestorePoint};
use mainstay_stack::{BackupSource, BackupWhat, Backups};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// The record of a restore point, in its own snapshot: what a machine that has nothing else reads first.
pub const POINT_FILE: &str = "/restore-point.json";
/// Tag of that snapshot.
pub const POINT_TAG: &str = "mainstay-point";
/// Version of the record.
const FORMAT: u32 = 1;

/// What is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: PointName,
    pub(crate) what: BackupWhat,
    pub(crate) reason: Reason,
}

impl Control {
    /// Begins one because somebody asked for it.
    pub(crate) async fn create_backup(
        self: &Arc<Self>,
        scope: &Scope,
        request: CreateBackup,
        by: &By,
    ) -> Result<BackupJob, ApiError> {
        let environment = self.environment(scope)?;
        let bundle = Self::bundle_of(&environment)?;
        refuse_unknown(&bundle.stack.backups, &request.only)?;
        let what = if request.only.is_empty() {
            BackupWhat::Full
        } else {
            BackupWhat::Sources(request.only.into_iter().collect())
        };
        let name = match request.name {
            Some(name) => {
                let taken = self.points(scope).await?;
                if taken.iter().any(|kept| kept.point.name == name) {
                    return Err(ApiError::conflict(format!(
                        "a restore point is called `{name}` already"
                    ))
                    .hint("take another name"));
                }
                name
            }
            None => self.free_name(scope).await?,
        };
        let wanted = Wanted {
            name,
            what,
            reason: Reason::Asked {
                by: by.name.clone(),
            },
        };
        let job = self.begin_create(&environment, wanted, by).await?;
        Ok(job.shown())
    }

    /// Its row is on disk when this answers; the rest goes on by itself.
    pub(crate) async fn begin_create(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        wanted: Wanted,
        by: &By,
    ) -> Result<Arc<Job>, ApiError> {
        let (control, place) = (Arc::clone(self), Arc::clone(environment));
        let scope = environment.scope.clone();
        self.begin_job(&scope, BackupJobKind::Create, by, async move |job| {
            let point = control.make_point(&place, &job, wanted).await?;
            let after = control.after_create(&place, &job).await;
            if let Err(trouble) = &after {
                job.note(format!("warning: {trouble}"));
            }
            let bytes: u64 = point.parts.iter().map(|part| part.bytes).sum();
            let (parts, name) = (point.parts.len(), &point.name);
            after?;
            Ok(format!(
                "restore point {name}: {parts} parts, {}",
                Bytes(bytes)
            ))
        })
        .await
    }

    /// The time as a name; with a number where there is one already.
    pub(crate) async fn free_name(&self, scope: &Scope) -> Result<PointName, ApiError> {
        let taken: BTreeSet<String> = self
            .points(scope)
            .await?
            .iter()
            .map(|kept| kept.point.name.to_string())
            .collect();
        let time = now().to_string();
        let time: String = time.chars().take(19).filter(|c| *c != ':').collect();
        let names = std::iter::once(time.clone()).chain((2..).map(|n| format!("{time}-{n}")));
        let mut free = names.filter(|name| !taken.contains(name));
        let name = free.next().unwrap_or(time);
        PointName::new(name).map_err(ApiError::unavailable)
    }

    /// Every part, then the record, then the journal: only then it counts.
    pub(super) async fn make_point(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        job: &Job,
        wanted: Wanted,
    ) -> Result<RestorePoint, Trouble> {
        job.about(&wanted.name);
        let scope = &environment.scope;
        let bundle = Self::bundle_of(environment)?;
        let backups = &bundle.stack.backups;
        let location = self.location(&bundle.stack, &backups.repository)?;
        job.step("opening the repository");
        let opened = self.backups.client.open(&location, true).await?;
        if opened.created {
            job.note(format!("a new repository in {}", location.store));
        }
        let kept = self.points(scope).await?;
        let before: Vec<RestorePoint> = kept.into_iter().map(|kept| kept.point).collect();
        let making = Making {
            control: self,
            environment,
            bundle: &bundle,
            location: &location,
            job,
            name: &wanted.name,
            before: &before,
        };
        let began = now();
        let mut parts = Vec::new();
        let made = self.parts(&making, backups, &wanted, &mut parts).await;
        let recorded = match made {
            Ok(()) => {
                let point = RestorePoint {
                    format: FORMAT,
                    id: Uuid::now_v7(),
                    name: wanted.name.clone(),
                    scope: scope.clone(),
                    release: environment.inner().kept.desired.release,
                    reason: wanted.reason,
                    began,
                    ended: now(),
                    parts: parts.clone(),
                };
                self.record(job, &location, point).await
            }
            Err(trouble) => Err(trouble),
        };
        if recorded.is_err() {
            self.take_back(&location, &parts).await;
        }
        recorded
    }

    async fn parts(
        &self,
        making: &Making<'_>,
        backups: &Backups,
        wanted: &Wanted,
        parts: &mut Vec<Part>,
    ) -> Result<(), Trouble> {
        let sources = backups.active();
        let sources: Vec<(&String, &BackupSource)> =
            sources.filter(|(name, _)| wanted.what.has(name)).collect();
        for (name, source) in sources {
            parts.push(making.part(name, source).await?);
            if let Some(base) = making.base(name, source).await? {
                parts.push(base);
            }
        }
        if wanted.what == BackupWhat::Full {
            parts.extend(making.own_parts().await?);
        }
        if parts.is_empty() {
            return Err(Trouble::new("there is nothing to back up")
                .hint("name it under `backups.sources` in mainstay.yaml"));
        }
        Ok(())
    }

    async fn record(
        &self,
        job: &Job,
        location: &Location,
        point: RestorePoint,
    ) -> Result<RestorePoint, Trouble> {
        job.step("writing it down");
        let text = serde_json::to_vec_pretty(&point);
        let text = text.map_err(|error| Trouble::new(error.to_string()))?;
        let new = NewSnapshot {
            host: point.scope.to_string(),
            tags: vec![
                "mainstay".to_owned(),
                POINT_TAG.to_owned(),
                format!("point:{}", point.name),
            ],
            path: POINT_FILE.to_owned(),
            time: point.began,
        };
        let whole = async { Ok::<(), String>(()) };
        let saved =
            self.backups
                .client
                .save_stream(location, &new, text.as_slice(), whole, &|_| {});
        let record = saved.await?.0.snapshot;
        let kept = KeptPoint {
            point: point.clone(),
            record,
            here: true,
            copies: BTreeMap::new(),
            proof: None,
        };
        self.keep_point(&kept).await?;
        let points = self.points(&point.scope).await?;
        self.backups.board.points(&point.scope, &points);
        Ok(point)
    }

    /// Snapshots of a point that did not come to be.
    async fn take_back(&self, location: &Location, parts: &[Part]) {
        let snapshots: Vec<String> = parts.iter().map(|part| part.snapshot.clone()).collect();
        if snapshots.is_empty() {
            return;
        }
        if let Err(error) = self.backups.client.forget(location, &snapshots).await {
            tracing::warn!(%error, "parts of a restore point that failed are still in the repository");
        }
    }
}

fn refuse_unknown(backups: &Backups, only: &[String]) -> Result<(), ApiError> {
    for name in only {
        let names = backups.active().map(|(name, _)| name.as_str());
        if backups.active().any(|(known, _)| known == name) {
            continue;
        }
        let error = ApiError::invalid(format!("no source is called `{name}`"));
        return Err(match did_you_mean(name, names) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint("`mainstay backup list` shows them"),
        });
    }
    Ok(())
}

/// Parts in the order in which they are brought back: what others read first.
pub(super) fn taken(point: &RestorePoint) -> Timestamp {
    point
        .parts
        .iter()
        .map(|part| part.taken)
        .min()
        .unwrap_or(point.began)
}
