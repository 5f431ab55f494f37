//! `file_sd_configs`: groups in files, read again and again.

use std::path::{Path, PathBuf};

use mainstay_targets::{Group, read_groups};

/// Bytes of one file.
const LIMIT_BYTES: u64 = 32 << 20;
/// Files of one pattern.
const LIMIT_FILES: usize = 1000;

/// The groups of all files. One that cannot be read or is not right fails the whole, so that what was
/// found before holds on.
pub(super) async fn groups(patterns: Vec<PathBuf>) -> Result<Vec<Group>, String> {
    let read = tokio::task::spawn_blocking(move || {
        let mut groups = Vec::new();
        for pattern in &patterns {
            for file in matching(pattern)? {
                groups.extend(one(&file)?);
            }
        }
        Ok(groups)
    });
    read.await.unwrap_or_else(|error| Err(error.to_string()))
}

fn one(file: &Path) -> Result<Vec<Group>, String> {
    let shown = file.display().to_string();
    let failed = |problem: &dyn std::fmt::Display| format!("reading `{shown}`: {problem}");
    let size = std::fs::metadata(file)
        .map_err(|error| failed(&error))?
        .len();
    if size > LIMIT_BYTES {
        return Err(failed(&format_args!(
            "it has more than {LIMIT_BYTES} bytes"
        )));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let mut groups = read_groups(&text, &shown).map_err(|error| error.to_string())?;
    for group in &mut groups {
        let mut labels = group.labels.to_builder();
        labels.set("__meta_filepath", shown.as_str());
        group.labels = labels.build();
    }
    Ok(groups)
}

/// The files that a pattern names, sorted. A file without `*` that is not there is no group.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let name = pattern
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let Some((start, end)) = name.split_once('*') else {
        return Ok(if pattern.exists() {
            vec![pattern.to_owned()]
        } else {
            Vec::new()
        });
    };
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let fits = |path: &PathBuf| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(fits)
        .take(LIMIT_FILES + 1)
        .collect();
    if files.len() > LIMIT_FILES {
        return Err(format!(
            "`{}` names more than {LIMIT_FILES} files",
            pattern.display()
        ));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_found_by_pattern_and_say_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("b.json"), r#"[{"targets":["b:1"]}]"#).unwrap();
        std::fs::write(
            path("a.json"),
            r#"[{"targets":["a:1"],"labels":{"x":"y"}}]"#,
        )
        .unwrap();
        std::fs::write(path("c.yml"), "- targets: [c]\n").unwrap();
        let found = groups(vec![path("*.json"), path("none.json")])
            .await
            .unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|group| group.targets[0].to_string())
            .collect();
        assert_eq!(shown, [r#"{__address__="a:1"}"#, r#"{__address__="b:1"}"#]);
        assert_eq!(
            found[0].labels.get("__meta_filepath"),
            path("a.json").to_str()
        );
        std::fs::write(path("b.json"), "[").unwrap();
        assert!(
            groups(vec![path("*.json")])
                .await
                .unwrap_err()
                .contains("b.json")
        );
    }
}
