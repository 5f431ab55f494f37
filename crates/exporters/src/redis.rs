//! Redis, as redis_exporter tells it: what `INFO` says.
//!
//! One connection for each look. `CONFIG` and `SLOWLOG`, which some hosters forbid, are asked and may
//! be refused.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mainstay_exposition::MetricType;
use mainstay_exposition::MetricType::{Counter, Gauge};
use mainstay_model::Secret;
use redis::aio::MultiplexedConnection;

use crate::page::chain;
use crate::{Page, Told};

/// Where a Redis is.
#[derive(Debug, Clone)]
pub struct Redis {
    /// `redis://[user:password@]host:port`
    pub url: Secret<String>,
    /// For one look, all of it.
    pub timeout: Duration,
}

/// What was asked of it.
struct Answers {
    info: String,
    config: Vec<String>,
    slowlog: Option<i64>,
}

impl Redis {
    /// Everything, now; `now_seconds` since the epoch. A Redis that does not answer is a page with
    /// `redis_up 0`.
    pub async fn collect(&self, now_seconds: f64) -> Page {
        self.tell(now_seconds).await.page
    }

    /// Everything, now, and why it could not be had.
    pub async fn tell(&self, now_seconds: f64) -> Told {
        let mut page = Page::default();
        let began = Instant::now();
        let answers = tokio::time::timeout(self.timeout, self.ask()).await;
        let answers = answers.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let up = f64::from(u8::from(answers.is_ok()));
        page.gauge("redis_up", "Information about the Redis instance", &[], up);
        let trouble = match answers {
            Ok(answers) => {
                tell(&mut page, &answers, now_seconds);
                None
            }
            Err(error) => Some(error),
        };
        let seconds = began.elapsed().as_secs_f64();
        page.gauge(
            "redis_exporter_last_scrape_duration_seconds",
            "exporter_last_scrape_duration_seconds metric",
            &[],
            seconds,
        );
        Told { page, trouble }
    }

    async fn ask(&self) -> Result<Answers, String> {
        // The address may hold a password: it is in no error.
        let client = redis::Client::open(self.url.expose().as_str());
        let client = client.map_err(|_| "the address is none of Redis".to_owned())?;
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection: MultiplexedConnection = connection.map_err(|error| chain(&error))?;
        let info = redis::cmd("INFO")
            .arg("ALL")
            .query_async(&mut connection)
            .await;
        let info = info.map_err(|error| chain(&error))?;
        let mut config = Vec::new();
        for name in ["maxclients", "maxmemory", "databases", "io-threads"] {
            let asked = redis::cmd("CONFIG")
                .arg("GET")
                .arg(name)
                .query_async(&mut connection)
                .await;
            let pair: Vec<String> = asked.unwrap_or_default();
            config.extend(pair);
        }
        let slowlog = redis::cmd("SLOWLOG")
            .arg("LEN")
            .query_async(&mut connection)
            .await
            .ok();
        Ok(Answers {
            info,
            config,
            slowlog,
        })
    }
}

/// Field of `INFO`, metric without `redis_`, type, scale.
const FIELDS: [(&str, &str, MetricType, f64); 99] = [
    ("uptime_in_seconds", "uptime_in_seconds", Gauge, 1.0),
    ("process_id", "process_id", Gauge, 1.0),
    ("io_threads_active", "io_threads_active", Gauge, 1.0),
    ("connected_clients", "connected_clients", Gauge, 1.0),
    ("blocked_clients", "blocked_clients", Gauge, 1.0),
    ("tracking_clients", "tracking_clients", Gauge, 1.0),
    (
        "clients_in_timeout_table",
        "clients_in_timeout_table",
        Gauge,
        1.0,
    ),
    ("cluster_connections", "cluster_connections", Gauge, 1.0),
    (
        "client_recent_max_input_buffer",
        "client_recent_max_input_buffer_bytes",
        Gauge,
        1.0,
    ),
    (
        "client_recent_max_output_buffer",
        "client_recent_max_output_buffer_bytes",
        Gauge,
        1.0,
    ),
    ("used_memory", "memory_used_bytes", Gauge, 1.0),
    ("used_memory_rss", "memory_used_rss_bytes", Gauge, 1.0),
    ("used_memory_peak", "memory_used_peak_bytes", Gauge, 1.0),
    ("used_memory_lua", "memory_used_lua_bytes", Gauge, 1.0),
    (
        "used_memory_overhead",
        "memory_used_overhead_bytes",
        Gauge,
        1.0,
    ),
    (
        "used_memory_startup",
        "memory_used_startup_bytes",
        Gauge,
        1.0,
    ),
    (
        "used_memory_dataset",
        "memory_used_dataset_bytes",
        Gauge,
        1.0,
    ),
    (
        "used_memory_scripts",
        "memory_used_scripts_bytes",
        Gauge,
        1.0,
    ),
    (
        "number_of_cached_scripts",
        "number_of_cached_scripts",
        Gauge,
        1.0,
    ),
    ("maxmemory", "memory_max_bytes", Gauge, 1.0),
    (
        "allocator_allocated",
        "allocator_allocated_bytes",
        Gauge,
        1.0,
    ),
    ("allocator_active", "allocator_active_bytes", Gauge, 1.0),
    ("allocator_resident", "allocator_resident_bytes", Gauge, 1.0),
    ("allocator_frag_ratio", "allocator_frag_ratio", Gauge, 1.0),
    ("allocator_frag_bytes", "allocator_frag_bytes", Gauge, 1.0),
    ("allocator_rss_ratio", "allocator_rss_ratio", Gauge, 1.0),
    ("allocator_rss_bytes", "allocator_rss_bytes", Gauge, 1.0),
    (
        "mem_fragmentation_ratio",
        "mem_fragmentation_ratio",
        Gauge,
        1.0,
    ),
    (
        "mem_fragmentation_bytes",
        "mem_fragmentation_bytes",
        Gauge,
        1.0,
    ),
    ("mem_clients_slaves", "mem_clients_slaves", Gauge, 1.0),
    ("mem_clients_normal", "mem_clients_normal", Gauge, 1.0),
    (
        "mem_not_counted_for_evict",
        "mem_not_counted_for_eviction_bytes",
        Gauge,
        1.0,
    ),
    (
        "lazyfree_pending_objects",
        "lazyfree_pending_objects",
        Gauge,
        1.0,
    ),
    ("active_defrag_running", "active_defrag_running", Gauge, 1.0),
    (
        "migrate_cached_sockets",
        "migrate_cached_sockets_total",
        Gauge,
        1.0,
    ),
    ("loading", "loading_dump_file", Gauge, 1.0),
    (
        "rdb_changes_since_last_save",
        "rdb_changes_since_last_save",
        Gauge,
        1.0,
    ),
    (
        "rdb_bgsave_in_progress",
        "rdb_bgsave_in_progress",
        Gauge,
        1.0,
    ),
    (
        "rdb_last_save_time",
        "rdb_last_save_timestamp_seconds",
        Gauge,
        1.0,
    ),
    (
        "rdb_last_bgsave_status",
        "rdb_last_bgsave_status",
        Gauge,
        1.0,
    ),
    (
        "rdb_last_bgsave_time_sec",
        "rdb_last_bgsave_duration_sec",
        Gauge,
        1.0,
    ),
    (
        "rdb_current_bgsave_time_sec",
        "rdb_current_bgsave_duration_sec",
        Gauge,
        1.0,
    ),
    ("rdb_last_cow_size", "rdb_last_cow_size_bytes", Gauge, 1.0),
    ("aof_enabled", "aof_enabled", Gauge, 1.0),
    (
        "aof_rewrite_in_progress",
        "aof_rewrite_in_progress",
        Gauge,
        1.0,
    ),
    ("aof_rewrite_scheduled", "aof_rewrite_scheduled", Gauge, 1.0),
    (
        "aof_last_rewrite_time_sec",
        "aof_last_rewrite_duration_sec",
        Gauge,
        1.0,
    ),
    (
        "aof_current_rewrite_time_sec",
        "aof_current_rewrite_duration_sec",
        Gauge,
        1.0,
    ),
    (
        "aof_last_bgrewrite_status",
        "aof_last_bgrewrite_status",
        Gauge,
        1.0,
    ),
    ("aof_last_write_status", "aof_last_write_status", Gauge, 1.0),
    ("aof_last_cow_size", "aof_last_cow_size_bytes", Gauge, 1.0),
    ("aof_current_size", "aof_current_size_bytes", Gauge, 1.0),
    ("aof_base_size", "aof_base_size_bytes", Gauge, 1.0),
    (
        "module_fork_in_progress",
        "module_fork_in_progress",
        Gauge,
        1.0,
    ),
    (
        "module_fork_last_cow_size",
        "module_fork_last_cow_size",
        Gauge,
        1.0,
    ),
    (
        "total_connections_received",
        "connections_received_total",
        Counter,
        1.0,
    ),
    (
        "total_commands_processed",
        "commands_processed_total",
        Counter,
        1.0,
    ),
    (
        "rejected_connections",
        "rejected_connections_total",
        Counter,
        1.0,
    ),
    (
        "total_net_input_bytes",
        "net_input_bytes_total",
        Counter,
        1.0,
    ),
    (
        "total_net_output_bytes",
        "net_output_bytes_total",
        Counter,
        1.0,
    ),
    ("sync_full", "replica_resyncs_full", Gauge, 1.0),
    (
        "sync_partial_ok",
        "replica_partial_resync_accepted",
        Gauge,
        1.0,
    ),
    (
        "sync_partial_err",
        "replica_partial_resync_denied",
        Gauge,
        1.0,
    ),
    ("expired_keys", "expired_keys_total", Counter, 1.0),
    ("expired_stale_perc", "expired_stale_percentage", Gauge, 1.0),
    (
        "expired_time_cap_reached_count",
        "expired_time_cap_reached_total",
        Gauge,
        1.0,
    ),
    ("evicted_keys", "evicted_keys_total", Counter, 1.0),
    ("keyspace_hits", "keyspace_hits_total", Counter, 1.0),
    ("keyspace_misses", "keyspace_misses_total", Counter, 1.0),
    ("pubsub_channels", "pubsub_channels", Gauge, 1.0),
    ("pubsub_patterns", "pubsub_patterns", Gauge, 1.0),
    ("latest_fork_usec", "latest_fork_seconds", Gauge, 1e-6),
    (
        "slave_expires_tracked_keys",
        "slave_expires_tracked_keys",
        Gauge,
        1.0,
    ),
    ("active_defrag_hits", "defrag_hits", Gauge, 1.0),
    ("active_defrag_misses", "defrag_misses", Gauge, 1.0),
    ("active_defrag_key_hits", "defrag_key_hits", Gauge, 1.0),
    ("active_defrag_key_misses", "defrag_key_misses", Gauge, 1.0),
    (
        "dump_payload_sanitizations",
        "dump_payload_sanitizations",
        Counter,
        1.0,
    ),
    (
        "total_reads_processed",
        "total_reads_processed",
        Counter,
        1.0,
    ),
    (
        "total_writes_processed",
        "total_writes_processed",
        Counter,
        1.0,
    ),
    (
        "io_threaded_reads_processed",
        "io_threaded_reads_processed",
        Counter,
        1.0,
    ),
    (
        "io_threaded_writes_processed",
        "io_threaded_writes_processed",
        Counter,
        1.0,
    ),
    ("total_error_replies", "total_error_replies", Counter, 1.0),
    (
        "unexpected_error_replies",
        "unexpected_error_replies",
        Counter,
        1.0,
    ),
    ("tracking_total_keys", "tracking_total_keys", Gauge, 1.0),
    ("tracking_total_items", "tracking_total_items", Gauge, 1.0),
    (
        "tracking_total_prefixes",
        "tracking_total_prefixes",
        Gauge,
        1.0,
    ),
    ("connected_slaves", "connected_slaves", Gauge, 1.0),
    ("master_link_status", "master_link_up", Gauge, 1.0),
    ("master_repl_offset", "master_repl_offset", Gauge, 1.0),
    ("second_repl_offset", "second_repl_offset", Gauge, 1.0),
    ("repl_backlog_active", "repl_backlog_is_active", Gauge, 1.0),
    ("repl_backlog_size", "replication_backlog_bytes", Gauge, 1.0),
    (
        "repl_backlog_first_byte_offset",
        "repl_backlog_first_byte_offset",
        Gauge,
        1.0,
    ),
    (
        "repl_backlog_histlen",
        "repl_backlog_history_bytes",
        Gauge,
        1.0,
    ),
    ("used_cpu_sys", "cpu_sys_seconds_total", Counter, 1.0),
    ("used_cpu_user", "cpu_user_seconds_total", Counter, 1.0),
    (
        "used_cpu_sys_children",
        "cpu_sys_children_seconds_total",
        Counter,
        1.0,
    ),
    (
        "used_cpu_user_children",
        "cpu_user_children_seconds_total",
        Counter,
        1.0,
    ),
];

/// Likewise, of newer versions.
const MORE: [(&str, &str, MetricType, f64); 3] = [
    (
        "used_cpu_sys_main_thread",
        "cpu_sys_main_thread_seconds_total",
        Counter,
        1.0,
    ),
    (
        "used_cpu_user_main_thread",
        "cpu_user_main_thread_seconds_total",
        Counter,
        1.0,
    ),
    ("cluster_enabled", "cluster_enabled", Gauge, 1.0),
];

fn tell(page: &mut Page, answers: &Answers, now_seconds: f64) {
    let lines = answers
        .info
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'));
    let info: BTreeMap<&str, &str> = lines.collect();
    for (field, name, kind, scale) in FIELDS.iter().chain(&MORE) {
        if let Some(value) = info.get(field).copied().and_then(number) {
            let help = format!("{name} metric");
            page.add(&format!("redis_{name}"), *kind, &help, &[], value * scale);
        }
    }
    if let Some(uptime) = info.get("uptime_in_seconds").copied().and_then(number) {
        let help = "start_time_seconds metric";
        page.gauge(
            "redis_start_time_seconds",
            help,
            &[],
            (now_seconds - uptime).floor(),
        );
    }
    if let Some(length) = answers.slowlog {
        page.gauge(
            "redis_slowlog_length",
            "slowlog_length metric",
            &[],
            length as f64,
        );
    }
    instance(page, &info);
    let count = config(page, &answers.config);
    databases(page, &info, count);
    for (field, text) in &info {
        if let Some(command) = field.strip_prefix("cmdstat_") {
            commands(page, command, text);
        }
        if let (Some(error), Some(count)) =
            (field.strip_prefix("errorstat_"), parts(text).get("count"))
        {
            let help = "Total number of errors per error type";
            page.counter("redis_errors_total", help, &[("err", error)], *count);
        }
    }
}

/// A number, or a word that stands for one.
fn number(text: &str) -> Option<f64> {
    match text {
        "ok" | "up" => Some(1.0),
        "err" | "fail" | "down" => Some(0.0),
        text => text.parse().ok(),
    }
}

fn instance(page: &mut Page, info: &BTreeMap<&str, &str>) {
    let names = [
        "maxmemory_policy",
        "os",
        "process_id",
        "redis_build_id",
        "redis_mode",
        "redis_version",
        "role",
        "run_id",
        "tcp_port",
    ];
    let labels = names.map(|name| (name, info.get(name).copied().unwrap_or_default()));
    page.gauge(
        "redis_instance_info",
        "Information about the Redis instance",
        &labels,
        1.0,
    );
}

/// What `CONFIG` says; how many databases there are.
fn config(page: &mut Page, config: &[String]) -> usize {
    let mut databases = 0;
    for pair in config.chunks_exact(2) {
        let Ok(value) = pair[1].parse::<f64>() else {
            continue;
        };
        if pair[0] == "databases" {
            databases = value as usize;
            continue;
        }
        let name = pair[0].replace('-', "_");
        page.gauge(
            &format!("redis_config_{name}"),
            &format!("config_{name} metric"),
            &[],
            value,
        );
    }
    databases
}

fn databases(page: &mut Page, info: &BTreeMap<&str, &str>, count: usize) {
    for number in 0..count.max(16) {
        let name = format!("db{number}");
        let text = info.get(name.as_str()).copied();
        if text.is_none() && number >= count {
            continue;
        }
        let parts = parts(text.unwrap_or_default());
        let of = |part: &str| parts.get(part).copied().unwrap_or(0.0);
        let labels = [("db", name.as_str())];
        page.gauge(
            "redis_db_keys",
            "Total number of keys by DB",
            &labels,
            of("keys"),
        );
        let help = "Total number of expiring keys by DB";
        page.gauge("redis_db_keys_expiring", help, &labels, of("expires"));
        if text.is_some() {
            let help = "Avg TTL in seconds";
            page.gauge(
                "redis_db_avg_ttl_seconds",
                help,
                &labels,
                of("avg_ttl") / 1000.0,
            );
        }
    }
}

fn commands(page: &mut Page, command: &str, text: &str) {
    let (parts, labels) = (parts(text), [("cmd", command)]);
    for (part, name, help, scale) in [
        (
            "calls",
            "redis_commands_total",
            "Total number of calls per command",
            1.0,
        ),
        (
            "usec",
            "redis_commands_duration_seconds_total",
            "Total amount of time in seconds spent per command",
            1e-6,
        ),
        (
            "rejected_calls",
            "redis_commands_rejected_calls_total",
            "Total number of rejected calls per command",
            1.0,
        ),
        (
            "failed_calls",
            "redis_commands_failed_calls_total",
            "Total number of failed calls per command",
            1.0,
        ),
    ] {
        if let Some(value) = parts.get(part) {
            page.counter(name, help, &labels, value * scale);
        }
    }
}

/// `keys=1,expires=0`
fn parts(text: &str) -> BTreeMap<&str, f64> {
    let pairs = text.split(',').filter_map(|part| part.split_once('='));
    pairs
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect()
}
