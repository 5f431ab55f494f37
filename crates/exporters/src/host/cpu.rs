//! `/proc/stat`, `/proc/loadavg`, `/proc/schedstat`.

use super::{Collected, Host, nth};
use crate::Page;

/// The kernel counts in hundredths of a second (`USER_HZ`), on every Linux that Mainstay runs on.
const TICKS: f64 = 100.0;

const MODES: [&str; 8] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];

pub(super) fn cpu(host: &Host, page: &mut Page) -> Collected {
    for line in host.read("proc/stat")?.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = fields.first().and_then(|name| name.strip_prefix("cpu"));
        let Some(cpu) = number.filter(|cpu| !cpu.is_empty()) else {
            continue;
        };
        for (at, mode) in MODES.iter().enumerate() {
            let help = "Seconds the CPUs spent in each mode.";
            let labels = [("cpu", cpu), ("mode", *mode)];
            page.counter(
                "node_cpu_seconds_total",
                help,
                &labels,
                nth(&fields, at + 1) / TICKS,
            );
        }
        for (at, mode) in [(9, "user"), (10, "nice")] {
            let help = "Seconds the CPUs spent in guests (VMs) for each mode.";
            let labels = [("cpu", cpu), ("mode", mode)];
            page.counter(
                "node_cpu_guest_seconds_total",
                help,
                &labels,
                nth(&fields, at) / TICKS,
            );
        }
    }
    Ok(())
}

pub(super) fn stat(host: &Host, page: &mut Page) -> Collected {
    for line in host.read("proc/stat")?.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let value = nth(&fields, 1);
        match fields.first().copied().unwrap_or_default() {
            "intr" => page.counter(
                "node_intr_total",
                "Total number of interrupts serviced.",
                &[],
                value,
            ),
            "ctxt" => {
                page.counter(
                    "node_context_switches_total",
                    "Total number of context switches.",
                    &[],
                    value,
                );
            }
            "processes" => page.counter("node_forks_total", "Total number of forks.", &[], value),
            "btime" => {
                page.gauge(
                    "node_boot_time_seconds",
                    "Node boot time, in unixtime.",
                    &[],
                    value,
                );
            }
            "procs_running" => {
                page.gauge(
                    "node_procs_running",
                    "Number of processes in runnable state.",
                    &[],
                    value,
                );
            }
            "procs_blocked" => {
                let help = "Number of processes blocked waiting for I/O to complete.";
                page.gauge("node_procs_blocked", help, &[], value);
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn loadavg(host: &Host, page: &mut Page) -> Collected {
    let text = host.read("proc/loadavg")?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    for (at, minutes) in ["1", "5", "15"].iter().enumerate() {
        let help = format!("{minutes}m load average.");
        page.gauge(&format!("node_load{minutes}"), &help, &[], nth(&fields, at));
    }
    Ok(())
}

pub(super) fn schedstat(host: &Host, page: &mut Page) -> Collected {
    for line in host.read("proc/schedstat")?.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let Some(cpu) = fields.first().and_then(|name| name.strip_prefix("cpu")) else {
            continue;
        };
        let labels = [("cpu", cpu)];
        let nanos = |at: usize| nth(&fields, at) / 1e9;
        let help = "Number of seconds CPU spent running a process.";
        page.counter(
            "node_schedstat_running_seconds_total",
            help,
            &labels,
            nanos(7),
        );
        let help = "Number of seconds spent by processing waiting for this CPU.";
        page.counter(
            "node_schedstat_waiting_seconds_total",
            help,
            &labels,
            nanos(8),
        );
        let help = "Number of timeslices executed by CPU.";
        page.counter(
            "node_schedstat_timeslices_total",
            help,
            &labels,
            nth(&fields, 9),
        );
    }
    Ok(())
}
