//! `debug`: one page about a service or an instance.

use crate::commands::Found;
use crate::look::{Look, Tone};
use crate::render::{environment, history, yaml};
use mainstay_model::Timestamp;
use mainstay_server::api::types::InstanceReport;
use std::fmt::Write as _;

/// The whole page. A part that has nothing says so, so that nobody wonders whether it was asked.
pub fn page(found: &Found, subject: &str, now: Timestamp, look: Look) -> String {
    let title = look.paint(Tone::Strong, format!("{subject} in {}", found.scope));
    let mut text = format!("{title}\n");
    let instances: Vec<&InstanceReport> = found.instances.iter().collect();
    part(&mut text, "instances", look, || {
        (!instances.is_empty()).then(|| environment::table_of(&instances, now, look))
    });
    part(&mut text, "problems", look, || {
        let problems = &found.problems;
        (!problems.is_empty()).then(|| environment::diagnoses(problems, look))
    });
    for (release, definition) in &found.definitions {
        part(&mut text, &format!("runs as {release} says"), look, || {
            (!definition.is_null()).then(|| yaml::text(definition))
        });
    }
    part(&mut text, "events", look, || {
        let lines: Vec<_> = found
            .events
            .iter()
            .map(|e| history::event(e, look))
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    });
    part(&mut text, "last lines", look, || {
        let lines: Vec<_> = found.logs.iter().map(log_line).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    });
    text
}

fn part(text: &mut String, title: &str, look: Look, body: impl FnOnce() -> Option<String>) {
    let title = look.paint(Tone::Accent, title);
    let body = body().unwrap_or_else(|| look.paint(Tone::Faint, "none"));
    let _ = write!(text, "\n{title}\n");
    for line in body.trim_end().lines() {
        let _ = writeln!(text, "  {line}");
    }
}

fn log_line(line: &mainstay_server::api::types::LogLine) -> String {
    let prefix = history::log_prefix(&line.instance.to_string(), 0, Some(line.time));
    format!("{prefix} {}", line.line)
}
