//! What Mainstay takes while nothing happens: memory and CPU of each part.
//!
//! Resident memory counts pages that parts share (they are one binary) once for each of them; the
//! proportional figure shares them out. The budget is on the resident one.

use super::site::{Part, Process, Programs, Site};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds of doing nothing
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    programs: Programs,
}

/// Kernel's clock ticks a second in `/proc/PID/stat`; the same on every Linux we run on.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, Default)]
struct Usage {
    processes: u32,
    resident_bytes: u64,
    proportional_bytes: u64,
    cpu_seconds: f64,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let site = Site::prepare(&options.programs)?;
    site.up()?;
    let processes = site.processes();
    let before = cpu(&processes);
    std::thread::sleep(Duration::from_secs(options.seconds));
    let after = cpu(&processes);
    let mut parts: BTreeMap<Part, Usage> = BTreeMap::new();
    for process in &processes {
        let usage = parts.entry(process.part).or_default();
        usage.processes += 1;
        usage.resident_bytes += kib(process.pid, "status", "VmRSS:")?;
        usage.proportional_bytes += kib(process.pid, "smaps_rollup", "Pss:")?;
        usage.cpu_seconds += after[&process.pid] - before[&process.pid];
    }
    print(&parts, options.seconds as f64);
    Ok(ExitCode::SUCCESS)
}

fn print(parts: &BTreeMap<Part, Usage>, seconds: f64) {
    println!(
        "{:<14} {:>9} {:>14} {:>18} {:>10}",
        "idle", "processes", "resident MB", "proportional MB", "CPU %"
    );
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    for (part, usage) in parts {
        let each = f64::from(usage.processes);
        println!(
            "{:<14} {:>9} {:>14.1} {:>18.1} {:>10.2}",
            name(*part),
            usage.processes,
            megabytes(usage.resident_bytes) / each,
            megabytes(usage.proportional_bytes) / each,
            usage.cpu_seconds / seconds * 100.0,
        );
    }
    let planes: u64 = [Part::ControlPlane, Part::Proxy]
        .iter()
        .filter_map(|part| parts.get(part))
        .map(|usage| usage.resident_bytes)
        .sum();
    println!("both planes together: {:.1} MB resident", megabytes(planes));
}

fn name(part: Part) -> &'static str {
    match part {
        Part::ControlPlane => "control plane",
        Part::Proxy => "proxy",
        Part::Shim => "a shim",
        Part::Instance => "an instance",
    }
}

/// CPU time so far by pid.
fn cpu(processes: &[Process]) -> BTreeMap<i32, f64> {
    processes
        .iter()
        .map(|process| (process.pid, cpu_seconds(process.pid).unwrap_or(0.0)))
        .collect()
}

/// User and system time: the 14th and 15th field of `/proc/PID/stat`, counted from behind the
/// name's last `)`.
pub(super) fn cpu_seconds(pid: i32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// `VmRSS:     4321 kB` of a process, in bytes.
pub(super) fn kib(pid: i32, file: &str, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/{file}");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kib: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse().ok())
        .with_context(|| format!("{path} says no {field}"))?;
    Ok(kib * 1024)
}
