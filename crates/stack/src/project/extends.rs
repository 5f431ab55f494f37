//! `extends`: a service that begins as another one.
//!
//! Source: the Compose specification, "extends". Relative paths of the other service keep starting
//! at its own file, because every value knows the file it stands in.

use super::{File, LIMIT_DEPTH, Reading};
use crate::grammar::{Merge, Shape};
use crate::interpolate::Variables;
use crate::keys::SERVICE;
use crate::merge::merge;
use crate::source::shown;
use crate::tree::{Entry, Kind, Node};
use mainstay_model::{Problem, did_you_mean};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

const SHAPE: Shape = Shape::Section(&SERVICE);

/// The services on the way, each by its file.
type Chain = Vec<(PathBuf, String)>;
/// Files read for `extends`, so that each is read (and complained about) once.
type Documents = BTreeMap<PathBuf, Option<Rc<Node>>>;

impl Reading<'_> {
    /// The document with every `extends` of its services resolved.
    pub(super) fn extended(&mut self, mut document: Node, variables: &Variables) -> Node {
        let wanted = |entry: &Entry| entry.value.get("extends").is_some();
        let services = document.get("services").map(Node::entries);
        let names: Vec<String> = services
            .unwrap_or_default()
            .iter()
            .filter(|entry| wanted(entry))
            .map(|entry| entry.key.clone())
            .collect();
        let mut documents = Documents::new();
        let original = Rc::new(document.clone());
        let path = document.at.source.path.clone();
        for name in names {
            let mut chain = vec![(path.clone(), name.clone())];
            let Some(service) = service_of(&original, &name).cloned() else {
                continue;
            };
            let service = self.resolve(service, &original, variables, &mut documents, &mut chain);
            if let Some(slot) = document
                .get_mut("services")
                .and_then(|services| services.get_mut(&name))
            {
                *slot = service;
            }
        }
        document
    }

    /// One service with its `extends` followed to the end.
    fn resolve(
        &mut self,
        mut service: Node,
        document: &Rc<Node>,
        variables: &Variables,
        documents: &mut Documents,
        chain: &mut Chain,
    ) -> Node {
        let Some(extends) = service.get("extends").cloned() else {
            return service;
        };
        service.remove("extends");
        let Some(name) = extends.get("service") else {
            self.problems.push(
                Problem::error("compose/extends", "`extends` names no service")
                    .at(extends.at.place())
                    .hint("write `extends: {service: NAME}`"),
            );
            return service;
        };
        let other = match extends.get("file") {
            None => Some(Rc::clone(document)),
            Some(file) => self.other_document(file, variables, documents),
        };
        let (Some(other), Some(wanted)) = (other, name.as_text()) else {
            return service;
        };
        let Some(base) = service_of(&other, wanted) else {
            self.problems.push(missing(name, wanted, &other));
            return service;
        };
        let step = (other.at.source.path.clone(), wanted.to_owned());
        if chain.contains(&step) || chain.len() >= LIMIT_DEPTH {
            self.problems
                .push(self.extends_cycle(&extends, chain, &step));
            return service;
        }
        if !self.spend(base.count()) {
            return service;
        }
        chain.push(step);
        let base = self.resolve(base.clone(), &other, variables, documents, chain);
        let at = service.at.clone();
        merge(base, service, &SHAPE, Merge::Natural)
            .unwrap_or_else(|| Node::new(at, Kind::Map(Vec::new())))
    }

    fn other_document(
        &mut self,
        file: &Node,
        variables: &Variables,
        documents: &mut Documents,
    ) -> Option<Rc<Node>> {
        let path = file.at.path(file.as_text()?);
        if let Some(known) = documents.get(&path) {
            return known.clone();
        }
        let base = path.parent().unwrap_or(&path).to_owned();
        let file = File {
            path: &path,
            base: &base,
            named_at: Some(&file.at),
        };
        let node = self.document(&file, variables).map(Rc::new);
        documents.insert(path, node.clone());
        node
    }

    fn extends_cycle(&self, extends: &Node, chain: &Chain, step: &(PathBuf, String)) -> Problem {
        let names: Vec<String> = chain
            .iter()
            .chain([step])
            .map(|(path, name)| format!("`{name}` ({})", shown(self.directory, path)))
            .collect();
        Problem::error(
            "compose/extends-cycle",
            format!("services extend each other: {}", names.join(" → ")),
        )
        .at(extends.at.place())
    }
}

fn service_of<'a>(document: &'a Node, name: &str) -> Option<&'a Node> {
    document.get("services")?.get(name)
}

fn missing(at: &Node, wanted: &str, document: &Node) -> Problem {
    let services = document
        .get("services")
        .map(Node::entries)
        .unwrap_or_default();
    let file = &document.at.source.display;
    let problem = Problem::error(
        "compose/extends",
        format!("`{file}` has no service `{wanted}` to extend"),
    )
    .at(at.at.place());
    match did_you_mean(wanted, services.iter().map(|entry| entry.key.as_str())) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem,
    }
}
