//! Files as places: which file a value stands in, and where relative paths in it start.

use mainstay_model::Place;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// One text that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user would type it.
    pub display: String,
    /// Absolute; empty for what was not read from a file.
    pub path: PathBuf,
    /// Absolute directory where relative paths of this text start.
    pub base: PathBuf,
}

/// A place in a text; cheap to copy about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    pub source: Arc<Source>,
    /// From 1; 0 means the text as a whole.
    pub line: u32,
    pub column: u32,
}

impl Source {
    /// A text that no path in it depends on: paths start where the process runs.
    pub fn named(display: impl Into<String>) -> Self {
        Self {
            display: display.into(),
            path: PathBuf::new(),
            base: PathBuf::new(),
        }
    }

    /// A file at `path`, shown as `display`; relative paths in it start in its own directory.
    pub fn of_file(path: &Path, display: impl Into<String>) -> Self {
        Self {
            display: display.into(),
            path: path.to_owned(),
            base: path.parent().unwrap_or(path).to_owned(),
        }
    }
}

impl At {
    pub fn whole(source: &Arc<Source>) -> Self {
        Self {
            source: Arc::clone(source),
            line: 0,
            column: 0,
        }
    }

    pub fn place(&self) -> Place {
        Place {
            file: self.source.display.clone(),
            line: self.line,
            column: self.column,
        }
    }

    /// The path as it is meant from here: absolute, without `.` and `..`.
    pub fn path(&self, text: &str) -> PathBuf {
        normal(&self.source.base.join(text))
    }
}

/// Where nothing was written.
pub fn nowhere(directory: &Path) -> At {
    At::whole(&Arc::new(Source {
        display: String::new(),
        path: PathBuf::new(),
        base: directory.to_owned(),
    }))
}

/// Takes `.` and `..` out of a path by its text alone (links are not followed, as in Compose).
pub fn normal(path: &Path) -> PathBuf {
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
pub fn shown(directory: &Path, path: &Path) -> String {
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
