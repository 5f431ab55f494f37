//! Files as places: which file a value stands in, and where relative paths in it start.

use mainstay_model::Place;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// One text that was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// As the user would type it.
    pub(crate) display: String,
    /// Absolute; empty for what was not read from a file.
    pub(crate) path: PathBuf,
    /// Absolute directory where relative paths of this text start.
    pub(crate) base: PathBuf,
}

/// A place in a text; cheap to copy about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) source: Arc<Source>,
    /// From 1; 0 means the text as a whole.
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl At {
    pub(crate) fn whole(source: &Arc<Source>) -> Self {
        Self {
            source: Arc::clone(source),
            line: 0,
            column: 0,
        }
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            file: self.source.display.clone(),
            line: self.line,
            column: self.column,
        }
    }

    /// The path as it is meant from here: absolute, without `.` and `..`.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        normal(&self.source.base.join(text))
    }
}

/// Where nothing was written.
pub(crate) fn nowhere(directory: &Path) -> At {
    At::whole(&Arc::new(Source {
        display: String::new(),
        path: PathBuf::new(),
        base: directory.to_owned(),
    }))
}

/// Takes `.` and `..` out of a path by its text alone (links are not followed, as in Compose).
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                // Above the root is the root.
                if !out.pop() && !out.has_root() {
                    out.push("..");
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// `path` as a user in `directory` would type it.
pub(crate) fn shown(directory: &Path, path: &Path) -> String {
    path.strip_prefix(directory)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_text() {
        for (path, clean) in [
            ("/a/./b/../c", "/a/c"),
            ("/..", "/"),
            ("a/../../b", "../b"),
            ("/a/b/..", "/a"),
        ] {
            assert_eq!(normal(Path::new(path)), Path::new(clean), "{path}");
        }
    }
}
