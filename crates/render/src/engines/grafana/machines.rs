//! Machines and containers, under the names of node_exporter and cAdvisor.

use super::panel::{Dashboard, figure, lines};

pub(super) const INFRASTRUCTURE: Dashboard = Dashboard {
    name: "infrastructure",
    title: "Infrastructure",
    about: "Processors, memory, disks and networks of machines and containers.",
    panels: &[
        figure(
            "Processors in use",
            "percentunit",
            &[(
                r#"1 - avg by (instance) (rate(node_cpu_seconds_total{job="node", mode="idle"}[$__rate_interval]))"#,
                "{{instance}}",
            )],
        )
        .limits(0.8, 0.95),
        figure(
            "Memory in use",
            "percentunit",
            &[(
                r#"1 - node_memory_MemAvailable_bytes{job="node"} / node_memory_MemTotal_bytes{job="node"}"#,
                "{{instance}}",
            )],
        )
        .limits(0.85, 0.95),
        figure(
            "Fullest file system",
            "percentunit",
            &[(
                r#"max by (instance) (1 - node_filesystem_avail_bytes{job="node", fstype!~"tmpfs|overlay|squashfs"} / node_filesystem_size_bytes{job="node", fstype!~"tmpfs|overlay|squashfs"})"#,
                "{{instance}}",
            )],
        )
        .limits(0.8, 0.9),
        figure(
            "Exporters that answer",
            "none",
            &[(r#"sum(up{job=~"node|cadvisor"})"#, "exporters")],
        ),
        lines(
            "Processors by mode",
            "percentunit",
            &[(
                r#"avg by (instance, mode) (rate(node_cpu_seconds_total{job="node", mode!="idle"}[$__rate_interval]))"#,
                "{{instance}} {{mode}}",
            )],
        ),
        lines(
            "Load",
            "none",
            &[
                (r#"node_load1{job="node"}"#, "{{instance}} 1 min"),
                (r#"node_load5{job="node"}"#, "{{instance}} 5 min"),
                (r#"node_load15{job="node"}"#, "{{instance}} 15 min"),
            ],
        ),
        lines(
            "Memory",
            "bytes",
            &[
                (
                    r#"node_memory_MemTotal_bytes{job="node"} - node_memory_MemAvailable_bytes{job="node"}"#,
                    "{{instance}} in use",
                ),
                (r#"node_memory_MemTotal_bytes{job="node"}"#, "{{instance}} all"),
            ],
        ),
        lines(
            "File systems",
            "percentunit",
            &[(
                r#"1 - node_filesystem_avail_bytes{job="node", fstype!~"tmpfs|overlay|squashfs"} / node_filesystem_size_bytes{job="node", fstype!~"tmpfs|overlay|squashfs"}"#,
                "{{instance}} {{mountpoint}}",
            )],
        )
        .limits(0.8, 0.9),
        lines(
            "Disks: bytes a second",
            "Bps",
            &[
                (
                    r#"rate(node_disk_read_bytes_total{job="node"}[$__rate_interval])"#,
                    "{{instance}} {{device}} read",
                ),
                (
                    r#"rate(node_disk_written_bytes_total{job="node"}[$__rate_interval])"#,
                    "{{instance}} {{device}} written",
                ),
            ],
        ),
        lines(
            "Disks: time in use",
            "percentunit",
            &[(
                r#"rate(node_disk_io_time_seconds_total{job="node"}[$__rate_interval])"#,
                "{{instance}} {{device}}",
            )],
        ),
        lines(
            "Network",
            "Bps",
            &[
                (
                    r#"rate(node_network_receive_bytes_total{job="node", device!~"lo|veth.*|docker.*|br-.*"}[$__rate_interval])"#,
                    "{{instance}} {{device}} in",
                ),
                (
                    r#"rate(node_network_transmit_bytes_total{job="node", device!~"lo|veth.*|docker.*|br-.*"}[$__rate_interval])"#,
                    "{{instance}} {{device}} out",
                ),
            ],
        ),
        lines(
            "Time that something waited",
            "percentunit",
            &[
                (
                    r#"rate(node_pressure_cpu_waiting_seconds_total{job="node"}[$__rate_interval])"#,
                    "{{instance}} processors",
                ),
                (
                    r#"rate(node_pressure_memory_waiting_seconds_total{job="node"}[$__rate_interval])"#,
                    "{{instance}} memory",
                ),
                (
                    r#"rate(node_pressure_io_waiting_seconds_total{job="node"}[$__rate_interval])"#,
                    "{{instance}} disks",
                ),
            ],
        ),
        lines(
            "Containers: processors",
            "none",
            &[(
                "sum by (service, name) (rate(container_cpu_usage_seconds_total{SCOPE}[$__rate_interval]))",
                "{{service}} {{name}}",
            )],
        ),
        lines(
            "Containers: memory",
            "bytes",
            &[(
                "sum by (service, name) (container_memory_working_set_bytes{SCOPE})",
                "{{service}} {{name}}",
            )],
        ),
        lines(
            "Containers: share of the memory limit",
            "percentunit",
            &[(
                "max by (service, name) (container_memory_working_set_bytes{SCOPE} / (container_spec_memory_limit_bytes{SCOPE} > 0))",
                "{{service}} {{name}}",
            )],
        )
        .limits(0.8, 0.95),
        lines(
            "Containers: time held back",
            "percentunit",
            &[(
                "sum by (service, name) (rate(container_cpu_cfs_throttled_periods_total{SCOPE}[$__rate_interval])) / sum by (service, name) (rate(container_cpu_cfs_periods_total{SCOPE}[$__rate_interval]))",
                "{{service}} {{name}}",
            )],
        ),
        lines(
            "Containers: network",
            "Bps",
            &[
                (
                    "sum by (service) (rate(container_network_receive_bytes_total{SCOPE}[$__rate_interval]))",
                    "{{service}} in",
                ),
                (
                    "sum by (service) (rate(container_network_transmit_bytes_total{SCOPE}[$__rate_interval]))",
                    "{{service}} out",
                ),
            ],
        ),
        lines(
            "Containers: disks",
            "Bps",
            &[
                (
                    "sum by (service) (rate(container_fs_reads_bytes_total{SCOPE}[$__rate_interval]))",
                    "{{service}} read",
                ),
                (
                    "sum by (service) (rate(container_fs_writes_bytes_total{SCOPE}[$__rate_interval]))",
                    "{{service}} written",
                ),
            ],
        ),
    ],
};
