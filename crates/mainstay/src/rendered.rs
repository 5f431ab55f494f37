//! Rendered files on disk: what differs, and writing all of them or none.
//!
//! A file that carries the header of a rendering is ours to overwrite and, where it is not rendered any more, to
//! take away. Anybody else's stays, and is named.

use crate::failure::{Failure, Outcome};
use mainstay_render::File;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a rendered file says of itself in its first lines.
const MARK: &str = "Written by `mainstay render ";
/// How far into a file the mark is looked for.
const MARK_WITHIN: usize = 1024;
/// Files and folders that are looked at for leftovers.
const MOST_ENTRIES: usize = 20_000;

/// What writing would do, by path from `root`.
#[derive(Debug, Default)]
pub struct Plan {
    pub changes: Vec<Change>,
    pub unchanged: usize,
    /// Files that somebody else wrote and that would be overwritten.
    pub foreign: Vec<PathBuf>,
}

/// One file that is not as it would be written.
#[derive(Debug)]
pub struct Change {
    pub path: PathBuf,
    pub before: Option<String>,
    /// `None`: it is not rendered any more.
    pub after: Option<File>,
}

impl Change {
    /// `new`, `changed`, `mode` or `gone`.
    pub fn word(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "new",
            (_, None) => "gone",
            (Some(before), Some(after)) if *before == after.text => "mode",
            _ => "changed",
        }
    }
}

/// Compares `files` with what lies below `root`. Leftovers are looked for in `folders`, which are below it too.
pub fn plan(root: &Path, files: &BTreeMap<String, File>, folders: &[PathBuf]) -> Outcome<Plan> {
    let mut plan = Plan::default();
    for (path, file) in files {
        let full = root.join(path);
        let before = existing(&full)?;
        if let Some(text) = &before {
            if *text == file.text && is_executable(&full) == file.executable {
                plan.unchanged += 1;
                continue;
            }
            if *text != file.text && is_marked(&file.text) && !is_marked(text) {
                plan.foreign.push(full.clone());
            }
        }
        plan.changes.push(Change {
            path: path.into(),
            before,
            after: Some(file.clone()),
        });
    }
    leftovers(root, files, folders, &mut plan);
    Ok(plan)
}

fn existing(path: &Path) -> Outcome<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("cannot read `{}`", path.display());
            Err(Failure::environment(message).because(&error))
        }
    }
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o100 != 0)
}

fn is_marked(text: &str) -> bool {
    let mut end = text.len().min(MARK_WITHIN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].contains(MARK)
}

/// Marked files below `folders` that are not among `files`.
fn leftovers(root: &Path, files: &BTreeMap<String, File>, folders: &[PathBuf], plan: &mut Plan) {
    let mut open: Vec<PathBuf> = folders.to_vec();
    let mut seen = 0;
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MOST_ENTRIES {
                return;
            }
            let path = folder.join(entry.file_name());
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let hidden = path
                .file_name()
                .is_some_and(|name| name == ".git" || name == ".mainstay");
            if kind.is_dir() && !hidden {
                open.push(path);
            } else if kind.is_file()
                && path.to_str().is_some_and(|path| !files.contains_key(path))
                && let Some(before) = fs::read_to_string(entry.path())
                    .ok()
                    .filter(|text| is_marked(text))
            {
                plan.changes.push(Change {
                    path,
                    before: Some(before),
                    after: None,
                });
            }
        }
    }
}

/// Does what the plan says. Every file is whole beside its place before the first is moved there.
pub fn carry_out(root: &Path, plan: &Plan) -> Outcome {
    let mut beside = Vec::new();
    for change in &plan.changes {
        let Some(file) = &change.after else {
            continue;
        };
        let path = root.join(&change.path);
        match set_beside(&path, file) {
            Ok(new) => beside.push((new, path)),
            Err(error) => {
                for (new, _) in beside {
                    let _ = fs::remove_file(new);
                }
                let message = format!("cannot write `{}`; nothing was changed", path.display());
                return Err(Failure::environment(message).because(&error));
            }
        }
    }
    for (new, path) in beside {
        fs::rename(&new, &path).map_err(|error| {
            Failure::environment(format!("cannot write `{}`", path.display())).because(&error)
        })?;
    }
    for change in plan.changes.iter().filter(|change| change.after.is_none()) {
        let path = root.join(&change.path);
        fs::remove_file(&path).map_err(|error| {
            Failure::environment(format!("cannot remove `{}`", path.display())).because(&error)
        })?;
    }
    Ok(())
}

fn set_beside(path: &Path, file: &File) -> io::Result<PathBuf> {
    if path.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".mainstay-new");
    let new = folder.join(name);
    let mut written = fs::File::create(&new)?;
    written.write_all(file.text.as_bytes())?;
    let mode = if file.executable { 0o755 } else { 0o644 };
    written.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(new)
}

/// The change as `diff -u` shows it.
pub fn difference(change: &Change) -> String {
    let shown = change.path.display();
    let before = change.before.as_deref().unwrap_or_default();
    let after = change.after.as_ref().map_or("", |file| file.text.as_str());
    let from = change
        .before
        .as_ref()
        .map_or("/dev/null".to_owned(), |_| format!("a/{shown}"));
    let to = change
        .after
        .as_ref()
        .map_or("/dev/null".to_owned(), |_| format!("b/{shown}"));
    if before == after {
        return format!("{shown}: the file's mode\n");
    }
    let difference = similar::TextDiff::from_lines(before, after);
    difference.unified_diff().header(&from, &to).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> BTreeMap<String, File> {
        let file = |text: &str| File {
            text: format!("# {MARK}x` from the stack s.\n{text}"),
            executable: false,
        };
        let files = all
            .iter()
            .map(|(path, text)| ((*path).to_owned(), file(text)));
        files.collect()
    }

    fn words(plan: &Plan) -> Vec<(String, &'static str)> {
        let changes = plan.changes.iter();
        let words = changes.map(|change| (change.path.display().to_string(), change.word()));
        words.collect()
    }

    #[test]
    fn what_is_written_is_unchanged_and_what_is_not_rendered_any_more_goes() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let folders = [PathBuf::from("k")];
        let first = files(&[("k/a.yaml", "1"), ("k/b/c.yaml", "2")]);
        let begun = plan(root, &first, &folders).unwrap();
        assert_eq!(
            words(&begun),
            [("k/a.yaml".into(), "new"), ("k/b/c.yaml".into(), "new")]
        );
        carry_out(root, &begun).unwrap();
        assert_eq!(plan(root, &first, &folders).unwrap().unchanged, 2);
        fs::write(root.join("k/own.yaml"), "mine").unwrap();

        let second = files(&[("k/a.yaml", "3")]);
        let next = plan(root, &second, &folders).unwrap();
        assert_eq!(
            words(&next),
            [
                ("k/a.yaml".into(), "changed"),
                ("k/b/c.yaml".into(), "gone")
            ]
        );
        assert!(
            difference(&next.changes[0]).contains("-1\n"),
            "{}",
            difference(&next.changes[0])
        );
        carry_out(root, &next).unwrap();
        assert!(!root.join("k/b/c.yaml").exists());
        assert!(root.join("k/own.yaml").exists(), "somebody else's stays");
        assert!(!root.join("k/a.yaml.mainstay-new").exists());
    }

    #[test]
    fn somebody_elses_file_is_named_before_it_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.yaml"), "mine").unwrap();
        let plan = plan(directory.path(), &files(&[("a.yaml", "1")]), &[]).unwrap();
        assert_eq!(plan.foreign, [directory.path().join("a.yaml")]);
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_all_others_as_they_were() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::write(root.join("b"), "a file where a folder is wanted").unwrap();
        let wanted = files(&[("a.yaml", "1")]);
        let mut begun = plan(root, &wanted, &[]).unwrap();
        begun.changes.push(Change {
            path: "b/c.yaml".into(),
            before: None,
            after: Some(wanted["a.yaml"].clone()),
        });
        let failure = carry_out(root, &begun).unwrap_err();
        assert!(
            failure.message.contains("nothing was changed"),
            "{}",
            failure.message
        );
        assert!(!root.join("a.yaml").exists());
        let left = fs::read_dir(root).unwrap().count();
        assert_eq!(left, 1, "only what was there");
    }
}
