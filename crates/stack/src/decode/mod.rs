//! From the merged Compose tree to services and volumes.
//!
//! The tree was checked against the grammar, so a value that is there has its shape; what is left
//! are the meanings. Defaults are filled in here: nothing above sees an `Option` that means one.

mod build;
mod command;
mod container;
mod environment;
mod health;
mod hosts;
mod isolation;
mod known;
mod limits;
mod logging;
mod mounts;
mod network;
mod ports;
mod resources;
mod restart;
mod service;
mod volumes;

pub(crate) use command::command;
pub(crate) use health::{check as health_check, timed};
pub(crate) use known::DatabaseEngine;
pub(crate) use network::networks;
pub(crate) use service::{Found, LIMIT_INSTANCES, Update, service};
pub(crate) use volumes::volumes;

use crate::interpolate::Variables;
use crate::project::Reading;
use crate::request::Purpose;
use crate::resolved::TargetKind;
use crate::secrets::Definitions;
use crate::tree::{Node, as_bool};
use mainstay_model::{Bytes, Problem, parse_duration};
use std::collections::BTreeSet;
use std::time::Duration;

/// What decoding needs beside the tree.
pub(crate) struct Context<'a, 'b> {
    pub(crate) reading: &'a mut Reading<'b>,
    pub(crate) variables: &'a Variables,
    pub(crate) purpose: Purpose,
    pub(crate) target: TargetKind,
    /// What can be granted to services.
    pub(crate) definitions: &'a Definitions,
    /// Variables that hold the value of a secret.
    pub(crate) secret_variables: &'a BTreeSet<String>,
    /// Services that another one waits for to complete.
    pub(crate) one_shot: &'a BTreeSet<String>,
}

impl Context<'_, '_> {
    pub(crate) fn problem(&mut self, node: &Node, problem: Problem) {
        self.reading.problems.push(problem.at(node.at.place()));
    }

    /// The value under `key`, where it is there; says so where it is not what is expected.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &mut self,
        node: &Node,
        key: &str,
        expected: &str,
    ) -> Option<T> {
        let node = node.get(key)?;
        let value = node.as_text().and_then(|text| text.parse().ok());
        if value.is_none() {
            let found = node.scalar().map(crate::check::found);
            let found = found.unwrap_or_else(|| node.what().to_owned());
            let message = format!("`{key}` must be {expected}, found {found}");
            self.problem(node, Problem::error("compose/value", message));
        }
        value
    }

    /// Whether a secret variable went into the value.
    pub(crate) fn is_tainted(&self, node: &Node) -> bool {
        let variables = node.scalar().map(|scalar| scalar.variables.as_slice());
        variables
            .unwrap_or_default()
            .iter()
            .any(|name| crate::secrecy::name(name) || self.secret_variables.contains(name))
    }

    /// Refuses a secret where it would be readable for everybody.
    pub(crate) fn refuse_secret(&mut self, node: &Node, what: &str) {
        if self.is_tainted(node) || node.as_text().is_some_and(crate::secrecy::form) {
            self.problem(
                node,
                Problem::error(
                    "secret/exposed",
                    format!("a secret stands in {what}, which everybody on the machine can read"),
                )
                .hint("pass it in `environment`, and let the program read it from there"),
            );
        }
    }
}

pub(crate) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_text).map(str::to_owned)
}

pub(crate) fn flag(node: &Node, key: &str) -> Option<bool> {
    node.get(key).and_then(Node::as_text).and_then(as_bool)
}

pub(crate) fn number<T: std::str::FromStr>(node: &Node, key: &str) -> Option<T> {
    node.get(key).and_then(Node::as_text)?.parse().ok()
}

pub(crate) fn duration(node: &Node, key: &str) -> Option<Duration> {
    parse_duration(node.get(key).and_then(Node::as_text)?).ok()
}

pub(crate) fn size(node: &Node, key: &str) -> Option<Bytes> {
    node.get(key).and_then(Node::as_text)?.parse().ok()
}

/// The texts of a list.
pub(crate) fn texts(node: Option<&Node>) -> Vec<String> {
    node.map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::as_text)
        .map(str::to_owned)
        .collect()
}
