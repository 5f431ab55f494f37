//! PostgreSQL, as postgres_exporter tells it.
//!
//! One connection for each look, without TLS: an exporter stands beside its database. Whoever it logs
//! in as needs `pg_monitor` for what concerns other users.

use std::time::{Duration, Instant};

use mainstay_exposition::MetricType;
use mainstay_exposition::MetricType::{Counter, Gauge, Unknown};
use mainstay_model::Secret;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::page::chain;
use crate::{Page, Told};

/// Where a PostgreSQL is.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// `postgresql://user:password@host:port/database`
    pub url: Secret<String>,
    /// For one look, all of it.
    pub timeout: Duration,
}

/// The answer to one question.
type Rows = Vec<SimpleQueryRow>;

impl Postgres {
    /// Everything, now. A PostgreSQL that does not answer is a page with `pg_up 0`.
    pub async fn collect(&self) -> Page {
        self.tell().await.page
    }

    /// Everything, now, and why it could not be had.
    pub async fn tell(&self) -> Told {
        let mut page = Page::default();
        let began = Instant::now();
        let looked = tokio::time::timeout(self.timeout, self.look(&mut page)).await;
        let looked = looked.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let (up, trouble) = match looked {
            Ok(refused) => (1.0, refused),
            Err(error) => (0.0, Some(error)),
        };
        let error = f64::from(u8::from(trouble.is_some()));
        let help = "Whether the last scrape of metrics from PostgreSQL was able to connect to the server (1 for yes, 0 for no).";
        page.gauge("pg_up", help, &[], up);
        let help = "Whether the last scrape of metrics from PostgreSQL resulted in an error (1 for error, 0 for success).";
        page.gauge("pg_exporter_last_scrape_error", help, &[], error);
        let help = "Duration of the last scrape of metrics from PostgreSQL.";
        let seconds = began.elapsed().as_secs_f64();
        page.gauge(
            "pg_exporter_last_scrape_duration_seconds",
            help,
            &[],
            seconds,
        );
        Told { page, trouble }
    }

    /// What was said to the first question that was refused.
    async fn look(&self, page: &mut Page) -> Result<Option<String>, String> {
        // The address may hold a password: it is in no error.
        let config: tokio_postgres::Config = self
            .url
            .expose()
            .parse()
            .map_err(|_| "the address is none of PostgreSQL".to_owned())?;
        let server = server(&config);
        let connected = config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| chain(&error))?;
        let connection = tokio::spawn(connection);
        let mut refused = None;
        for (question, tell) in QUESTIONS {
            match ask(&client, question).await {
                Ok(rows) => tell(page, &server, &rows),
                Err(error) => {
                    refused.get_or_insert(format!("`{question}`: {error}"));
                }
            }
        }
        drop(client);
        connection.abort();
        Ok(refused)
    }
}

/// `host:port`
fn server(config: &tokio_postgres::Config) -> String {
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
        Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    format!(
        "{host}:{}",
        config.get_ports().first().copied().unwrap_or(5432)
    )
}

async fn ask(client: &Client, question: &str) -> Result<Rows, String> {
    let messages = client
        .simple_query(question)
        .await
        .map_err(|error| chain(&error))?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows.collect())
}

type Tell = fn(&mut Page, &str, &Rows);

const QUESTIONS: [(&str, Tell); 10] = [
    (
        "SELECT version() AS version, current_setting('server_version_num') AS number",
        version,
    ),
    (
        "SELECT *, extract(epoch FROM stats_reset) AS reset_seconds FROM pg_stat_database",
        databases,
    ),
    ("SELECT * FROM pg_stat_database_conflicts", conflicts),
    (
        "SELECT datname, pg_database_size(oid) AS bytes FROM pg_database WHERE datallowconn OR datistemplate",
        sizes,
    ),
    (
        "SELECT d.datname, s.state, count(a.pid) AS count, \
         coalesce(max(extract(epoch FROM now() - a.xact_start)), 0) AS longest \
         FROM pg_database d CROSS JOIN unnest(ARRAY['active', 'idle', 'idle in transaction', \
         'idle in transaction (aborted)', 'fastpath function call', 'disabled']) AS s(state) \
         LEFT JOIN pg_stat_activity a ON a.datname = d.datname AND a.state = s.state GROUP BY 1, 2",
        activity,
    ),
    (
        "SELECT d.datname, m.mode, count(l.mode) AS count \
         FROM pg_database d CROSS JOIN unnest(ARRAY['accesssharelock', 'rowsharelock', \
         'rowexclusivelock', 'shareupdateexclusivelock', 'sharelock', 'sharerowexclusivelock', \
         'exclusivelock', 'accessexclusivelock', 'sireadlock']) AS m(mode) \
         LEFT JOIN pg_locks l ON l.database = d.oid AND lower(l.mode) = m.mode GROUP BY 1, 2",
        locks,
    ),
    (
        "SELECT *, extract(epoch FROM stats_reset) AS reset_seconds FROM pg_stat_bgwriter",
        bgwriter,
    ),
    (
        "SELECT archived_count, failed_count, extract(epoch FROM now() - last_archived_time) AS age \
         FROM pg_stat_archiver",
        archiver,
    ),
    (
        "SELECT current_database() AS datname, * FROM pg_stat_user_tables",
        tables,
    ),
    (
        "SELECT name, setting, coalesce(unit, '') AS unit, short_desc, vartype FROM pg_settings \
         WHERE vartype IN ('bool', 'integer', 'real') AND name <> 'sync_commit_cancel_wait'",
        settings,
    ),
];

fn text<'a>(row: &'a SimpleQueryRow, column: &str) -> &'a str {
    row.try_get(column).ok().flatten().unwrap_or_default()
}

/// What a column says; `None` where there is no such column, NaN where it says nothing.
fn value(row: &SimpleQueryRow, column: &str) -> Option<f64> {
    let text: Option<&str> = row.try_get(column).ok()?;
    Some(match text {
        None => f64::NAN,
        Some("t" | "on") => 1.0,
        Some("f" | "off") => 0.0,
        Some(text) => text.parse().ok()?,
    })
}

fn version(page: &mut Page, server: &str, rows: &Rows) {
    let Some(row) = rows.first() else { return };
    let number: u64 = text(row, "number").parse().unwrap_or(0);
    let short = format!("{}.{}.0", number / 10_000, number % 10_000);
    let labels = [
        ("server", server),
        ("short_version", &short),
        ("version", text(row, "version")),
    ];
    let help = "Version string as reported by postgres";
    page.add("pg_static", Unknown, help, &labels, 1.0);
}

/// Columns, each a metric `pg_stat_database_…`.
const DATABASE: [(&str, MetricType); 26] = [
    ("numbackends", Gauge),
    ("xact_commit", Counter),
    ("xact_rollback", Counter),
    ("blks_read", Counter),
    ("blks_hit", Counter),
    ("tup_returned", Counter),
    ("tup_fetched", Counter),
    ("tup_inserted", Counter),
    ("tup_updated", Counter),
    ("tup_deleted", Counter),
    ("conflicts", Counter),
    ("temp_files", Counter),
    ("temp_bytes", Counter),
    ("deadlocks", Counter),
    ("blk_read_time", Counter),
    ("blk_write_time", Counter),
    ("checksum_failures", Unknown),
    ("checksum_last_failure", Unknown),
    ("session_time", Unknown),
    ("active_time", Unknown),
    ("idle_in_transaction_time", Unknown),
    ("sessions", Unknown),
    ("sessions_abandoned", Unknown),
    ("sessions_fatal", Unknown),
    ("sessions_killed", Unknown),
    ("stats_reset", Counter),
];

fn databases(page: &mut Page, server: &str, rows: &Rows) {
    for row in rows {
        let labels = [
            ("datid", text(row, "datid")),
            ("datname", text(row, "datname")),
            ("server", server),
        ];
        for (column, kind) in DATABASE {
            let from = if column == "stats_reset" {
                "reset_seconds"
            } else {
                column
            };
            if let Some(value) = value(row, from) {
                let help = format!("{column} of pg_stat_database");
                page.add(
                    &format!("pg_stat_database_{column}"),
                    kind,
                    &help,
                    &labels,
                    value,
                );
            }
        }
    }
}

fn conflicts(page: &mut Page, server: &str, rows: &Rows) {
    for row in rows {
        let labels = [
            ("datid", text(row, "datid")),
            ("datname", text(row, "datname")),
            ("server", server),
        ];
        for column in ["tablespace", "lock", "snapshot", "bufferpin", "deadlock"] {
            if let Some(value) = value(row, &format!("confl_{column}")) {
                let name = format!("pg_stat_database_conflicts_confl_{column}");
                page.counter(
                    &name,
                    &format!("confl_{column} of pg_stat_database_conflicts"),
                    &labels,
                    value,
                );
            }
        }
    }
}

fn sizes(page: &mut Page, server: &str, rows: &Rows) {
    for row in rows {
        let labels = [("datname", text(row, "datname")), ("server", server)];
        let bytes = value(row, "bytes").unwrap_or(f64::NAN);
        page.gauge(
            "pg_database_size_bytes",
            "Disk space used by the database",
            &labels,
            bytes,
        );
    }
}

fn activity(page: &mut Page, server: &str, rows: &Rows) {
    for row in rows {
        let labels = [
            ("datname", text(row, "datname")),
            ("server", server),
            ("state", text(row, "state")),
        ];
        let count = value(row, "count").unwrap_or(0.0);
        page.gauge(
            "pg_stat_activity_count",
            "number of connections in this state",
            &labels,
            count,
        );
        let help = "max duration in seconds any active transaction has been running";
        let longest = value(row, "longest").unwrap_or(0.0);
        page.gauge("pg_stat_activity_max_tx_duration", help, &labels, longest);
    }
}

fn locks(page: &mut Page, server: &str, rows: &Rows) {
    for row in rows {
        let labels = [
            ("datname", text(row, "datname")),
            ("mode", text(row, "mode")),
            ("server", server),
        ];
        let count = value(row, "count").unwrap_or(0.0);
        page.gauge("pg_locks_count", "Number of locks", &labels, count);
    }
}

fn bgwriter(page: &mut Page, server: &str, rows: &Rows) {
    let Some(row) = rows.first() else { return };
    for column in [
        "checkpoints_timed",
        "checkpoints_req",
        "checkpoint_write_time",
        "checkpoint_sync_time",
        "buffers_checkpoint",
        "buffers_clean",
        "maxwritten_clean",
        "buffers_backend",
        "buffers_backend_fsync",
        "buffers_alloc",
        "stats_reset",
    ] {
        let from = if column == "stats_reset" {
            "reset_seconds"
        } else {
            column
        };
        if let Some(value) = value(row, from) {
            let help = format!("{column} of pg_stat_bgwriter");
            page.counter(
                &format!("pg_stat_bgwriter_{column}_total"),
                &help,
                &[("server", server)],
                value,
            );
        }
    }
}

fn archiver(page: &mut Page, server: &str, rows: &Rows) {
    let Some(row) = rows.first() else { return };
    let labels = [("server", server)];
    for (column, name, help, kind) in [
        (
            "archived_count",
            "archived_count",
            "Number of WAL files that have been successfully archived",
            Counter,
        ),
        (
            "failed_count",
            "failed_count",
            "Number of failed attempts for archiving WAL files",
            Counter,
        ),
        (
            "age",
            "last_archive_age",
            "Time in seconds since last WAL segment was successfully archived",
            Gauge,
        ),
    ] {
        if let Some(value) = value(row, column) {
            page.add(
                &format!("pg_stat_archiver_{name}"),
                kind,
                help,
                &labels,
                value,
            );
        }
    }
}

fn tables(page: &mut Page, server: &str, rows: &Rows) {
    for row in rows {
        let labels = [
            ("datname", text(row, "datname")),
            ("relname", text(row, "relname")),
            ("schemaname", text(row, "schemaname")),
            ("server", server),
        ];
        for (column, kind) in [
            ("seq_scan", Counter),
            ("seq_tup_read", Counter),
            ("idx_scan", Counter),
            ("idx_tup_fetch", Counter),
            ("n_tup_ins", Counter),
            ("n_tup_upd", Counter),
            ("n_tup_del", Counter),
            ("n_tup_hot_upd", Counter),
            ("n_live_tup", Gauge),
            ("n_dead_tup", Gauge),
            ("n_mod_since_analyze", Gauge),
            ("vacuum_count", Counter),
            ("autovacuum_count", Counter),
            ("analyze_count", Counter),
            ("autoanalyze_count", Counter),
        ] {
            if let Some(value) = value(row, column) {
                let help = format!("{column} of pg_stat_user_tables");
                page.add(
                    &format!("pg_stat_user_tables_{column}"),
                    kind,
                    &help,
                    &labels,
                    value,
                );
            }
        }
    }
}

fn settings(page: &mut Page, server: &str, rows: &Rows) {
    for row in rows {
        let Some(setting) = value(row, "setting") else {
            continue;
        };
        let unit = text(row, "unit");
        let name = text(row, "name").replace('.', "_");
        let description = text(row, "short_desc");
        let Some((suffix, scale)) = converted(unit) else {
            tracing::debug!(name, unit, "a setting has a unit that is not known");
            continue;
        };
        // Below zero a setting says `off` or `as another one`.
        let value = if setting > 0.0 {
            setting * scale
        } else {
            setting
        };
        let (metric, help) = if suffix.is_empty() {
            (
                format!("pg_settings_{name}"),
                format!("Server Parameter: {}", text(row, "name")),
            )
        } else {
            let help = format!(
                "Server Parameter: {} [Units converted to {suffix}.]",
                text(row, "name")
            );
            (format!("pg_settings_{name}_{suffix}"), help)
        };
        let help = if description.is_empty() {
            help
        } else {
            format!("{help} {description}")
        };
        page.gauge(&metric, &help, &[("server", server)], value);
    }
}

/// The base unit, and how many of it a unit is: `8kB` is 8192 bytes.
fn converted(unit: &str) -> Option<(&'static str, f64)> {
    let digits = unit.bytes().take_while(u8::is_ascii_digit).count();
    let count: f64 = if digits == 0 {
        1.0
    } else {
        unit[..digits].parse().ok()?
    };
    let (suffix, scale) = match &unit[digits..] {
        "" if digits == 0 => ("", 1.0),
        "us" => ("seconds", 1e-6),
        "ms" => ("seconds", 1e-3),
        "s" => ("seconds", 1.0),
        "min" => ("seconds", 60.0),
        "h" => ("seconds", 3600.0),
        "d" => ("seconds", 86_400.0),
        "B" => ("bytes", 1.0),
        "kB" => ("bytes", 1024.0),
        "MB" => ("bytes", 1024.0 * 1024.0),
        "GB" => ("bytes", 1024.0 * 1024.0 * 1024.0),
        "TB" => ("bytes", 1024.0 * 1024.0 * 1024.0 * 1024.0),
        _ => return None,
    };
    Some((suffix, count * scale))
}
