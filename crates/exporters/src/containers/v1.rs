//! Control groups, version 1: a hierarchy for each controller.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Usage, field, lines, number};

/// The kernel counts in hundredths of a second (`USER_HZ`).
const TICKS: f64 = 100.0;

pub(super) fn read(top: &Path, path: &str) -> Option<Usage> {
    let file = |controller: &str, name: &str| top.join(controller).join(path).join(name);
    let is_there = |controller: &str| top.join(controller).join(path).is_dir();
    if !is_there("memory") && !is_there("cpuacct") {
        return None;
    }
    let memory = lines(file("memory", "memory.stat"));
    let cpu = lines(file("cpu", "cpu.stat"));
    let times = lines(file("cpuacct", "cpuacct.stat"));
    let ticks = |name: &str| field(&times, name).map(|ticks| ticks / TICKS);
    Some(Usage {
        cpu_seconds: number(file("cpuacct", "cpuacct.usage")).map(|nanos| nanos / 1e9),
        user_seconds: ticks("user"),
        system_seconds: ticks("system"),
        periods: field(&cpu, "nr_periods"),
        throttled_periods: field(&cpu, "nr_throttled"),
        throttled_seconds: field(&cpu, "throttled_time").map(|nanos| nanos / 1e9),
        quota: number(file("cpu", "cpu.cfs_quota_us")).filter(|quota| *quota > 0.0),
        period: number(file("cpu", "cpu.cfs_period_us")),
        memory: number(file("memory", "memory.usage_in_bytes")),
        memory_max: number(file("memory", "memory.limit_in_bytes")),
        memory_peak: number(file("memory", "memory.max_usage_in_bytes")),
        memory_failures: number(file("memory", "memory.failcnt")),
        anonymous: field(&memory, "total_rss"),
        cache: field(&memory, "total_cache"),
        mapped: field(&memory, "total_mapped_file"),
        inactive_file: field(&memory, "total_inactive_file"),
        swap: field(&memory, "total_swap"),
        processes: Some(lines(file("memory", "cgroup.procs")).len() as f64),
        threads: number(file("pids", "pids.current")),
        threads_max: number(file("pids", "pids.max")),
        blocks: blocks(&lines(file("blkio", "blkio.throttle.io_service_bytes"))),
        ..Usage::default()
    })
}

/// `8:0 Read 1`, `8:0 Write 2`, …
fn blocks(lines: &[String]) -> Vec<(String, f64, f64)> {
    let mut devices: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [device, what, value] = words[..] else {
            continue;
        };
        let value = value.parse().unwrap_or(0.0);
        match what {
            "Read" => devices.entry(device).or_default().0 = value,
            "Write" => devices.entry(device).or_default().1 = value,
            _ => {}
        }
    }
    devices
        .into_iter()
        .map(|(device, (read, written))| (device.to_owned(), read, written))
        .collect()
}
