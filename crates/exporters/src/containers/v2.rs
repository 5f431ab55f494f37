//! Control groups, version 2: one folder for each group.

use std::path::Path;

use super::{Usage, field, lines, number};

pub(super) fn read(folder: &Path) -> Option<Usage> {
    if !folder.is_dir() {
        return None;
    }
    let file = |name: &str| folder.join(name);
    let cpu = lines(file("cpu.stat"));
    let memory = lines(file("memory.stat"));
    let micros = |name: &str| field(&cpu, name).map(|micros| micros / 1e6);
    let limits = lines(file("cpu.max"));
    let limits: Vec<f64> = limits
        .iter()
        .flat_map(|line| line.split(' '))
        .filter_map(|part| part.parse().ok())
        .collect();
    let (quota, period) = match limits[..] {
        [quota, period] => (Some(quota), Some(period)),
        [period] => (None, Some(period)),
        _ => (None, None),
    };
    Some(Usage {
        cpu_seconds: micros("usage_usec"),
        user_seconds: micros("user_usec"),
        system_seconds: micros("system_usec"),
        periods: field(&cpu, "nr_periods"),
        throttled_periods: field(&cpu, "nr_throttled"),
        throttled_seconds: micros("throttled_usec"),
        quota,
        period,
        memory: number(file("memory.current")),
        memory_max: number(file("memory.max")),
        memory_peak: number(file("memory.peak")),
        memory_failures: field(&lines(file("memory.events")), "max"),
        anonymous: field(&memory, "anon"),
        cache: field(&memory, "file"),
        mapped: field(&memory, "file_mapped"),
        inactive_file: field(&memory, "inactive_file"),
        swap: number(file("memory.swap.current")),
        processes: Some(lines(file("cgroup.procs")).len() as f64),
        threads: number(file("pids.current")),
        threads_max: number(file("pids.max")),
        blocks: lines(file("io.stat"))
            .iter()
            .filter_map(|line| blocks(line))
            .collect(),
        ..Usage::default()
    })
}

/// `8:0 rbytes=1 wbytes=2 rios=…`
fn blocks(line: &str) -> Option<(String, f64, f64)> {
    let (device, rest) = line.split_once(' ')?;
    let of = |name: &str| {
        let pairs = rest.split(' ').filter_map(|part| part.split_once('='));
        pairs
            .filter(|(other, _)| *other == name)
            .find_map(|(_, value)| value.parse().ok())
    };
    Some((device.to_owned(), of("rbytes")?, of("wbytes")?))
}
