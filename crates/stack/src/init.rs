//! A first `mainstay.yaml` for a stack that has none.

use crate::resolved::{Probe, Service, Stack};
use std::fmt::Write as _;

/// A commented file that says what goes without saying for this stack, ready to be changed. It
/// resolves without a problem beside the same Compose files.
pub fn init(stack: &Stack) -> String {
    let mut text = String::from(
        "# How the stack stays up. Everything here is a default written out: change it, or take it out.\n\
         # All of it: docs/reference/mainstay.md\n",
    );
    routes(stack, &mut text);
    health(stack, &mut text);
    text.push_str(DEPLOY);
    stateful(stack, &mut text);
    environments(stack, &mut text);
    text
}

const DEPLOY: &str = "
# How a release replaces another: rolling, blue-green or stop-first.
deploy:
  strategy: rolling
  # Commands around a deploy; one that fails stops it.
  # hooks:
  #   before: [bin/migrate]
";

/// What is replaced stop-first anyway, said: then nothing is left to warn of.
fn stateful(stack: &Stack, text: &mut String) {
    let held: Vec<_> = stack
        .services
        .values()
        .filter_map(|service| Some((&service.name, service.stateful.as_ref()?)))
        .collect();
    if held.is_empty() {
        return;
    }
    text.push_str("  # The old instance ends before the new one starts.\n  services:\n");
    for (name, reason) in held {
        let name = quoted(name.as_str());
        let _ = writeln!(
            text,
            "    {name}:\n      # Because {reason}.\n      strategy: stop-first"
        );
    }
}

/// `dev`, and how production would look. A stack of images runs on the docker target there.
fn environments(stack: &Stack, text: &mut String) {
    text.push_str("\n# Named places for the stack; `dev` is always there.\nenvironments:\n");
    let images = stack
        .services
        .values()
        .any(|service| service.image.is_some());
    if images && stack.target.runs_containers() {
        text.push_str("  dev: {}\n  production:\n    target: docker\n");
    } else if images {
        text.push_str(
            "  # Processes here; the images of compose.yaml in production.\n  dev:\n    target: process\n  production:\n    target: docker\n",
        );
    } else {
        text.push_str("  dev: {}\n  # production:\n");
    }
    // The rest of it is an example.
    let comment = if images { "    # " } else { "  #   " };
    for line in [
        "compose: [compose.production.yaml] # laid over compose.yaml",
        "variables:",
        "  VERSION: 1.0.0",
    ] {
        let _ = writeln!(text, "{comment}{line}");
    }
}

fn routes(stack: &Stack, text: &mut String) {
    let published = |service: &&Service| service.ports.iter().any(|port| port.published.is_some());
    let services: Vec<&Service> = stack.services.values().filter(published).collect();
    text.push_str("\n# Which requests go to which service; the longest path wins.\n");
    if services.is_empty() {
        text.push_str(
            "# No service publishes a port.\n# routes:\n#   - path: /\n#     service: NAME\n",
        );
        return;
    }
    text.push_str("routes:\n");
    for (index, service) in services.iter().enumerate() {
        let path = match index {
            0 => "/".to_owned(),
            _ => format!("/{}", service.name),
        };
        let _ = writeln!(
            text,
            "  - path: {path}\n    service: {}",
            quoted(service.name.as_str())
        );
    }
}

fn health(stack: &Stack, text: &mut String) {
    text.push_str(
        "\n# When an instance counts as healthy. A path is better than an open port: `http: /health`.\n",
    );
    let checked: Vec<(&str, &Probe)> = stack
        .services
        .values()
        .filter_map(|service| Some((service.name.as_str(), &service.health.as_ref()?.probe)))
        .collect();
    let mut lines = String::new();
    for (name, probe) in checked {
        let name = quoted(name);
        let _ = match probe {
            Probe::Http { path } => {
                let path = serde_json::Value::from(path.as_str());
                writeln!(lines, "  {name}:\n    http: {path}")
            }
            Probe::Tcp => writeln!(lines, "  {name}:\n    tcp: true"),
            Probe::Command { .. } => writeln!(
                lines,
                "  # {name}:\n  #   http: /health # for the command of its Compose healthcheck"
            ),
        };
    }
    if lines.contains("\n    ") {
        let _ = write!(text, "health:\n{lines}");
        return;
    }
    text.push_str("# health:\n");
    if lines.is_empty() {
        text.push_str("#   NAME:\n#     http: /health\n");
    }
    for line in lines.lines() {
        let _ = writeln!(text, "#{}", line.strip_prefix("  #").unwrap_or(line));
    }
}

/// A name that YAML could take for a number or a boolean stands in quotes.
fn quoted(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_lowercase())
        && crate::tree::as_bool(name).is_none()
        && name != "null"
    {
        return name.to_owned();
    }
    format!("\"{name}\"")
}
