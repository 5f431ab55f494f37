//! One source of a restore point: how it is read, and into which snapshot.
//!
//! **Invariant:** what could not be read to its end leaves no snapshot; a copy that cannot be right is refused.

use super::job::{Job, Trouble};
use crate::control::{Control, now};
use crate::environment::Environment;
use crate::hooks::HookRun;
use crate::specs::Bundle;
use mainstay_backup::{LeaveOut, Location, NewSnapshot, Saved, Tree};
use mainstay_databases::{Dump, Place, Running};
use mainstay_model::ServiceName;
use mainstay_recovery::{Amount, Part, PartKind, PointName, RestorePoint, suspicious};
use mainstay_stack::{
    BackupSource, CommandSource, DirectorySource, FilesSource, SourceKind, VolumeSource,
};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What a command says last where it failed.
const MAX_SAID: u64 = 4096;

/// What a restore point is made with.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) control: &'a Arc<Control>,
    pub(super) environment: &'a Arc<Environment>,
    pub(super) bundle: &'a Bundle,
    pub(super) location: &'a Location,
    pub(super) job: &'a Job,
    pub(super) name: &'a PointName,
    /// Earlier points, newest first: what is usual.
    pub(super) before: &'a [RestorePoint],
}

/// What is known of a part beside its snapshot.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) taken: Option<mainstay_model::Timestamp>,
    pub(super) figures: Option<mainstay_recovery::Figures>,
    pub(super) details: BTreeMap<String, String>,
}

impl Making<'_> {
    /// Copies one source into the repository.
    pub(super) async fn part(&self, name: &str, source: &BackupSource) -> Result<Part, Trouble> {
        self.job.step(format!("saving {name}"));
        let copying = Box::pin(self.copy(name, source));
        let part = tokio::time::timeout(source.timeout, copying)
            .await
            .unwrap_or_else(|_| {
                let words = format!("not done after {} s", source.timeout.as_secs());
                Err(Trouble::new(words).hint("give it more: `timeout` of the source"))
            });
        let part = part.map_err(|trouble| trouble.while_at(name))?;
        self.doubt(name, source, &part).await?;
        Ok(part)
    }

    async fn copy(&self, name: &str, source: &BackupSource) -> Result<Part, Trouble> {
        if let Some(opened) = self
            .control
            .database(self.environment, self.bundle, source)?
        {
            let dump = opened.database.dump(opened.place).await?;
            return self.database(name, source, dump).await;
        }
        match &source.kind {
            SourceKind::Volume(volume) => self.volume(name, volume).await,
            SourceKind::Directory(directory) => Box::pin(self.directory(name, directory)).await,
            SourceKind::Command(command) => self.command(name, command).await,
            other => Err(Trouble::new(format!(
                "`{}` is not supported yet",
                other.word()
            ))),
        }
    }

    pub(super) fn snapshot(&self, source: &str, path: &str) -> NewSnapshot {
        let scope = &self.environment.scope;
        NewSnapshot {
            host: scope.to_string(),
            tags: vec![
                "mainstay".to_owned(),
                format!("point:{}", self.name),
                format!("source:{source}"),
            ],
            path: path.to_owned(),
            time: now(),
        }
    }

    async fn database(
        &self,
        name: &str,
        source: &BackupSource,
        dump: Dump,
    ) -> Result<Part, Trouble> {
        let (kind, suffix) = match &source.kind {
            SourceKind::Redis(_) => (PartKind::Redis, "rdb"),
            SourceKind::Mysql(_) => (PartKind::Mysql, "sql"),
            SourceKind::Sqlite(_) => (PartKind::Sqlite, "sqlite"),
            _ => (PartKind::Postgresql, "dump"),
        };
        let path = format!("/{name}.{suffix}");
        let end = dump.end;
        let whole = async move { end.await.map_err(|failure| failure.to_string()) };
        let (saved, dumped) = self.stream(name, &path, dump.data, whole).await?;
        let known = Known {
            taken: Some(dumped.taken),
            figures: Some(dumped.figures),
            details: dumped.details,
        };
        Ok(part(name, kind, source.kind.service(), &path, saved, known))
    }

    /// Saves a stream; what `whole` says decides whether it counts.
    pub(super) async fn stream<T: Send>(
        &self,
        name: &str,
        path: &str,
        data: impl AsyncRead + Send + Unpin,
        whole: impl Future<Output = Result<T, String>> + Send,
    ) -> Result<(Saved, T), Trouble> {
        let new = self.snapshot(name, path);
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let (data, whole) = super::pipe::in_order(data, whole);
        let saved = client.save_stream(self.location, &new, data, whole, &watch);
        Ok(Box::pin(saved).await?)
    }

    pub(super) async fn tree(&self, name: &str, path: &str, tree: &Tree) -> Result<Saved, Trouble> {
        let new = self.snapshot(name, path);
        let watch = |progress| self.job.progress(progress);
        let client = &self.control.backups.client;
        let saved = client.save_tree(self.location, &new, tree, &watch).await?;
        for warning in &saved.warnings {
            self.job
                .note(format!("{name}: {warning} was gone when it was read"));
        }
        Ok(saved)
    }

    async fn volume(&self, name: &str, source: &VolumeSource) -> Result<Part, Trouble> {
        let left_out = LeaveOut::new(&source.files.exclude)?;
        let (id, target) =
            self.control
                .volume_seen(self.environment, &self.bundle.stack, &source.volume)?;
        let path = format!("/{name}.tar");
        let saved = self
            .around(&source.files, async {
                let scope = &self.environment.scope;
                let files = self.control.targets().read_files(scope, &id, &target).await;
                let files = files.map_err(|error| Trouble::new(error.to_string()))?;
                let (mut writer, verdict, reader) = super::pipe::pipe();
                let passing = async {
                    let passed = left_out.pass(files, &mut writer).await;
                    drop(writer);
                    let _ = verdict.send(passed.map(|_| ()).map_err(|error| error.to_string()));
                };
                // The reader itself fails where the archive broke off.
                let whole = async { Ok(()) };
                let saving = self.stream(name, &path, reader, whole);
                tokio::join!(passing, saving).1
            })
            .await?
            .0;
        let known = Known {
            details: BTreeMap::from([
                ("volume".to_owned(), source.volume.clone()),
                ("target".to_owned(), target),
            ]),
            ..Known::default()
        };
        let service = Some(&id.service);
        Ok(part(name, PartKind::Volume, service, &path, saved, known))
    }

    async fn directory(&self, name: &str, source: &DirectorySource) -> Result<Part, Trouble> {
        let tree = Tree {
            root: source.path.clone(),
            exclude: source.files.exclude.clone(),
        };
        let path = format!("/{name}");
        let saving = Box::pin(self.tree(name, &path, &tree));
        let saved = self.around(&source.files, saving).await?;
        let place = source.path.display().to_string();
        let known = Known {
            details: BTreeMap::from([("directory".to_owned(), place)]),
            ..Known::default()
        };
        let service = source.files.service.as_ref();
        Ok(part(
            name,
            PartKind::Directory,
            service,
            &path,
            saved,
            known,
        ))
    }

    /// Quiets whoever writes, reads, and lets them go on, also where the reading failed.
    async fn around<T>(
        &self,
        files: &FilesSource,
        read: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let quiet = self.hooks(files, &files.before).await;
        let read = match quiet {
            Ok(()) => read.await,
            Err(trouble) => Err(trouble.while_at("before")),
        };
        let after = self.hooks(files, &files.after).await;
        match (read, after) {
            (Ok(read), Ok(())) => Ok(read),
            (Err(trouble), _) => Err(trouble),
            (Ok(_), Err(trouble)) => Err(trouble.while_at("after")),
        }
    }

    async fn hooks(&self, files: &FilesSource, commands: &[Vec<String>]) -> Result<(), Trouble> {
        let Some(service) = &files.service else {
            let run = HookRun {
                commands: commands.to_vec(),
                directory: self.bundle.stack.directory.clone(),
                variables: BTreeMap::new(),
                timeout: Duration::ZERO,
            };
            let ran = run.run().await;
            return ran
                .map(|_| ())
                .map_err(|failed| Trouble::new(failed.reason));
        };
        let place = self.control.beside(self.environment, service)?;
        for command in commands {
            let running = place.run(command).await;
            let mut running = running.map_err(|error| Trouble::new(error.to_string()))?;
            drop(running.stdin.take());
            said_and_ended(command, running).await?;
        }
        Ok(())
    }

    async fn command(&self, name: &str, source: &CommandSource) -> Result<Part, Trouble> {
        let path = format!("/{name}.out");
        let saved = match &source.service {
            Some(service) => {
                let place = self.control.beside(self.environment, service)?;
                let running = place.run(&source.dump).await;
                let mut running = running.map_err(|error| Trouble::new(error.to_string()))?;
                drop(running.stdin.take());
                let (data, mut stderr, end) = (running.stdout, running.stderr, running.end);
                let telling = tokio::spawn(async move { said(&mut stderr).await });
                let command = source.dump.clone();
                let whole = async move {
                    let said = telling.await.unwrap_or_default();
                    finished(&command, end.await, &said).map_err(|trouble| trouble.to_string())
                };
                self.stream(name, &path, data, whole).await?.0
            }
            None => self.host_command(name, &path, &source.dump).await?,
        };
        let known = Known::default();
        let service = source.service.as_ref();
        Ok(part(name, PartKind::Command, service, &path, saved, known))
    }

    async fn host_command(
        &self,
        name: &str,
        path: &str,
        command: &[String],
    ) -> Result<Saved, Trouble> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| Trouble::new("the command is empty"))?;
        let child = tokio::process::Command::new(program)
            .args(arguments)
            .current_dir(&self.bundle.stack.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| Trouble::new(format!("`{program}`: {error}")))?;
        let missing = || Trouble::new("the command has no output");
        let data = child.stdout.take().ok_or_else(missing)?;
        let mut stderr = child.stderr.take().ok_or_else(missing)?;
        let telling = tokio::spawn(async move { said(&mut stderr).await });
        let command = command.to_vec();
        let whole = async move {
            let said = telling.await.unwrap_or_default();
            finished(&command, child.wait().await, &said).map_err(|trouble| trouble.to_string())
        };
        Ok(self.stream(name, path, data, whole).await?.0)
    }

    /// What is suspicious about a copy is said; what cannot be right is taken away again.
    async fn doubt(&self, name: &str, source: &BackupSource, part: &Part) -> Result<(), Trouble> {
        let amount = |part: &Part| Amount {
            bytes: part.bytes,
            figures: part.figures.clone(),
        };
        let earlier = self.before.iter().flat_map(|point| &point.parts);
        let earlier: Vec<Amount> = earlier
            .filter(|other| other.source == name && other.kind == part.kind)
            .map(amount)
            .collect();
        let found = suspicious(&amount(part), &earlier, source.minimum.0);
        let wrong = found.iter().find(|one| one.is_failure());
        if let Some(wrong) = wrong {
            let snapshots = [part.snapshot.clone()];
            let forgotten = self
                .control
                .backups
                .client
                .forget(self.location, &snapshots);
            if let Err(error) = forgotten.await {
                tracing::warn!(%error, "a copy that cannot be right is still in the repository");
            }
            return Err(Trouble::new(format!("{name}: {wrong}"))
                .hint("look at what is backed up: `mainstay config` shows it under `backups`"));
        }
        for one in found {
            self.job.note(format!("warning: {name}: {one}"));
        }
        Ok(())
    }
}

pub(super) fn part(
    source: &str,
    kind: PartKind,
    service: Option<&ServiceName>,
    path: &str,
    saved: Saved,
    known: Known,
) -> Part {
    Part {
        source: source.to_owned(),
        kind,
        service: service.cloned(),
        snapshot: saved.snapshot,
        path: path.to_owned(),
        taken: known.taken.unwrap_or_else(now),
        bytes: saved.bytes,
        sha256: saved.sha256,
        figures: known.figures,
        details: known.details,
    }
}

/// The end of what a command says; the rest is read and dropped, so that it does not wait.
async fn said(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut kept = Vec::new();
    let _ = (&mut *stream).take(MAX_SAID).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).trim().to_owned()
}

fn finished(
    command: &[String],
    end: std::io::Result<std::process::ExitStatus>,
    said: &str,
) -> Result<(), Trouble> {
    let program = command.first().map_or("", String::as_str);
    let last = said.lines().last().unwrap_or_default();
    match end {
        Ok(status) if status.success() => Ok(()),
        Ok(status) if last.is_empty() => Err(Trouble::new(format!("`{program}`: {status}"))),
        Ok(status) => Err(Trouble::new(format!("`{program}`: {status}: {last}"))),
        Err(error) => Err(Trouble::new(format!("`{program}`: {error}"))),
    }
}

/// Reads what a command says until it has ended.
pub(super) async fn said_and_ended(
    command: &[String],
    mut running: Running,
) -> Result<(), Trouble> {
    let mut sink = tokio::io::sink();
    let (_, said) = tokio::join!(
        tokio::io::copy(&mut running.stdout, &mut sink),
        said(&mut running.stderr)
    );
    finished(command, running.end.await, &said)
}
