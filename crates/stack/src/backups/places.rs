//! Places that share the fate of what they are copies of, and keys that lie with what they open.

use super::at;
use super::rules::Rules;
use crate::resolved::{BackupRepository, BackupSecrets, FilesSource, RepositoryAt, SourceKind};
use mainstay_model::Problem;
use std::path::Path;

impl Rules<'_, '_> {
    /// A copy must not share the fate of what it is a copy of.
    pub(super) fn places(&mut self) {
        let mut seen: Vec<(String, &BackupRepository)> =
            vec![("the repository".to_owned(), &self.backups.repository)];
        for (name, copy) in &self.backups.copies {
            let other = seen
                .iter()
                .find(|(_, other)| is_same_place(&other.at, &copy.repository.at));
            if let Some((other, _)) = other {
                let message = format!("copy `{name}` is in the same place as {other}");
                let at = at(self.node, &["copies", name, "repository"]).clone();
                let hint = "it would be lost with it: write another disk, another machine or another region";
                self.error("same-place", &at, message, hint);
            }
            seen.push((format!("copy `{name}`"), &copy.repository));
        }
        for (name, source) in &self.backups.sources {
            let SourceKind::Directory(directory) = &source.kind else {
                continue;
            };
            for (what, repository) in &seen {
                let RepositoryAt::Directory { path } = &repository.at else {
                    continue;
                };
                let inside = path.strip_prefix(&directory.path).ok();
                let Some(inside) = inside.filter(|inside| !is_excluded(inside, &directory.files))
                else {
                    continue;
                };
                let message = format!(
                    "`{name}` would back up {what}, which lies in it at `{}`",
                    path.display()
                );
                let first = inside.components().next();
                let hint = match first {
                    Some(first) => format!(
                        "leave it out: `exclude: {}/**`; or put the repository elsewhere",
                        Path::new(&first).display()
                    ),
                    None => "put the repository elsewhere".to_owned(),
                };
                let at = at(self.node, &["sources", name, "directory"]).clone();
                self.problems.push(
                    Problem::error("backups/itself", message)
                        .at(at.place())
                        .hint(hint),
                );
            }
        }
    }

    /// Whoever has the repository must not have its key with it.
    pub(super) fn key_beside(&mut self) {
        let all = std::iter::once((vec!["repository"], &self.backups.repository));
        let copies = self.backups.copies.iter();
        let copies =
            copies.map(|(name, copy)| (vec!["copies", name, "repository"], &copy.repository));
        let all: Vec<_> = all.chain(copies).collect();
        for (keys, repository) in all {
            let Some(key) = &repository.key else {
                continue;
            };
            let file = self.around.definitions.file(key);
            let beside = match (&repository.at, file) {
                (RepositoryAt::Directory { path }, Some(file)) => file.starts_with(path),
                _ => false,
            };
            let with_key: Vec<&str> = keys.iter().copied().chain(["key"]).collect();
            let at = at(self.node, &with_key).clone();
            if beside {
                let message = format!("the key `{key}` lies in the repository that it opens");
                let hint = "whoever takes one has both: keep it on another machine, or on paper";
                self.warning("key-beside", &at, message, hint);
            } else if self.backups.secrets == BackupSecrets::Include
                && file.is_some_and(|file| self.is_copied(file))
            {
                let message =
                    format!("the key `{key}` is copied into the repository that it opens");
                let hint = "with `secrets: include` everything else is in there too; keep the key elsewhere, and leave its file out with `exclude`";
                self.warning("key-beside", &at, message, hint);
            }
        }
    }

    fn is_copied(&self, file: &Path) -> bool {
        let mut sources = self.backups.active();
        sources.any(|(_, source)| match &source.kind {
            SourceKind::Directory(directory) => file
                .strip_prefix(&directory.path)
                .is_ok_and(|inside| !is_excluded(inside, &directory.files)),
            _ => false,
        })
    }
}

/// One lies in the other, or they are one bucket and prefix.
fn is_same_place(one: &RepositoryAt, other: &RepositoryAt) -> bool {
    match (one, other) {
        (RepositoryAt::Server, RepositoryAt::Server) => true,
        (RepositoryAt::Directory { path: a }, RepositoryAt::Directory { path: b }) => {
            a.starts_with(b) || b.starts_with(a)
        }
        (RepositoryAt::S3(a), RepositoryAt::S3(b)) => {
            let endpoint = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
            endpoint(&a.endpoint) == endpoint(&b.endpoint)
                && a.bucket == b.bucket
                && a.prefix == b.prefix
        }
        _ => false,
    }
}

/// Whether a pattern leaves the path out, as far as plain ones say: a name, or a directory with all below it.
fn is_excluded(inside: &Path, files: &FilesSource) -> bool {
    files.exclude.iter().any(|pattern| {
        let plain = pattern.trim_start_matches('/').trim_end_matches("/**");
        let plain = plain.trim_end_matches('/');
        inside.starts_with(plain)
    })
}
