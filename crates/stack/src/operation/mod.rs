//! `mainstay.yaml`: how the stack is operated.
//!
//! The same grammar as for Compose files describes it (see `fields`); the decoder, `--set`, the
//! reference page and the JSON Schema are four readers of that one table.

mod alerts;
mod backup_fields;
mod deploy;
mod engine;
mod environments;
mod fields;
mod health;
mod metrics;
mod pipeline;
mod policy;
mod probes;
mod release_fields;
mod render;
mod render_fields;
mod routes;

pub use fields::{MAINSTAY, RESERVED, sections};

pub(crate) use alerts::alerts;
pub(crate) use backup_fields::BACKUPS;
pub(crate) use deploy::{Policies, deploy};
pub(crate) use engine::wrong_variable;
pub(crate) use environments::{Chosen, choose, known};
pub(crate) use health::apply as apply_health;
pub(crate) use metrics::apply as apply_metrics;
pub(crate) use probes::probes;
pub(crate) use render::render;
pub(crate) use routes::routes;

use crate::check::Checker;
use crate::grammar::Shape;
use crate::project::Reading;
use crate::source::{At, Source};
use crate::tree::{Kind, Node};
use crate::yaml;
use mainstay_model::Problem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file as a tree, its variables not yet put in. An empty one where there is no file.
pub(crate) fn read(reading: &mut Reading<'_>, named: Option<&PathBuf>) -> Node {
    let directory = reading.directory;
    let path = match named {
        Some(path) => crate::source::normal(&directory.join(path)),
        None => directory.join("mainstay.yaml"),
    };
    if named.is_none() && !reading.loader.exists(&path) {
        return nothing(directory);
    }
    let Some((text, source)) = reading.load(&path, directory, None) else {
        return nothing(directory);
    };
    let mut documents = yaml::parse(&text, &source, &mut reading.problems).into_iter();
    let document = documents.next();
    if let Some(second) = documents.next() {
        reading.problems.push(
            Problem::error("mainstay/documents", "mainstay.yaml is one document")
                .at(second.at.place()),
        );
    }
    document
        .filter(|node| !node.is_null())
        .unwrap_or_else(|| nothing(directory))
}

fn nothing(directory: &Path) -> Node {
    Node::empty_map(At::whole(&Arc::new(Source {
        display: "mainstay.yaml".to_owned(),
        path: directory.join("mainstay.yaml"),
        base: directory.to_owned(),
    })))
}

/// Says of reserved sections that they are, and checks the others.
pub(crate) fn check(reading: &mut Reading<'_>, tree: &mut Node) {
    if let Kind::Map(entries) = &mut tree.kind {
        entries.retain(|entry| {
            let reserved = RESERVED.contains(&entry.key.as_str());
            if reserved {
                let message = format!("section `{}` is not supported yet", entry.key);
                let problem = Problem::error("mainstay/reserved", message).at(entry.at.place());
                reading.problems.push(problem.hint("take it out for now"));
            }
            !reserved
        });
    }
    let mut checker = Checker {
        prefix: "mainstay",
        problems: &mut reading.problems,
    };
    checker.check(tree, &Shape::Section(&MAINSTAY), "mainstay.yaml");
}
