//! Compose's `healthcheck`, with our defaults.

use super::{Context, command, duration, flag, number};
use crate::resolved::{HealthCheck, Probe};
use crate::tree::{Entry, Node};
use mainstay_model::Problem;
use std::time::Duration;

/// The defaults of every check, whatever it probes.
pub(crate) fn check(probe: Probe) -> HealthCheck {
    HealthCheck {
        probe,
        interval: Duration::from_secs(2),
        start_interval: Duration::from_millis(100),
        timeout: Duration::from_secs(2),
        start_period: Duration::ZERO,
        retries: 3,
        passes: 2,
    }
}

/// What the service's `healthcheck` says.
#[derive(Debug)]
pub(super) enum Declared {
    /// Nothing, or something wrong that was reported.
    Nothing,
    Disabled,
    /// Times and counts for the check that goes without saying.
    Times(Node),
    Check(HealthCheck),
}

/// Reads the service's `healthcheck`. `overridden`: mainstay.yaml has another one.
pub(super) fn health(context: &mut Context<'_, '_>, service: &Entry, overridden: bool) -> Declared {
    let Some(node) = service.value.get("healthcheck") else {
        return Declared::Nothing;
    };
    if is_disabled(&service.value) {
        return Declared::Disabled;
    }
    let Some(test) = node.get("test") else {
        return Declared::Times(node.clone());
    };
    match test_command(context, test) {
        Some(command) => {
            if !overridden && !context.target.runs_containers() {
                warn_of_port(context, &service.key, test, &command);
            }
            Declared::Check(timed(check(Probe::Command { command }), node))
        }
        None => Declared::Nothing,
    }
}

/// Whether the service wants no check at all, not even the one that its image brings.
pub(super) fn is_disabled(service: &Node) -> bool {
    let check = service.get("healthcheck");
    check.is_some_and(|check| {
        flag(check, "disable") == Some(true) || check.get("test").is_some_and(is_none)
    })
}

/// `["NONE"]` takes away what an image brings.
fn is_none(test: &Node) -> bool {
    test.items().first().and_then(Node::as_text) == Some("NONE")
}

/// Takes over the times and counts that the node gives.
pub(crate) fn timed(mut check: HealthCheck, node: &Node) -> HealthCheck {
    // Zero is Compose's word for "the default", but for the start period.
    let set = |slot: &mut Duration, key: &str| {
        if let Some(value) = duration(node, key).filter(|value| !value.is_zero()) {
            *slot = value;
        }
    };
    set(&mut check.interval, "interval");
    set(&mut check.start_interval, "start_interval");
    set(&mut check.timeout, "timeout");
    check.start_period = duration(node, "start_period").unwrap_or(check.start_period);
    let count = |key: &str| number(node, key).filter(|count| *count > 0);
    check.retries = count("retries").unwrap_or(check.retries);
    check.passes = count("passes").unwrap_or(check.passes);
    check
}

/// The command of a `test`; `None` where it is wrong, and said so.
fn test_command(context: &mut Context<'_, '_>, test: &Node) -> Option<Vec<String>> {
    let shell = |text: &str| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()];
    for node in test.items().iter().chain([test]) {
        context.refuse_secret(node, "a health check's arguments");
    }
    if let Some(text) = test.as_text() {
        return Some(shell(text));
    }
    let words = command(test, &mut context.reading.problems)?;
    match words.split_first() {
        Some((first, rest)) if first == "CMD" && !rest.is_empty() => Some(rest.to_vec()),
        Some((first, rest)) if first == "CMD-SHELL" && rest.len() == 1 => Some(shell(&rest[0])),
        _ => {
            context.problem(
                test,
                Problem::error(
                    "compose/healthcheck",
                    "a `test` list begins with `CMD`, `CMD-SHELL` or `NONE`",
                )
                .hint("such as `[\"CMD\", \"curl\", \"-f\", \"http://localhost/\"]`"),
            );
            None
        }
    }
}

/// A check of a fixed port would ask whoever listens there: each process has a port of its own.
fn warn_of_port(context: &mut Context<'_, '_>, name: &str, test: &Node, command: &[String]) {
    let whole = command.join(" ");
    let Some(path) = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]"]
        .iter()
        .find_map(|host| fixed_port(&whole, host))
    else {
        return;
    };
    context.problem(
        test,
        Problem::warning(
            "health/port",
            "the health check asks a fixed port, but each instance listens on a `PORT` of its own",
        )
        .hint(format!(
            "write `health: {{{name}: {{http: {path}}}}}` in mainstay.yaml, or ask `$$PORT`"
        )),
    );
}

/// The path that is asked after `host:PORT`.
fn fixed_port(command: &str, host: &str) -> Option<String> {
    let rest = command.split_once(host)?.1.strip_prefix(':')?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    if digits == 0 {
        return None;
    }
    let path = &rest[digits..];
    let end = path
        .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '|' | ';' | '&'))
        .unwrap_or(path.len());
    Some(match &path[..end] {
        path if path.starts_with('/') => path.to_owned(),
        _ => "/".to_owned(),
    })
}
