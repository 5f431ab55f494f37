//! `status`, `ps` and `doctor`: how an environment is, and what to do.

use crate::look::{Look, Tone};
use crate::render::quantity::{ago, elapsed};
use crate::render::rollout;
use crate::render::table::{Entry, table};
use mainstay_model::{Bytes, Timestamp};
use mainstay_server::api::types::{
    ApprovalRequest, Diagnosis, EnvironmentState, EnvironmentStatus, InstanceReport, Release,
    ServiceStatus, Subject,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The whole of `status`. `command` begins the commands it proposes: `mainstay -C x`.
pub fn status(status: &EnvironmentStatus, now: Timestamp, command: &str, look: Look) -> String {
    let mut text = headline(status, now, look);
    for route in &status.urls {
        let _ = writeln!(
            text,
            "  {} → {}",
            look.paint(Tone::Accent, &route.url),
            route.service
        );
    }
    if !status.services.is_empty() {
        let _ = write!(text, "\n{}\n", services(&status.services, look));
    }
    if let Some(rollout) = status
        .rollout
        .as_ref()
        .filter(|r| r.operation.outcome.is_none())
    {
        let _ = write!(text, "\n{}", rollout::status(rollout, look));
    }
    for request in &status.requests {
        let _ = write!(text, "\n{}", waiting(request, now, command, look));
    }
    if !status.problems.is_empty() {
        let _ = write!(text, "\n{}", short_diagnoses(&status.problems, look));
    }
    if let Some(next) = next_step(status, command) {
        let _ = write!(text, "\n{} {next}\n", look.paint(Tone::Accent, "next:"));
    }
    text
}

/// What waits for somebody, or for whoever makes it now.
fn waiting(request: &ApprovalRequest, now: Timestamp, command: &str, look: Look) -> String {
    let what = match &request.subject {
        Subject::Infra(change) => {
            let tag = request.tag.iter().map(|tag| format!(" at {tag}"));
            format!("{change}{}", tag.collect::<String>())
        }
        Subject::Deploy => (request.tag.clone())
            .or_else(|| request.description.clone())
            .unwrap_or_else(|| "a deploy".to_owned()),
    };
    let from = request.promoted_from.as_ref();
    let from = from.map_or_else(String::new, |from| format!(" from {}", from.scope));
    let (label, next) = match &request.subject {
        Subject::Infra(change) if request.missing() == 0 => {
            let environment = &request.scope.environment;
            (
                "agreed to:",
                format!("infra {} {environment}", change.action),
            )
        }
        _ => ("waits for approval:", format!("approve {}", request.id)),
    };
    let label = look.paint(Tone::Warning, label);
    let asked = ago(request.created_at, now);
    let given = request.approvals.len();
    format!(
        "{label} {what}{from}, asked for {asked} by {} ({given} of {} agreed)\n  {} {command} {next}\n",
        request.by,
        request.needed,
        look.paint(Tone::Accent, "hint:")
    )
}

fn headline(status: &EnvironmentStatus, now: Timestamp, look: Look) -> String {
    let scope = look.paint(Tone::Strong, &status.scope);
    let mut line = format!("{scope}  {}", state(status.state, look));
    if let Some(release) = &status.release {
        let _ = write!(line, "  {}", release_title(release));
        let made = format!("made {} by {}", ago(release.created_at, now), release.by);
        let _ = write!(line, "  {}", look.paint(Tone::Faint, made));
    }
    line.push('\n');
    line
}

/// `release r12 (v1.4.0)`
pub fn release_title(release: &Release) -> String {
    match &release.tag {
        Some(tag) => format!("release {} ({tag})", release.number),
        None => format!("release {}", release.number),
    }
}

pub fn state(state: EnvironmentState, look: Look) -> String {
    let (tone, word) = match state {
        EnvironmentState::Up => (Tone::Good, "up"),
        EnvironmentState::Degraded => (Tone::Bad, "degraded"),
        EnvironmentState::RollingOut => (Tone::Warning, "rolling out"),
        EnvironmentState::Down => (Tone::Faint, "down"),
    };
    look.paint(tone, word)
}

/// One line per service.
pub fn services(services: &[ServiceStatus], look: Look) -> String {
    let rows = services.iter().map(service_row).collect();
    table(
        look,
        &["SERVICE", "HEALTHY", "RELEASE", "RESTARTS", "MEMORY"],
        rows,
    )
}

fn service_row(service: &ServiceStatus) -> Vec<Entry> {
    let tone = match (service.healthy, service.wanted) {
        (healthy, wanted) if healthy >= wanted => Tone::Good,
        (0, _) => Tone::Bad,
        _ => Tone::Warning,
    };
    let releases: BTreeSet<_> = service.instances.iter().map(|i| i.id.release).collect();
    let releases: Vec<String> = releases.iter().map(ToString::to_string).collect();
    let restarts: u32 = service.instances.iter().map(|i| i.restarts).sum();
    let memory: Option<u64> = service.instances.iter().map(|i| i.rss_bytes).sum();
    let restarts_entry = Entry::new(restarts).right();
    vec![
        Entry::new(&service.name),
        Entry::new(format!("{}/{}", service.healthy, service.wanted)).tone(tone),
        Entry::optional((!releases.is_empty()).then(|| releases.join(" → "))),
        if restarts > 0 {
            restarts_entry.tone(Tone::Warning)
        } else {
            restarts_entry
        },
        Entry::optional(memory.filter(|_| !service.instances.is_empty()).map(Bytes)).right(),
    ]
}

/// The whole of `ps`: one line per instance.
pub fn instances(status: &EnvironmentStatus, now: Timestamp, look: Look) -> String {
    let all = status
        .services
        .iter()
        .flat_map(|service| &service.instances);
    let all: Vec<_> = all.collect();
    if all.is_empty() {
        return format!("no instance of {} runs", status.scope);
    }
    table_of(&all, now, look)
}

/// One line per instance.
pub fn table_of(instances: &[&InstanceReport], now: Timestamp, look: Look) -> String {
    let rows = instances.iter().map(|instance| instance_row(instance, now));
    table(
        look,
        &[
            "INSTANCE", "PHASE", "SINCE", "ADDRESS", "PID", "RESTARTS", "WEIGHT", "BUSY", "MEMORY",
            "DETAIL",
        ],
        rows.collect(),
    )
}

fn instance_row(instance: &InstanceReport, now: Timestamp) -> Vec<Entry> {
    let tone = match instance.phase.as_str() {
        "healthy" => Tone::Good,
        "starting" | "restarting" | "stopping" => Tone::Warning,
        "exited" => Tone::Faint,
        _ => Tone::Bad,
    };
    let detail = instance.detail.iter().chain(&instance.warnings);
    let detail = detail.cloned().collect::<Vec<_>>().join("; ");
    vec![
        Entry::new(&instance.id),
        Entry::new(&instance.phase).tone(tone),
        Entry::new(elapsed(now.since(instance.since))),
        Entry::optional(instance.address),
        Entry::optional(instance.pid).right(),
        Entry::new(instance.restarts).right(),
        Entry::optional(instance.weight).right(),
        Entry::new(instance.in_flight).right(),
        Entry::optional(instance.rss_bytes.map(Bytes)).right(),
        Entry::new(detail),
    ]
}

/// Last lines that stand for the evidence where something else is the matter; `doctor` has all.
const FEW_LINES: usize = 3;

/// What is wrong and what to do, with little evidence.
pub fn short_diagnoses(problems: &[Diagnosis], look: Look) -> String {
    let short = |problem: &Diagnosis| {
        let mut problem = problem.clone();
        let surplus = problem.evidence.len().saturating_sub(FEW_LINES);
        problem.evidence.drain(..surplus);
        problem
    };
    diagnoses(&problems.iter().map(short).collect::<Vec<_>>(), look)
}

/// What is wrong, how it is known, what to do.
pub fn diagnoses(problems: &[Diagnosis], look: Look) -> String {
    let blocks: Vec<String> = problems
        .iter()
        .map(|problem| diagnosis(problem, look))
        .collect();
    blocks.join("\n")
}

fn diagnosis(problem: &Diagnosis, look: Look) -> String {
    let label = look.paint(Tone::Bad, format!("{}:", problem.code));
    let subject = problem
        .subject
        .as_ref()
        // Most messages begin with it.
        .filter(|subject| !problem.message.starts_with(subject.as_str()))
        .map(|s| format!("{s}: "))
        .unwrap_or_default();
    let mut text = format!("{label} {subject}{}\n", problem.message);
    for line in &problem.evidence {
        let bar = look.paint(Tone::Faint, "|");
        let _ = writeln!(text, "  {bar} {line}");
    }
    let _ = writeln!(
        text,
        "  {} {}",
        look.paint(Tone::Accent, "hint:"),
        problem.hint
    );
    text
}

/// The one command worth typing now, where something is to be done.
fn next_step(status: &EnvironmentStatus, command: &str) -> Option<String> {
    let sick = status
        .services
        .iter()
        .find(|service| service.healthy < service.wanted);
    match (status.state, sick) {
        (EnvironmentState::Down, _) => Some(format!("start it: {command} up")),
        (EnvironmentState::RollingOut, _) => Some(format!("follow it: {command} events -f")),
        (EnvironmentState::Degraded, Some(service)) => Some(format!(
            "see what it prints: {command} logs {} -n 50; look for the cause: {command} doctor",
            service.name
        )),
        (EnvironmentState::Degraded, None) => Some(format!("look for the cause: {command} doctor")),
        (EnvironmentState::Up, _) => None,
    }
}
