//! The section `backups`, with everything that goes without saying.
//!
//! `discover` finds what the services keep; `sources` joins that with what is written; `section` reads the
//! rest. `rules` and `used` say what cannot work: they look at the whole, once it is there.

mod discover;
mod objective;
mod paths;
mod places;
mod restore;
mod rules;
mod section;
mod sources;
mod sqlite;
mod used;

use crate::decode::{Found, flag, text};
use crate::grammar::{Merge, Shape};
use crate::merge::merge;
use crate::operation::BACKUPS;
use crate::request::{Loader, Purpose};
use crate::resolved::{BackupSecrets, Backups, BeforeDeploy, TargetKind, Volume};
use crate::secrets::Definitions;
use crate::source::At;
use crate::tree::{Kind, Node};
use mainstay_model::{Problem, Problems, ServiceName, did_you_mean};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is backed up depends on the stack.
pub(crate) struct Around<'a> {
    pub(crate) services: &'a BTreeMap<ServiceName, Found>,
    /// Defined, but no active profile starts them.
    pub(crate) inactive: &'a BTreeSet<String>,
    pub(crate) volumes: &'a BTreeMap<String, Volume>,
    pub(crate) definitions: &'a Definitions,
    pub(crate) purpose: Purpose,
    pub(crate) target: TargetKind,
    /// The stack's own.
    pub(crate) directory: &'a Path,
    pub(crate) loader: &'a dyn Loader,
}

/// The section, and what stands in it of what is wrong. `over` is that of the environment.
pub(crate) fn backups(
    tree: &Node,
    over: Option<&Node>,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Backups {
    let node = joined(tree, over);
    let enabled = flag(&node, "enabled").unwrap_or(around.purpose != Purpose::Development);
    let mut reader = Reader {
        around,
        problems,
        is_off: !enabled,
    };
    let sources = reader.sources(node.get("sources"));
    let repository = reader.repository(node.get("repository"));
    let keep = reader.keep(node.get("keep"));
    let backups = Backups {
        enabled,
        copies: reader.copies(node.get("copies"), keep),
        schedules: reader.schedules(node.get("schedules"), &sources),
        drill: reader.drill(node.get("drill"), &sources),
        objectives: section::objectives(node.get("objectives")),
        secrets: match text(&node, "secrets").as_deref() {
            Some("include") => BackupSecrets::Include,
            _ => BackupSecrets::Leave,
        },
        before_deploy: match text(&node, "before_deploy").as_deref() {
            Some("always") => BeforeDeploy::Always,
            Some("migrations") => BeforeDeploy::Migrations,
            Some(_) => BeforeDeploy::Never,
            None if !enabled => BeforeDeploy::Never,
            None if around.purpose.is_guarded() => BeforeDeploy::Always,
            None => BeforeDeploy::Migrations,
        },
        repository,
        keep,
        sources,
    };
    rules::check(&backups, &node, around, problems);
    backups
}

/// The section with that of the environment over it. One that says where its repository is leaves the other
/// place behind.
fn joined(tree: &Node, over: Option<&Node>) -> Node {
    let nothing = || Node::empty_map(tree.at.clone());
    let mut base = tree.get("backups").cloned().unwrap_or_else(nothing);
    let Some(over) = over.cloned() else {
        return base;
    };
    let moves = over.get("repository").is_some_and(|repository| {
        PLACES
            .into_iter()
            .any(|place| repository.get(place).is_some())
    });
    if moves
        && let Some(repository) = base.get_mut("repository")
        && let Kind::Map(fields) = &mut repository.kind
    {
        fields.retain(|field| !PLACES.contains(&field.key.as_str()));
    }
    merge(base, over, &Shape::Section(&BACKUPS), Merge::Natural).unwrap_or_else(nothing)
}

/// Where a repository can be.
const PLACES: [&str; 2] = ["directory", "s3"];

/// Reads parts of the section, and says what is wrong with them.
struct Reader<'a, 'b> {
    around: &'a Around<'b>,
    problems: &'a mut Problems,
    /// Nothing is backed up here: what is named may be another environment's.
    is_off: bool,
}

impl Reader<'_, '_> {
    fn wrong(&mut self, at: &At, message: impl Into<String>, hint: impl Into<String>) {
        let problem = Problem::error("mainstay/value", message).at(at.place());
        self.problems.push(problem.hint(hint));
    }

    /// The service that is named, where there is one of the name.
    fn service(&mut self, node: &Node, key: &str) -> Option<ServiceName> {
        let at = node.get(key)?.at.clone();
        let name = text(node, key)?;
        if let Some((name, _)) = self.around.services.get_key_value(name.as_str()) {
            return Some(name.clone());
        }
        // Its profile is not active: there is nothing to be copied today.
        if !self.is_off && !self.around.inactive.contains(&name) {
            let known = self.around.services.keys().map(ServiceName::as_str);
            let problem = unknown(
                "service",
                &name,
                known,
                "it must be one of the Compose files",
            );
            self.problems.push(problem.at(at.place()));
        }
        None
    }

    /// The name of a secret that is defined.
    fn secret(&mut self, node: &Node, key: &str) -> Option<String> {
        let at = node.get(key)?.at.clone();
        let name = text(node, key)?;
        if let Some(problem) = self.around.definitions.undefined(&name) {
            self.problems.push(problem.at(at.place()));
        }
        Some(name)
    }
}

fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> Problem {
    let message = format!("no {what} `{}`", crate::check::shown(name));
    let problem = Problem::error(format!("mainstay/unknown-{what}"), message);
    match did_you_mean(name, known) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem.hint(otherwise),
    }
}

/// The nearest place of a path of keys that is written.
fn at<'a>(node: &'a Node, keys: &[&str]) -> &'a At {
    let mut node = node;
    let mut at = &node.at;
    for key in keys {
        let Some(entry) = node.entry(key) else { break };
        (at, node) = (&entry.at, &entry.value);
    }
    at
}
