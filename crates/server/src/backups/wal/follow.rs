//! Following the logs: a task for each, which receives, and stores what it has every so often.

use super::Trouble;
use super::ledger::{Ledger, Piece};
use crate::api::types::LogReceived;
use crate::backups::engines::postgres_at;
use crate::control::{Control, now};
use crate::environment::Environment;
use crate::specs::Bundle;
use mainstay_backup::{FailureKind, Location, NewSnapshot, Tree};
use mainstay_databases::postgres::replication::{Connect, Tcp, Through};
use mainstay_databases::postgres::wal::{Archive, Kept, Kind, Received, Receiver, Stopped};
use mainstay_model::{Scope, Timestamp};
use mainstay_recovery::LogPiece;
use mainstay_stack::{PostgresqlSource, SourceKind, TargetKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between tries to reach a server that was lost.
const AGAIN: Duration = Duration::from_secs(5);
/// Between looks whether something is to be stored.
const LOOK: Duration = Duration::from_secs(1);
/// Where the official image listens.
const PORT: u16 = 5432;

/// What is known of one log that is followed.
#[derive(Debug)]
struct Followed {
    /// What it was begun for; another one is another task.
    key: String,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    problem: Option<String>,
    stop: CancellationToken,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::backups) struct Logs {
    followed: Mutex<BTreeMap<(Scope, String), Followed>>,
}

impl Logs {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<(Scope, String), Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when without a gap, until when; what is on this machine.
    pub(super) fn received(&self, scope: &Scope, source: &str) -> Option<(Timestamp, Timestamp)> {
        let followed = self.locked();
        let log = followed.get(&(scope.clone(), source.to_owned()))?;
        Some((log.since?, log.until?))
    }

    fn since(&self, scope: &Scope, source: &str) -> Option<Timestamp> {
        let followed = self.locked();
        followed.get(&(scope.clone(), source.to_owned()))?.since
    }

    pub(super) fn shown(&self, scope: &Scope) -> Vec<LogReceived> {
        let followed = self.locked();
        let of = followed.iter().filter(|((of, _), _)| of == scope);
        of.map(|((_, source), log)| LogReceived {
            source: source.clone(),
            until: log.until,
            stored: None,
            problem: log.problem.clone(),
        })
        .collect()
    }

    fn change(&self, scope: &Scope, source: &str, change: impl FnOnce(&mut Followed)) {
        let mut followed = self.locked();
        if let Some(log) = followed.get_mut(&(scope.clone(), source.to_owned())) {
            change(log);
        }
    }
}

impl Control {
    /// Begins and ends tasks, so that every log that is wanted is followed, and no other.
    pub(in crate::backups) fn follow_logs(self: &Arc<Self>, environment: &Arc<Environment>) {
        let scope = &environment.scope;
        let bundle = environment.inner().current.clone();
        let held = environment.inner().kept.held.clone();
        let mut wanted = BTreeSet::new();
        if let Some(bundle) = bundle.filter(|bundle| bundle.stack.backups.enabled) {
            for (name, source) in bundle.stack.backups.active() {
                let SourceKind::Postgresql(postgres) = &source.kind else {
                    continue;
                };
                let runs = self.running(environment, &postgres.service).is_ok();
                if postgres.wal.is_none() || held.contains(&postgres.service) || !runs {
                    continue;
                }
                wanted.insert(name.clone());
                self.follow(environment, &bundle, name, postgres);
            }
        }
        let mut followed = self.backups.logs.locked();
        followed.retain(|(of, source), log| {
            let stays = of != scope || wanted.contains(source);
            if !stays {
                log.stop.cancel();
            }
            stays
        });
    }

    fn follow(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        bundle: &Arc<Bundle>,
        name: &str,
        source: &PostgresqlSource,
    ) {
        let id = environment.scope.clone();
        let place = (id.clone(), name.to_owned());
        let release = environment.inner().kept.desired.release.unwrap_or_default();
        let key = format!("{release} {source:?}");
        let mut followed = self.backups.logs.locked();
        if let Some(log) = followed.get(&place) {
            if log.key == key {
                return;
            }
            log.stop.cancel();
        }
        let stop = self.stop_token().child_token();
        let until = followed.get(&place).and_then(|log| log.until);
        let ledger = Ledger::read(&self.ledger_place(&id, name)).unwrap_or_default();
        let since = ledger.since;
        followed.insert(
            place,
            Followed {
                key,
                since,
                until,
                problem: None,
                stop: stop.clone(),
            },
        );
        drop(followed);
        let following = Following {
            control: Arc::clone(self),
            environment: Arc::clone(environment),
            bundle: Arc::clone(bundle),
            name: name.to_owned(),
            source: source.clone(),
        };
        self.rollouts().spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = following.run() => {}
            }
        });
    }
}

/// One log.
struct Following {
    control: Arc<Control>,
    environment: Arc<Environment>,
    bundle: Arc<Bundle>,
    name: String,
    source: PostgresqlSource,
}

impl Following {
    async fn run(&self) {
        let (sender, receiver) = watch::channel(Received::default());
        loop {
            let stopped = tokio::select! {
                stopped = self.receive(&sender) => stopped,
                () = self.store(receiver.clone()) => return,
            };
            let problem = match stopped {
                Ok(Stopped::Gap(failure)) => {
                    tracing::error!(scope = %self.environment.scope, source = self.name, %failure, "the log has a gap; a new base is due");
                    self.begin_anew().await;
                    format!(
                        "the log had a gap: {failure}; restores to a moment go on from the next restore point"
                    )
                }
                // Nothing is wrong: whoever stopped it knows, and all of its log is here.
                Ok(stopped @ Stopped::ShutDown(_)) => {
                    tracing::info!(scope = %self.environment.scope, source = self.name, "the database was stopped; all of its log is received");
                    self.change(|log| log.problem = Some(stopped.to_string()));
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Ok(stopped) => stopped.to_string(),
                Err(trouble) => trouble.to_string(),
            };
            tracing::warn!(scope = %self.environment.scope, source = self.name, problem, "the log is not received");
            self.change(|log| log.problem = Some(problem));
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Followed)) {
        let logs = &self.control.backups.logs;
        logs.change(&self.environment.scope, &self.name, change);
    }

    /// What was received before the gap is of no use to what comes after it.
    async fn begin_anew(&self) {
        // What is left of this stretch is known as its own as long as nothing else is written down.
        if let Err(trouble) = self.take_up().await {
            tracing::warn!(scope = %self.environment.scope, source = self.name, %trouble, "pieces of the log that a kill left");
        }
        let folder = self.control.log_folder(&self.environment.scope, &self.name);
        if let Err(failure) = Archive::clear(&folder) {
            tracing::error!(%failure, "what was received before the gap");
        }
        if let Err(trouble) = self.note_since(None) {
            tracing::error!(%trouble, "the gap is not written down");
        }
        self.change(|log| (log.since, log.until) = (None, None));
    }

    /// Pieces that a kill left in the repository.
    async fn take_up(&self) -> Result<(), Trouble> {
        let stack = &self.bundle.stack;
        let location = self.control.location(stack, &stack.backups.repository)?;
        let scope = &self.environment.scope;
        self.control
            .take_up_pieces(scope, &self.name, &location)
            .await
    }

    fn note_since(&self, since: Option<Timestamp>) -> Result<(), Trouble> {
        let place = self
            .control
            .ledger_place(&self.environment.scope, &self.name);
        let mut ledger = Ledger::read(&place)?;
        ledger.since = since;
        ledger.write(&place)
    }

    /// When the stretch began, which is on disk before anything counts on it.
    fn begun(&self, at: Timestamp) -> Result<(), Trouble> {
        let logs = &self.control.backups.logs;
        let known = logs.since(&self.environment.scope, &self.name);
        if known.is_none() {
            self.note_since(Some(at))?;
            self.change(|log| log.since = Some(at));
        }
        Ok(())
    }

    async fn receive(&self, sender: &watch::Sender<Received>) -> Result<Stopped, Trouble> {
        let receiver = self.receiver()?;
        Ok(receiver.run(sender).await)
    }

    fn receiver(&self) -> Result<Receiver, Trouble> {
        let (connect, login) =
            self.control
                .replication_of(&self.environment, &self.bundle, &self.source)?;
        Ok(Receiver {
            connect,
            login,
            slot: slot(&self.environment.scope, &self.name),
            folder: self.control.log_folder(&self.environment.scope, &self.name),
        })
    }

    /// Notes how far it is, and stores what there is whenever its time has come.
    async fn store(&self, received: watch::Receiver<Received>) {
        let every = self
            .source
            .wal
            .map_or(Duration::from_secs(300), |wal| wal.every);
        let mut last = Instant::now();
        let mut stored = Timestamp::from_millis(0);
        // The one before may have been cut off between saving a piece and writing it down.
        let mut unsure = true;
        loop {
            tokio::time::sleep(LOOK).await;
            let seen = *received.borrow();
            if seen.at.as_millis() == 0 {
                continue;
            }
            if let Err(trouble) = self.begun(seen.at) {
                self.change(|log| log.problem = Some(trouble.to_string()));
                continue;
            }
            self.change(|log| {
                log.until = Some(seen.at);
                log.problem = None;
            });
            let board = &self.control.backups.board;
            if last.elapsed() < every || seen.at == stored {
                continue;
            }
            match self.stored(&mut unsure, seen.at).await {
                Ok(true) => {
                    board.recoverable(&self.environment.scope, seen.at);
                    (last, stored) = (Instant::now(), seen.at);
                }
                // Somebody else works on the repository: the next look tries again.
                Ok(false) => {
                    let due = Instant::now().checked_sub(every);
                    last = due.map_or(last, |due| due + AGAIN);
                }
                Err(trouble) => {
                    tracing::error!(scope = %self.environment.scope, source = self.name, %trouble, "the log is not stored");
                    let problem = format!("not stored: {trouble}");
                    self.change(|log| log.problem = Some(problem));
                    last = Instant::now();
                }
            }
        }
    }

    /// `false`: the repository is not free. `unsure`: whether it may have pieces that are not written down.
    async fn stored(&self, unsure: &mut bool, until: Timestamp) -> Result<bool, Trouble> {
        let taken_up = if *unsure {
            self.take_up().await
        } else {
            Ok(())
        };
        if let Err(trouble) = &taken_up {
            tracing::warn!(scope = %self.environment.scope, source = self.name, %trouble, "pieces of the log that a kill left");
        }
        let stored = self.upload(until).await;
        *unsure = stored.is_err() || taken_up.is_err();
        stored
    }

    async fn upload(&self, until: Timestamp) -> Result<bool, Trouble> {
        let scope = &self.environment.scope;
        let stack = &self.bundle.stack;
        let folder = self.control.log_folder(scope, &self.name);
        let Some(archive) = Archive::existing(&folder)? else {
            return Ok(false);
        };
        let whole: Vec<Kept> = archive
            .list()?
            .into_iter()
            .filter(|kept| matches!(kept.kind, Kind::Whole(_)))
            .collect();
        let location = self.control.location(stack, &stack.backups.repository)?;
        let since = self.control.backups.logs.received(scope, &self.name);
        let since = since.map_or(until, |(since, _)| since);
        let saved_at = now();
        let tags = LogPiece::tags(&self.name, since, until, saved_at).into_iter();
        let new = NewSnapshot {
            host: scope.to_string(),
            tags: std::iter::once("mainstay".to_owned()).chain(tags).collect(),
            path: format!("/{}.log", self.name),
            time: saved_at,
        };
        let tree = Tree {
            root: folder,
            exclude: Vec::new(),
        };
        let client = &self.control.backups.client;
        let saved = match client.save_tree(&location, &new, &tree, &|_| {}).await {
            Ok(saved) => saved,
            // There is no restore point yet, and so nothing to play it upon; or a job has it.
            Err(failure) if matches!(failure.kind, FailureKind::Missing | FailureKind::Busy) => {
                return Ok(false);
            }
            Err(failure) => return Err(failure.into()),
        };
        let place = self.control.ledger_place(scope, &self.name);
        let mut ledger = Ledger::read(&place)?;
        ledger.pieces.push(Piece {
            snapshot: saved.snapshot,
            here: true,
            copies: BTreeMap::new(),
            since,
            until,
            saved: Some(saved_at),
        });
        ledger.write(&place)?;
        archive.forget(&whole)?;
        self.copy_pieces(&location, ledger).await?;
        Ok(true)
    }

    /// Brings to the copies what they lack. One that nothing was brought to yet has no base to play it upon.
    async fn copy_pieces(&self, from: &Location, mut ledger: Ledger) -> Result<(), Trouble> {
        let stack = &self.bundle.stack;
        let place = self
            .control
            .ledger_place(&self.environment.scope, &self.name);
        let client = &self.control.backups.client;
        for (name, copy) in &stack.backups.copies {
            let lacking = ledger.lacking(name);
            if lacking.is_empty() {
                continue;
            }
            let to = self.control.location(stack, &copy.repository)?;
            if to.store == from.store {
                continue;
            }
            let copied = match client.copy(from, &to, &lacking, &|_| {}).await {
                Ok(copied) => copied,
                // A job has it, or there is none yet: the next piece takes these along.
                Err(failure)
                    if matches!(failure.kind, FailureKind::Missing | FailureKind::Busy) =>
                {
                    continue;
                }
                Err(failure) => {
                    return Err(Trouble::from(failure).while_at(&format!("copy {name}")));
                }
            };
            for piece in &mut ledger.pieces {
                if let Some(there) = copied.map.get(&piece.snapshot) {
                    piece.copies.insert(name.clone(), there.clone());
                }
            }
            ledger.write(&place)?;
        }
        Ok(())
    }
}

impl Control {
    /// How the log of a database is asked for: over TCP, or from within its container, where the images let
    /// replication in.
    pub(in crate::backups) fn replication_of(
        &self,
        environment: &Environment,
        bundle: &Bundle,
        source: &PostgresqlSource,
    ) -> Result<(Arc<dyn Connect>, mainstay_databases::postgres::Login), Trouble> {
        let stack = &bundle.stack;
        let id = self.running(environment, &source.service)?;
        let here = stack.target == TargetKind::Process;
        let address = self.address_of(environment, &id, stack);
        let postgres = postgres_at(stack, source, address)?;
        let connect: Arc<dyn Connect> = match address.filter(|_| here) {
            Some(address) => Arc::new(Tcp {
                address: address.to_string(),
            }),
            None => Arc::new(Through {
                place: Arc::new(self.beside_one(environment, id)),
                host: "127.0.0.1".to_owned(),
                port: PORT,
            }),
        };
        Ok((connect, postgres.login))
    }
}

/// `mainstay_shop_production_database`, as PostgreSQL lets a slot be called.
fn slot(scope: &Scope, source: &str) -> String {
    let text = format!("mainstay_{}_{}_{source}", scope.stack, scope.environment);
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    text.chars().map(fits).take(63).collect()
}
