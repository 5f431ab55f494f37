//! Limits and shares that only an engine sets; those of every target are in `limits`.

use super::{Context, flag, size, text};
use crate::resolved::{ContainerResources, SwapLimit, Ulimit};
use crate::tree::Node;
use mainstay_model::{Bytes, Problem, parse_duration};
use std::collections::BTreeMap;

pub(super) fn resources(context: &mut Context<'_, '_>, service: &Node) -> ContainerResources {
    let reserved = service
        .get("deploy")
        .and_then(|deploy| deploy.get("resources")?.get("reservations"));
    let memory = reserved.and_then(|reserved| size(reserved, "memory"));
    let cpu_quota_us = microseconds(context, service, "cpu_quota");
    if let Some(node) = service.get("cpu_quota")
        && service.get("cpus").is_some()
    {
        let message = "`cpus` and `cpu_quota` are two words for one limit";
        context.problem(
            node,
            Problem::error("compose/value", message).hint("take one out"),
        );
    }
    ContainerResources {
        memory_reservation: above_zero(memory.or_else(|| size(service, "mem_reservation"))),
        memory_swap: memory_swap(context, service),
        memory_swappiness: within(context, service, "mem_swappiness", 0, 100)
            .and_then(|value| u8::try_from(value).ok()),
        shm_size: above_zero(size(service, "shm_size")),
        cpu_shares: context
            .parsed(service, "cpu_shares", "a whole number")
            .filter(|shares| *shares > 0),
        cpuset: text(service, "cpuset").filter(|text| !text.is_empty()),
        cpu_period_us: microseconds(context, service, "cpu_period"),
        cpu_quota_us,
        oom_kill_disable: flag(service, "oom_kill_disable").unwrap_or(false),
        oom_score_adj: within(context, service, "oom_score_adj", -1000, 1000),
        ulimits: ulimits(context, service),
    }
}

/// Zero is Compose's word for "no limit".
fn above_zero(size: Option<Bytes>) -> Option<Bytes> {
    size.filter(|size| size.0 > 0)
}

fn within(
    context: &mut Context<'_, '_>,
    service: &Node,
    key: &str,
    from: i32,
    to: i32,
) -> Option<i32> {
    let expected = format!("a whole number from {from} to {to}");
    let value: i32 = context.parsed(service, key, &expected)?;
    if (from..=to).contains(&value) {
        return Some(value);
    }
    let node = service.get(key)?;
    let message = format!("`{key}` must be {expected}, found `{value}`");
    context.problem(node, Problem::error("compose/value", message));
    None
}

/// A size, or -1 for no limit.
fn memory_swap(context: &mut Context<'_, '_>, service: &Node) -> Option<SwapLimit> {
    let node = service.get("memswap_limit")?;
    if node.as_text() == Some("-1") {
        return Some(SwapLimit::Unlimited);
    }
    let size: Bytes = context.parsed(service, "memswap_limit", "a size, or -1 for no limit")?;
    (size.0 > 0).then_some(SwapLimit::At(size))
}

/// A number of microseconds, or a duration.
fn microseconds(context: &mut Context<'_, '_>, service: &Node, key: &str) -> Option<i64> {
    let node = service.get(key)?;
    let text = node.as_text().unwrap_or_default();
    let duration = || parse_duration(text).ok()?.as_micros().try_into().ok();
    let value: Option<i64> = text.parse().ok().or_else(duration);
    if value.is_none() {
        let found = node.scalar().map(crate::check::found).unwrap_or_default();
        let message = format!("`{key}` must be microseconds or a duration, found {found}");
        context.problem(node, Problem::error("compose/value", message));
    }
    value.filter(|value| *value > 0)
}

/// All of them; what is wrong with one was said by `limits`.
fn ulimits(context: &mut Context<'_, '_>, service: &Node) -> BTreeMap<String, Ulimit> {
    let entries = service
        .get("ulimits")
        .map(Node::entries)
        .unwrap_or_default();
    let mut all = BTreeMap::new();
    for entry in entries {
        let mut value = |key: &str| context.parsed::<i64>(&entry.value, key, "a whole number");
        let (soft, hard) = (value("soft"), value("hard"));
        let (Some(soft), Some(hard)) = (soft.or(hard), hard.or(soft)) else {
            continue;
        };
        if hard >= 0 && (soft > hard || soft < 0) {
            let message = format!("ulimit `{}`: `soft` must not be above `hard`", entry.key);
            context.problem(&entry.value, Problem::error("compose/value", message));
        }
        all.insert(entry.key.clone(), Ulimit { soft, hard });
    }
    all
}
