//! Which rules there are: files of the server, packs that come with Mainstay, and what stacks bring
//! along.

use crate::control::Control;
use crate::specs::Bundle;
use mainstay_model::{Problem, Problems, Scope};
use mainstay_rules::{RuleFile, glob};
use mainstay_series::Labels;
use mainstay_stack::Alerts;
use mainstay_stack::policy::Policy;
use mainstay_stack::server_file::AlertsSettings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::packs;

/// A rule file is smaller.
const MOST_BYTES: u64 = 16 << 20;
/// Files that one pattern may mean.
const MOST_FILES: usize = 1_000;

/// A rule file, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// `None`: the server's own, which sees everything.
    pub(super) scope: Option<Scope>,
    pub(super) file: RuleFile,
}

/// What the file of Prometheus says of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OfPrometheus {
    /// Of rule files, absolute.
    pub(crate) patterns: Vec<PathBuf>,
    /// Of groups that name none.
    pub(crate) interval_ms: i64,
    pub(crate) query_offset_ms: i64,
}

/// Where a text came from before it is read as rules.
struct Text<'a> {
    scope: Option<&'a Scope>,
    name: String,
    path: PathBuf,
    rules: &'a str,
}

impl Text<'_> {
    /// Its groups; a file that is wrong gives none, so that it is never half in force.
    fn read(self, found: &mut Vec<Found>, problems: &mut Problems) {
        let (mut file, wrong) = RuleFile::read(self.rules, &self.path, &self.name);
        let refused = wrong.has_errors();
        problems.extend(wrong);
        if refused {
            return;
        }
        file.name = self.name;
        if let Some(scope) = self.scope {
            file.add_labels(&labels_of(scope));
        }
        found.push(Found {
            scope: self.scope.cloned(),
            file,
        });
    }
}

/// What every series and alert of a stack's rules is labelled with.
fn labels_of(scope: &Scope) -> Labels {
    Labels::from_pairs([
        ("stack", scope.stack.as_str()),
        ("environment", scope.environment.as_str()),
    ])
}

/// The rules that a stack brings along; its scope stands before the names of its files.
pub(super) fn of_stack(alerts: &Alerts, scope: Option<&Scope>) -> (Vec<Found>, Problems) {
    let (mut found, mut problems) = (Vec::new(), Problems::default());
    let base = scope.map_or_else(String::new, |scope| format!("{scope}/"));
    for name in &alerts.packs {
        pack(name, scope, &base, &mut found, &mut problems);
    }
    for rules in &alerts.rules {
        let name = format!("{base}{}", rules.path);
        let text = Text {
            scope,
            path: PathBuf::from(format!("/{name}")),
            name,
            rules: &rules.text,
        };
        text.read(&mut found, &mut problems);
    }
    (found, problems)
}

fn pack(
    name: &str,
    scope: Option<&Scope>,
    base: &str,
    found: &mut Vec<Found>,
    problems: &mut Problems,
) {
    let Some(pack) = packs::find(name) else {
        let problem = Problem::error("rules/pack", format!("there is no rule pack `{name}`"));
        problems.push(problem.hint(packs::hint(name)));
        return;
    };
    for file in pack.files {
        let name = format!("{base}packs/{}/{}", pack.name, file.name);
        let text = Text {
            scope,
            path: PathBuf::from(format!("/{name}")),
            name,
            rules: file.text,
        };
        text.read(found, problems);
    }
}

/// What an environment brought along with what runs. Rule files are large and asked for every second: they
/// are held where they stand, and looked through only where another release runs.
#[derive(Debug, Clone)]
pub(super) struct Brought {
    pub(super) scope: Scope,
    bundle: Arc<Bundle>,
}

impl Brought {
    pub(super) fn alerts(&self) -> &Alerts {
        &self.bundle.stack.alerts
    }
}

impl PartialEq for Brought {
    fn eq(&self, other: &Self) -> bool {
        self.scope == other.scope
            && (Arc::ptr_eq(&self.bundle, &other.bundle) || self.alerts() == other.alerts())
    }
}

/// Of those environments of this server that brought something.
pub(super) fn brought(control: &Control) -> Vec<Brought> {
    let environments = control.environments().into_iter();
    let brought = environments.filter_map(|environment| {
        Some(Brought {
            scope: environment.scope.clone(),
            bundle: environment.inner().current.clone()?,
        })
    });
    brought
        .filter(|brought| !brought.alerts().is_empty())
        .collect()
}

/// The environments that want to be quiet in the windows of their policy.
pub(super) fn quiet_in_windows(control: &Control) -> Vec<(Scope, Policy)> {
    let environments = control.environments().into_iter();
    let quiet = environments.filter_map(|environment| {
        let bundle = environment.inner().current.clone()?;
        let stack = &bundle.stack;
        let wanted = stack.alerts.mute_in_windows;
        wanted.then(|| (environment.scope.clone(), stack.policy.clone()))
    });
    quiet.collect()
}

/// Those that `server.yaml` and the file of Prometheus name. Reads files: for a thread that may wait.
pub(super) fn of_server(
    settings: &AlertsSettings,
    prometheus: Option<&OfPrometheus>,
) -> (Vec<Found>, Problems) {
    let (mut found, mut problems) = (Vec::new(), Problems::default());
    for name in &settings.packs {
        pack(name, None, "", &mut found, &mut problems);
    }
    for pattern in &settings.rules {
        read_pattern(pattern, &mut found, &mut problems);
    }
    let Some(prometheus) = prometheus else {
        return (found, problems);
    };
    let own = found.len();
    for pattern in &prometheus.patterns {
        read_pattern(pattern, &mut found, &mut problems);
    }
    // What holds for the groups of these files stands in the file that names them.
    for group in found[own..].iter_mut().flat_map(|one| &mut one.file.groups) {
        group.interval_ms.get_or_insert(prometheus.interval_ms);
        group
            .query_offset_ms
            .get_or_insert(prometheus.query_offset_ms);
    }
    (found, problems)
}

fn read_pattern(pattern: &Path, found: &mut Vec<Found>, problems: &mut Problems) {
    let paths = match paths(pattern) {
        Ok(paths) => paths,
        Err(problem) => {
            problems.push(problem);
            return;
        }
    };
    for path in paths {
        let name = path.display().to_string();
        match read(&path) {
            Ok(text) => {
                let text = Text {
                    scope: None,
                    name,
                    path,
                    rules: &text,
                };
                text.read(found, problems);
            }
            Err(problem) => problems.push(Problem::error(
                "rules/unreadable",
                format!("{name}: {problem}"),
            )),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if meta.len() > MOST_BYTES {
        return Err(format!("{} bytes are too many for rules", meta.len()));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// The files that a pattern means, in order. What is no pattern is one file, whether it is there or not.
pub(crate) fn paths(pattern: &Path) -> Result<Vec<PathBuf>, Problem> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    if !glob::is_pattern(&name) {
        return Ok(vec![pattern.to_owned()]);
    }
    let directory = pattern.parent().unwrap_or(Path::new("/"));
    let refused = |problem: String| {
        Problem::error(
            "rules/unreadable",
            format!("{}: {problem}", pattern.display()),
        )
    };
    let entries = std::fs::read_dir(directory).map_err(|error| refused(error.to_string()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| refused(error.to_string()))?;
        if !glob::matches(&name, &entry.file_name().to_string_lossy()) {
            continue;
        }
        if paths.len() == MOST_FILES {
            return Err(refused(format!("more than {MOST_FILES} files")));
        }
        paths.push(entry.path());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_stack::RuleText;

    const GOOD: &str = "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up == 0\n";

    #[test]
    fn a_stacks_rules_carry_its_name_and_a_wrong_file_gives_nothing() {
        let scope = Scope {
            stack: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
        };
        let text = |path: &str, text: &str| RuleText {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let alerts = Alerts {
            packs: vec!["nobodys".to_owned()],
            rules: vec![
                text("ops/a.yml", GOOD),
                text("ops/b.yml", &GOOD.replace("up ==", "up =")),
            ],
            mute_in_windows: false,
        };
        let (found, problems) = of_stack(&alerts, Some(&scope));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file.name, "shop/dev/ops/a.yml");
        let labels = found[0].file.groups[0].rules[0].labels.to_string();
        assert_eq!(labels, r#"{environment="dev", stack="shop"}"#);
        let said = problems.to_string();
        assert!(said.contains("shop/dev/ops/b.yml:5:"), "{said}");
        assert!(said.contains("no rule pack `nobodys`"), "{said}");
    }

    #[test]
    fn the_servers_files_are_read_by_pattern_and_one_that_is_missing_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("b.yml"), GOOD).unwrap();
        std::fs::write(path("a.yml"), GOOD).unwrap();
        std::fs::write(path("a.txt"), "not rules").unwrap();
        let settings = AlertsSettings {
            rules: vec![path("*.yml"), path("gone.yaml")],
            packs: Vec::new(),
            ..AlertsSettings::default()
        };
        let prometheus = OfPrometheus {
            patterns: vec![path("none-*.yml"), path("a.yml")],
            interval_ms: 30_000,
            query_offset_ms: 1_000,
        };
        let (found, problems) = of_server(&settings, Some(&prometheus));
        let names: Vec<&str> = found.iter().map(|one| one.file.name.as_str()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names[0].ends_with("/a.yml") && names[1].ends_with("/b.yml"));
        let groups: Vec<_> = found.iter().map(|one| &one.file.groups[0]).collect();
        assert_eq!(groups[0].interval_ms, None, "the server's");
        assert_eq!(groups[2].interval_ms, Some(30_000), "Prometheus's");
        assert_eq!(groups[2].query_offset_ms, Some(1_000));
        assert!(problems.to_string().contains("gone.yaml"), "{problems}");
    }
}
