//! Containers and processes, under cAdvisor's names: what the kernel's control groups say, versions 1
//! and 2, or what whoever runs them has measured.
//!
//! What there is, and what it is called, is told by who runs it: nothing is searched for here. A group
//! that is gone is left out.

mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use mainstay_exposition::MetricType;
use mainstay_exposition::MetricType::{Counter, Gauge};

use crate::Page;

/// One group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Watched {
    /// Its path within the hierarchy: `/docker/0123…`, `/system.slice/x.service`. The label `id`.
    pub group: String,
    /// The container's name, and what it was made of.
    pub name: String,
    pub image: String,
    /// More labels, `container_label_…` for one.
    pub labels: Vec<(String, String)>,
    /// When it was started, in seconds since the epoch; `None`: not known.
    pub started: Option<f64>,
}

/// What a group uses. `None`: nobody says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    pub cpu_seconds: Option<f64>,
    pub user_seconds: Option<f64>,
    pub system_seconds: Option<f64>,
    pub periods: Option<f64>,
    pub throttled_periods: Option<f64>,
    pub throttled_seconds: Option<f64>,
    pub quota: Option<f64>,
    pub period: Option<f64>,
    pub memory: Option<f64>,
    pub memory_max: Option<f64>,
    /// What was used over time at most.
    pub memory_peak: Option<f64>,
    pub memory_failures: Option<f64>,
    pub anonymous: Option<f64>,
    pub cache: Option<f64>,
    pub mapped: Option<f64>,
    pub inactive_file: Option<f64>,
    pub swap: Option<f64>,
    pub processes: Option<f64>,
    pub threads_max: Option<f64>,
    pub threads: Option<f64>,
    /// Device (`major:minor`), bytes read, bytes written.
    pub blocks: Vec<(String, f64, f64)>,
    pub open_files: Option<f64>,
    /// Of its own network: name, bytes received, packets received, bytes sent, packets sent.
    pub networks: Vec<(String, [f64; 4])>,
}

/// A limit from here on is none.
const UNLIMITED: f64 = 9.0e18;

/// Reads the groups; `root` is `/`, or where the host is mounted.
pub fn collect(root: &Path, watched: &[Watched], now_seconds: f64) -> Page {
    let read = |group: &Watched| Some((group.clone(), read(root, &group.group)?));
    let used: Vec<(Watched, Usage)> = watched.iter().filter_map(read).collect();
    page(&used, now_seconds)
}

/// What a group uses; `None`: there is no such group.
pub fn read(root: &Path, group: &str) -> Option<Usage> {
    let top = root.join("sys/fs/cgroup");
    let path = group.trim_start_matches('/');
    if top.join("cgroup.controllers").is_file() {
        v2::read(&top.join(path))
    } else {
        v1::read(&top, path)
    }
}

/// Tells what is known already.
pub fn page(used: &[(Watched, Usage)], now_seconds: f64) -> Page {
    let mut page = Page::default();
    for (group, usage) in used {
        tell(&mut page, group, usage, now_seconds);
    }
    page
}

/// Which group a process is in, by the text of its `/proc/PID/cgroup`: that of version 2, else the one
/// that its memory is counted in. `None`: the group is of another view of the machine.
pub fn group_of(text: &str) -> Option<&str> {
    let lines = || {
        text.lines()
            .filter_map(|line| line.split_once(':')?.1.split_once(':'))
    };
    let memory = |controllers: &str| controllers.split(',').any(|one| one == "memory");
    let found = lines().find(|(controllers, _)| memory(controllers));
    let (_, path) = found.or_else(|| lines().find(|(controllers, _)| controllers.is_empty()))?;
    (path.len() > 1 && !path.contains("..")).then_some(path)
}

/// The networks of a process, by the text of its `/proc/PID/net/dev`; loopback is nobody's business.
pub fn networks(text: &str) -> Vec<(String, [f64; 4])> {
    let lines = text.lines().filter_map(|line| {
        let (name, counts) = line.split_once(':')?;
        let counts: Vec<f64> = counts
            .split_whitespace()
            .filter_map(|one| one.parse().ok())
            .collect();
        let own = [
            *counts.first()?,
            *counts.get(1)?,
            *counts.get(8)?,
            *counts.get(9)?,
        ];
        Some((name.trim().to_owned(), own))
    });
    lines.filter(|(name, _)| name != "lo").collect()
}

/// Metric without `container_`, type, help, and where it is from.
type Column = (
    &'static str,
    MetricType,
    &'static str,
    fn(&Usage) -> Option<f64>,
);

const COLUMNS: [Column; 20] = [
    (
        "file_descriptors",
        Gauge,
        "Number of open file descriptors for the container.",
        |usage| usage.open_files,
    ),
    (
        "cpu_user_seconds_total",
        Counter,
        "Cumulative user cpu time consumed in seconds.",
        |usage| usage.user_seconds,
    ),
    (
        "cpu_system_seconds_total",
        Counter,
        "Cumulative system cpu time consumed in seconds.",
        |usage| usage.system_seconds,
    ),
    (
        "cpu_cfs_periods_total",
        Counter,
        "Number of elapsed enforcement period intervals.",
        |usage| usage.periods,
    ),
    (
        "cpu_cfs_throttled_periods_total",
        Counter,
        "Number of throttled period intervals.",
        |usage| usage.throttled_periods,
    ),
    (
        "cpu_cfs_throttled_seconds_total",
        Counter,
        "Total time duration the container has been throttled.",
        |usage| usage.throttled_seconds,
    ),
    (
        "spec_cpu_quota",
        Gauge,
        "CPU quota of the container.",
        |usage| usage.quota,
    ),
    (
        "spec_cpu_period",
        Gauge,
        "CPU period of the container.",
        |usage| usage.period,
    ),
    (
        "memory_usage_bytes",
        Gauge,
        "Current memory usage in bytes, whenever it was accessed",
        |usage| usage.memory,
    ),
    (
        "memory_max_usage_bytes",
        Gauge,
        "Maximum memory usage recorded in bytes",
        |usage| usage.memory_peak,
    ),
    (
        "memory_failcnt",
        Counter,
        "Number of memory usage hits limits",
        |usage| usage.memory_failures,
    ),
    ("memory_rss", Gauge, "Size of RSS in bytes.", |usage| {
        usage.anonymous
    }),
    (
        "memory_cache",
        Gauge,
        "Number of bytes of page cache memory.",
        |usage| usage.cache,
    ),
    (
        "memory_mapped_file",
        Gauge,
        "Size of memory mapped files in bytes.",
        |usage| usage.mapped,
    ),
    (
        "memory_swap",
        Gauge,
        "Container swap usage in bytes.",
        |usage| usage.swap,
    ),
    (
        "processes",
        Gauge,
        "Number of processes running inside the container.",
        |usage| usage.processes,
    ),
    (
        "threads",
        Gauge,
        "Number of threads running inside the container",
        |usage| usage.threads,
    ),
    (
        "memory_working_set_bytes",
        Gauge,
        "Current working set in bytes.",
        working_set,
    ),
    (
        "spec_memory_limit_bytes",
        Gauge,
        "Memory limit for the container.",
        memory_limit,
    ),
    (
        "threads_max",
        Gauge,
        "Maximum number of threads allowed inside the container",
        threads_limit,
    ),
];

/// What is used without what the kernel could give up at once.
fn working_set(usage: &Usage) -> Option<f64> {
    let inactive = usage.inactive_file.unwrap_or(0.0);
    usage.memory.map(|memory| (memory - inactive).max(0.0))
}

/// As cAdvisor does, no limit is told as zero.
fn memory_limit(usage: &Usage) -> Option<f64> {
    usage
        .memory_max
        .map(|limit| if limit >= UNLIMITED { 0.0 } else { limit })
}

fn threads_limit(usage: &Usage) -> Option<f64> {
    usage.threads_max.filter(|most| *most < UNLIMITED)
}

fn tell(page: &mut Page, group: &Watched, usage: &Usage, now_seconds: f64) {
    let mut labels = vec![
        ("id", group.group.as_str()),
        ("image", group.image.as_str()),
        ("name", group.name.as_str()),
    ];
    labels.extend(
        group
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let help = "Last time a container was seen by the exporter";
    page.gauge("container_last_seen", help, &labels, now_seconds);
    if let Some(started) = group.started {
        let help = "Start time of the container since unix epoch in seconds.";
        page.gauge("container_start_time_seconds", help, &labels, started);
    }
    for (name, kind, help, of) in COLUMNS {
        if let Some(value) = of(usage) {
            page.add(&format!("container_{name}"), kind, help, &labels, value);
        }
    }
    let mut per = |name: &str, help: &str, label: (&str, &str), value: f64| {
        let labels: Vec<(&str, &str)> = labels.iter().copied().chain([label]).collect();
        page.counter(&format!("container_{name}"), help, &labels, value);
    };
    if let Some(seconds) = usage.cpu_seconds {
        let help = "Cumulative cpu time consumed in seconds.";
        per("cpu_usage_seconds_total", help, ("cpu", "total"), seconds);
    }
    for (device, read, written) in &usage.blocks {
        let device = ("device", device.as_str());
        per(
            "fs_reads_bytes_total",
            "Cumulative count of bytes read",
            device,
            *read,
        );
        per(
            "fs_writes_bytes_total",
            "Cumulative count of bytes written",
            device,
            *written,
        );
    }
    for (name, counts) in &usage.networks {
        let what = [
            ("receive_bytes_total", "Cumulative count of bytes received"),
            (
                "receive_packets_total",
                "Cumulative count of packets received",
            ),
            (
                "transmit_bytes_total",
                "Cumulative count of bytes transmitted",
            ),
            (
                "transmit_packets_total",
                "Cumulative count of packets transmitted",
            ),
        ];
        for ((metric, help), count) in what.into_iter().zip(counts) {
            per(
                &format!("network_{metric}"),
                help,
                ("interface", name),
                *count,
            );
        }
    }
}

/// A file's lines.
fn lines(path: PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A file that is one number, or `max`.
fn number(path: PathBuf) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    match text.trim() {
        "max" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

/// The value of `name` in lines of `name value`.
fn field(lines: &[String], name: &str) -> Option<f64> {
    let pairs = lines.iter().filter_map(|line| line.split_once(' '));
    pairs
        .filter(|(other, _)| *other == name)
        .find_map(|(_, value)| value.trim().parse().ok())
}
