//! PostgreSQL and Redis, under the names of postgres_exporter and redis_exporter.

use super::panel::{Dashboard, figure, lines};

pub(super) const DATABASE: Dashboard = Dashboard {
    name: "database",
    title: "Database",
    about: "PostgreSQL: connections, transactions, locks, cache and size.",
    panels: &[
        figure(
            "Answers",
            "bool_yes_no",
            &[("min by (service) (pg_up{SCOPE})", "{{service}}")],
        )
        .limits(1.0, 0.5),
        figure(
            "Connections in use",
            "percentunit",
            &[(
                "sum by (service) (pg_stat_activity_count{SCOPE}) / max by (service) (pg_settings_max_connections{SCOPE})",
                "{{service}}",
            )],
        )
        .limits(0.8, 0.95),
        figure(
            "Reads from its cache",
            "percentunit",
            &[(
                "sum by (service) (rate(pg_stat_database_blks_hit{SCOPE}[$__rate_interval])) / (sum by (service) (rate(pg_stat_database_blks_hit{SCOPE}[$__rate_interval])) + sum by (service) (rate(pg_stat_database_blks_read{SCOPE}[$__rate_interval])))",
                "{{service}}",
            )],
        )
        .limits(0.99, 0.9),
        figure(
            "Size",
            "bytes",
            &[("sum by (service) (pg_database_size_bytes{SCOPE})", "{{service}}")],
        ),
        lines(
            "Connections by state",
            "none",
            &[
                ("sum by (service, state) (pg_stat_activity_count{SCOPE})", "{{service}} {{state}}"),
                ("max by (service) (pg_settings_max_connections{SCOPE})", "{{service}} most"),
            ],
        ),
        lines(
            "Transactions",
            "ops",
            &[
                (
                    "sum by (datname) (rate(pg_stat_database_xact_commit{SCOPE}[$__rate_interval]))",
                    "{{datname}} committed",
                ),
                (
                    "sum by (datname) (rate(pg_stat_database_xact_rollback{SCOPE}[$__rate_interval]))",
                    "{{datname}} rolled back",
                ),
            ],
        ),
        lines(
            "Rows",
            "ops",
            &[
                ("sum by (service) (rate(pg_stat_database_tup_fetched{SCOPE}[$__rate_interval]))", "{{service}} fetched"),
                ("sum by (service) (rate(pg_stat_database_tup_inserted{SCOPE}[$__rate_interval]))", "{{service}} inserted"),
                ("sum by (service) (rate(pg_stat_database_tup_updated{SCOPE}[$__rate_interval]))", "{{service}} updated"),
                ("sum by (service) (rate(pg_stat_database_tup_deleted{SCOPE}[$__rate_interval]))", "{{service}} deleted"),
            ],
        ),
        lines(
            "Locks by mode",
            "none",
            &[("sum by (service, mode) (pg_locks_count{SCOPE}) > 0", "{{service}} {{mode}}")],
        ),
        lines(
            "Deadlocks and conflicts",
            "none",
            &[
                ("sum by (datname) (increase(pg_stat_database_deadlocks{SCOPE}[$__rate_interval]))", "{{datname}} deadlocks"),
                ("sum by (datname) (increase(pg_stat_database_conflicts{SCOPE}[$__rate_interval]))", "{{datname}} conflicts"),
            ],
        ),
        lines(
            "Longest transaction",
            "s",
            &[("max by (datname) (pg_stat_activity_max_tx_duration{SCOPE})", "{{datname}}")],
        ),
        lines(
            "Time to an answer, as services see it",
            "s",
            &[(
                r#"max by (service) (dependency_check_seconds{SCOPE, dependency="database"})"#,
                "{{service}}",
            )],
        )
        .limits(0.1, 1.0)
        .needs("dependency_"),
        lines(
            "Pool of the services",
            "none",
            &[
                ("sum by (service) (database_connections_active{SCOPE})", "{{service}} in use"),
                ("sum by (service) (database_connections_max{SCOPE})", "{{service}} most"),
            ],
        )
        .needs("database_connections"),
        lines(
            "Checkpoints",
            "none",
            &[
                ("sum by (service) (increase(pg_stat_bgwriter_checkpoints_timed_total{SCOPE}[$__rate_interval]))", "{{service}} in time"),
                ("sum by (service) (increase(pg_stat_bgwriter_checkpoints_req_total{SCOPE}[$__rate_interval]))", "{{service}} asked for"),
            ],
        ),
        lines(
            "Temporary files",
            "Bps",
            &[("sum by (datname) (rate(pg_stat_database_temp_bytes{SCOPE}[$__rate_interval]))", "{{datname}}")],
        ),
        lines(
            "Dead rows",
            "none",
            &[("topk(10, sum by (datname, relname) (pg_stat_user_tables_n_dead_tup{SCOPE}))", "{{datname}} {{relname}}")],
        ),
        lines(
            "Size by database",
            "bytes",
            &[("max by (datname) (pg_database_size_bytes{SCOPE})", "{{datname}}")],
        ),
    ],
};

pub(super) const CACHE: Dashboard = Dashboard {
    name: "cache",
    title: "Cache",
    about: "Redis: hits, memory, evictions, clients and commands.",
    panels: &[
        figure(
            "Answers",
            "bool_yes_no",
            &[("min by (service) (redis_up{SCOPE})", "{{service}}")],
        )
        .limits(1.0, 0.5),
        figure(
            "Found in the cache",
            "percentunit",
            &[(
                "sum by (service) (rate(redis_keyspace_hits_total{SCOPE}[$__rate_interval])) / (sum by (service) (rate(redis_keyspace_hits_total{SCOPE}[$__rate_interval])) + sum by (service) (rate(redis_keyspace_misses_total{SCOPE}[$__rate_interval])))",
                "{{service}}",
            )],
        )
        .limits(0.9, 0.7),
        figure(
            "Memory in use",
            "percentunit",
            &[(
                "max by (service) (redis_memory_used_bytes{SCOPE} / (redis_memory_max_bytes{SCOPE} > 0))",
                "{{service}}",
            )],
        )
        .limits(0.8, 0.95),
        figure(
            "Since the last snapshot",
            "s",
            &[("time() - max by (service) (redis_rdb_last_save_timestamp_seconds{SCOPE})", "{{service}}")],
        ),
        lines(
            "Hits and misses",
            "ops",
            &[
                ("sum by (service) (rate(redis_keyspace_hits_total{SCOPE}[$__rate_interval]))", "{{service}} hits"),
                ("sum by (service) (rate(redis_keyspace_misses_total{SCOPE}[$__rate_interval]))", "{{service}} misses"),
            ],
        ),
        lines(
            "Commands",
            "ops",
            &[("topk(10, sum by (cmd) (rate(redis_commands_total{SCOPE}[$__rate_interval])))", "{{cmd}}")],
        ),
        lines(
            "Time of a command",
            "s",
            &[(
                "topk(10, sum by (cmd) (rate(redis_commands_duration_seconds_total{SCOPE}[$__rate_interval])) / sum by (cmd) (rate(redis_commands_total{SCOPE}[$__rate_interval])))",
                "{{cmd}}",
            )],
        ),
        lines(
            "Memory",
            "bytes",
            &[
                ("max by (service) (redis_memory_used_bytes{SCOPE})", "{{service}} in use"),
                ("max by (service) (redis_memory_used_rss_bytes{SCOPE})", "{{service}} of the machine"),
                ("max by (service) (redis_memory_max_bytes{SCOPE})", "{{service}} most"),
            ],
        ),
        lines(
            "Evicted and expired",
            "ops",
            &[
                ("sum by (service) (rate(redis_evicted_keys_total{SCOPE}[$__rate_interval]))", "{{service}} evicted"),
                ("sum by (service) (rate(redis_expired_keys_total{SCOPE}[$__rate_interval]))", "{{service}} expired"),
            ],
        ),
        lines(
            "Keys",
            "none",
            &[("sum by (service, db) (redis_db_keys{SCOPE})", "{{service}} {{db}}")],
        ),
        lines(
            "Clients",
            "none",
            &[
                ("max by (service) (redis_connected_clients{SCOPE})", "{{service}} connected"),
                ("max by (service) (redis_blocked_clients{SCOPE})", "{{service}} waiting"),
            ],
        ),
        lines(
            "Network",
            "Bps",
            &[
                ("sum by (service) (rate(redis_net_input_bytes_total{SCOPE}[$__rate_interval]))", "{{service}} in"),
                ("sum by (service) (rate(redis_net_output_bytes_total{SCOPE}[$__rate_interval]))", "{{service}} out"),
            ],
        ),
        lines(
            "Slow commands kept",
            "none",
            &[("max by (service) (redis_slowlog_length{SCOPE})", "{{service}}")],
        ),
        lines(
            "Fragmentation",
            "none",
            &[("max by (service) (redis_mem_fragmentation_ratio{SCOPE})", "{{service}}")],
        ),
        lines(
            "Asked by the services",
            "ops",
            &[("sum by (service, result) (rate(cache_requests_total{SCOPE}[$__rate_interval]))", "{{service}} {{result}}")],
        )
        .needs("cache_requests_total"),
    ],
};
