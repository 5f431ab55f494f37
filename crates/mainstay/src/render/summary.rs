//! What `up` ends with: where to look, and what to try next.

use crate::look::{Look, Tone};
use crate::render::environment::{release_title, services};
use mainstay_server::api::types::EnvironmentStatus;
use std::fmt::Write as _;

/// `options` repeats the place in each command: ` -C examples/x`.
pub fn text(status: &EnvironmentStatus, options: &str, detached: bool, look: &Look) -> String {
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
    for (command, purpose) in steps(status, options, detached) {
        let _ = writeln!(
            text,
            "  {command:<width$}  {}",
            look.paint(Tone::Faint, purpose),
            width = 58
        );
    }
    text
}

fn steps(status: &EnvironmentStatus, options: &str, detached: bool) -> Vec<(String, &'static str)> {
    let mut steps = Vec::new();
    if let Some(route) = status.urls.first() {
        steps.push((
            format!("curl -i {}", route.url),
            "a request through the proxy",
        ));
    }
    let service = status
        .services
        .first()
        .map_or("app", |service| service.name.as_str());
    let ours = |rest: &str| format!("mainstay{options} {rest}");
    steps.push((ours("status"), "how it is"));
    steps.push((ours("logs -f"), "what it prints"));
    let set = format!("deploy --set {service}.environment.HELLO=world");
    steps.push((ours(&set), "a new release, without a failed request"));
    steps.push((ours("rollback"), "back to the release before"));
    if detached {
        steps.push((ours("down"), "stop it"));
    } else {
        steps.push(("Ctrl-C".to_owned(), "stop what this command started"));
    }
    steps
}
