//! Bringing one part back: into a database, a directory, a volume; what it replaces is kept for an undo.

use super::adopt::ADOPTED;
use super::engines::{Opened, database_of};
use super::job::{Job, Trouble};
use super::pipe;
use super::scratch::{Mounts, Scratch};
use super::sources::said_and_ended;
use crate::api::types::KeptPoint;
use crate::control::Control;
use crate::environment::Environment;
use crate::specs::Bundle;
use mainstay_backup::Location;
use mainstay_databases::{Load, Place, Undo};
use mainstay_model::{ServiceName, Timestamp};
use mainstay_recovery::{Part, PartKind};
use mainstay_stack::{BackupSource, CommandSource, SourceKind};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// What is kept of a part for an undo, in words of our own or of the database.
pub(super) type KeptWords = BTreeMap<String, String>;

/// Moves what is there aside, unpacks beside it, and leaves nothing half done where the unpacking fails.
const UNPACK: &str = r#"set -eu
cd -- "$1"
if [ ! -d .mainstay-before ]; then
  rm -rf .mainstay-aside
  mkdir .mainstay-aside
  find . -mindepth 1 -maxdepth 1 ! -name .mainstay-aside -exec mv -- {} .mainstay-aside/ \;
  mv .mainstay-aside .mainstay-before
else
  find . -mindepth 1 -maxdepth 1 ! -name .mainstay-before -exec rm -rf -- {} +
fi
if tar -x -p --strip-components=1 -f -; then exit 0; fi
find . -mindepth 1 -maxdepth 1 ! -name .mainstay-before -exec rm -rf -- {} +
find .mainstay-before -mindepth 1 -maxdepth 1 -exec mv -- {} . \;
rmdir .mainstay-before
exit 1"#;

const PUT_BACK: &str = r#"set -eu
cd -- "$1"
[ -d .mainstay-before ] || exit 0
find . -mindepth 1 -maxdepth 1 ! -name .mainstay-before -exec rm -rf -- {} +
find .mainstay-before -mindepth 1 -maxdepth 1 -exec mv -- {} . \;
rmdir .mainstay-before"#;

const GIVE_UP: &str = r#"rm -rf -- "$1/.mainstay-before""#;

/// Where a part lies, and what it is of.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) location: Location,
    pub(super) snapshot: String,
    pub(super) part: Part,
    /// When the making of its restore point began.
    pub(super) began: Timestamp,
}

/// What is brought back into.
pub(super) struct Bringing<'a> {
    pub(super) control: &'a Arc<Control>,
    pub(super) environment: &'a Arc<Environment>,
    pub(super) bundle: &'a Bundle,
    pub(super) job: &'a Job,
}

impl Control {
    /// The part of a source in a point, from the repository or from a copy that has it.
    pub(super) fn found(
        &self,
        bundle: &Bundle,
        kept: &KeptPoint,
        part: &Part,
    ) -> Result<Found, Trouble> {
        let backups = &bundle.stack.backups;
        if kept.here {
            return Ok(Found {
                location: self.location(&bundle.stack, &backups.repository)?,
                snapshot: part.snapshot.clone(),
                part: part.clone(),
                began: kept.point.began,
            });
        }
        for (name, copied) in &kept.copies {
            let location = match backups.copies.get(name) {
                Some(copy) => Some(self.location(&bundle.stack, &copy.repository)?),
                None if name == ADOPTED => self.adopted(&bundle.stack.scope())?,
                None => None,
            };
            if let (Some(location), Some(snapshot)) =
                (location, copied.snapshots.get(&part.snapshot))
            {
                return Ok(Found {
                    location,
                    snapshot: snapshot.clone(),
                    part: part.clone(),
                    began: kept.point.began,
                });
            }
        }
        Err(Trouble::new(format!(
            "restore point {} lies in no repository that mainstay.yaml names",
            kept.point.name
        )))
    }
}

impl Bringing<'_> {
    /// In place of what is there; done twice is done once.
    pub(super) async fn replace(
        &self,
        source: &BackupSource,
        found: &Found,
        items: &[String],
    ) -> Result<KeptWords, Trouble> {
        let load = if items.is_empty() {
            Load::Replace
        } else {
            Load::Tables {
                names: items.to_vec(),
            }
        };
        match (&source.kind, found.part.kind) {
            (_, PartKind::Volume) => self.volume(found).await,
            (SourceKind::Directory(directory), PartKind::Directory) => {
                self.directory(&directory.path, found, items).await
            }
            (SourceKind::Command(command), PartKind::Command) => {
                self.command(command, found).await?;
                Ok(KeptWords::new())
            }
            _ => self.database(source, found, load).await,
        }
    }

    /// Beside it, where nothing is replaced.
    pub(super) async fn beside(
        &self,
        source: &BackupSource,
        found: &Found,
        name: &str,
    ) -> Result<String, Trouble> {
        match found.part.kind {
            PartKind::Postgresql | PartKind::Redis | PartKind::Mysql | PartKind::Sqlite => {
                let load = Load::Beside {
                    name: name.to_owned(),
                };
                self.database(source, found, load).await?;
                Ok(format!("{} is beside it as `{name}`", found.part.source))
            }
            PartKind::Directory => {
                let path = self.bundle.stack.directory.join(name);
                self.tree(found, &path).await?;
                Ok(format!("{} is in {}", found.part.source, path.display()))
            }
            _ => {
                let path = self.bundle.stack.directory.join(name);
                self.file(found, &path).await?;
                Ok(format!("{} is in {}", found.part.source, path.display()))
            }
        }
    }

    async fn database(
        &self,
        source: &BackupSource,
        found: &Found,
        load: Load,
    ) -> Result<KeptWords, Trouble> {
        let (opened, still) = self.open(source, &found.part.details).await?;
        let undo = self.load(&opened, found, load).await;
        if let Some(still) = still {
            still.end().await;
        }
        Ok(undo?.kept)
    }

    /// A database to bring into. One that is a file of a container's volumes is reached through an instance that has
    /// them and runs nothing, where the service stands still; that is ended by the caller.
    async fn open(
        &self,
        source: &BackupSource,
        details: &KeptWords,
    ) -> Result<(Opened, Option<Scratch>), Trouble> {
        let (control, stack) = (self.control, &self.bundle.stack);
        let service = match &source.kind {
            SourceKind::Sqlite(file) => file.service.as_ref(),
            _ => None,
        };
        let still = service.filter(|service| {
            stack.target.runs_containers() && control.running(self.environment, service).is_err()
        });
        let Some(service) = still else {
            let opened = control.database_for(self.environment, self.bundle, source, details)?;
            return Ok((opened, None));
        };
        let scratch = self.mounted(service).await?;
        let place: Arc<dyn Place> = scratch.place();
        let opened = database_of(stack, source, None, details, &control.spool())
            .and_then(|database| database.ok_or_else(|| Trouble::new("it is no database")));
        match opened {
            Ok(database) => Ok((Opened { database, place }, Some(scratch))),
            Err(trouble) => {
                scratch.end().await;
                Err(trouble)
            }
        }
    }

    /// Reads from the repository into a database; the database sees an error where the reading fails.
    pub(super) async fn load(
        &self,
        opened: &Opened,
        found: &Found,
        load: Load,
    ) -> Result<Undo, Trouble> {
        let (mut writer, verdict, reader) = pipe::pipe();
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let reading = async {
            let read = client
                .load_file(
                    &found.location,
                    &found.snapshot,
                    &found.part.path,
                    &mut writer,
                    &watch,
                )
                .await;
            let read = read.map_err(Trouble::from).and_then(|loaded| {
                let same = loaded.sha256 == found.part.sha256 || found.part.sha256.is_none();
                if same {
                    Ok(())
                } else {
                    Err(Trouble::new("what was read is not what was saved"))
                }
            });
            let _ = writer.shutdown().await;
            drop(writer);
            let _ = verdict.send(read.clone().map_err(|trouble| trouble.to_string()));
            read
        };
        let place = Arc::clone(&opened.place);
        let loading = opened.database.load(place, Box::new(reader), load);
        let (read, loaded) = tokio::join!(reading, loading);
        match (read, loaded) {
            (Ok(()), Ok(undo)) => Ok(undo),
            // Which of both came first: a database that does not go on reading breaks the pipe.
            (_, Err(failure)) => Err(failure.into()),
            (Err(trouble), Ok(undo)) => {
                let place = Arc::clone(&opened.place);
                opened.database.undo(place, &undo).await?;
                Err(trouble)
            }
        }
    }

    async fn tree(&self, found: &Found, into: &Path) -> Result<(), Trouble> {
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let loaded = client.load_tree(
            &found.location,
            &found.snapshot,
            &found.part.path,
            into,
            &watch,
        );
        loaded.await?;
        Ok(())
    }

    async fn file(&self, found: &Found, into: &Path) -> Result<(), Trouble> {
        let failed = |error: io::Error| Trouble::new(format!("{}: {error}", into.display()));
        let temporary = into.with_extension("mainstay-new");
        let mut file = tokio::fs::File::create(&temporary).await.map_err(failed)?;
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let loaded = client.load_file(
            &found.location,
            &found.snapshot,
            &found.part.path,
            &mut file,
            &watch,
        );
        let loaded = loaded.await;
        if loaded.is_err() {
            let _ = tokio::fs::remove_file(&temporary).await;
        }
        loaded?;
        file.sync_all().await.map_err(failed)?;
        tokio::fs::rename(&temporary, into).await.map_err(failed)
    }

    /// Beside it first, then both change their names.
    async fn directory(
        &self,
        path: &Path,
        found: &Found,
        items: &[String],
    ) -> Result<KeptWords, Trouble> {
        let failed = |error: io::Error| Trouble::new(format!("{}: {error}", path.display()));
        if !items.is_empty() {
            return self.items(path, found, items).await;
        }
        let (new, before) = (aside(path, "new")?, aside(path, "before")?);
        remove(&new).map_err(failed)?;
        self.tree(found, &new).await?;
        // Asked again after a crash, what is kept from the first time is what was there.
        if before.exists() {
            remove(path).map_err(failed)?;
        } else if path.exists() {
            std::fs::rename(path, &before).map_err(|error| {
                failed(error).hint("a directory that is mounted there cannot be moved")
            })?;
        }
        std::fs::rename(&new, path).map_err(failed)?;
        Ok(KeptWords::from([
            ("directory".to_owned(), path.display().to_string()),
            ("before".to_owned(), before.display().to_string()),
        ]))
    }

    /// Single files of a directory.
    async fn items(
        &self,
        path: &Path,
        found: &Found,
        items: &[String],
    ) -> Result<KeptWords, Trouble> {
        for item in items {
            let inside = Path::new(item);
            let plain = inside
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            if !plain {
                return Err(Trouble::new(format!(
                    "`{item}` is no path within {}",
                    path.display()
                )));
            }
            let mut one = found.clone();
            one.part.path = format!("{}/{item}", found.part.path.trim_end_matches('/'));
            let place = path.join(inside);
            if let Some(parent) = place.parent() {
                let made = std::fs::create_dir_all(parent);
                made.map_err(|error| Trouble::new(format!("{}: {error}", parent.display())))?;
            }
            self.file(&one, &place).await?;
        }
        Ok(KeptWords::new())
    }

    /// In an instance that has the volume and runs nothing.
    async fn volume(&self, found: &Found) -> Result<KeptWords, Trouble> {
        let service = found.part.service.clone();
        let service = service.ok_or_else(|| Trouble::new("whose volume it is was not saved"))?;
        let target = found.part.details.get("target").cloned();
        let target = target.ok_or_else(|| Trouble::new("where it was mounted was not saved"))?;
        let scratch = self.mounted(&service).await?;
        let unpacked = self.unpack(&*scratch.place(), found, &target).await;
        scratch.end().await;
        unpacked?;
        Ok(KeptWords::from([
            ("volume_of".to_owned(), service.to_string()),
            ("target".to_owned(), target),
        ]))
    }

    async fn mounted(&self, service: &ServiceName) -> Result<Scratch, Trouble> {
        let (control, environment) = (self.control, self.environment);
        let mounts = Mounts::Service;
        let started = Scratch::start(control, environment, self.bundle, service, mounts).await;
        Ok(started?)
    }

    async fn unpack(&self, place: &dyn Place, found: &Found, target: &str) -> Result<(), Trouble> {
        let command = script(UNPACK, target);
        let running = place.run(&command).await;
        let mut running = running.map_err(|error| Trouble::new(error.to_string()))?;
        let missing = || Trouble::new("the command has no input");
        let mut stdin = running.stdin.take().ok_or_else(missing)?;
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let reading = async {
            let read = client
                .load_file(
                    &found.location,
                    &found.snapshot,
                    &found.part.path,
                    &mut stdin,
                    &watch,
                )
                .await;
            let _ = stdin.shutdown().await;
            drop(stdin);
            read
        };
        let (read, ended) = tokio::join!(reading, said_and_ended(&command, running));
        ended?;
        // A tar that was cut off may end in order all the same.
        if let Err(failure) = read {
            self.run(place, PUT_BACK, target).await?;
            return Err(failure.into());
        }
        Ok(())
    }

    pub(super) async fn run(
        &self,
        place: &dyn Place,
        text: &str,
        target: &str,
    ) -> Result<(), Trouble> {
        let command = script(text, target);
        let running = place.run(&command).await;
        let mut running = running.map_err(|error| Trouble::new(error.to_string()))?;
        drop(running.stdin.take());
        said_and_ended(&command, running).await
    }

    async fn command(&self, source: &CommandSource, found: &Found) -> Result<(), Trouble> {
        let (Some(restore), Some(service)) = (&source.restore, &source.service) else {
            let name = format!("{}.restored", found.part.source);
            let path = self.bundle.stack.directory.join(name);
            self.file(found, &path).await?;
            let words = format!("{} is in {}", found.part.source, path.display());
            self.job.note(words);
            return Ok(());
        };
        let place = self.control.beside(self.environment, service)?;
        let running = place.run(restore).await;
        let mut running = running.map_err(|error| Trouble::new(error.to_string()))?;
        let missing = || Trouble::new("the command has no input");
        let mut stdin = running.stdin.take().ok_or_else(missing)?;
        let client = &self.control.backups.client;
        let reading = async {
            let (at, path) = (&found.location, &found.part.path);
            let read = client.load_file(at, &found.snapshot, path, &mut stdin, &|_| {});
            let read = read.await;
            let _ = stdin.shutdown().await;
            drop(stdin);
            read
        };
        let (read, ended) = tokio::join!(reading, said_and_ended(restore, running));
        ended?;
        read?;
        Ok(())
    }

    /// Puts back what [`Bringing::replace`] replaced.
    pub(super) async fn undo(
        &self,
        source: &BackupSource,
        part: &Part,
        kept: &KeptWords,
    ) -> Result<(), Trouble> {
        if let (Some(path), Some(before)) = (kept.get("directory"), kept.get("before")) {
            return put_back(Path::new(path), Path::new(before));
        }
        if let (Some(service), Some(target)) = (kept.get("volume_of"), kept.get("target")) {
            return self.in_volume(service, target, PUT_BACK).await;
        }
        if let Some(done) = self.recovery_words(kept, false).await {
            return done;
        }
        if kept.is_empty() {
            return Ok(());
        }
        let (opened, still) = self.open(source, &part.details).await?;
        let undo = Undo { kept: kept.clone() };
        let undone = opened.database.undo(opened.place, &undo).await;
        if let Some(still) = still {
            still.end().await;
        }
        Ok(undone?)
    }

    /// Gives up what was kept for an undo.
    pub(super) async fn settle(
        &self,
        source: &BackupSource,
        part: &Part,
        kept: &KeptWords,
    ) -> Result<(), Trouble> {
        if let Some(before) = kept
            .get("before")
            .filter(|_| kept.contains_key("directory"))
        {
            let removed = remove(Path::new(before));
            return removed.map_err(|error| Trouble::new(format!("{before}: {error}")));
        }
        if let (Some(service), Some(target)) = (kept.get("volume_of"), kept.get("target")) {
            let service = ServiceName::new(service.clone());
            let service = service.map_err(|error| Trouble::new(error.to_string()))?;
            // It runs again by now.
            let place = self.control.beside(self.environment, &service)?;
            return self.run(&place, GIVE_UP, target).await;
        }
        if let Some(done) = self.recovery_words(kept, true).await {
            return done;
        }
        if kept.is_empty() {
            return Ok(());
        }
        let details = &part.details;
        let opened = self
            .control
            .database_for(self.environment, self.bundle, source, details)?;
        let undo = Undo { kept: kept.clone() };
        Ok(opened.database.settle(opened.place, &undo).await?)
    }

    async fn in_volume(&self, service: &str, target: &str, text: &str) -> Result<(), Trouble> {
        let service = ServiceName::new(service.to_owned());
        let service = service.map_err(|error| Trouble::new(error.to_string()))?;
        let scratch = self.mounted(&service).await?;
        let ran = self.run(&*scratch.place(), text, target).await;
        scratch.end().await;
        ran
    }
}

fn script(text: &str, argument: &str) -> Vec<String> {
    ["sh", "-c", text, "sh", argument]
        .map(str::to_owned)
        .to_vec()
}

/// Beside it, on the same file system: `.uploads.mainstay-before`.
fn aside(path: &Path, word: &str) -> Result<PathBuf, Trouble> {
    let name = path.file_name();
    let name = name.ok_or_else(|| Trouble::new(format!("{} has no name", path.display())))?;
    Ok(path.with_file_name(format!(".{}.mainstay-{word}", name.to_string_lossy())))
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn put_back(path: &Path, before: &Path) -> Result<(), Trouble> {
    if !before.exists() {
        return Ok(());
    }
    let put = remove(path).and_then(|()| std::fs::rename(before, path));
    put.map_err(|error| Trouble::new(format!("{}: {error}", path.display())))
}
