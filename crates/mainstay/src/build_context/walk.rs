//! Walks a directory as its ignore file says.

use crate::failure::{Failure, Outcome};
use mainstay_audit::context::Context;
use mainstay_audit::ignore::Ignore;
use std::path::{Path, PathBuf};

/// A context with more entries is no context.
const LIMIT_ENTRIES: usize = 1_000_000;

/// Something that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// On disk.
    pub place: PathBuf,
    /// Within the context, `/` between its parts.
    pub path: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    /// Sent as it is, and not followed.
    Link,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Walked {
    /// In the order of their paths, so that two walks of the same files are the same.
    pub entries: Vec<Entry>,
    pub measure: Context,
}

/// Everything that is not ignored; what stands in `always` is sent in any case.
pub fn walk(directory: &Path, ignore: &Ignore, always: &[&str]) -> Outcome<Walked> {
    let mut walked = Walked::default();
    let mut open = vec![(directory.to_owned(), String::new())];
    while let Some((place, prefix)) = open.pop() {
        let unreadable = |error: &std::io::Error| {
            Failure::environment(format!("cannot read `{}`", place.display()))
                .because(error)
                .hint("add it to .dockerignore if the build does not need it")
        };
        for child in std::fs::read_dir(&place).map_err(|error| unreadable(&error))? {
            let child = child.map_err(|error| unreadable(&error))?;
            let Ok(name) = child.file_name().into_string() else {
                continue;
            };
            let path = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            let kind = child.file_type().map_err(|error| unreadable(&error))?;
            let needed = always
                .iter()
                .any(|needed| *needed == path || needed.starts_with(&format!("{path}/")));
            let ignored = ignore.ignores(&path) && !needed;
            if kind.is_dir() && (!ignored || ignore.may_keep_below(&path)) {
                open.push((child.path(), path.clone()));
            }
            let kind = if kind.is_dir() {
                Kind::Directory
            } else if kind.is_symlink() {
                Kind::Link
            } else if kind.is_file() {
                Kind::File
            } else {
                // Sockets and devices are no part of an image.
                continue;
            };
            if ignored {
                continue;
            }
            if kind == Kind::File {
                let bytes = child.metadata().map_or(0, |metadata| metadata.len());
                walked.measure.add(&path, bytes);
            }
            walked.entries.push(Entry {
                place: child.path(),
                path,
                kind,
            });
            if walked.entries.len() > LIMIT_ENTRIES {
                return Err(Failure::input(format!(
                    "the build context `{}` has more than {LIMIT_ENTRIES} entries",
                    directory.display()
                ))
                .hint("write what the build does not need into .dockerignore"));
            }
        }
    }
    walked.entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_ignored_is_sent_and_measured() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for folder in ["src/deep", "target/debug", "docs"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (path, text) in [
            ("Dockerfile", "FROM scratch"),
            (".dockerignore", "*\n!src\n**/*.tmp\n!docs/keep.md\n"),
            ("src/main.rs", "fn"),
            ("src/deep/a.tmp", "x"),
            ("target/debug/app", "x"),
            ("docs/keep.md", "k"),
            ("docs/other.md", "o"),
        ] {
            std::fs::write(root.join(path), text).unwrap();
        }
        std::os::unix::fs::symlink("main.rs", root.join("src/link")).unwrap();
        let text = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
        let (ignore, _) = Ignore::parse(".dockerignore", &text);
        let walked = walk(root, &ignore, &["Dockerfile", ".dockerignore"]).unwrap();
        let paths: Vec<&str> = walked
            .entries
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                ".dockerignore",
                "Dockerfile",
                "docs/keep.md",
                "src",
                "src/deep",
                "src/link",
                "src/main.rs"
            ]
        );
        assert_eq!(walked.measure.summary().files, 4);
    }
}
