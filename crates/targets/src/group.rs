//! Groups of targets, as `static_configs`, files and HTTP give them.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/http_sd/>: a list of
//! `{"targets": ["host:port"], "labels": {"name": "value"}}`, as JSON or YAML.

use std::sync::Arc;

use mainstay_model::Problems;
use mainstay_series::Labels;
use mainstay_yaml::source::Source;
use mainstay_yaml::tree::{Kind, Node};
use mainstay_yaml::{Limits, parse_within};

/// Targets that were found together and have labels in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Where it is from, for those who show it.
    pub source: String,
    /// Of every target, unless the target has its own.
    pub labels: Labels,
    /// Labels of each target, `__address__` among them.
    pub targets: Vec<Labels>,
}

impl Group {
    /// A group of addresses.
    pub fn of_addresses<A: Into<String>>(
        source: impl Into<String>,
        labels: Labels,
        addresses: impl IntoIterator<Item = A>,
    ) -> Self {
        let targets = addresses
            .into_iter()
            .map(|address| Labels::from_pairs([("__address__".to_owned(), address.into())]));
        Self {
            source: source.into(),
            labels,
            targets: targets.collect(),
        }
    }
}

/// A file that holds no groups.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GroupsError(pub String);

/// Far above what a discovery gives, and bounded.
const LIMITS: Limits = Limits {
    file_bytes: 32 << 20,
    nodes: 2_000_000,
    text_bytes: 32 << 20,
};

/// Reads groups from YAML or JSON; `source` names the file.
pub fn read_groups(text: &str, source: &str) -> Result<Vec<Group>, GroupsError> {
    let mut problems = Problems::default();
    let place = Arc::new(Source::named(source));
    let documents = parse_within(LIMITS, text, &place, &mut problems);
    if let Some(problem) = problems.iter().next() {
        return Err(GroupsError(problem.to_string()));
    }
    let Some(document) = documents.first() else {
        return Ok(Vec::new());
    };
    match &document.kind {
        Kind::Null => Ok(Vec::new()),
        Kind::List(items) => (0..)
            .zip(items)
            .map(|(n, item)| group(item, source, n))
            .collect(),
        _ => Err(wrong(document, "a list of groups")),
    }
}

fn group(node: &Node, source: &str, number: usize) -> Result<Group, GroupsError> {
    let Kind::Map(entries) = &node.kind else {
        return Err(wrong(node, "a mapping with `targets` and `labels`"));
    };
    let mut group = Group {
        source: format!("{source}:{number}"),
        ..Group::default()
    };
    for entry in entries {
        match entry.key.as_str() {
            "targets" => group.targets = addresses(&entry.value)?,
            "labels" => group.labels = labels(&entry.value)?,
            other => {
                let place = entry.at.place();
                let text =
                    format!("{place}: unknown key `{other}`: a group has `targets` and `labels`");
                return Err(GroupsError(text));
            }
        }
    }
    Ok(group)
}

fn addresses(node: &Node) -> Result<Vec<Labels>, GroupsError> {
    if node.is_null() {
        return Ok(Vec::new());
    }
    let Kind::List(items) = &node.kind else {
        return Err(wrong(node, "a list of `host:port`"));
    };
    let address = |item: &Node| match item.as_text() {
        Some(text) => Ok(Labels::from_pairs([("__address__", text)])),
        None => Err(wrong(item, "`host:port`")),
    };
    items.iter().map(address).collect()
}

fn labels(node: &Node) -> Result<Labels, GroupsError> {
    if node.is_null() {
        return Ok(Labels::empty());
    }
    let Kind::Map(entries) = &node.kind else {
        return Err(wrong(node, "a mapping of labels"));
    };
    let mut pairs = Vec::with_capacity(entries.len());
    for entry in entries {
        let value = match &entry.value.kind {
            Kind::Null => "",
            Kind::Scalar(scalar) => scalar.text.as_str(),
            _ => return Err(wrong(&entry.value, "a label's value")),
        };
        pairs.push((entry.key.as_str(), value));
    }
    Ok(Labels::from_pairs(pairs))
}

fn wrong(node: &Node, expected: &str) -> GroupsError {
    GroupsError(format!(
        "{}: expected {expected}, found {}",
        node.at.place(),
        node.what()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_from_yaml_and_json() {
        let yaml = "- targets: ['a:1', b:2]\n  labels: {env: dev, n: 1}\n- targets: [c]\n";
        let json =
            r#"[{"targets":["a:1","b:2"],"labels":{"env":"dev","n":"1"}},{"targets":["c"]}]"#;
        let groups = read_groups(yaml, "f").unwrap();
        assert_eq!(groups, read_groups(json, "f").unwrap());
        assert_eq!(groups[0].labels.to_string(), r#"{env="dev", n="1"}"#);
        assert_eq!(
            groups[1],
            Group::of_addresses("f:1", Labels::empty(), ["c"])
        );
        assert_eq!(read_groups("", "f").unwrap(), []);
    }

    #[test]
    fn what_is_no_group_is_refused_with_its_place() {
        for (text, error) in [
            ("a: 1", "f:1:1: expected a list of groups, found a mapping"),
            (
                "- targets: x",
                "f:1:12: expected a list of `host:port`, found a single value",
            ),
            (
                "- target: [x]",
                "f:1:3: unknown key `target`: a group has `targets` and `labels`",
            ),
            (
                "- labels: {a: [1]}",
                "f:1:15: expected a label's value, found a list",
            ),
        ] {
            assert_eq!(read_groups(text, "f").unwrap_err().to_string(), error);
        }
        assert!(read_groups("- [", "f").is_err());
    }
}
