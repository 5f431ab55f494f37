//! Which environment is meant, and what it changes before Compose files are read.

use super::engine;
use super::policy::policy;
use crate::decode::text;
use crate::interpolate::Variables;
use crate::policy::Monitoring;
use crate::project::{Reading, read_variables};
use crate::request::{Environment, Purpose};
use crate::resolved::{Engine, TargetKind};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::{EnvironmentName, Problem, Problems, did_you_mean};
use std::path::PathBuf;

const DEFAULT: &str = "dev";

/// The environment, and the files it lays over the base.
pub(crate) struct Chosen {
    pub(crate) environment: Environment,
    /// Where its engine listens, where it has one.
    pub(crate) engine: Engine,
    /// Where that is said, where it is.
    pub(crate) engine_at: Option<At>,
    pub(crate) overlays: Vec<(PathBuf, Option<At>)>,
    /// `secrets`, laid over the section.
    pub(crate) secrets: Option<Node>,
    /// `backups`, laid over the section.
    pub(crate) backups: Option<Node>,
}

/// Finds the environment by name and adds its variables. `None` where there is none of the name.
pub(crate) fn choose(
    reading: &mut Reading<'_>,
    tree: &Node,
    wanted: Option<&str>,
    variables: &mut Variables,
) -> Option<Chosen> {
    let all = tree
        .get("environments")
        .map(Node::entries)
        .unwrap_or_default();
    for entry in all {
        if let Err(error) = EnvironmentName::new(&*entry.key) {
            let problem = Problem::error("mainstay/name", format!("environment {error}"));
            reading.problems.push(problem.at(entry.at.place()));
        }
    }
    let name = wanted.unwrap_or(DEFAULT);
    let entry = all.iter().find(|entry| entry.key == name);
    if entry.is_none() && name != DEFAULT {
        reading
            .problems
            .push(unknown(name, all.iter().map(|entry| entry.key.as_str())));
        return None;
    }
    // All of them are read, so that what is wrong in one is not found out when it is needed.
    let read = known(tree, &mut reading.problems);
    let environment = read.into_iter().find(|one| one.name.as_str() == name)?;
    let nothing = Node::empty_map(tree.at.clone());
    let node = entry.map_or(&nothing, |entry| &entry.value);
    not_supported(reading, node);
    let chosen = Chosen {
        environment,
        engine: engine::engine(reading, node, variables),
        engine_at: node.entry("engine").map(|entry| entry.at.clone()),
        overlays: overlays(node),
        secrets: node.get("secrets").cloned(),
        backups: node.get("backups").cloned(),
    };
    add_variables(reading, node, variables);
    Some(chosen)
}

/// Every environment there is, `dev` among them, in the order of the file.
pub(crate) fn known(tree: &Node, problems: &mut Problems) -> Vec<Environment> {
    let nothing = Node::empty_map(tree.at.clone());
    let entries = tree
        .get("environments")
        .map(Node::entries)
        .unwrap_or_default();
    let mut all: Vec<Environment> = entries
        .iter()
        .filter_map(|entry| {
            let name = EnvironmentName::new(&*entry.key).ok()?;
            let mut environment = environment(name, &entry.value, problems);
            environment.place = Some(entry.at.place());
            Some(environment)
        })
        .collect();
    if !all.iter().any(|one| one.name.as_str() == DEFAULT)
        && let Ok(name) = EnvironmentName::new(DEFAULT)
    {
        all.insert(0, environment(name, &nothing, problems));
    }
    all
}

fn environment(name: EnvironmentName, node: &Node, problems: &mut Problems) -> Environment {
    let purpose = purpose(node, name.as_str());
    let monitoring = match text(node, "monitoring").as_deref() {
        Some("basic") => Monitoring::Basic,
        Some("enhanced") => Monitoring::Enhanced,
        Some("full") => Monitoring::Full,
        _ => Monitoring::of(purpose),
    };
    let paths = |key: &str| {
        let items = node.get(key).map(Node::items).unwrap_or_default();
        let texts = items.iter().filter_map(Node::as_text);
        texts.map(PathBuf::from).collect()
    };
    Environment {
        name,
        purpose,
        target: kind(node),
        monitoring,
        policy: policy(node, purpose, problems),
        overlays: paths("compose"),
        env_files: paths("env_file"),
        place: None,
        server: text(node, "server"),
    }
}

fn kind(node: &Node) -> Option<TargetKind> {
    Some(match text(node, "target")?.as_str() {
        "process" => TargetKind::Process,
        "docker" => TargetKind::Docker,
        "swarm" => TargetKind::Swarm,
        "kubernetes" => TargetKind::Kubernetes,
        "ecs" => TargetKind::Ecs,
        _ => return None,
    })
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.collect();
    let shown = crate::check::shown(name);
    let problem = Problem::error(
        "mainstay/unknown-environment",
        format!("no environment `{shown}` in mainstay.yaml"),
    );
    match did_you_mean(name, known.iter().copied().chain([DEFAULT])) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem.hint(format!("add it: `environments: {{{shown}: {{}}}}`")),
    }
}

fn purpose(node: &Node, name: &str) -> Purpose {
    match text(node, "purpose").as_deref().unwrap_or(name) {
        "development" | "dev" => Purpose::Development,
        "production" | "prod" => Purpose::Production,
        "recovery" | "dr" => Purpose::Recovery,
        _ => Purpose::Staging,
    }
}

/// Says so where it is one that cannot be had yet.
fn not_supported(reading: &mut Reading<'_>, node: &Node) {
    let Some(kind) = kind(node) else { return };
    if matches!(kind, TargetKind::Process | TargetKind::Docker) {
        return;
    }
    let at = node.get("target").unwrap_or(node).at.place();
    let message = format!("target `{}` is not supported yet", kind.word());
    let problem = Problem::error("mainstay/target", message).at(at);
    reading
        .problems
        .push(problem.hint("`process` and `docker` are"));
}

fn overlays(node: &Node) -> Vec<(PathBuf, Option<At>)> {
    node.get("compose")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|item| Some((item.at.path(item.as_text()?), Some(item.at.clone()))))
        .collect()
}

/// `.env` < `env_file` < `variables` < the process's own.
fn add_variables(reading: &mut Reading<'_>, node: &Node, variables: &mut Variables) {
    let outside = variables.clone();
    for item in node.get("env_file").map(Node::items).unwrap_or_default() {
        let path = item.at.path(item.as_text().unwrap_or_default());
        if let Some(layer) = read_variables(reading, &path, Some(&item.at), &outside) {
            variables.push_below_top(layer);
        }
    }
    let own = node.get("variables").map(Node::entries).unwrap_or_default();
    let layer = own
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.value.as_text()?.to_owned())));
    variables.push_below_top(layer.collect());
}
