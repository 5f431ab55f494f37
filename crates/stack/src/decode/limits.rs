//! Resource limits, from the service's own keys and from `deploy.resources.limits`.

use super::{Context, number, size};
use crate::resolved::{Log, ServiceLimits};
use crate::tree::Node;
use mainstay_model::{Bytes, Problem};
use std::time::Duration;

pub(super) fn limits(context: &mut Context<'_, '_>, service: &Node) -> ServiceLimits {
    let deploy = service
        .get("deploy")
        .and_then(|deploy| deploy.get("resources"))
        .and_then(|resources| resources.get("limits"));
    let mut limits = ServiceLimits {
        memory: size(service, "mem_limit"),
        cpus: number(service, "cpus"),
        processes: processes(context, service),
        open_files: None,
    };
    if let Some(deploy) = deploy {
        limits.memory = size(deploy, "memory").or(limits.memory);
        limits.cpus = number(deploy, "cpus").or(limits.cpus);
        limits.processes = number(deploy, "pids").or(limits.processes);
    }
    // Zero is Compose's word for "no limit".
    limits.memory = limits.memory.filter(|memory| memory.0 > 0);
    limits.cpus = limits.cpus.filter(|cpus| *cpus > 0.0);
    // An engine sets them all, with both their values: see `resources`.
    if !context.target.runs_containers() {
        ulimits(context, service, &mut limits);
    }
    limits
}

fn processes(context: &mut Context<'_, '_>, service: &Node) -> Option<u64> {
    let node = service.get("pids_limit")?;
    match node.as_text().and_then(|text| text.parse::<i64>().ok()) {
        Some(count) if count > 0 => Some(count as u64),
        Some(0 | -1) => None,
        _ => {
            let message = "`pids_limit` must be a whole number, or -1 for no limit";
            context.problem(node, Problem::error("compose/value", message));
            None
        }
    }
}

fn ulimits(context: &mut Context<'_, '_>, service: &Node, limits: &mut ServiceLimits) {
    for entry in service
        .get("ulimits")
        .map(Node::entries)
        .unwrap_or_default()
    {
        let node = entry.value.get("soft").or_else(|| entry.value.get("hard"));
        let value = node.and_then(|node| ulimit(context, node));
        match entry.key.as_str() {
            "nofile" => limits.open_files = value,
            "nproc" => limits.processes = limits.processes.or(value),
            other => {
                let message = format!("ulimit `{other}` is not set by the process target");
                context.reading.problems.push(
                    Problem::warning("compose/not-used", message)
                        .at(entry.at.place())
                        .hint("it sets `nofile` and `nproc`"),
                );
            }
        }
    }
}

/// -1 is no limit.
fn ulimit(context: &mut Context<'_, '_>, node: &Node) -> Option<u64> {
    let text = node.as_text().unwrap_or_default();
    if text == "-1" {
        return None;
    }
    let value = text.parse().ok();
    if value.is_none() {
        let found = node.scalar().map(crate::check::found).unwrap_or_default();
        let message = format!("a ulimit must be a whole number, or -1 for none, found {found}");
        context.problem(node, Problem::error("compose/value", message));
    }
    value
}

/// How the log of an instance is kept: 10 MiB a file, five files, two weeks.
pub(super) fn log(context: &mut Context<'_, '_>, service: &Node) -> Log {
    let mut log = Log {
        max_size: Bytes(10 << 20),
        max_files: 5,
        max_age: Duration::from_hours(14 * 24),
    };
    let Some(logging) = service.get("logging") else {
        return log;
    };
    let is_process = !context.target.runs_containers();
    if let Some(driver) = logging.get("driver").filter(|_| is_process)
        && !matches!(driver.as_text(), Some("json-file" | "local"))
    {
        context.problem(
            driver,
            Problem::warning(
                "compose/not-used",
                "the process target has no logging drivers",
            )
            .hint("logs are kept and rotated by Mainstay: see `mainstay logs`"),
        );
    }
    for option in logging
        .get("options")
        .map(Node::entries)
        .unwrap_or_default()
    {
        let text = option.value.as_text().unwrap_or_default();
        let good = match option.key.as_str() {
            "max-size" => match text.parse::<Bytes>() {
                Ok(size) if size.0 > 0 => {
                    log.max_size = size;
                    true
                }
                _ => false,
            },
            "max-file" => match text.parse::<u32>() {
                Ok(count) if count > 0 => {
                    log.max_files = count;
                    true
                }
                _ => false,
            },
            _ if !is_process => true,
            other => {
                let message = format!("logging option `{other}` is not used");
                context.reading.problems.push(
                    Problem::warning("compose/not-used", message)
                        .at(option.at.place())
                        .hint("`max-size` and `max-file` are"),
                );
                true
            }
        };
        if !good {
            let message = format!("`{}` must be above zero, such as `10m` or `3`", option.key);
            context.problem(&option.value, Problem::error("compose/value", message));
        }
    }
    log
}
