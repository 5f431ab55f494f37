//! Alertmanager's configuration file, as it is.
//!
//! Source: <https://prometheus.io/docs/alerting/latest/configuration/>. Read once, checked as
//! `amtool check-config` checks it, and handed out complete: what a receiver or a route does not say
//! itself has flowed in from `global`, from its parent, or from the documented default. What is not
//! honoured is refused by name.
//!
//! **Invariant:** [`Configuration::printed`] and every problem are free of secrets.

mod client;
mod fields;
mod global;
mod inhibit;
mod integrations;
mod intervals;
mod print;
mod receiver;
mod route;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mainstay_model::{Problem, Problems};
use mainstay_yaml::source::{At, Source};
use mainstay_yaml::tree::Node;

use crate::interval::TimeInterval;

use fields::Fields;
pub use fields::REDACTED;
pub use global::{Global, HostPort};
pub use inhibit::InhibitRule;
pub use integrations::{
    Discord, Email, MsTeams, MsTeamsV2, Opsgenie, OpsgenieResponder, Pagerduty, PagerdutyImage,
    PagerdutyLink, Slack, SlackAction, SlackConfirm, SlackField, Telegram, Webhook,
};
pub(crate) use print::quote_yaml;
pub use receiver::{Integration, IntegrationKind, Receiver, Settings};
pub use route::{GroupBy, Route};

/// The most routes of one tree.
pub const LIMIT_ROUTES: usize = 10_000;

/// The whole file.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub global: Global,
    /// Patterns of template files, made absolute.
    pub templates: Vec<String>,
    pub route: Route,
    pub inhibit_rules: Vec<InhibitRule>,
    /// `time_intervals` and the older `mute_time_intervals`, by name.
    pub time_intervals: BTreeMap<String, Vec<TimeInterval>>,
    pub receivers: Vec<Receiver>,
    printed: String,
}

const FILE: &[&str] = &[
    "global",
    "templates",
    "route",
    "receivers",
    "inhibit_rules",
    "time_intervals",
    "mute_time_intervals",
    "tracing",
    "event_recorder",
];

impl Configuration {
    /// Reads the file at `path`, which is shown as `display`; relative paths in it start in its own
    /// directory. `None` where a problem is an error.
    pub fn read(text: &str, path: &Path, display: &str) -> (Option<Self>, Problems) {
        let source = Arc::new(Source::of_file(path, display));
        Self::read_source(text, &source)
    }

    /// As [`read`](Self::read), of a text from anywhere.
    pub fn read_source(text: &str, source: &Arc<Source>) -> (Option<Self>, Problems) {
        let mut problems = Problems::default();
        let mut documents = mainstay_yaml::parse(text, source, &mut problems).into_iter();
        if problems.has_errors() {
            // What is missing from half a file was perhaps written in the other half.
            return (None, problems);
        }
        let tree = documents
            .next()
            .unwrap_or_else(|| Node::empty_map(At::whole(source)));
        if let Some(second) = documents.next() {
            let problem = Problem::error("alertmanager/documents", "the file is one document");
            problems.push(problem.at(second.at.place()));
        }
        let mut fields = Fields::new(&mut problems);
        let configuration = fields.configuration(&tree);
        problems.sort();
        (configuration.filter(|_| !problems.has_errors()), problems)
    }

    /// The file as YAML again, each secret as `<secret>`.
    pub fn printed(&self) -> &str {
        &self.printed
    }

    /// The receiver of a name.
    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}

impl Fields<'_> {
    fn configuration(&mut self, tree: &Node) -> Option<Configuration> {
        if !tree.is_null() && !self.section(tree, "the file", FILE) {
            return None;
        }
        self.unsupported(
            tree,
            "tracing",
            "the server's own traces are set in `server.yaml`",
        );
        self.unsupported(
            tree,
            "event_recorder",
            "every delivery stands in the journal",
        );
        let global = match tree.get("global") {
            Some(node) => self.global(node),
            None => Global::default(),
        };
        let receivers = self.receivers(tree, &global);
        let time_intervals = self.time_intervals(tree);
        let inhibit_rules = self
            .list(tree, "inhibit_rules")
            .iter()
            .filter_map(|node| self.inhibit_rule(node))
            .collect();
        let templates = self.texts(tree, "templates").into_iter();
        let templates = templates.map(|(node, text)| node.at.path(&text).display().to_string());
        let templates = templates.collect();
        let Some(root) = tree.get("route") else {
            let hint = "add `route:` with a `receiver:`";
            self.mend(tree, "route", "there is no `route`", hint);
            return None;
        };
        let route = self.root(root, &receivers, &time_intervals)?;
        Some(Configuration {
            global,
            templates,
            route,
            inhibit_rules,
            time_intervals,
            receivers,
            printed: print::redacted(tree),
        })
    }
}
