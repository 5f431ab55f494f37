//! `/proc/diskstats` and the sizes of file systems.

use std::collections::BTreeSet;

use super::{Collected, Host, nth};
use crate::Page;

/// File systems that hold no files of anybody.
const NO_TYPES: [&str; 25] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
    "erofs",
];

/// Places whose file systems are of no interest, and what is below them.
const NO_PLACES: [&str; 6] = [
    "/dev",
    "/proc",
    "/sys",
    "/run/credentials",
    "/var/lib/docker",
    "/var/lib/containers/storage",
];

pub(super) fn filesystem(host: &Host, page: &mut Page) -> Collected {
    let mounts = host
        .read("proc/1/mounts")
        .or_else(|_| host.read("proc/self/mounts"))?;
    let mut seen = BTreeSet::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [device, place, kind, options, ..] = fields[..] else {
            continue;
        };
        let place = unescape(place);
        if NO_TYPES.contains(&kind)
            || is_below(&place)
            || !seen.insert((device.to_owned(), place.clone()))
        {
            continue;
        }
        let labels = [
            ("device", device),
            ("mountpoint", place.as_str()),
            ("fstype", kind),
        ];
        let found = rustix::fs::statvfs(host.root().join(place.trim_start_matches('/')));
        let help = "Whether an error occurred while getting statistics for the given device.";
        let failed = if found.is_err() { 1.0 } else { 0.0 };
        page.gauge("node_filesystem_device_error", help, &labels, failed);
        let Ok(found) = found else { continue };
        let read_only = options.split(',').any(|option| option == "ro");
        let size = found.f_frsize as f64;
        for (name, help, value) in [
            (
                "size_bytes",
                "Filesystem size in bytes.",
                found.f_blocks as f64 * size,
            ),
            (
                "free_bytes",
                "Filesystem free space in bytes.",
                found.f_bfree as f64 * size,
            ),
            (
                "avail_bytes",
                "Filesystem space available to non-root users in bytes.",
                found.f_bavail as f64 * size,
            ),
            (
                "files",
                "Filesystem total file nodes.",
                found.f_files as f64,
            ),
            (
                "files_free",
                "Filesystem total free file nodes.",
                found.f_ffree as f64,
            ),
            (
                "readonly",
                "Filesystem read-only status.",
                f64::from(u8::from(read_only)),
            ),
        ] {
            page.gauge(&format!("node_filesystem_{name}"), help, &labels, value);
        }
    }
    Ok(())
}

fn is_below(place: &str) -> bool {
    NO_PLACES.iter().any(|no| {
        let below = place
            .strip_prefix(no)
            .is_some_and(|rest| rest.starts_with('/'));
        // Docker's own folder may be a file system that counts; what is below it does not.
        let itself = *no == place && no.matches('/').count() == 1;
        below || itself
    })
}

/// Takes `\040` and the like back.
fn unescape(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 4).unwrap_or_default();
        if let Ok(byte) = u8::from_str_radix(digits, 8) {
            out.push(byte as char);
            rest = &rest[at + 4..];
        } else {
            out.push('\\');
            rest = &rest[at + 1..];
        }
    }
    out + rest
}

/// Name, help, field of the line, scale.
const DISK: [(&str, &str, usize, f64); 15] = [
    (
        "reads_completed_total",
        "The total number of reads completed successfully.",
        3,
        1.0,
    ),
    (
        "reads_merged_total",
        "The total number of reads merged.",
        4,
        1.0,
    ),
    (
        "read_bytes_total",
        "The total number of bytes read successfully.",
        5,
        512.0,
    ),
    (
        "read_time_seconds_total",
        "The total number of seconds spent by all reads.",
        6,
        0.001,
    ),
    (
        "writes_completed_total",
        "The total number of writes completed successfully.",
        7,
        1.0,
    ),
    (
        "writes_merged_total",
        "The number of writes merged.",
        8,
        1.0,
    ),
    (
        "written_bytes_total",
        "The total number of bytes written successfully.",
        9,
        512.0,
    ),
    (
        "write_time_seconds_total",
        "This is the total number of seconds spent by all writes.",
        10,
        0.001,
    ),
    (
        "io_time_seconds_total",
        "Total seconds spent doing I/Os.",
        12,
        0.001,
    ),
    (
        "io_time_weighted_seconds_total",
        "The weighted # of seconds spent doing I/Os.",
        13,
        0.001,
    ),
    (
        "discards_completed_total",
        "The total number of discards completed successfully.",
        14,
        1.0,
    ),
    (
        "discards_merged_total",
        "The total number of discards merged.",
        15,
        1.0,
    ),
    (
        "discarded_sectors_total",
        "The total number of sectors discarded successfully.",
        16,
        1.0,
    ),
    (
        "discard_time_seconds_total",
        "This is the total number of seconds spent by all discards.",
        17,
        0.001,
    ),
    (
        "flush_requests_total",
        "The total number of flush requests completed successfully",
        18,
        1.0,
    ),
];

pub(super) fn diskstats(host: &Host, page: &mut Page) -> Collected {
    for line in host.read("proc/diskstats")?.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let Some(device) = fields.get(2).filter(|device| !is_part(device)) else {
            continue;
        };
        let labels = [("device", *device)];
        for (name, help, at, scale) in DISK {
            if fields.len() > at {
                page.counter(
                    &format!("node_disk_{name}"),
                    help,
                    &labels,
                    nth(&fields, at) * scale,
                );
            }
        }
        let help = "The number of I/Os currently in progress.";
        page.gauge("node_disk_io_now", help, &labels, nth(&fields, 11));
        if fields.len() > 19 {
            let help = "This is the total number of seconds spent by all flush requests.";
            let value = nth(&fields, 19) * 0.001;
            page.counter(
                "node_disk_flush_requests_time_seconds_total",
                help,
                &labels,
                value,
            );
        }
    }
    Ok(())
}

/// Partitions and devices in memory: `ram0`, `loop1`, `sda1`, `nvme0n1p2`.
fn is_part(device: &str) -> bool {
    let name = device.trim_end_matches(|c: char| c.is_ascii_digit());
    if name.len() == device.len() {
        return false;
    }
    let disk = ["hd", "sd", "vd", "xvd"]
        .iter()
        .any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.len() == 1));
    let nvme = name.starts_with("nvme") && name.ends_with('p');
    matches!(name, "ram" | "loop" | "fd") || disk || nvme
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_and_hidden_places_are_left_out() {
        for device in ["ram0", "loop12", "sda1", "vdb2", "xvda1", "nvme0n1p2"] {
            assert!(is_part(device), "{device}");
        }
        for device in ["sda", "vda", "nvme0n1", "dm-0", "md127", "sr0"] {
            assert!(!is_part(device), "{device}");
        }
        for place in [
            "/dev",
            "/dev/shm",
            "/sys/fs",
            "/var/lib/docker/x",
            "/run/credentials/x",
        ] {
            assert!(is_below(place), "{place}");
        }
        for place in ["/", "/device", "/var/lib/docker", "/run"] {
            assert!(!is_below(place), "{place}");
        }
        assert_eq!(unescape("/a\\040b\\134c\\x"), "/a b\\c\\x");
    }
}
