//! To a point in time: a base backup, the log after it, and a server that plays it back up to the target.
//!
//! The place has the image's programs and the data directory, and nothing runs there. What was in the directory
//! is moved aside within it (it may be a mount, which cannot be renamed) and comes back where anything fails.
//! The log is looked through before: a segment that is missing or short is a failure, because a server takes it
//! for the end.
//!
//! **Invariant:** answered as recovered is only what reached its target and was promoted.

mod files;
mod log_files;
mod target;

pub use target::Target;

use super::engine::Engine;
use super::lsn::Lsn;
use super::scratch;
use super::{Login, Postgres};
use crate::command::{IDLE, late, quote};
use crate::database::{Database, Failure, Undo};
use crate::place::Place;
use files::Files;
use log_files::LogFiles;
use mainstay_model::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// From promotion to the first answer.
const UP: Duration = Duration::from_secs(120);

/// A recovery that is asked for.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// A directory of the place with segments and history files, as [`super::wal::Archive`] has them.
    pub wal: String,
    pub target: Target,
    /// Whether what happened at the target belongs to it.
    pub inclusive: bool,
    /// `None`: the newest. Another to go back to what was before an earlier recovery.
    pub timeline: Option<u32>,
    /// What was committed until then is in the log ([`super::wal::Received::at`]): a target before it counts as
    /// reached also where nothing was committed after it.
    pub complete_until: Option<Timestamp>,
    /// A superuser of the database.
    pub user: String,
    /// For playing back.
    pub limit: Duration,
}

/// How far a recovery is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The segment that was read last.
    pub segment: Option<String>,
    /// Where that segment begins, and where the log ends, as far as its files tell.
    pub position: Option<Lsn>,
    pub end: Option<Lsn>,
}

/// A recovery that reached its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The last byte of the log that was taken in.
    pub lsn: Lsn,
    /// The timeline that begins here.
    pub timeline: u32,
    /// When the last transaction that is in it was committed.
    pub committed: Option<Timestamp>,
}

impl Recovery {
    /// Recovers into the data directory `data` of the place; a server that is started on it afterwards has the state.
    /// The undo brings back what was there.
    ///
    /// # Errors
    /// The base is not whole, the log has a gap, the target is not reached, and whatever the server says. What was
    /// there is there again.
    pub async fn in_place(
        &self,
        place: &dyn Place,
        data: &str,
        base: &mut (dyn AsyncRead + Send + Unpin),
        progress: &watch::Sender<Progress>,
    ) -> Result<(Recovered, Undo), Failure> {
        let files = Files::new(place, data);
        files.set_aside().await?;
        let done = async {
            let (engine, recovered) = self.play(&files, base, true, progress).await?;
            engine.stop().await?;
            Ok(recovered)
        };
        match done.await {
            Ok(recovered) => {
                let kept = BTreeMap::from([
                    ("kind".to_owned(), "recovery".to_owned()),
                    ("data".to_owned(), data.to_owned()),
                ]);
                Ok((recovered, Undo { kept }))
            }
            Err(failure) => match files.bring_back().await {
                Ok(()) => Err(failure),
                Err(second) => Err(Failure::new(format!(
                    "{failure}; and what was there is not back: {second}"
                ))),
            },
        }
    }

    /// Recovers into a server of its own, for a drill; it ends with what is answered.
    pub async fn scratch(
        &self,
        place: &dyn Place,
        postgres: &Postgres,
        base: &mut (dyn AsyncRead + Send + Unpin),
        progress: &watch::Sender<Progress>,
    ) -> Result<(Recovered, Box<dyn Database>), Failure> {
        let data = files::temporary(place).await?;
        let files = Files::new(place, &data);
        match self.play(&files, base, false, progress).await {
            Ok((mut engine, recovered)) => {
                engine.own().await?;
                let postgres = Postgres {
                    login: Login {
                        user: self.user.clone(),
                        ..postgres.login.clone()
                    },
                    ..postgres.clone()
                };
                Ok((recovered, Box::new(scratch::within(engine, &postgres))))
            }
            Err(failure) => {
                files.remove_temporary().await?;
                Err(failure)
            }
        }
    }

    async fn play(
        &self,
        files: &Files<'_>,
        base: &mut (dyn AsyncRead + Send + Unpin),
        keep: bool,
        progress: &watch::Sender<Progress>,
    ) -> Result<(Engine, Recovered), Failure> {
        files.unpack(base).await?;
        files.verify().await?;
        let log = LogFiles::read(files, &self.wal).await?;
        log.check(self.timeline)?;
        progress.send_modify(|progress| progress.end = Some(log.end()));
        files.signal().await?;
        let ended = match self.start(files, keep, &self.target, &log, progress).await {
            Err(failure) if self.is_reached_by_time(&failure) => {
                // Nothing was committed after the target: all there is, is what is asked for.
                self.start(files, keep, &Target::Latest, &log, progress)
                    .await
            }
            other => other,
        };
        let (mut engine, said) = ended?;
        let login = engine.login(&self.user, "template1");
        let client = engine.ready(files.place, &login, "template1", UP).await?;
        let sql = "SELECT timeline_id FROM pg_control_checkpoint(); SELECT pg_is_in_recovery();";
        let answer = client.psql(files.place, "template1", sql, UP).await?;
        let mut lines = answer.lines();
        let timeline = lines.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        if lines.next() != Some("f") {
            return Err(Failure::new(
                "the server still recovers after its promotion",
            ));
        }
        let timeline = log.promoted(timeline);
        let lsn = said.redone.unwrap_or_default();
        if self.target == Target::Latest || said.stopped.is_none() {
            log.check_end(said.redone)?;
        }
        Ok((
            engine,
            Recovered {
                lsn,
                timeline,
                committed: said.committed,
            },
        ))
    }

    /// Whether the log ended before a target in time that it is complete up to.
    fn is_reached_by_time(&self, failure: &Failure) -> bool {
        let Target::Time(time) = self.target else {
            return false;
        };
        failure.message.contains(target::NOT_REACHED)
            && self.complete_until.is_some_and(|until| until >= time)
    }

    /// Starts the server, and waits until it has promoted itself.
    async fn start(
        &self,
        files: &Files<'_>,
        keep: bool,
        target: &Target,
        log: &LogFiles,
        progress: &watch::Sender<Progress>,
    ) -> Result<(Engine, super::log::Said), Failure> {
        let before = files.before(keep);
        let mut settings = target.settings(self.inclusive, self.timeline);
        settings.push(format!("restore_command={}", restore_command(&self.wal)));
        settings.extend(log.settings());
        // Nobody is let in before the end, so that fewer connections than the service has are enough. Nothing is
        // archived by the service's own command.
        settings.extend(["hot_standby=off", "archive_mode=off"].map(str::to_owned));
        if !keep {
            settings
                .extend(["fsync=off", "full_page_writes=off", "autovacuum=off"].map(str::to_owned));
        }
        let arguments: Vec<&str> = settings
            .iter()
            .flat_map(|setting| ["-c", setting])
            .collect();
        let mut engine = Engine::start(files.place, &before, "", &arguments).await?;
        let until = Instant::now() + self.limit;
        let mut said = engine.log.said.clone();
        loop {
            let now = said.borrow_and_update().clone();
            if let Some(segment) = &now.restored {
                progress.send_modify(|progress| {
                    progress.position = log.position(segment).or(progress.position);
                    progress.segment = Some(segment.clone());
                });
            }
            if now.ready {
                return Ok((engine, now));
            }
            let wait = until.saturating_duration_since(Instant::now()).min(IDLE);
            tokio::select! {
                biased;
                changed = timeout(wait, said.changed()) => match changed {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(self.failed(engine.ended().await, &said.borrow())),
                    Err(_) => return Err(late("the recovery", wait)),
                },
                failure = engine.ended() => return Err(self.failed(failure, &said.borrow())),
            }
        }
    }

    /// What the server ended with, and how far it could have gone.
    fn failed(&self, failure: Failure, said: &super::log::Said) -> Failure {
        if !failure.message.contains(target::NOT_REACHED) {
            return failure;
        }
        let mut message = format!(
            "{}: the log does not reach {}",
            target::NOT_REACHED,
            self.target
        );
        if let Some(lsn) = said.redone {
            message = format!("{message}; it ends at {lsn}");
        }
        match said.committed {
            Some(at) => Failure::new(format!("{message}, with the last commit at {at}"))
                .hint(format!("the last moment that can be reached is {at}")),
            None => Failure::new(format!("{message}, with no commit after the base backup")),
        }
    }
}

/// Unpacks a tar of the log's files into `folder` of the place, readable for whoever owns `data`: what
/// [`Recovery::wal`] names. Its parent directories have to be open to everybody.
pub async fn bring_log(
    place: &dyn Place,
    data: &str,
    folder: &str,
    log: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<(), Failure> {
    Files::new(place, data).unpack_log(folder, log).await
}

/// Brings back what [`Recovery::in_place`] replaced. Asked twice is done once.
pub async fn undo(place: &dyn Place, undo: &Undo) -> Result<(), Failure> {
    Files::new(place, data(undo)?).bring_back().await
}

/// Gives up what was kept for an undo. Asked twice is done once.
pub async fn settle(place: &dyn Place, undo: &Undo) -> Result<(), Failure> {
    Files::new(place, data(undo)?).give_up().await
}

fn data(undo: &Undo) -> Result<&String, Failure> {
    let data = undo.kept.get("data");
    data.ok_or_else(|| Failure::new("what is to be undone names no data directory"))
}

/// Brings one file of the log, also the segment that has no end. `%` is doubled for the server.
fn restore_command(wal: &str) -> String {
    let folder = quote(&wal.replace('%', "%%"));
    format!(
        "if test -f {folder}/%f; then cp {folder}/%f \"%p\"; else cp {folder}/%f.partial \"%p\" 2>/dev/null; fi"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sendable<T: Send>(value: T) -> T {
        value
    }

    #[tokio::test]
    async fn a_recovery_can_run_in_a_task_and_the_way_to_its_log_is_quoted() {
        let recovery = Recovery {
            wal: "/it's 100%".to_owned(),
            target: Target::Latest,
            inclusive: true,
            timeline: None,
            complete_until: None,
            user: "postgres".to_owned(),
            limit: Duration::from_secs(1),
        };
        let (progress, _) = watch::channel(Progress::default());
        let place = Nowhere;
        let mut base = tokio::io::empty();
        let done = sendable(recovery.in_place(&place, "/", &mut base, &progress));
        assert!(done.await.unwrap_err().to_string().contains("nowhere"));
        let command = restore_command(&recovery.wal);
        assert!(command.contains(r"cp '/it'\''s 100%%'/%f "), "{command}");
    }

    struct Nowhere;

    impl Place for Nowhere {
        fn run<'a>(
            &'a self,
            _: &'a [String],
        ) -> crate::Answer<'a, std::io::Result<crate::Running>> {
            Box::pin(async { Err(std::io::Error::other("nowhere")) })
        }
    }
}
