//! A backup, a drill, a restore under way: what it does now, how far it came, how it ended.
//!
//! One job at a time in an environment. Its row is in the journal before it does anything; one that a
//! server finds running at its start was cut off, and is ended there ([`super::recovery`]).

use crate::api::types::{ApiError, BackupJob, BackupJobKind, BackupJobState, BackupStep};
use crate::control::{Control, now};
use mainstay_journal::{JobRow, JobState, Journal, JournalError, NewEvent};
use mainstay_model::Scope;
use mainstay_recovery::PointName;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Between tries to write the end of a job into the journal.
const WRITE_AGAIN: Duration = Duration::from_secs(2);

/// Lines of one report.
const MOST_LINES: usize = 500;

/// Why a job failed, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Trouble {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with what was done when it happened.
    #[must_use]
    pub(crate) fn while_at(mut self, noun: &str) -> Self {
        self.message = format!("{noun}: {}", self.message);
        self
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<mainstay_backup::Failure> for Trouble {
    fn from(failure: mainstay_backup::Failure) -> Self {
        Self {
            message: failure.message,
            hint: failure.hint,
        }
    }
}

impl From<mainstay_databases::Failure> for Trouble {
    fn from(failure: mainstay_databases::Failure) -> Self {
        Self {
            message: failure.message,
            hint: failure.hint,
        }
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self {
            message: error.message,
            hint: error.hint,
        }
    }
}

impl From<String> for Trouble {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<Trouble> for ApiError {
    fn from(trouble: Trouble) -> Self {
        let error = ApiError::unavailable(&trouble.message);
        match trouble.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Who begins a job, and which one it will be: a request that is asked twice is one job.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) name: String,
    pub(crate) id: Uuid,
}

impl By {
    /// One that is asked for once.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            id: Uuid::now_v7(),
        }
    }
}

/// What the journal keeps of a job.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) job: BackupJob,
    /// What has to be undone where it is cut off; null: nothing.
    #[serde(default)]
    pub(super) undo: serde_json::Value,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Job {
    shown: watch::Sender<BackupJob>,
    undo: Mutex<serde_json::Value>,
    /// When the step under way began.
    since: Mutex<tokio::time::Instant>,
    pub(super) cancel: CancellationToken,
    /// Somebody asked for the way back.
    turning: AtomicBool,
}

impl Job {
    fn new(scope: &Scope, kind: BackupJobKind, by: &By, cancel: CancellationToken) -> Self {
        let job = BackupJob {
            id: by.id,
            scope: scope.clone(),
            kind,
            by: by.name.clone(),
            began_at: now(),
            ended_at: None,
            state: BackupJobState::Running,
            step: String::new(),
            done: 0,
            total: None,
            point: None,
            message: None,
            hint: None,
            report: Vec::new(),
            steps: Vec::new(),
        };
        Self {
            shown: watch::Sender::new(job),
            undo: Mutex::default(),
            since: Mutex::new(tokio::time::Instant::now()),
            cancel,
            turning: AtomicBool::new(false),
        }
    }

    /// One that was found running at the start of a server.
    fn resumed(job: BackupJob, cancel: CancellationToken) -> Self {
        Self {
            shown: watch::Sender::new(job),
            undo: Mutex::default(),
            since: Mutex::new(tokio::time::Instant::now()),
            cancel,
            turning: AtomicBool::new(false),
        }
    }

    /// Ends it. What has something to undo goes back by itself, when the task that runs is through.
    pub(super) fn turn_back(&self) {
        self.turning.store(true, Ordering::Relaxed);
        let undo = self.undo.lock().unwrap_or_else(PoisonError::into_inner);
        if undo.is_null() {
            self.cancel.cancel();
        }
    }

    pub(super) fn is_turning(&self) -> bool {
        self.turning.load(Ordering::Relaxed)
    }

    pub(crate) fn shown(&self) -> BackupJob {
        self.shown.borrow().clone()
    }

    /// Ends the step before, and says what is done now.
    pub(super) fn step(&self, name: impl Into<String>) {
        let took = self.took();
        self.shown.send_modify(|job| {
            finish_step(job, took);
            job.step = name.into();
            (job.done, job.total) = (0, None);
        });
    }

    /// Since the last step began.
    fn took(&self) -> Duration {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let now = tokio::time::Instant::now();
        now - std::mem::replace(&mut *since, now)
    }

    pub(super) fn progress(&self, progress: mainstay_backup::Progress) {
        self.shown.send_modify(|job| {
            job.done = progress.done;
            job.total = progress.total;
        });
    }

    pub(super) fn note(&self, line: impl Into<String>) {
        let line = line.into();
        tracing::info!(job = %self.shown.borrow().id, "{line}");
        self.shown.send_modify(|job| {
            if job.report.len() < MOST_LINES {
                job.report.push(line);
            }
        });
    }

    pub(super) fn about(&self, point: &PointName) {
        self.shown
            .send_modify(|job| job.point = Some(point.clone()));
    }

    /// Writes down what has to be undone from now on; it is on disk when this answers.
    pub(super) async fn keep(
        &self,
        control: &Control,
        undo: &impl Serialize,
    ) -> Result<(), Trouble> {
        let undo = serde_json::to_value(undo).map_err(|error| Trouble::new(error.to_string()))?;
        *self.undo.lock().unwrap_or_else(PoisonError::into_inner) = undo;
        let row = self.row(JobState::Running)?;
        let write =
            move |journal: &mut Journal| journal.write::<_, JournalError>(|w| w.put_job(&row));
        let written = control.store.journal().write(write).await;
        written.map_err(|error: JournalError| Trouble::new(format!("the journal: {error}")))
    }

    fn row(&self, state: JobState) -> Result<JobRow, Trouble> {
        let job = self.shown();
        let undo = self.undo.lock().unwrap_or_else(PoisonError::into_inner);
        row(job, undo.clone(), state).map_err(|error| Trouble::new(error.to_string()))
    }

    /// Returns once it has ended.
    pub(crate) async fn ended(&self) -> BackupJob {
        let mut seen = self.shown.subscribe();
        // The sender lives as long as this.
        let _ = seen
            .wait_for(|job| job.state != BackupJobState::Running)
            .await;
        self.shown()
    }

    fn end(&self, outcome: &Result<String, Trouble>) {
        let took = self.took();
        self.shown.send_modify(|job| {
            finish_step(job, took);
            job.ended_at = Some(now());
            match outcome {
                Ok(message) => {
                    job.state = BackupJobState::Done;
                    job.message = Some(message.clone());
                }
                Err(trouble) => {
                    job.state = BackupJobState::Failed;
                    job.message = Some(trouble.message.clone());
                    job.hint.clone_from(&trouble.hint);
                }
            }
        });
    }
}

fn finish_step(job: &mut BackupJob, took: Duration) {
    if !job.step.is_empty() {
        let name = job.step.clone();
        job.steps.push(BackupStep { name, took });
    }
}

pub(super) fn row(
    job: BackupJob,
    undo: serde_json::Value,
    state: JobState,
) -> Result<JobRow, serde_json::Error> {
    Ok(JobRow {
        id: job.id,
        scope: job.scope.clone(),
        kind: job.kind.word().to_owned(),
        state,
        began_at: job.began_at,
        ended_at: job.ended_at,
        data: serde_json::to_value(Kept { job, undo })?,
    })
}

/// What everybody may know of a job that ended.
pub(super) fn event(job: &BackupJob) -> NewEvent {
    let word = match job.state {
        BackupJobState::Failed => "failed",
        _ => "done",
    };
    let mut message = job.message.clone().unwrap_or_default();
    if let Some(hint) = &job.hint {
        message = format!("{message}; hint: {hint}");
    }
    NewEvent {
        scope: Some(job.scope.clone()),
        subject: job.point.as_ref().map(ToString::to_string),
        actor: Some(job.by.clone()),
        data: serde_json::json!({ "job": job.id, "report": job.report }),
        ..NewEvent::new(now(), format!("{}.{word}", noun(job.kind)), message)
    }
}

/// `backup.done`, `drill.failed`
const fn noun(kind: BackupJobKind) -> &'static str {
    match kind {
        BackupJobKind::Create => "backup",
        BackupJobKind::Restore => "restore",
        BackupJobKind::Drill => "drill",
        BackupJobKind::Verify => "verification",
        BackupJobKind::Prune => "prune",
        BackupJobKind::Copy => "copy",
    }
}

impl Control {
    /// Begins a job: its row is on disk when this answers, its work goes on by itself.
    ///
    /// # Errors
    /// Another job is under way in this environment; the journal cannot be written.
    pub(crate) async fn begin_job<F, R>(
        self: &Arc<Self>,
        scope: &Scope,
        kind: BackupJobKind,
        by: &By,
        work: F,
    ) -> Result<Arc<Job>, ApiError>
    where
        F: FnOnce(Arc<Job>) -> R + Send + 'static,
        R: Future<Output = Result<String, Trouble>> + Send + 'static,
    {
        let job = Arc::new(Job::new(scope, kind, by, self.stop_token().child_token()));
        self.backups.take_place(scope, &job)?;
        let written = async {
            let row = job.row(JobState::Running)?;
            let write =
                move |journal: &mut Journal| journal.write::<_, JournalError>(|w| w.put_job(&row));
            let written = self.store.journal().write(write).await;
            written.map_err(|error: JournalError| Trouble::new(format!("the journal: {error}")))
        };
        if let Err(trouble) = written.await {
            self.backups.leave_place(scope, &job);
            return Err(trouble.into());
        }
        self.go_on(scope, &job, work);
        Ok(job)
    }

    /// Goes on with one that a server found running at its start.
    pub(super) fn resume_job<F, R>(
        self: &Arc<Self>,
        job: BackupJob,
        work: F,
    ) -> Result<Arc<Job>, ApiError>
    where
        F: FnOnce(Arc<Job>) -> R + Send + 'static,
        R: Future<Output = Result<String, Trouble>> + Send + 'static,
    {
        let scope = job.scope.clone();
        let job = Arc::new(Job::resumed(job, self.stop_token().child_token()));
        self.backups.take_place(&scope, &job)?;
        self.go_on(&scope, &job, work);
        Ok(job)
    }

    fn go_on<F, R>(self: &Arc<Self>, scope: &Scope, job: &Arc<Job>, work: F)
    where
        F: FnOnce(Arc<Job>) -> R + Send + 'static,
        R: Future<Output = Result<String, Trouble>> + Send + 'static,
    {
        let (control, scope, working) = (Arc::clone(self), scope.clone(), Arc::clone(job));
        self.rollouts().spawn(async move {
            let outcome = tokio::select! {
                outcome = work(Arc::clone(&working)) => Some(outcome),
                () = working.cancel.cancelled() => None,
            };
            control.end_job(&scope, &working, outcome).await;
        });
    }

    /// Writes down how it ended. One that has something to undo and was cut off by the end of the server
    /// stays as it is: the next server takes it up.
    async fn end_job(&self, scope: &Scope, job: &Job, outcome: Option<Result<String, Trouble>>) {
        let unfinished = {
            let undo = job.undo.lock().unwrap_or_else(PoisonError::into_inner);
            outcome.is_none() && !undo.is_null()
        };
        let outcome = outcome.unwrap_or_else(|| {
            Err(Trouble::new("it was ended before its end").hint("begin it again"))
        });
        if !unfinished {
            job.end(&outcome);
            let shown = job.shown();
            let state = match shown.state {
                BackupJobState::Failed => JobState::Failed,
                _ => JobState::Done,
            };
            self.tell_end(&shown);
            // It stays in memory until then: a disk that is full is so for a while, and whoever follows the job would
            // wait for ever for an end that was lost. What a stop cuts off here, the next start finds running.
            while !self.write_end(shown.clone(), state).await {
                tokio::select! {
                    () = tokio::time::sleep(WRITE_AGAIN) => {}
                    () = self.stop_token().cancelled_owned() => break,
                }
            }
        }
        self.backups.leave_place(scope, job);
    }

    pub(super) fn tell_end(&self, job: &BackupJob) {
        if job.state == BackupJobState::Failed {
            tracing::error!(scope = %job.scope, kind = job.kind.word(), "{}", event(job).message);
        }
        self.backups.note_end(job);
    }

    /// `false`: the journal could not be written.
    pub(super) async fn write_end(&self, job: BackupJob, state: JobState) -> bool {
        let event = event(&job);
        let row = match row(job, serde_json::Value::Null, state) {
            Ok(row) => row,
            Err(error) => {
                tracing::error!(%error, "the end of a job cannot be written down");
                // Trying again would not help.
                return true;
            }
        };
        let write = move |journal: &mut Journal| {
            journal.write::<_, JournalError>(|writer| {
                writer.put_job(&row)?;
                writer.append(&event).map(|_| ())
            })
        };
        let written: Result<(), JournalError> = self.store.journal().write(write).await;
        if let Err(error) = &written {
            tracing::error!(%error, "the end of a job cannot be written down");
        }
        written.is_ok()
    }
}
