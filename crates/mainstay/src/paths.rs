//! Files by pattern, as rule files are named: each part of a path may be one.

use mainstay_rules::glob::{is_pattern, matches};
use std::path::{Component, Path, PathBuf};

/// Files that one pattern may name, and entries of one directory that are looked at.
const MOST: usize = 10_000;

/// The paths below `directory` (empty: this one) that match, in order; one without a pattern in it, if it
/// is there. What cannot be read matches nothing.
pub fn matching(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let here = directory.as_os_str().is_empty();
    let directory = if here { Path::new(".") } else { directory };
    let mut found = vec![PathBuf::new()];
    for part in Path::new(pattern).components() {
        let name = part.as_os_str().to_string_lossy();
        found = match part {
            Component::Normal(_) if is_pattern(&name) => found
                .iter()
                .flat_map(|path| below(directory, path, &name))
                .take(MOST)
                .collect(),
            _ => found.iter().map(|path| path.join(part)).collect(),
        };
    }
    found.retain(|path| directory.join(path).exists());
    found
}

fn below(directory: &Path, path: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join(path))
        .into_iter()
        .flatten();
    let names = entries
        .take(MOST)
        .filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut names: Vec<_> = names
        .filter(|name| name.to_str().is_some_and(|name| matches(pattern, name)))
        .collect();
    names.sort();
    names.into_iter().map(|name| path.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_files_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a/1.yml", "a/2.yaml", "b/1.yml", "c.yml"] {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        for (pattern, expected) in [
            ("c.yml", &["c.yml"][..]),
            ("none.yml", &[]),
            ("*/1.yml", &["a/1.yml", "b/1.yml"]),
            ("a/*", &["a/1.yml", "a/2.yaml"]),
            ("*/*.y?ml", &["a/2.yaml"]),
            ("a/../c.yml", &["a/../c.yml"]),
            ("none/*", &[]),
        ] {
            let found = matching(directory.path(), pattern);
            let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(found, expected, "{pattern}");
        }
        let whole = format!("{}/c.*", directory.path().display());
        let found = matching(Path::new("elsewhere"), &whole);
        assert_eq!(found, [directory.path().join("c.yml")]);
        // Tests run where the crate's own file is.
        let found = matching(Path::new(""), "Cargo.t?ml");
        assert_eq!(found, [PathBuf::from("Cargo.toml")]);
    }
}
