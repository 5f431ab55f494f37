//! Compose's `healthcheck`, with our defaults.

use super::{Context, command, duration, flag, number};
use crate::resolved::{HealthCheck, Probe};
use crate::tree::Node;
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

/// What the service's `healthcheck` says. `Some(None)` where it is disabled.
pub(super) fn health(
    context: &mut Context<'_, '_>,
    service: &Node,
    overridden: bool,
) -> Option<Option<HealthCheck>> {
    let node = service.get("healthcheck")?;
    if flag(node, "disable") == Some(true) {
        return Some(None);
    }
    let probe = match node.get("test") {
        Some(test) => test_probe(context, test, overridden)?,
        None => return None,
    };
    Some(probe.map(|probe| timed(check(probe), node)))
}

/// Takes over the times and counts that the node gives.
pub(crate) fn timed(mut check: HealthCheck, node: &Node) -> HealthCheck {
    let set = |slot: &mut Duration, key: &str| {
        if let Some(value) = duration(node, key) {
            *slot = value;
        }
    };
    set(&mut check.interval, "interval");
    set(&mut check.start_interval, "start_interval");
    set(&mut check.timeout, "timeout");
    set(&mut check.start_period, "start_period");
    check.retries = number(node, "retries").unwrap_or(check.retries).max(1);
    check.passes = number(node, "passes").unwrap_or(check.passes).max(1);
    check
}

/// `Some(None)`: no check. `None`: wrong, and said so.
fn test_probe(
    context: &mut Context<'_, '_>,
    test: &Node,
    overridden: bool,
) -> Option<Option<Probe>> {
    let shell = |text: &str| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()];
    let command = if let Some(text) = test.as_text() {
        shell(text)
    } else {
        let words = command(test, &mut context.reading.problems)?;
        match words.split_first() {
            Some((first, _)) if first == "NONE" => return Some(None),
            Some((first, rest)) if first == "CMD" && !rest.is_empty() => rest.to_vec(),
            Some((first, rest)) if first == "CMD-SHELL" && rest.len() == 1 => shell(&rest[0]),
            _ => {
                context.problem(
                    test,
                    Problem::error(
                        "compose/healthcheck",
                        "a `test` list begins with `CMD`, `CMD-SHELL` or `NONE`",
                    )
                    .hint("such as `[\"CMD\", \"curl\", \"-f\", \"http://localhost/\"]`"),
                );
                return None;
            }
        }
    };
    for node in test.items().iter().chain([test]) {
        context.refuse_secret(node, "a health check's arguments");
    }
    if !overridden {
        warn_of_port(context, test, &command);
    }
    Some(Some(Probe::Command { command }))
}

/// A check of a fixed port would ask whoever listens there: each process has a port of its own.
fn warn_of_port(context: &mut Context<'_, '_>, test: &Node, command: &[String]) {
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
            "write `health: {{NAME: {{http: {path}}}}}` in mainstay.yaml, or ask `$$PORT`"
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
