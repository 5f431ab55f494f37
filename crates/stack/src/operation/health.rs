//! `health`: checks that win over Compose's.

use crate::decode::{Found, command, flag, health_check, text, timed};
use crate::resolved::Probe;
use crate::tree::Node;
use mainstay_model::{Problem, Problems, ServiceName, did_you_mean};
use std::collections::{BTreeMap, BTreeSet};

/// Puts the checks of the section into the services.
pub(crate) fn apply(
    tree: &Node,
    services: &mut BTreeMap<ServiceName, Found>,
    inactive: &BTreeSet<String>,
    problems: &mut Problems,
) {
    for entry in tree.get("health").map(Node::entries).unwrap_or_default() {
        if inactive.contains(&entry.key) {
            continue;
        }
        let Some(found) = services.get_mut(entry.key.as_str()) else {
            let names = services.keys().map(ServiceName::as_str);
            problems.push(unknown(&entry.key, names).at(entry.at.place()));
            continue;
        };
        let node = &entry.value;
        let probe = probe(node, problems).map(health_check);
        // Only times: for the check that is there.
        match probe.or_else(|| found.service.health.take()) {
            Some(check) => found.service.health = Some(timed(check, node)),
            None => problems.push(
                Problem::error(
                    "mainstay/value",
                    format!("health of `{}` does not say what to probe", entry.key),
                )
                .at(entry.at.place())
                .hint("`http: /health`, `tcp: true` or `command: …`"),
            ),
        }
    }
}

/// A section names a service that is not there (or not active).
pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.collect();
    let shown = crate::check::shown(name);
    let problem = Problem::error("mainstay/unknown-service", format!("no service `{shown}`"));
    match did_you_mean(name, known.iter().copied()) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None if known.is_empty() => problem,
        None => problem.hint(format!("there is {}", crate::check::list(&known))),
    }
}

fn probe(node: &Node, problems: &mut Problems) -> Option<Probe> {
    let mut probes = Vec::new();
    if let Some(path) = text(node, "http") {
        if let Some(http) = node.get("http")
            && !path.starts_with('/')
        {
            problems.push(
                Problem::error(
                    "mainstay/value",
                    "`http` must be a path that begins with `/`",
                )
                .at(http.at.place())
                .hint("such as `/health`: host and port are the instance's"),
            );
        }
        probes.push(Probe::Http { path });
    }
    if flag(node, "tcp") == Some(true) {
        probes.push(Probe::Tcp);
    }
    if let Some(words) = node.get("command").and_then(|node| command(node, problems)) {
        if words.is_empty() {
            let problem = Problem::error("mainstay/value", "`command` is empty");
            problems.push(problem.at(node.at.place()));
        }
        probes.push(Probe::Command { command: words });
    }
    if probes.len() > 1 {
        problems.push(
            Problem::error(
                "mainstay/value",
                "a health check is one of `http`, `tcp`, `command`",
            )
            .at(node.at.place()),
        );
    }
    probes.into_iter().next()
}
