//! What can be checked, and by which expression.
//!
//! `$scope` stands for the matchers of stack and environment; `$loose` for the same where an exporter that is not
//! ours may have no such labels.

use serde::Serialize;
use std::fmt;

/// What a check is about: the dependencies that the whisper-transcriber guide's health monitor names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    Api,
    Database,
    Cache,
    System,
    Jobs,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Api => "API",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::System => "system",
            Self::Jobs => "jobs",
        })
    }
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// From 0 to 1, shown as percent.
    Share,
    Seconds,
    Count,
}

/// On which side of a limit it is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bad {
    Above,
    Below,
}

/// How a value is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measure {
    /// PromQL; a value for each row, and the worst row decides.
    pub(crate) expression: &'static str,
    /// Series that are there whenever it can be measured.
    pub(crate) of: &'static str,
    /// Why there may be no value although the series are there.
    pub(crate) empty: &'static str,
}

/// One thing that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// `database.connections`
    pub id: &'static str,
    pub area: Area,
    pub title: &'static str,
    pub unit: Unit,
    pub bad: Bad,
    /// What to do first when it fails.
    pub next: &'static str,
    /// The page of the alert about the same.
    pub runbook: &'static str,
    pub(crate) measure: Measure,
}

/// All of them, in the order of a report.
pub fn checks() -> &'static [Check] {
    &CHECKS
}

/// The check of that name.
pub fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

const NO_TRAFFIC: &str = "no new request seen within 5 minutes";

const CHECKS: [Check; 17] = [
    Check {
        id: "api.available",
        area: Area::Api,
        title: "instances that answer",
        unit: Unit::Share,
        bad: Bad::Below,
        next: "mainstay status",
        runbook: "docs/runbooks/ServiceDown.md",
        measure: Measure {
            expression: "avg by (service) (up{$scope})",
            of: "up{$scope}",
            empty: "nothing was scraped within 5 minutes",
        },
    },
    Check {
        id: "api.response",
        area: Area::Api,
        title: "response time, 95th percentile",
        unit: Unit::Seconds,
        bad: Bad::Above,
        next: "mainstay logs --since 10m",
        runbook: "docs/runbooks/HighResponseTime.md",
        measure: Measure {
            expression: "histogram_quantile(0.95, sum by (service, le) (rate(mainstay_proxy_request_duration_seconds_bucket{$scope}[5m])))",
            of: "mainstay_proxy_request_duration_seconds_bucket{$scope}",
            empty: NO_TRAFFIC,
        },
    },
    Check {
        id: "api.average",
        area: Area::Api,
        title: "response time, average",
        unit: Unit::Seconds,
        bad: Bad::Above,
        next: "mainstay logs --since 10m",
        runbook: "docs/runbooks/SlowAverageResponse.md",
        measure: Measure {
            expression: "sum by (service) (rate(mainstay_proxy_request_duration_seconds_sum{$scope}[5m])) / sum by (service) (rate(mainstay_proxy_request_duration_seconds_count{$scope}[5m]))",
            of: "mainstay_proxy_request_duration_seconds_count{$scope}",
            empty: NO_TRAFFIC,
        },
    },
    Check {
        id: "api.tail",
        area: Area::Api,
        title: "response time, 99th percentile",
        unit: Unit::Seconds,
        bad: Bad::Above,
        next: "mainstay logs --since 10m",
        runbook: "docs/runbooks/HighTailLatency.md",
        measure: Measure {
            expression: "histogram_quantile(0.99, sum by (service, le) (rate(mainstay_proxy_request_duration_seconds_bucket{$scope}[5m])))",
            of: "mainstay_proxy_request_duration_seconds_bucket{$scope}",
            empty: NO_TRAFFIC,
        },
    },
    // Without a failure there is no series of failures: `or 0 *` makes it a share of nothing.
    Check {
        id: "api.errors",
        area: Area::Api,
        title: "failed requests",
        unit: Unit::Share,
        bad: Bad::Above,
        next: "mainstay logs --since 10m",
        runbook: "docs/runbooks/HighErrorRate.md",
        measure: Measure {
            expression: "(sum by (service) (rate(mainstay_proxy_requests_total{$scope,code=~\"5..\"}[5m])) or 0 * sum by (service) (rate(mainstay_proxy_requests_total{$scope}[5m]))) / sum by (service) (rate(mainstay_proxy_requests_total{$scope}[5m]))",
            of: "mainstay_proxy_requests_total{$scope}",
            empty: NO_TRAFFIC,
        },
    },
    Check {
        id: "database.reachable",
        area: Area::Database,
        title: "instances that reach the database",
        unit: Unit::Share,
        bad: Bad::Below,
        next: "mainstay doctor",
        runbook: "docs/runbooks/DatabaseUnreachable.md",
        measure: Measure {
            expression: "avg(dependency_up{$scope,dependency=\"database\"}) or avg(pg_up{$loose})",
            of: "{__name__=~\"dependency_up|pg_up\",$loose}",
            empty: "nobody asked the database within 5 minutes",
        },
    },
    Check {
        id: "database.connections",
        area: Area::Database,
        title: "connections in use",
        unit: Unit::Share,
        bad: Bad::Above,
        next: "mainstay query 'database_connections_active / database_connections_max'",
        runbook: "docs/runbooks/DatabaseConnectionsHigh.md",
        measure: Measure {
            expression: "sum(database_connections_active{$scope}) / sum(database_connections_max{$scope}) or sum(pg_stat_activity_count{$loose}) / sum(pg_settings_max_connections{$loose})",
            of: "{__name__=~\"database_connections_max|pg_settings_max_connections\",$loose}",
            empty: "no pool of connections is there",
        },
    },
    // The simplest query there is: a lower bound of every other.
    Check {
        id: "database.query",
        area: Area::Database,
        title: "time of the simplest query",
        unit: Unit::Seconds,
        bad: Bad::Above,
        next: "mainstay query 'dependency_check_seconds'",
        runbook: "docs/runbooks/SlowDatabaseQueries.md",
        measure: Measure {
            expression: "max(dependency_check_seconds{$scope,dependency=\"database\"})",
            of: "dependency_check_seconds{$scope,dependency=\"database\"}",
            empty: "nobody asked the database within 5 minutes",
        },
    },
    Check {
        id: "database.deadlocks",
        area: Area::Database,
        title: "deadlocks within 15 minutes",
        unit: Unit::Count,
        bad: Bad::Above,
        next: "mainstay query 'sum by (datname) (increase(pg_stat_database_deadlocks[15m]))'",
        runbook: "docs/runbooks/SlowDatabaseQueries.md",
        measure: Measure {
            expression: "sum(increase(pg_stat_database_deadlocks{$loose}[15m]))",
            of: "pg_stat_database_deadlocks{$loose}",
            empty: "it was not looked at for long enough",
        },
    },
    Check {
        id: "cache.reachable",
        area: Area::Cache,
        title: "instances that reach the cache",
        unit: Unit::Share,
        bad: Bad::Below,
        next: "mainstay status",
        runbook: "docs/runbooks/HealthCheckFailing.md",
        measure: Measure {
            expression: "avg(dependency_up{$scope,dependency=\"redis\"}) or avg(redis_up{$loose})",
            of: "{__name__=~\"dependency_up|redis_up\",$loose}",
            empty: "nobody asked the cache within 5 minutes",
        },
    },
    Check {
        id: "cache.memory",
        area: Area::Cache,
        title: "memory of the cache in use",
        unit: Unit::Share,
        bad: Bad::Above,
        next: "mainstay query 'redis_memory_used_bytes / redis_memory_max_bytes'",
        runbook: "docs/runbooks/LowCacheHitRate.md",
        measure: Measure {
            expression: "max(redis_memory_used_bytes{$loose} / (redis_memory_max_bytes{$loose} > 0))",
            of: "redis_memory_max_bytes{$loose}",
            empty: "the cache has no limit of memory",
        },
    },
    Check {
        id: "cache.hits",
        area: Area::Cache,
        title: "lookups found in the cache",
        unit: Unit::Share,
        bad: Bad::Below,
        next: "mainstay query 'sum by (result) (rate(cache_requests_total[15m]))'",
        runbook: "docs/runbooks/LowCacheHitRate.md",
        measure: Measure {
            expression: "(sum(rate(cache_requests_total{$scope,result=\"hit\"}[15m])) or 0 * sum(rate(cache_requests_total{$scope}[15m]))) / sum(rate(cache_requests_total{$scope}[15m]))",
            of: "cache_requests_total{$scope}",
            empty: "no new lookup seen within 15 minutes",
        },
    },
    Check {
        id: "system.cpu",
        area: Area::System,
        title: "processors in use",
        unit: Unit::Share,
        bad: Bad::Above,
        next: "mainstay query 'sum by (service) (rate(process_cpu_seconds_total[5m]))'",
        runbook: "docs/runbooks/HighCpuUsage.md",
        measure: Measure {
            expression: "1 - avg by (instance) (rate(node_cpu_seconds_total{job=\"node\",mode=\"idle\"}[5m]))",
            of: "node_cpu_seconds_total{job=\"node\"}",
            empty: "it was not looked at for long enough",
        },
    },
    Check {
        id: "system.memory",
        area: Area::System,
        title: "memory in use",
        unit: Unit::Share,
        bad: Bad::Above,
        next: "mainstay query 'topk(5, process_resident_memory_bytes)'",
        runbook: "docs/runbooks/HighMemoryUsage.md",
        measure: Measure {
            expression: "1 - max by (instance) (node_memory_MemAvailable_bytes{job=\"node\"}) / max by (instance) (node_memory_MemTotal_bytes{job=\"node\"})",
            of: "node_memory_MemTotal_bytes{job=\"node\"}",
            empty: "it was not looked at within 5 minutes",
        },
    },
    Check {
        id: "system.disk",
        area: Area::System,
        title: "file system in use",
        unit: Unit::Share,
        bad: Bad::Above,
        next: "mainstay doctor",
        runbook: "docs/runbooks/DiskSpaceCritical.md",
        measure: Measure {
            expression: "max by (instance, mountpoint) (1 - node_filesystem_avail_bytes{job=\"node\",fstype!~\"tmpfs|ramfs|overlay|squashfs|iso9660\"} / node_filesystem_size_bytes and node_filesystem_readonly == 0)",
            of: "node_filesystem_size_bytes{job=\"node\"}",
            empty: "no file system that can be written to",
        },
    },
    Check {
        id: "system.network",
        area: Area::System,
        title: "packets with errors",
        unit: Unit::Share,
        bad: Bad::Above,
        next: "mainstay query 'rate(node_network_receive_errs_total[5m])'",
        runbook: "docs/runbooks/HealthCheckFailing.md",
        measure: Measure {
            expression: "sum by (instance) (rate(node_network_receive_errs_total{job=\"node\"}[5m]) + rate(node_network_transmit_errs_total{job=\"node\"}[5m])) / sum by (instance) (rate(node_network_receive_packets_total{job=\"node\"}[5m]) + rate(node_network_transmit_packets_total{job=\"node\"}[5m]))",
            of: "node_network_receive_packets_total{job=\"node\"}",
            empty: "no packet seen within 5 minutes",
        },
    },
    // Every instance reports the one queue: a sum would count it several times.
    Check {
        id: "jobs.queue",
        area: Area::Jobs,
        title: "jobs that wait",
        unit: Unit::Count,
        bad: Bad::Above,
        next: "mainstay logs --since 10m",
        runbook: "docs/runbooks/QueueGrowing.md",
        measure: Measure {
            expression: "max(transcription_queue_size{$scope})",
            of: "transcription_queue_size{$scope}",
            empty: "nobody looked at the queue within 5 minutes",
        },
    },
];
