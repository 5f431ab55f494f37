//! `include`: other Compose files, each read with its own directory and its own `.env`.
//!
//! Source: the Compose specification, "Include". What an included file defines may not be defined
//! again here; an override file may change it.

use super::{File, Reading, files, layered};
use crate::interpolate::{Lookup, Variables};
use crate::source::At;
use crate::tree::{Entry, Kind, Node, Scalar};
use mainstay_model::Problem;
use std::path::PathBuf;

/// The sections whose entries an included file brings.
const RESOURCES: [&str; 6] = [
    "services", "volumes", "networks", "secrets", "configs", "models",
];

impl Reading<'_> {
    /// What the document's `include` brings, one tree per entry.
    pub(super) fn included(
        &mut self,
        document: &Node,
        variables: &Variables,
        chain: &mut Vec<PathBuf>,
    ) -> Vec<Node> {
        let entries = document.get("include").map(Node::items).unwrap_or_default();
        let mut all = Vec::new();
        for entry in entries {
            all.extend(self.include(entry, variables, chain));
        }
        all
    }

    fn include(
        &mut self,
        entry: &Node,
        variables: &Variables,
        chain: &mut Vec<PathBuf>,
    ) -> Option<Node> {
        let paths: Vec<(PathBuf, At)> = entry.get("path").map(paths).unwrap_or_default();
        let Some((first, _)) = paths.first().cloned() else {
            let problem = Problem::error("compose/no-path", "`include` needs a `path`");
            self.problems.push(problem.at(entry.at.place()));
            return None;
        };
        let base = match entry.get("project_directory").and_then(text_at) {
            Some((text, at)) => at.path(&text),
            None => first.parent().unwrap_or(&first).to_owned(),
        };
        let variables = self.variables_of(entry, &base, variables);
        let mut whole: Option<Node> = None;
        for (path, at) in &paths {
            let file = File {
                path,
                base: &base,
                named_at: Some(at),
            };
            let Some(mut node) = self.model(&file, &variables, chain) else {
                continue;
            };
            take_over(&mut node, &variables);
            node.remove("include");
            node.remove("name");
            whole = Some(match whole {
                Some(base) => layered(base, node),
                None => node,
            });
        }
        whole
    }

    /// Its own `.env` (or `env_file`), below what is set here.
    fn variables_of(
        &mut self,
        entry: &Node,
        base: &std::path::Path,
        here: &Variables,
    ) -> Variables {
        let mut variables = here.clone();
        let files: Vec<(PathBuf, Option<At>)> = match entry.get("env_file") {
            Some(list) => paths(list)
                .into_iter()
                .map(|(path, at)| (path, Some(at)))
                .collect(),
            None => Some((base.join(".env"), None))
                .filter(|(path, _)| self.loader.exists(path))
                .into_iter()
                .collect(),
        };
        for (path, at) in files.into_iter().rev() {
            if let Some(layer) = files::read(self, &path, at.as_ref(), here) {
                variables.push_under(layer);
            }
        }
        variables
    }

    /// Included trees and the document itself as one; what both define is a problem.
    pub(super) fn join_included(&mut self, included: Vec<Node>, document: Node) -> Node {
        let mut nodes = included.into_iter().chain([document]);
        let Some(mut whole) = nodes.next() else {
            return Node::empty_map(crate::source::nowhere(self.directory));
        };
        for node in nodes {
            self.conflicts(&whole, &node);
            whole = layered(whole, node);
        }
        whole
    }

    fn conflicts(&mut self, base: &Node, node: &Node) {
        for section in RESOURCES {
            let Some(known) = base.get(section) else {
                continue;
            };
            let again = node.get(section).map(Node::entries).unwrap_or_default();
            for entry in again {
                if let Some(first) = known.entry(&entry.key)
                    && !alike(first, entry)
                {
                    self.problems.push(
                        Problem::error(
                            "compose/include-conflict",
                            format!(
                                "`{}` of `{section}` is also defined at {}, which is included",
                                entry.key,
                                first.at.place()
                            ),
                        )
                        .at(entry.at.place())
                        .hint("change an included resource in an override file: `include: [{path: [theirs.yaml, mine.yaml]}]`"),
                    );
                }
            }
        }
    }
}

/// The same file reached twice brings the same thing: no conflict.
fn alike(a: &Entry, b: &Entry) -> bool {
    a.at == b.at || a.value.is_null() && b.value.is_null()
}

/// A name without a value in `environment` takes over what is set where the file stands, so that
/// the `.env` beside an included file counts.
fn take_over(document: &mut Node, variables: &Variables) {
    let Some(Kind::Map(services)) = document.get_mut("services").map(|node| &mut node.kind) else {
        return;
    };
    for service in services {
        let environment = service
            .value
            .get_mut("environment")
            .map(|node| &mut node.kind);
        let Some(Kind::Map(entries)) = environment else {
            continue;
        };
        for entry in entries.iter_mut().filter(|entry| entry.value.is_null()) {
            if let Some(text) = variables.get(&entry.key) {
                entry.value.kind = Kind::Scalar(Scalar {
                    text: text.to_owned(),
                    plain: false,
                    variables: vec![entry.key.clone()],
                });
            }
        }
    }
}

fn paths(list: &Node) -> Vec<(PathBuf, At)> {
    list.items()
        .iter()
        .filter_map(text_at)
        .map(|(text, at)| (at.path(&text), at))
        .collect()
}

fn text_at(node: &Node) -> Option<(String, At)> {
    Some((node.as_text()?.to_owned(), node.at.clone()))
}
