//! Mainstay's own parts of a restore point: the release that runs, with what it is made of; the journal;
//! certificates.
//!
//! **Invariant:** values of secrets are in it only where `backups.secrets` says so.

use super::job::Trouble;
use super::sources::{Known, Making, part};
use crate::api::types::Files;
use crate::control::Control;
use crate::specs::Bundle;
use mainstay_backup::Tree;
use mainstay_databases::sqlite::{Sqlite, SqliteAt};
use mainstay_databases::{Database, Nowhere};
use mainstay_model::{ReleaseNumber, Secret};
use mainstay_recovery::{Part, PartKind};
use mainstay_stack::{BackupSecrets, Stack};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names of these parts.
pub(crate) const STACK: &str = "stack";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const CERTIFICATES: &str = "certificates";

/// The file that says what the release is.
pub const RELEASE_FILE: &str = "release.json";
/// Where its artifacts lie, each under its SHA-256.
pub const ARTIFACTS: &str = "artifacts";
/// Where the user's files lie, each under its path.
pub const FILES: &str = "files";

/// What ran, as it lies in a restore point.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedRelease {
    /// 1 today; a newer one is refused.
    pub format: u32,
    pub release: Option<ReleaseNumber>,
    /// Whether values of secrets are in it; else they are hidden, and asked for when it is brought back.
    pub secrets: bool,
    pub bundle: Bundle,
}

impl Making<'_> {
    /// All of them; what there is not is left out.
    pub(super) async fn own_parts(&self) -> Result<Vec<Part>, Trouble> {
        let mut parts = vec![self.stack().await.map_err(|one| one.while_at(STACK))?];
        let certificates = self.control.data().certificates();
        if certificates.is_dir() {
            self.job.step("saving certificates");
            let tree = Tree {
                root: certificates,
                exclude: Vec::new(),
            };
            let path = format!("/{CERTIFICATES}");
            let saved = self.tree(CERTIFICATES, &path, &tree).await;
            let saved = saved.map_err(|one| one.while_at(CERTIFICATES))?;
            let (kind, known) = (PartKind::Certificates, Known::default());
            parts.push(part(CERTIFICATES, kind, None, &path, saved, known));
        }
        let journal = self.journal().await;
        parts.push(journal.map_err(|one| one.while_at(JOURNAL))?);
        Ok(parts)
    }

    async fn stack(&self) -> Result<Part, Trouble> {
        self.job.step("saving the release");
        let stage = Stage::new(self.control)?;
        let include = self.bundle.stack.backups.secrets == BackupSecrets::Include;
        let mut bundle = self.bundle.clone();
        let mut files = std::mem::take(&mut bundle.files);
        if !include {
            let secrets = bundle.stack.secret_values();
            bundle.stack = without_values(&bundle.stack);
            files.retain(|path, text| {
                let holds = secrets.iter().any(|secret| text.expose().contains(secret));
                if holds {
                    let path = path.display();
                    self.job
                        .note(format!("{path} holds secrets, and is left out"));
                }
                !holds
            });
        }
        let saved = SavedRelease {
            format: 1,
            release: self.environment.inner().kept.desired.release,
            secrets: include,
            bundle,
        };
        let hashes = self.bundle.artifacts.values();
        let artifacts: Vec<(String, PathBuf)> = hashes
            .filter_map(|hash| {
                let path = self.control.artifact_store().path(hash)?;
                Some((hash.clone(), path))
            })
            .collect();
        let filled = stage.fill(&saved, &artifacts, &files);
        filled
            .map_err(|error| Trouble::new(error.to_string()).hint("see that the disk has room"))?;
        let tree = Tree {
            root: stage.path.clone(),
            exclude: Vec::new(),
        };
        let path = format!("/{STACK}");
        let saved = self.tree(STACK, &path, &tree).await?;
        let known = Known {
            details: BTreeMap::from([("secrets".to_owned(), include.to_string())]),
            ..Known::default()
        };
        Ok(part(STACK, PartKind::Stack, None, &path, saved, known))
    }

    async fn journal(&self) -> Result<Part, Trouble> {
        self.job.step("saving the journal");
        let journal = Sqlite::new(
            SqliteAt::Here(self.control.data().journal()),
            self.control.spool(),
        );
        let dump = journal.dump(Arc::new(Nowhere)).await?;
        let path = format!("/{JOURNAL}.sqlite");
        let end = dump.end;
        let whole = async move { end.await.map_err(|failure| failure.to_string()) };
        let (saved, dumped) = self.stream(JOURNAL, &path, dump.data, whole).await?;
        let known = Known {
            taken: Some(dumped.taken),
            figures: Some(dumped.figures),
            details: dumped.details,
        };
        Ok(part(JOURNAL, PartKind::Journal, None, &path, saved, known))
    }
}

/// Without values of secrets. Where a service finds one is none: `POSTGRES_PASSWORD_FILE` stays.
fn without_values(stack: &Stack) -> Stack {
    let mut hidden = stack.redacted();
    for (name, service) in &mut hidden.services {
        let Some(whole) = stack.services.get(name) else {
            continue;
        };
        for (variable, value) in &mut service.environment {
            let text = whole
                .environment
                .get(variable)
                .map(|value| value.text.expose());
            let is_place = |text: &String| whole.files.iter().any(|file| file.target == *text);
            if let Some(text) = text.filter(|text| is_place(text)) {
                value.text = Secret::new(text.clone());
            }
        }
    }
    hidden
}

/// A directory of our own, gone when this is.
struct Stage {
    path: PathBuf,
}

impl Stage {
    fn new(control: &Control) -> Result<Self, Trouble> {
        use std::os::unix::fs::DirBuilderExt;
        let path = control.data().backups().join("stage");
        let made = clear(&path).and_then(|()| {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path.join(ARTIFACTS))
        });
        let made = made.map_err(|error| format!("{}: {error}", path.display()));
        made.map_err(|words| Trouble::new(words).hint("see that the disk has room"))?;
        Ok(Self { path })
    }

    fn fill(
        &self,
        saved: &SavedRelease,
        artifacts: &[(String, PathBuf)],
        files: &Files,
    ) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(saved).map_err(io::Error::other)?;
        crate::seal::write_private(&self.path.join(RELEASE_FILE), &text)?;
        for (path, text) in files {
            let place = self.path.join(FILES).join(path);
            crate::seal::write_private(&place, text.expose().as_bytes())?;
        }
        for (hash, path) in artifacts {
            let place = self.path.join(ARTIFACTS).join(hash);
            // The same bytes where the file system can; a copy where not.
            if std::fs::hard_link(path, &place).is_err() {
                std::fs::copy(path, &place)?;
            }
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = clear(&self.path);
    }
}

pub(super) fn clear(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
