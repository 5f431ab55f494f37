//! `/proc/meminfo`, `/proc/vmstat`, `/proc/pressure`.

use mainstay_exposition::MetricType;

use super::{Collected, Host};
use crate::Page;

pub(super) fn meminfo(host: &Host, page: &mut Page) -> Collected {
    for line in host.read("proc/meminfo")?.lines() {
        let Some((name, rest)) = line.split_once(':') else {
            continue;
        };
        let mut words = rest.split_whitespace();
        let value: f64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0.0);
        let field = name.replace('(', "_").replace(')', "");
        let help = |field: &str| format!("Memory information field {field}.");
        if words.next() == Some("kB") {
            let field = format!("{field}_bytes");
            page.gauge(
                &format!("node_memory_{field}"),
                &help(&field),
                &[],
                value * 1024.0,
            );
        } else {
            page.gauge(&format!("node_memory_{field}"), &help(&field), &[], value);
        }
    }
    Ok(())
}

pub(super) fn vmstat(host: &Host, page: &mut Page) -> Collected {
    for line in host.read("proc/vmstat")?.lines() {
        let Some((name, value)) = line.split_once(' ') else {
            continue;
        };
        let fault = name.starts_with("pg") && name.contains("fault");
        let starts = ["oom_kill", "pgpg", "pswp"]
            .iter()
            .any(|start| name.starts_with(start));
        if let (true, Ok(value)) = (starts || fault, value.parse()) {
            let help = format!("/proc/vmstat information field {name}.");
            page.add(
                &format!("node_vmstat_{name}"),
                MetricType::Unknown,
                &help,
                &[],
                value,
            );
        }
    }
    Ok(())
}

/// Pressure stall information.
const PRESSURE: [(&str, &str, &str, &str); 5] = [
    (
        "cpu",
        "some",
        "node_pressure_cpu_waiting_seconds_total",
        "Total time in seconds that processes have waited for CPU time",
    ),
    (
        "io",
        "some",
        "node_pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion",
    ),
    (
        "io",
        "full",
        "node_pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion",
    ),
    (
        "memory",
        "some",
        "node_pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory",
    ),
    (
        "memory",
        "full",
        "node_pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion",
    ),
];

pub(super) fn pressure(host: &Host, page: &mut Page) -> Collected {
    let mut error = None;
    for (resource, line, name, help) in PRESSURE {
        let text = match host.read(&format!("proc/pressure/{resource}")) {
            Ok(text) => text,
            Err(problem) => {
                error = Some(problem);
                continue;
            }
        };
        let line = text.lines().find_map(|text| text.strip_prefix(line));
        let total = line.and_then(|line| line.split("total=").nth(1)?.trim().parse::<f64>().ok());
        if let Some(micros) = total {
            page.counter(name, help, &[], micros / 1e6);
        }
    }
    error.map_or(Ok(()), Err)
}
