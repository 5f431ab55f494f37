//! What is measured without a scrape: instances, a real PostgreSQL and a real Redis, and what is
//! looked at from outside; all by itself, under the names that dashboards know.

use crate::metrics::{query, value};
use crate::postgres::{binaries, found, run, unprivileged};
use crate::site::{QUICK, Site, compose, free_address};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const RIGHT: &str = "right-Rw7/@:x";
const WRONG: &str = "wrong-Qz4/@:y";
const CACHE: &str = "cache-Kp9/@:z";

/// A PostgreSQL that asks for its password, and who it runs as.
struct Data {
    folder: TempDir,
    binaries: PathBuf,
    is_root: bool,
}

impl Data {
    /// `None`: not on this machine, and said so.
    fn new(test: &str) -> Option<Self> {
        let all = found("PostgreSQL", "psql", test) && found("Redis", "redis-server", test);
        let binaries = binaries().filter(|_| all)?;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        // PostgreSQL refuses root, and its user has to get in.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::create_dir(&data).unwrap();
        std::fs::write(&password, RIGHT).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            run(Command::new("chown")
                .arg("postgres")
                .args([&data, &password]));
        }
        run(unprivileged(&binaries.join("initdb"))
            .args(["-A", "scram-sha-256", "-U", "shop", "-N", "-D"])
            .args([&data])
            .arg("--pwfile")
            .arg(&password));
        Some(Self {
            folder,
            binaries,
            is_root,
        })
    }

    /// A database and a cache beside the sample service, each as its image would be told.
    fn compose(&self) -> String {
        let folder = self.folder.path().display();
        let program = self.binaries.join("postgres");
        let user = if self.is_root {
            "    user: postgres\n"
        } else {
            ""
        };
        let program = program.display();
        format!(
            "{}  db:
    x-mainstay: {{stateful: true, command: [sh, -c, 'exec {program} -D {folder}/data -k {folder}/data -h 127.0.0.1 -p $$PORT']}}
{user}    working_dir: {folder}
    expose: [\"5432\"]
    environment: {{POSTGRES_USER: shop, POSTGRES_DB: postgres, POSTGRES_PASSWORD_FILE: /run/secrets/db_password}}
    secrets: [db_password]
    stop_signal: SIGINT
  cache:
    x-mainstay: {{command: [sh, -c, 'exec redis-server --port $$PORT --save \"\" --requirepass \"$$CACHE_PASSWORD\"']}}
    expose: [\"6379\"]
    environment: {{CACHE_PASSWORD: \"${{CACHE_PASSWORD}}\"}}
secrets:
  db_password: {{file: ./keys/db}}
",
            compose(1, "")
        )
    }
}

fn secret(site: &Site, text: &str) {
    site.write("keys/db", text);
    let path = site.path().join("keys/db");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// Every file below a folder that has the text.
fn leaks(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(leaks(&path, text));
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn databases_instances_and_routes_are_measured_by_themselves() {
    let test = "databases_instances_and_routes_are_measured_by_themselves";
    let Some(data) = Data::new(test) else {
        return;
    };
    let mut site = Site::empty();
    site.set("CACHE_PASSWORD", CACHE);
    site.write(".mainstay/server.yaml", "metrics: {interval: 1s}\n");
    site.write("compose.yaml", &data.compose());
    site.write("mainstay.yaml", QUICK);
    secret(&site, RIGHT);
    site.up();
    // What dashboards and rules of the community ask for.
    for expression in [
        "pg_up{job=\"postgres\", instance=\"db-r1-1\", service=\"db\"} == 1",
        "pg_stat_database_numbackends{datname=\"postgres\"} > 0",
        "pg_exporter_last_scrape_error == 0",
        "redis_up{job=\"redis\", instance=\"cache-r1-1\"} == 1",
        "redis_connected_clients > 0",
        "container_memory_usage_bytes{job=\"cadvisor\", name=\"shop-dev-db-r1-1\", service=\"db\"} > 1e6",
        "rate(container_cpu_usage_seconds_total{name=\"shop-dev-app-r1-1\"}[1m]) >= 0",
        "container_start_time_seconds{name=\"shop-dev-cache-r1-1\", release=\"r1\"} > 1e9",
        "probe_success{job=\"blackbox\", service=\"app\", probe=\"/\"} == 1",
        "probe_http_status_code{service=\"app\"} == 200",
    ] {
        site.eventually(expression, || value(&site, expression).is_some());
    }
    let listed = site.ok(&["targets"]);
    for job in [
        "postgres", "redis", "cadvisor", "blackbox", "node", "mainstay",
    ] {
        assert!(listed.contains(job), "{job} in {listed}");
    }
    assert!(listed.contains("postgresql://127.0.0.1:"), "{listed}");
    site.run(&["targets", "--down"])
        .with_code(0)
        .says("every target answers");

    // Another way of looking replaces no instance.
    let settings = "metrics: {cache: {exporter: off}}\n";
    let shut = free_address();
    let probes = format!("probes: {{shut: {{tcp: '{shut}'}}}}\n");
    site.write("mainstay.yaml", &format!("{QUICK}{settings}{probes}"));
    site.deploy("rolling", &[]).with_code(0);
    site.eventually("Redis is not asked any more", || {
        query(&site, "redis_up").is_empty()
    });
    assert!(site.ok(&["ps"]).contains("cache-r1-1"));
    site.eventually("what does not answer is told", || {
        value(&site, "probe_success{probe=\"shut\"}") == Some(0.0)
    });
    let down = site.run(&["targets", "--down"]).with_code(1);
    down.says("refused").says(&format!("tcp://{shut}"));

    // A password that the database does not know.
    secret(&site, WRONG);
    site.deploy("rolling", &[]).with_code(0);
    site.eventually("the database lets nobody in", || {
        value(&site, "pg_up") == Some(0.0)
    });
    site.run(&["targets", "--down"])
        .with_code(1)
        .says("password authentication failed for user \"shop\"");
    for password in [RIGHT, WRONG, CACHE] {
        assert!(!site.ok(&["--json", "targets"]).contains(password));
        let found = leaks(&site.path().join(".mainstay"), password);
        assert_eq!(found, [""; 0].map(PathBuf::from));
    }
    site.ok(&["down"]);
}
