//! `env list`, `env show`, `env diff`.

use crate::commands::Difference;
use crate::look::{Look, Tone};
use crate::render::environment::state;
use crate::render::quantity::{date, elapsed};
use crate::render::table::{Entry, table};
use mainstay_model::{ReleaseNumber, Timestamp};
use mainstay_server::api::types::{EnvironmentState, EnvironmentSummary};
use mainstay_stack::policy::{DeployTime, Policy, Span};
use mainstay_stack::{Environment, TargetKind};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// One environment in the list.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    name: String,
    purpose: &'static str,
    /// `None`: what its services are decides.
    target: Option<TargetKind>,
    monitoring: &'static str,
    /// `None`: no server answers, or it does not know it.
    state: Option<EnvironmentState>,
    release: Option<ReleaseNumber>,
    policy: Policy,
}

impl Line {
    pub fn new(environment: &Environment, summary: Option<&EnvironmentSummary>) -> Self {
        Self {
            name: environment.name.to_string(),
            purpose: environment.purpose.word(),
            target: environment.target,
            monitoring: environment.monitoring.word(),
            state: summary.map(|summary| summary.state),
            release: summary.and_then(|summary| summary.release),
            policy: environment.policy.clone(),
        }
    }
}

/// All that is known of one.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    #[serde(flatten)]
    line: Line,
    server: Option<String>,
    overlays: Vec<PathBuf>,
    env_files: Vec<PathBuf>,
    /// The window that is open, or the next one.
    window: Option<Span>,
    window_open: bool,
    #[serde(skip)]
    now: Timestamp,
}

impl Shown {
    pub fn new(
        environment: &Environment,
        summary: Option<&EnvironmentSummary>,
        now: Timestamp,
    ) -> Self {
        Self {
            line: Line::new(environment, summary),
            server: environment.server.clone(),
            overlays: environment.overlays.clone(),
            env_files: environment.env_files.clone(),
            window: environment.policy.next_window(now),
            window_open: environment.policy.is_open(now),
            now,
        }
    }
}

fn target(target: Option<TargetKind>) -> &'static str {
    target.map_or("by its services", TargetKind::word)
}

/// `approval, tags v*, automatic main`
fn policy(policy: &Policy) -> String {
    let mut words = Vec::new();
    match &policy.approval {
        Some(approval) if approval.count > 1 => words.push(format!("{} approvals", approval.count)),
        Some(_) => words.push("approval".to_owned()),
        None => {}
    }
    words.extend(
        policy
            .tags_only
            .iter()
            .map(|pattern| format!("tags {pattern}")),
    );
    if policy.deploys == DeployTime::InWindows {
        words.push("deploys in windows".to_owned());
    }
    words.extend(automatic(policy).map(|branches| format!("automatic {branches}")));
    words.join(", ")
}

fn automatic(policy: &Policy) -> Option<String> {
    let branches = policy.auto_deploy.as_ref()?.branches.iter();
    Some(
        branches
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

pub fn list(lines: &[Line], look: Look) -> String {
    let rows = lines.iter().map(|line| {
        vec![
            Entry::new(&line.name),
            Entry::new(line.purpose),
            Entry::new(target(line.target)),
            Entry::new(line.monitoring),
            Entry::optional(line.state.map(|one| state(one, look))),
            Entry::optional(line.release),
            Entry::new(policy(&line.policy)),
        ]
    });
    table(
        look,
        &[
            "ENVIRONMENT",
            "PURPOSE",
            "TARGET",
            "MONITORING",
            "STATE",
            "RELEASE",
            "POLICY",
        ],
        rows.collect(),
    )
}

pub fn show(shown: &Shown, look: Look) -> String {
    let line = &shown.line;
    let mut text = format!(
        "{}  {}\n",
        look.paint(Tone::Strong, &line.name),
        line.purpose
    );
    let mut say = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<12} {value}");
    };
    match line.state {
        Some(word) => {
            let release = line.release.map(|release| format!("  release {release}"));
            say(
                "state",
                format!("{}{}", state(word, look), release.unwrap_or_default()),
            );
        }
        None => say(
            "state",
            "not known: no server answers, or it was never deployed".to_owned(),
        ),
    }
    if let Some(server) = &shown.server {
        say("server", server.clone());
    }
    say("target", target(line.target).to_owned());
    say("monitoring", line.monitoring.to_owned());
    let names = |paths: &[PathBuf]| {
        let names = paths.iter().map(|path| path.display().to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    if !shown.overlays.is_empty() {
        say("overlays", names(&shown.overlays));
    }
    if !shown.env_files.is_empty() {
        say("variables", names(&shown.env_files));
    }
    say("approval", approval(&line.policy));
    let tags = line.policy.tags_only.as_ref();
    say(
        "deploys from",
        tags.map_or("anywhere".to_owned(), |tags| format!("tags {tags}")),
    );
    say(
        "deploys",
        match line.policy.deploys {
            DeployTime::Anytime => "at any time".to_owned(),
            DeployTime::InWindows => "in maintenance windows".to_owned(),
        },
    );
    if let Some(branches) = automatic(&line.policy) {
        say("automatic", format!("pushes to {branches}"));
    }
    say("maintenance", maintenance(shown));
    text
}

fn approval(policy: &Policy) -> String {
    let Some(approval) = &policy.approval else {
        return "none".to_owned();
    };
    let role = format!("{:?}", approval.role).to_lowercase();
    let own = if approval.self_approval {
        ", also whoever asks"
    } else {
        ""
    };
    format!(
        "{} of role {role}{own}, within {}",
        approval.count,
        elapsed(approval.expires)
    )
}

fn maintenance(shown: &Shown) -> String {
    let windows: Vec<String> = shown
        .line
        .policy
        .windows
        .iter()
        .map(ToString::to_string)
        .collect();
    let Some(next) = &shown.window else {
        return "at any time".to_owned();
    };
    let when = if shown.window_open {
        format!("open for {}", elapsed(next.to.since(shown.now)))
    } else {
        format!("next {}", date(next.from))
    };
    format!("{}; {when}", windows.join(", "))
}

pub fn diff(first: &str, second: &str, found: &[Difference], look: Look) -> String {
    if found.is_empty() {
        return format!("{first} and {second} are the same");
    }
    let rows = found.iter().map(|one| {
        let cell = |value: &Option<serde_json::Value>| match value {
            _ if one.secret => Entry::new("(secret)").tone(Tone::Faint),
            None => Entry::new("-").tone(Tone::Faint),
            Some(serde_json::Value::String(text)) => Entry::new(text),
            Some(value) => Entry::new(value),
        };
        vec![Entry::new(&one.field), cell(&one.first), cell(&one.second)]
    });
    table(look, &["FIELD", first, second], rows.collect())
}
