//! `/proc/net` and `/sys/class/net`.

use mainstay_exposition::MetricType;

use super::{Collected, Host, nth};
use crate::Page;

/// The columns of `/proc/net/dev`, in node_exporter's words.
const RECEIVE: [&str; 8] = [
    "bytes",
    "packets",
    "errs",
    "drop",
    "fifo",
    "frame",
    "compressed",
    "multicast",
];
const TRANSMIT: [&str; 8] = [
    "bytes",
    "packets",
    "errs",
    "drop",
    "fifo",
    "colls",
    "carrier",
    "compressed",
];

pub(super) fn netdev(host: &Host, page: &mut Page) -> Collected {
    for line in host.read("proc/net/dev")?.lines().skip(2) {
        let Some((device, rest)) = line.split_once(':') else {
            continue;
        };
        let labels = [("device", device.trim())];
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let columns = RECEIVE.iter().map(|name| ("receive", *name));
        let columns = columns.chain(TRANSMIT.iter().map(|name| ("transmit", *name)));
        for (at, (way, name)) in columns.enumerate() {
            let help = format!("Network device statistic {way}_{name}.");
            let metric = format!("node_network_{way}_{name}_total");
            page.counter(&metric, &help, &labels, nth(&fields, at));
        }
        let file = format!("sys/class/net/{}/statistics/rx_nohandler", device.trim());
        if let Some(value) = host.number(&file) {
            let help = "Network device statistic receive_nohandler.";
            page.counter("node_network_receive_nohandler_total", help, &labels, value);
        }
    }
    Ok(())
}

/// File, metric, help, scale, whether it counts.
const CLASS: [(&str, &str, &str, f64, bool); 15] = [
    (
        "addr_assign_type",
        "address_assign_type",
        "Network device property: address_assign_type",
        1.0,
        false,
    ),
    (
        "carrier",
        "carrier",
        "Network device property: carrier",
        1.0,
        false,
    ),
    (
        "carrier_changes",
        "carrier_changes_total",
        "Network device property: carrier_changes_total",
        1.0,
        true,
    ),
    (
        "carrier_up_count",
        "carrier_up_changes_total",
        "Network device property: carrier_up_changes_total",
        1.0,
        true,
    ),
    (
        "carrier_down_count",
        "carrier_down_changes_total",
        "Network device property: carrier_down_changes_total",
        1.0,
        true,
    ),
    (
        "dev_id",
        "device_id",
        "Network device property: device_id",
        1.0,
        false,
    ),
    (
        "dormant",
        "dormant",
        "Network device property: dormant",
        1.0,
        false,
    ),
    (
        "flags",
        "flags",
        "Network device property: flags",
        1.0,
        false,
    ),
    (
        "ifindex",
        "iface_id",
        "Network device property: iface_id",
        1.0,
        false,
    ),
    (
        "iflink",
        "iface_link",
        "Network device property: iface_link",
        1.0,
        false,
    ),
    (
        "link_mode",
        "iface_link_mode",
        "Network device property: iface_link_mode",
        1.0,
        false,
    ),
    (
        "mtu",
        "mtu_bytes",
        "Network device property: mtu_bytes",
        1.0,
        false,
    ),
    (
        "name_assign_type",
        "name_assign_type",
        "Network device property: name_assign_type",
        1.0,
        false,
    ),
    (
        "netdev_group",
        "net_dev_group",
        "Network device property: net_dev_group",
        1.0,
        false,
    ),
    (
        "tx_queue_len",
        "transmit_queue_length",
        "Network device property: transmit_queue_length",
        1.0,
        false,
    ),
];

pub(super) fn netclass(host: &Host, page: &mut Page) -> Collected {
    let devices = host.names("sys/class/net");
    if devices.is_empty() {
        return Err("there are no network devices".to_owned());
    }
    for device in devices {
        let folder = format!("sys/class/net/{device}");
        let word = |name: &str| host.word(&format!("{folder}/{name}")).unwrap_or_default();
        if word("ifindex").is_empty() {
            // Not a device (`bonding_masters`).
            continue;
        }
        let state = word("operstate");
        let up = f64::from(u8::from(state == "up"));
        let labels = [("device", device.as_str())];
        page.gauge(
            "node_network_up",
            "Value is 1 if operstate is 'up', 0 otherwise.",
            &labels,
            up,
        );
        let info = [
            ("device", device.as_str()),
            ("address", &word("address")),
            ("broadcast", &word("broadcast")),
            ("duplex", &word("duplex")),
            ("operstate", &state),
            ("ifalias", &word("ifalias")),
        ];
        let help = "Non-numeric data from /sys/class/net/<iface>, value is always 1.";
        page.gauge("node_network_info", help, &info, 1.0);
        for (file, name, help, scale, counts) in CLASS {
            let Some(value) = number(&word(file)) else {
                continue;
            };
            let kind = if counts {
                MetricType::Counter
            } else {
                MetricType::Gauge
            };
            page.add(
                &format!("node_network_{name}"),
                kind,
                help,
                &labels,
                value * scale,
            );
        }
        if let Some(speed) = number(&word("speed")).filter(|speed| *speed >= 0.0) {
            let help = "Network device property: speed_bytes";
            page.gauge("node_network_speed_bytes", help, &labels, speed * 1e6 / 8.0);
        }
    }
    Ok(())
}

/// Decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<f64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16)
            .ok()
            .map(|value| value as f64),
        None => text.parse().ok(),
    }
}

/// The fields that node_exporter takes by default.
fn is_wanted(group: &str, field: &str) -> bool {
    if field == "InErrors" || field == "InErrs" {
        return true;
    }
    match group {
        "Ip" => field == "Forwarding",
        "Ip6" | "IpExt" => matches!(field, "InOctets" | "OutOctets"),
        "Icmp" | "Icmp6" => matches!(field, "InMsgs" | "OutMsgs"),
        "TcpExt" => {
            let starts = field.starts_with("Listen") || field.starts_with("Syncookies");
            starts
                || matches!(
                    field,
                    "TCPSynRetrans" | "TCPTimeouts" | "TCPOFOQueue" | "TCPRcvQDrop"
                )
        }
        "Tcp" => matches!(
            field,
            "ActiveOpens"
                | "InSegs"
                | "OutSegs"
                | "OutRsts"
                | "PassiveOpens"
                | "RetransSegs"
                | "CurrEstab"
        ),
        "Udp" | "Udp6" => matches!(
            field,
            "InDatagrams" | "OutDatagrams" | "NoPorts" | "RcvbufErrors" | "SndbufErrors"
        ),
        _ => false,
    }
}

pub(super) fn netstat(host: &Host, page: &mut Page) -> Collected {
    let mut all: Vec<(String, String, String)> = Vec::new();
    for file in ["proc/net/netstat", "proc/net/snmp"] {
        let text = host.read(file)?;
        let lines: Vec<&str> = text.lines().collect();
        for two in lines.chunks_exact(2) {
            let (Some((group, names)), Some((_, values))) =
                (two[0].split_once(':'), two[1].split_once(':'))
            else {
                continue;
            };
            for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                all.push((group.to_owned(), name.to_owned(), value.to_owned()));
            }
        }
    }
    for line in host.read("proc/net/snmp6").unwrap_or_default().lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        if let Some(at) = name.find('6') {
            let (group, field) = name.split_at(at + 1);
            all.push((group.to_owned(), field.to_owned(), value.to_owned()));
        }
    }
    for (group, field, value) in all {
        if let (true, Ok(value)) = (is_wanted(&group, &field), value.parse()) {
            let help = format!("Statistic {group}{field}.");
            let name = format!("node_netstat_{group}_{field}");
            page.add(&name, MetricType::Unknown, &help, &[], value);
        }
    }
    Ok(())
}

pub(super) fn sockstat(host: &Host, page: &mut Page) -> Collected {
    /// Memory is told in pages, and once more in bytes.
    const PAGE_BYTES: f64 = 4096.0;
    let six = host.read("proc/net/sockstat6").unwrap_or_default();
    let text = host.read("proc/net/sockstat")? + &six;
    for line in text.lines() {
        let Some((group, rest)) = line.split_once(':') else {
            continue;
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            let value: f64 = pair[1].parse().unwrap_or(0.0);
            if group == "sockets" {
                let help = "Number of IPv4 sockets in use.";
                page.gauge("node_sockstat_sockets_used", help, &[], value);
                continue;
            }
            let mut put = |field: &str, value: f64| {
                let help = format!("Number of {group} sockets in state {field}.");
                page.gauge(&format!("node_sockstat_{group}_{field}"), &help, &[], value);
            };
            put(pair[0], value);
            if pair[0] == "mem" {
                put("mem_bytes", value * PAGE_BYTES);
            }
        }
    }
    Ok(())
}

pub(super) fn softnet(host: &Host, page: &mut Page) -> Collected {
    for (line, number) in host.read("proc/net/softnet_stat")?.lines().zip(0..) {
        let fields: Vec<f64> = line
            .split_whitespace()
            .map(|field| u64::from_str_radix(field, 16).unwrap_or(0) as f64)
            .collect();
        let cpu = number.to_string();
        for (at, name, help) in [
            (0, "processed", "Number of processed packets"),
            (1, "dropped", "Number of dropped packets"),
            (
                2,
                "times_squeezed",
                "Number of times processing packets ran out of quota",
            ),
        ] {
            let value = fields.get(at).copied().unwrap_or(0.0);
            page.counter(
                &format!("node_softnet_{name}_total"),
                help,
                &[("cpu", &cpu)],
                value,
            );
        }
    }
    Ok(())
}

pub(super) fn conntrack(host: &Host, page: &mut Page) -> Collected {
    let folder = "proc/sys/net/netfilter/nf_conntrack";
    let missing = || "there is no connection tracking".to_owned();
    let entries = host
        .number(&format!("{folder}_count"))
        .ok_or_else(missing)?;
    let limit = host.number(&format!("{folder}_max")).ok_or_else(missing)?;
    let help = "Number of currently allocated flow entries for connection tracking.";
    page.gauge("node_nf_conntrack_entries", help, &[], entries);
    page.gauge(
        "node_nf_conntrack_entries_limit",
        "Maximum size of connection tracking table.",
        &[],
        limit,
    );
    tracked(host, page);
    Ok(())
}

/// What became of connections, summed over the processors; the numbers are hexadecimal.
fn tracked(host: &Host, page: &mut Page) {
    let text = host.read("proc/net/stat/nf_conntrack").unwrap_or_default();
    let mut lines = text.lines();
    let names: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let mut sums = vec![0.0; names.len()];
    for line in lines {
        for (sum, field) in sums.iter_mut().zip(line.split_whitespace()) {
            *sum += u64::from_str_radix(field, 16).unwrap_or(0) as f64;
        }
    }
    for name in [
        "found",
        "invalid",
        "ignore",
        "insert",
        "insert_failed",
        "drop",
        "early_drop",
        "search_restart",
    ] {
        if let Some(at) = names.iter().position(|other| *other == name) {
            let help = format!("Number of entries of connection tracking: {name}.");
            page.gauge(
                &format!("node_nf_conntrack_stat_{name}"),
                &help,
                &[],
                sums[at],
            );
        }
    }
}
