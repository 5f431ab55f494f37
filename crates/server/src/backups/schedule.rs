//! What is done by itself: restore points and drills when they are due, and what a crash left is taken up.
//!
//! **Invariant:** when something was last begun is on disk before it is begun again; after a downtime each
//! schedule runs once, however often it was missed.

use super::board::Wanted as Expected;
use super::create::Wanted;
use super::job::{self, By, Trouble};
use super::restore::Restoring;
use crate::api::types::{BackupJobKind, BackupJobState, BackupSchedule};
use crate::control::{Control, now};
use crate::environment::Environment;
use mainstay_journal::{JobRow, JobState, JournalError, Rows};
use mainstay_model::Timestamp;
use mainstay_recovery::plan::Event;
use mainstay_recovery::{Due, Reason, Schedule, next, seed};
use mainstay_stack::{BackupWhat, Backups};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const TICK: Duration = Duration::from_secs(1);
/// Who asks where nobody does.
const ITSELF: &str = "schedule";
/// Key of the drill among schedules; no name of one begins with a dot.
const DRILL: &str = ".drill";

/// Looks once a second whether something is due, until the server stops.
pub(crate) async fn run(control: Arc<Control>) {
    loop {
        for environment in control.environments() {
            control.follow_logs(&environment);
            if let Err(trouble) = control.look(&environment).await {
                tracing::warn!(scope = %environment.scope, %trouble, "schedules of backups");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = control.stopping() => return,
        }
    }
}

/// One thing that is begun by itself.
struct Entry<'a> {
    key: String,
    when: &'a Schedule,
    what: &'a BackupWhat,
}

fn entries(backups: &Backups) -> Vec<Entry<'_>> {
    let schedules = backups.schedules.iter().map(|(name, schedule)| Entry {
        key: name.clone(),
        when: &schedule.when,
        what: &schedule.what,
    });
    let drill = backups.drill.iter().map(|drill| Entry {
        key: DRILL.to_owned(),
        when: &drill.when,
        what: &drill.sources,
    });
    schedules.chain(drill).collect()
}

/// Environments of one machine do not all begin in the same second.
fn due(
    environment: &Environment,
    key: &str,
    when: &Schedule,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Option<Due> {
    next(when, last, now, seed(&environment.scope, key))
}

/// When each is due next, for people.
pub(super) fn schedules(environment: &Environment, backups: &Backups) -> Vec<BackupSchedule> {
    let ran = environment.inner().kept.backups.clone();
    let shown = entries(backups).into_iter().map(|entry| {
        let last = ran.get(&entry.key).copied();
        let due = due(environment, &entry.key, entry.when, last, now());
        let (name, kind) = if entry.key == DRILL {
            ("drill".to_owned(), BackupJobKind::Drill)
        } else {
            (entry.key, BackupJobKind::Create)
        };
        BackupSchedule {
            name,
            cron: entry.when.cron().to_owned(),
            kind,
            next: due.map(|due| due.at),
        }
    });
    shown.collect()
}

impl Control {
    async fn look(self: &Arc<Self>, environment: &Arc<Environment>) -> Result<(), Trouble> {
        let current = environment.inner().current.clone();
        let Some(bundle) = current else {
            self.backups.board.forget(&environment.scope);
            return Ok(());
        };
        let backups = &bundle.stack.backups;
        self.backups.board.wanted(
            &environment.scope,
            Expected {
                on: backups.enabled,
                rpo: backups.objectives.rpo,
                rto: backups.objectives.rto,
            },
        );
        let runs = !environment.inner().kept.desired.instances.is_empty();
        if !backups.enabled || !runs || self.backups.under_way(&environment.scope).is_some() {
            return Ok(());
        }
        let ran = environment.inner().kept.backups.clone();
        let now = now();
        for entry in entries(backups) {
            let Some(last) = ran.get(&entry.key) else {
                self.note_run(environment, &entry.key, now).await?;
                continue;
            };
            let Some(due) = due(environment, &entry.key, entry.when, Some(*last), now) else {
                continue;
            };
            if due.at > now {
                continue;
            }
            self.note_run(environment, &entry.key, due.run).await?;
            return self.begin_due(environment, &entry, &due).await;
        }
        Ok(())
    }

    async fn note_run(
        &self,
        environment: &Environment,
        key: &str,
        run: Timestamp,
    ) -> Result<(), Trouble> {
        let mut kept = environment.inner().kept.clone();
        kept.backups.insert(key.to_owned(), run);
        let scope = &environment.scope;
        self.store.keep_environment(scope, &kept, now()).await?;
        environment.inner().kept.backups = kept.backups;
        Ok(())
    }

    async fn begin_due(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        entry: &Entry<'_>,
        due: &Due,
    ) -> Result<(), Trouble> {
        if due.missed > 0 {
            tracing::info!(schedule = entry.key, missed = due.missed, "caught up on");
        }
        if entry.key == DRILL {
            let points = self.points(&environment.scope).await?;
            let Some(newest) = points.into_iter().next() else {
                return Err(Trouble::new("there is no restore point to drill"));
            };
            let what = entry.what.clone();
            self.drill(environment, newest, what, &By::new(ITSELF))
                .await?;
            return Ok(());
        }
        let wanted = Wanted {
            name: self.free_name(&environment.scope).await?,
            what: entry.what.clone(),
            reason: Reason::Schedule {
                name: entry.key.clone(),
            },
        };
        self.begin_create(environment, wanted, &By::new(ITSELF))
            .await?;
        Ok(())
    }

    /// Takes up what the last server left: a restore goes on, anything else has ended.
    pub(crate) async fn recover_backups(self: &Arc<Self>) -> Result<(), Trouble> {
        self.clear_spool();
        for environment in self.environments() {
            let points = self.points(&environment.scope).await?;
            self.backups.board.points(&environment.scope, &points);
            let mut last = BTreeMap::new();
            for job in self.backup_jobs(&environment.scope).await? {
                if job.state != BackupJobState::Running {
                    last.entry(job.kind.word()).or_insert(job);
                }
            }
            for job in last.values() {
                self.backups.note_end(job);
            }
            self.strike_left_stage(&environment);
        }
        let read = |rows: Rows<'_>| rows.running_jobs();
        let rows = self.store.journal().read::<_, JournalError>(read).await;
        let rows = rows.map_err(|error| Trouble::new(error.to_string()))?;
        let mut held = Vec::new();
        for row in rows {
            held.extend(self.take_up(row).await?);
        }
        // Held by nobody: a restore whose row was lost.
        for environment in self.environments() {
            let services = environment.inner().kept.held.clone();
            if !services.is_empty() && !held.contains(&environment.scope) {
                self.let_go(&environment, &services).await?;
            }
        }
        Ok(())
    }

    /// Copies that were on their way when the last server ended, and what its drill had read back.
    fn clear_spool(&self) {
        let entries = std::fs::read_dir(self.spool()).into_iter().flatten();
        let files = entries.flatten().map(|entry| entry.path());
        for file in files.filter(|path| path.is_file()) {
            if let Err(error) = std::fs::remove_file(&file) {
                tracing::warn!(path = %file.display(), %error, "what a job left cannot be removed");
            }
        }
        let _ = super::own::clear(&self.data().backups().join("drill"));
    }

    /// A drill that was cut off may have left its network.
    fn strike_left_stage(self: &Arc<Self>, environment: &Arc<Environment>) {
        let current = environment.inner().current.clone();
        let Some(bundle) = current else {
            return;
        };
        let drill = bundle.stack.backups.drill.as_ref();
        if drill.is_some_and(|drill| drill.boot.is_some()) {
            let (control, environment) = (Arc::clone(self), Arc::clone(environment));
            self.rollouts().spawn(async move {
                control.strike_stage(&environment, &bundle.stack).await;
            });
        }
    }

    /// The scope of a restore that goes on.
    async fn take_up(
        self: &Arc<Self>,
        row: JobRow,
    ) -> Result<Option<mainstay_model::Scope>, Trouble> {
        let kept: job::Kept = serde_json::from_value(row.data)
            .map_err(|error| Trouble::new(format!("row of job {}: {error}", row.id)))?;
        let mut cut = kept.job;
        let restoring: Option<Restoring> = serde_json::from_value(kept.undo).unwrap_or_default();
        let environment = self.find(&row.scope);
        if let (Some(restoring), Some(environment)) = (restoring, environment) {
            let control = Arc::clone(self);
            self.resume_job(cut, async move |job| {
                job.note("the server was started again: it goes on");
                control
                    .drive_restore(&environment, &job, restoring, Event::Resumed)
                    .await
            })?;
            return Ok(Some(row.scope));
        }
        cut.state = BackupJobState::Failed;
        cut.ended_at = Some(now());
        cut.message = Some("the server ended in the middle of it".to_owned());
        cut.hint = Some("begin it again; nothing that was whole is lost".to_owned());
        self.tell_end(&cut);
        self.write_end(cut, JobState::Failed).await;
        Ok(None)
    }
}
