//! What `up` ends with: where to look, and what to try next.

use crate::look::{Look, Tone};
use crate::render::environment::{release_title, services};
use mainstay_server::api::types::EnvironmentStatus;
use std::fmt::Write as _;

/// `command` begins the commands it proposes: `mainstay -C examples/x`.
pub fn text(status: &EnvironmentStatus, command: &str, detached: bool, look: Look) -> String {
    let mut text = String::new();
    let release = status
        .release
        .as_ref()
        .map(release_title)
        .unwrap_or_default();
    let scope = look.paint(Tone::Strong, &status.scope);
    let _ = writeln!(
        text,
        "{scope} is {} with {release}\n",
        look.paint(Tone::Good, "up")
    );
    let _ = writeln!(text, "{}\n", services(&status.services, look));
    if !status.urls.is_empty() {
        let _ = writeln!(text, "{}", look.paint(Tone::Faint, "where to look"));
        for route in &status.urls {
            let _ = writeln!(
                text,
                "  {}  → {}",
                look.paint(Tone::Accent, &route.url),
                route.service
            );
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", look.paint(Tone::Faint, "what to try next"));
    for (purpose, line) in steps(status, command, detached) {
        let _ = writeln!(text, "  {purpose:<34} {}", look.paint(Tone::Accent, line));
    }
    text
}

fn steps(status: &EnvironmentStatus, command: &str, detached: bool) -> Vec<(&'static str, String)> {
    let ours = |rest: &str| format!("{command} {rest}");
    let service = status.services.first();
    let service = service.map_or("app", |service| service.name.as_str());
    let set = format!("deploy --set {service}.environment.GREETING=hello");
    let mut steps = Vec::new();
    for route in status.urls.iter().take(3) {
        steps.push((
            "a request through the proxy",
            format!("curl -i {}", route.url),
        ));
    }
    steps.push(("how it is", ours("status")));
    steps.push(("what it prints", ours("logs -f")));
    steps.push(("a new release, no request lost", ours(&set)));
    steps.push(("back to the release before", ours("rollback")));
    if detached {
        steps.push(("stop it", ours("down")));
    } else {
        steps.push(("stop what this command started", "Ctrl-C".to_owned()));
    }
    steps
}
