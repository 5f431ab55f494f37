//! From groups to targets: relabelled, checked, each once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use mainstay_series::{Builder, Labels};

use crate::config::Job;
use crate::group::Group;
use crate::relabel::relabel;
use mainstay_series::{format_duration, parse_duration};

/// Something that is asked for its metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As they were found, before relabelling.
    pub discovered: Labels,
    /// What its series are labelled with.
    pub labels: Labels,
    /// `http` or `https`.
    pub scheme: String,
    /// `host:port`, or a host.
    pub address: String,
    /// Path and query.
    pub path: String,
    /// All of the above.
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
}

/// One that relabelling dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    pub discovered: Labels,
}

/// One that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target {labels}: {reason}")]
pub struct TargetError {
    pub labels: Labels,
    pub reason: String,
}

/// What the groups of a job come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    pub active: Vec<Target>,
    pub dropped: Vec<Dropped>,
    pub errors: Vec<TargetError>,
}

/// The targets of a job.
pub fn targets(job: &Job, groups: &[Group]) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for group in groups {
        for own in &group.targets {
            let discovered = discovered(job, group, own);
            let mut labels = discovered.to_builder();
            if !relabel(&job.relabel, &mut labels) {
                found.dropped.push(Dropped { discovered });
                continue;
            }
            match target(job, &discovered, labels) {
                Ok(target) => {
                    if seen.insert((target.labels.clone(), target.url.clone())) {
                        found.active.push(target);
                    }
                }
                Err(reason) => found.errors.push(TargetError {
                    labels: discovered,
                    reason,
                }),
            }
        }
    }
    found
}

/// The labels before relabelling: the target's own, the group's, what the job says.
fn discovered(job: &Job, group: &Group, own: &Labels) -> Labels {
    let mut labels = own.to_builder();
    let mut fill = |name: &str, value: &str| {
        if labels.get(name).is_none() {
            labels.set(name, value);
        }
    };
    for (name, value) in &group.labels {
        fill(name, value);
    }
    fill("job", &job.name);
    fill("__scrape_interval__", &format_duration(job.interval));
    fill("__scrape_timeout__", &format_duration(job.timeout));
    fill("__metrics_path__", &job.metrics_path);
    fill("__scheme__", &job.scheme);
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            labels.set(format!("__param_{name}"), first);
        }
    }
    labels.build()
}

fn target(job: &Job, discovered: &Labels, mut labels: Builder) -> Result<Target, String> {
    let of = |labels: &Builder, name: &str| labels.get(name).unwrap_or_default().to_owned();
    let address = of(&labels, "__address__");
    if address.is_empty() {
        return Err("no address".to_owned());
    }
    if address.contains(['/', '@', '?', '#', ' ']) {
        return Err(format!("`{address}` is not a valid hostname"));
    }
    let scheme = of(&labels, "__scheme__");
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(format!(
            "`{scheme}` is not a scheme: write `http` or `https`"
        ));
    }
    let duration = |name: &str| {
        let text = of(&labels, name);
        let duration = parse_duration(&text).filter(|duration| !duration.is_zero());
        duration.ok_or_else(|| format!("`{text}` in `{name}` is not a duration"))
    };
    let (interval, timeout) = (
        duration("__scrape_interval__")?,
        duration("__scrape_timeout__")?,
    );
    if timeout > interval {
        return Err("the scrape's timeout is longer than its interval".to_owned());
    }
    if labels.get("instance").is_none() {
        labels.set("instance", address.as_str());
    }
    let path = path(job, &labels);
    Ok(Target {
        discovered: discovered.clone(),
        labels: labels.build().retain(|name| !name.starts_with("__")),
        url: format!("{scheme}://{address}{path}"),
        scheme,
        address,
        path,
        interval,
        timeout,
    })
}

/// The path, and the job's parameters with what relabelling made of them.
fn path(job: &Job, labels: &Builder) -> String {
    let mut params = job.params.clone();
    for (name, value) in labels.iter() {
        if let Some(name) = name.strip_prefix("__param_") {
            let values = params.entry(name.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    let given = labels.get("__metrics_path__").unwrap_or_default();
    let (given, query) = given.split_once('?').unwrap_or((given, ""));
    let mut path = String::new();
    if !given.starts_with('/') {
        path.push('/');
    }
    escape(given, "/:@!$&'()*+,;=", &mut path);
    let mut separator = '?';
    if !query.is_empty() {
        path.push(separator);
        escape(query, "/:@!$&'()*+,;=?%", &mut path);
        separator = '&';
    }
    for (name, values) in &params {
        for value in values {
            path.push(separator);
            escape(name, "", &mut path);
            path.push('=');
            escape(value, "", &mut path);
            separator = '&';
        }
    }
    path
}

/// Percent-encodes all but letters, digits, `-._~` and `also`.
fn escape(text: &str, also: &str, into: &mut String) {
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain || also.as_bytes().contains(&byte) || (byte == b'%' && also.contains('/')) {
            into.push(byte as char);
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}
