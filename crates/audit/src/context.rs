//! A build context: what is sent to the engine, how much it is, and what should not be in it.
//!
//! Whoever walks the disk adds each file once; what is kept of them is bounded.

use crate::finding::Finding;
use crate::{rule, secrecy};
use mainstay_model::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// Above this a context is worth a warning.
pub const LARGE: Bytes = Bytes(100 << 20);

/// Above this it is not sent, unless the user says so.
pub const LIMIT: Bytes = Bytes(1 << 30);

/// How many files and directories are shown.
const SHOWN: usize = 10;

/// Files of secrets that are named one by one.
const SECRETS: usize = 20;

/// Directories beyond these count into the ones above them.
const DIRECTORIES: usize = 10_000;

/// Directories that a build hardly ever needs.
const NEEDLESS: [&str; 15] = [
    ".git",
    "node_modules",
    "target",
    ".venv",
    "venv",
    "__pycache__",
    "dist",
    "build",
    ".cache",
    ".idea",
    ".vscode",
    ".mainstay",
    ".pytest_cache",
    ".mypy_cache",
    ".tox",
];

/// What a context consists of.
#[derive(Debug, Clone, Default)]
pub struct Context {
    bytes: u64,
    files: u64,
    largest: Vec<Part>,
    /// The first two parts of the path → bytes below.
    directories: BTreeMap<String, u64>,
    secrets: Vec<String>,
}

/// A file or a directory of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Directories end with `/`.
    pub path: String,
    pub bytes: u64,
}

/// A context as `image build` and `image check` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub bytes: u64,
    pub files: u64,
    /// The largest first.
    pub directories: Vec<Part>,
    pub largest: Vec<Part>,
}

impl Context {
    /// Adds one file; its path is relative to the context.
    pub fn add(&mut self, path: &str, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.files += 1;
        if secrecy::file(path) && self.secrets.len() < SECRETS {
            self.secrets.push(path.to_owned());
        }
        for directory in upper_directories(path) {
            if let Some(sum) = self.directories.get_mut(directory) {
                *sum = sum.saturating_add(bytes);
            } else if self.directories.len() < DIRECTORIES {
                self.directories.insert(directory.to_owned(), bytes);
            }
        }
        let place = self.largest.partition_point(|part| part.bytes >= bytes);
        if place < SHOWN {
            let path = path.to_owned();
            self.largest.insert(place, Part { path, bytes });
            self.largest.truncate(SHOWN);
        }
    }

    pub fn bytes(&self) -> Bytes {
        Bytes(self.bytes)
    }

    pub fn summary(&self) -> Summary {
        let mut directories: Vec<Part> = self
            .directories
            .iter()
            .map(|(path, bytes)| Part {
                path: format!("{path}/"),
                bytes: *bytes,
            })
            .collect();
        directories.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.path.cmp(&b.path)));
        directories.truncate(SHOWN);
        Summary {
            bytes: self.bytes,
            files: self.files,
            directories,
            largest: self.largest.clone(),
        }
    }

    /// What is wrong with it. `place` is the directory as the user would type it.
    pub fn findings(&self, place: &str, limit: Bytes) -> Vec<Finding> {
        let mut findings = Vec::new();
        let size = self.bytes();
        let said = format!("the build context has {size} in {} files", self.files);
        if size > limit {
            let message = format!("{said}: more than the limit of {limit}");
            let finding = Finding::new(&rule::CONTEXT_TOO_LARGE, place, 0, message);
            findings.push(self.with_hint(finding));
        } else if size > LARGE {
            let finding = Finding::new(&rule::CONTEXT_LARGE, place, 0, said);
            findings.push(self.with_hint(finding));
        }
        for path in &self.secrets {
            let message =
                format!("`{path}` is sent to the engine and looks like a file of secrets");
            let fix = format!("add `{path}` to .dockerignore");
            findings.push(Finding::new(&rule::CONTEXT_SECRET, place, 0, message).fix(fix));
        }
        findings
    }

    fn with_hint(&self, finding: Finding) -> Finding {
        let summary = self.summary();
        let needless: Vec<String> = summary
            .directories
            .iter()
            .filter(|part| {
                let name = part.path.trim_end_matches('/').rsplit('/').next();
                name.is_some_and(|name| NEEDLESS.contains(&name))
            })
            .map(|part| format!("`{}` ({})", part.path, Bytes(part.bytes)))
            .collect();
        if !needless.is_empty() {
            let fix = format!("add to .dockerignore: {}", needless.join(", "));
            return finding.fix(fix);
        }
        let parts = if summary.directories.is_empty() {
            &summary.largest
        } else {
            &summary.directories
        };
        let largest: Vec<String> = parts
            .iter()
            .take(3)
            .map(|part| format!("`{}` ({})", part.path, Bytes(part.bytes)))
            .collect();
        let fix = format!(
            "add to .dockerignore what the build does not need; the largest are {}",
            largest.join(", ")
        );
        finding.fix(fix)
    }
}

/// `a` and `a/b` of `a/b/c/d`.
fn upper_directories(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').take(2).map(|(end, _)| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        let mut context = Context::default();
        for number in 0..40 {
            context.add(&format!("web/node_modules/p{number}/index.js"), 4 << 20);
        }
        context.add("src/main.rs", 1000);
        context.add("deploy/.env", 20);
        context
    }

    #[test]
    fn the_largest_are_shown_first() {
        let summary = context().summary();
        assert_eq!(summary.files, 42);
        assert_eq!(summary.largest.len(), 10);
        let paths: Vec<_> = summary
            .directories
            .iter()
            .map(|part| part.path.as_str())
            .collect();
        assert_eq!(paths, ["web/", "web/node_modules/", "src/", "deploy/"]);
    }

    #[test]
    fn a_large_context_is_a_finding_that_says_what_to_ignore() {
        let findings = context().findings(".", LIMIT);
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                ".: medium: context/large: the build context has 160 MiB in 42 files\n  fix: add to .dockerignore: `web/node_modules/` (160 MiB)",
                ".: high: context/secret: `deploy/.env` is sent to the engine and looks like a file of secrets\n  fix: add `deploy/.env` to .dockerignore",
            ]
        );
        let findings = context().findings(".", Bytes(10 << 20));
        assert_eq!(findings[0].rule, "context/too-large");
    }
}
