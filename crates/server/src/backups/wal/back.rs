//! Back to a moment: the base, and its log up to there.

use super::Trouble;
use super::base::DATA;
use super::ledger::{Base, Ledger, Piece};
use crate::backups::adopt::ADOPTED;
use crate::backups::bring::{Bringing, Found, KeptWords};
use crate::backups::pipe;
use crate::backups::scratch::{Mounts, Scratch};
use mainstay_backup::Location;
use mainstay_databases::postgres::recover::{self, Progress, Recovery, Target};
use mainstay_databases::postgres::wal::Archive;
use mainstay_databases::{Place, Undo};
use mainstay_model::Timestamp;
use mainstay_stack::{BackupSource, PostgresqlSource, SourceKind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use uuid::Uuid;

/// For playing a log back.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

impl Found {
    fn base(&self) -> Base {
        Base {
            began: self.began,
            taken: self.part.taken,
        }
    }
}

impl Bringing<'_> {
    /// Base and log, played up to a moment, below the engine that stands still.
    pub(in crate::backups) async fn to_moment(
        &self,
        source: &BackupSource,
        found: &Found,
        to: Timestamp,
    ) -> Result<KeptWords, Trouble> {
        let SourceKind::Postgresql(postgres) = &source.kind else {
            return Err(Trouble::new(
                "only PostgreSQL has a log to go to a moment with",
            ));
        };
        let data = found.part.details.get(DATA);
        let data =
            data.ok_or_else(|| Trouble::new("where the database has its files was not saved"))?;
        let log = self.log(&found.part.source, found.base()).await?;
        let scratch = Scratch::start(
            self.control,
            self.environment,
            self.bundle,
            &postgres.service,
            Mounts::Service,
        )
        .await?;
        let place = scratch.place();
        // A name that nobody else could lay before us.
        let brought = format!("/tmp/mainstay-log-{}", Uuid::now_v7());
        let played = self
            .play(&*place, postgres, found, (&log, &brought), data, to)
            .await;
        let removed = self.run(&*place, r#"rm -rf -- "$1""#, &brought).await;
        if let Err(trouble) = removed {
            self.job
                .note(format!("warning: {brought} is left: {trouble}"));
        }
        scratch.end().await;
        let _ = std::fs::remove_dir_all(&log);
        let mut kept = played?.kept;
        kept.insert("recovery_of".to_owned(), postgres.service.to_string());
        Ok(kept)
    }

    async fn play(
        &self,
        place: &dyn Place,
        postgres: &PostgresqlSource,
        found: &Found,
        (log, brought): (&Path, &str),
        data: &str,
        to: Timestamp,
    ) -> Result<Undo, Trouble> {
        let (reader, packing) = pipe::packed(log, ".");
        let mut reader = reader;
        recover::bring_log(place, data, brought, &mut reader).await?;
        packing
            .await
            .map_err(|error| Trouble::new(error.to_string()))?
            .map_err(|error| Trouble::new(format!("the log: {error}")))?;
        let scope = &self.environment.scope;
        let local = self
            .control
            .backups
            .logs
            .received(scope, &found.part.source);
        let ledger = Ledger::read(&self.control.ledger_place(scope, &found.part.source))?;
        let user = crate::backups::engines::postgres_at(&self.bundle.stack, postgres, None)?;
        let recovery = Recovery {
            wal: brought.to_owned(),
            target: Target::Time(to),
            inclusive: true,
            timeline: None,
            complete_until: ledger.reach(found.base(), local),
            user: user.login.user,
            limit: LIMIT,
        };
        let (mut writer, verdict, mut base) = pipe::pipe();
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let reading = async {
            let (at, path) = (&found.location, &found.part.path);
            let read = client.load_file(at, &found.snapshot, path, &mut writer, &watch);
            let read = read.await.map(|_| ());
            let _ = writer.shutdown().await;
            drop(writer);
            let told = read.clone().map_err(|failure| failure.to_string());
            let _ = verdict.send(told);
            read
        };
        let (progress, _) = watch::channel(Progress::default());
        let playing = recovery.in_place(place, data, &mut base, &progress);
        let (read, played) = tokio::join!(reading, playing);
        let (recovered, undo) = played?;
        read?;
        let committed = recovered
            .committed
            .map_or_else(|| "none".to_owned(), |at| at.to_string());
        self.job.note(format!(
            "{}: played to {}, last commit {committed}",
            found.part.source, recovered.lsn
        ));
        Ok(undo)
    }

    /// Everything that is stored of the log from a base on, and what is here beyond it, in one directory.
    async fn log(&self, source: &str, base: Base) -> Result<PathBuf, Trouble> {
        let scope = &self.environment.scope;
        let place = self.control.data().backups().join("log");
        let failed = |error: std::io::Error| Trouble::new(format!("{}: {error}", place.display()));
        crate::backups::own::clear(&place).map_err(failed)?;
        std::fs::create_dir_all(&place).map_err(failed)?;
        let ledger = Ledger::read(&self.control.ledger_place(scope, source))?;
        let client = &self.control.backups.client;
        for piece in ledger.stretch(base) {
            let (location, snapshot) = self.piece_at(piece)?;
            let into = place.join(".piece");
            crate::backups::own::clear(&into).map_err(failed)?;
            let path = format!("/{source}.log");
            let loaded = client.load_tree(&location, &snapshot, &path, &into, &|_| {});
            loaded.await?;
            merge(&into, &place).map_err(failed)?;
        }
        let folder = self.control.log_folder(scope, source);
        // What is received here is of another stretch where that began later: another server's, maybe.
        let goes_on = ledger.since.is_some_and(|since| since <= base.taken);
        if goes_on && Archive::existing(&folder)?.is_some() {
            merge(&folder, &place).map_err(failed)?;
        }
        crate::backups::own::clear(&place.join(".piece")).map_err(failed)?;
        Ok(place)
    }

    /// Where a piece lies, and as which snapshot.
    fn piece_at(&self, piece: &Piece) -> Result<(Location, String), Trouble> {
        let (control, stack) = (self.control, &self.bundle.stack);
        if piece.here {
            let location = control.location(stack, &stack.backups.repository)?;
            return Ok((location, piece.snapshot.clone()));
        }
        for (name, snapshot) in &piece.copies {
            let location = match stack.backups.copies.get(name) {
                Some(copy) => Some(control.location(stack, &copy.repository)?),
                None if name == ADOPTED => control.adopted(&stack.scope())?,
                None => None,
            };
            if let Some(location) = location {
                return Ok((location, snapshot.clone()));
            }
        }
        let words = "a piece of the log lies in no repository that mainstay.yaml names";
        Err(Trouble::new(words))
    }

    /// Whether what was kept is of a recovery to a moment, and of which service.
    pub(in crate::backups) async fn recovery_words(
        &self,
        kept: &KeptWords,
        settle: bool,
    ) -> Option<Result<(), Trouble>> {
        let service = kept.get("recovery_of")?;
        let done = async {
            let service = mainstay_model::ServiceName::new(service.clone());
            let service = service.map_err(|error| Trouble::new(error.to_string()))?;
            let undo = Undo { kept: kept.clone() };
            if settle {
                // It runs again by now.
                let place = self.control.beside(self.environment, &service)?;
                return Ok(recover::settle(&place, &undo).await?);
            }
            let (control, environment) = (self.control, self.environment);
            let mounts = Mounts::Service;
            let scratch =
                Scratch::start(control, environment, self.bundle, &service, mounts).await?;
            let undone = recover::undo(&*scratch.place(), &undo).await;
            scratch.end().await;
            Ok(undone?)
        };
        Some(done.await)
    }
}

/// A later piece has the same segment further on: it wins.
fn merge(from: &Path, into: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name();
            let whole = name.to_string_lossy();
            let whole = whole.strip_suffix(".partial").map(|whole| into.join(whole));
            // A segment that is whole already has all of its beginning.
            if whole.is_some_and(|whole| whole.exists()) {
                continue;
            }
            std::fs::copy(entry.path(), into.join(&name))?;
        }
    }
    Ok(())
}
