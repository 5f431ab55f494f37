//! A load test for Locust, and a file of settings for each level: `locust --config light.conf --host URL`.
//!
//! Source: Locust's documentation (configuration, events, writing a locustfile).

use super::levels::{ERRORS_PERCENT, Kind, LEVELS, Level, P95_MS};
use super::paths::{TARGET, asked};
use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let paths: Vec<String> = asked(project).iter().map(|path| quoted(path)).collect();
    let body = include_str!("locust/locustfile.py")
        .replace("@PATHS@", &paths.join(", "))
        .replace("@TARGET@", TARGET)
        .replace("@P95_MS@", &P95_MS.to_string())
        .replace("@ERRORS_PERCENT@", &ERRORS_PERCENT.to_string());
    out.text("locustfile.py", "#", &body);
    for level in &LEVELS {
        out.text(format!("{}.conf", level.name), "#", &settings(level));
    }
}

/// A string of Python: what JSON quotes, it reads alike.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn settings(level: &Level) -> String {
    let kind = match level.kind {
        Kind::Mixed => "mixed",
        Kind::Stress => "stress",
        Kind::Cache => "cache",
        Kind::Cognitive => "cognitive",
    };
    format!(
        "# {about}: LOAD_LEVEL={kind} locust --config {name}.conf --host URL\n\
         locustfile = locustfile.py\n\
         headless = true\n\
         users = {users}\n\
         spawn-rate = {rate}\n\
         run-time = {minutes}m\n\
         csv = {name}\n\
         only-summary = true\n",
        about = level.about,
        name = level.name,
        users = level.users,
        rate = level.rate,
        minutes = level.minutes,
    )
}
