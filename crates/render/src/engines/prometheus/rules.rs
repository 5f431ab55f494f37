//! Rule files: those of the packs, and the stack's own.

use crate::project::Project;
use std::collections::BTreeMap;

/// By path from `prometheus.yml` on.
pub(super) fn files(project: &Project) -> BTreeMap<String, String> {
    let alerts = &project.main().alerts;
    let mut files = BTreeMap::new();
    for pack in &alerts.packs {
        for file in project.packs.get(pack).into_iter().flatten() {
            let name = last(&file.path);
            files.insert(format!("rules/{pack}/{name}"), ended(&file.text));
        }
    }
    for file in &alerts.rules {
        let name = last(&file.path);
        let mut path = format!("rules/own/{name}");
        let mut count = 1;
        // Two folders may have files of one name.
        while files.contains_key(&path) {
            count += 1;
            path = format!("rules/own/{count}-{name}");
        }
        files.insert(path, ended(&file.text));
    }
    files
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// With one newline at its end, and no blank at a line's.
fn ended(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}
