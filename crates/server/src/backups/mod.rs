//! Backups: restore points made, kept, proven and brought back.
//!
//! Three engines stand below: `mainstay_recovery` judges (what is due, what is kept, in which order a restore
//! goes), `mainstay_databases` copies databases where they run, `mainstay_backup` keeps snapshots. Here they
//! meet: what is backed up stands in the stack that runs, what was made stands in the journal and in the
//! repository.
//!
//! **Invariants:** a restore point is in the journal only when all its parts are in the repository; a job that
//! failed says so as an event, a metric and an answer; what a restore replaces is kept until it was validated.

mod adopt;
mod board;
mod bring;
mod create;
mod drill;
mod engines;
mod hold;
mod job;
mod keeping;
mod keys;
mod location;
mod orphans;
mod own;
mod pipe;
mod place;
mod points;
mod pre_deploy;
mod restore;
mod schedule;
mod scratch;
mod sources;
mod stage;
mod status;
mod wal;

pub use create::{POINT_FILE, POINT_TAG};
pub(crate) use job::{By, Job};
pub use own::{ARTIFACTS, FILES, RELEASE_FILE, SavedRelease};
pub(crate) use pre_deploy::is_wanted;
pub(crate) use schedule::run;

use crate::api::types::{ApiError, BackupJob, BackupJobState};
use crate::control::Control;
use crate::environment::Environment;
use crate::specs::Bundle;
use board::Board;
use mainstay_backup::Client;
use mainstay_model::Scope;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Jobs that a listing answers.
const JOBS: u32 = 20;

/// What every environment has in common.
#[derive(Debug)]
pub(crate) struct Backups {
    client: Client,
    running: Mutex<BTreeMap<Scope, Arc<Job>>>,
    board: Board,
    logs: wal::Logs,
}

impl Backups {
    /// `program`: this binary, whose workers do what is done on repositories; `locks`: where they exclude each
    /// other.
    pub(crate) fn new(program: &Path, locks: PathBuf) -> Self {
        let worker = vec![program.as_os_str().to_owned(), "backup-worker".into()];
        Self {
            client: Client::new(worker, locks),
            running: Mutex::default(),
            board: Board::default(),
            logs: wal::Logs::default(),
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Scope, Arc<Job>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(&self, scope: &Scope, job: &Arc<Job>) -> Result<(), ApiError> {
        let mut running = self.running();
        if let Some(other) = running.get(scope) {
            let other = other.shown();
            return Err(ApiError::conflict(format!(
                "`{}` is under way in {scope} since {}: {}",
                other.kind.word(),
                other.began_at,
                other.step
            ))
            .hint("wait for it (`mainstay backup job --follow`), or end it: `mainstay backup job --cancel`"));
        }
        running.insert(scope.clone(), Arc::clone(job));
        Ok(())
    }

    fn leave_place(&self, scope: &Scope, job: &Job) {
        let mut running = self.running();
        if running
            .get(scope)
            .is_some_and(|other| std::ptr::eq(Arc::as_ptr(other), job))
        {
            running.remove(scope);
        }
    }

    /// What is under way in an environment.
    pub(crate) fn under_way(&self, scope: &Scope) -> Option<Arc<Job>> {
        self.running().get(scope).cloned()
    }

    fn note_end(&self, job: &BackupJob) {
        self.board.ended(job);
    }

    /// Metrics of all environments, in Prometheus's text format.
    pub(crate) fn text(&self, text: &mut String) {
        self.board.text(text);
    }
}

impl Control {
    /// The release that runs, for whatever is about its data.
    pub(super) fn bundle_of(environment: &Environment) -> Result<Arc<Bundle>, ApiError> {
        let current = environment.inner().current.clone();
        current.ok_or_else(|| {
            ApiError::not_found(format!("nothing runs in {}", environment.scope))
                .hint("deploy it first: `mainstay up` or `mainstay deploy`")
        })
    }

    /// A job by its id, running or ended.
    pub(crate) async fn backup_job(&self, scope: &Scope, id: Uuid) -> Result<BackupJob, ApiError> {
        if let Some(job) = self.backups.under_way(scope) {
            let job = job.shown();
            if job.id == id {
                return Ok(job);
            }
        }
        let read = move |rows: mainstay_journal::Rows<'_>| rows.job(id);
        let row = self
            .store
            .journal()
            .read::<_, mainstay_journal::JournalError>(read)
            .await?;
        let row = row.filter(|row| row.scope == *scope);
        let row = row.ok_or_else(|| {
            ApiError::not_found(format!("no job has the id {id}"))
                .hint("`mainstay backup list` shows the last ones")
        })?;
        shown(row)
    }

    /// The one that a request began whose answer was lost.
    pub(crate) async fn backup_job_of_key(&self, id: Uuid) -> Result<BackupJob, ApiError> {
        let read = move |rows: mainstay_journal::Rows<'_>| rows.job(id);
        let row = self
            .store
            .journal()
            .read::<_, mainstay_journal::JournalError>(read)
            .await?;
        let row = row.ok_or_else(|| {
            ApiError::conflict("this was asked for before, and it is not known what came of it")
                .hint("`mainstay backup list` shows the last jobs; ask again")
        })?;
        let scope = row.scope;
        self.backup_job(&scope, id).await
    }

    /// The last jobs, newest first.
    pub(super) async fn backup_jobs(&self, scope: &Scope) -> Result<Vec<BackupJob>, ApiError> {
        let asked = scope.clone();
        let read = move |rows: mainstay_journal::Rows<'_>| rows.jobs(&asked, JOBS);
        let rows = self
            .store
            .journal()
            .read::<_, mainstay_journal::JournalError>(read)
            .await?;
        let under_way = self.backups.under_way(scope).map(|job| job.shown());
        let rows = rows.into_iter().map(|row| match &under_way {
            Some(job) if job.id == row.id => Ok(job.clone()),
            _ => shown(row),
        });
        rows.collect()
    }

    /// Ends the job that is under way.
    pub(crate) async fn cancel_backup_job(
        &self,
        scope: &Scope,
        id: Uuid,
    ) -> Result<BackupJob, ApiError> {
        let job = self.backups.under_way(scope);
        let job = job.filter(|job| job.shown().id == id);
        let Some(job) = job else {
            let job = self.backup_job(scope, id).await?;
            return Err(ApiError::conflict(format!(
                "`{}` has ended already",
                job.kind.word()
            )));
        };
        job.turn_back();
        Ok(job.shown())
    }
}

fn shown(row: mainstay_journal::JobRow) -> Result<BackupJob, ApiError> {
    let kept: job::Kept = serde_json::from_value(row.data)
        .map_err(|error| ApiError::unavailable(format!("row of job {}: {error}", row.id)))?;
    Ok(kept.job)
}

/// Whether it ended as it should.
fn passed(job: &BackupJob) -> bool {
    job.state == BackupJobState::Done
}
