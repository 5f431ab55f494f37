//! PostgreSQL and Redis start with what is rendered for them, and find nothing wrong with it.

use super::peer::{self, Server};
use crate::peers::{peer as find, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_model::Bytes;
use mainstay_render::{Machine, Project, Target, render};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// The program as whoever may run it: PostgreSQL refuses root.
pub(crate) fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .arg(program)
        .current_dir("/");
    command
}

/// What psql answers, as the system's user `postgres` over the socket.
fn asked(psql: &Path, folder: &Path, port: u16, query: &str) -> String {
    let mut command = as_postgres(psql);
    command
        .args(["-X", "-At", "-U", "postgres", "-d", "postgres", "-h"])
        .arg(folder)
        .args(["-p", &port.to_string(), "-c", query]);
    quiet(&mut command).trim().to_owned()
}

/// A data directory whose files are the rendered ones, but for where it listens.
fn data_directory(postgres: &Path, folder: &Path, port: u16) {
    let data = folder.join("data");
    std::fs::create_dir(&data).expect("a folder");
    quiet(Command::new("chown").arg("postgres").arg(&data));
    let mut made = as_postgres(&postgres.with_file_name("initdb"));
    made.args(["-U", "postgres", "-N", "--auth-local=peer"])
        .args(["--auth-host=reject", "--locale=C", "-D"])
        .arg(&data);
    quiet(&mut made);
    for file in ["postgresql.conf", "pg_hba.conf"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("a file");
        let text = text
            .replace("listen_addresses = '*'", "listen_addresses = '127.0.0.1'")
            .replace("port = 5432", &format!("port = {port}"));
        std::fs::write(data.join(file), text).expect("a file");
    }
}

#[test]
fn postgresql_starts_with_its_settings_and_finds_no_error() {
    let test = "postgresql_starts_with_its_settings_and_finds_no_error";
    let (Some(postgres), Some(psql)) = (find("postgres", test), find("psql", test)) else {
        return;
    };
    // Its own folder has the rest of it.
    let postgres = postgres.canonicalize().expect("a path");
    let mut project = example("rag-admin");
    project.machine = Some(Machine {
        memory: Bytes(1 << 30),
        cpus: 2,
    });
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).expect("permissions");
    write(&render(Target::Postgresql, &project), folder);
    let (data, [port]) = (folder.join("data"), peer::free_ports());
    data_directory(&postgres, folder, port);
    let log = folder.join("log");
    let mut command = as_postgres(&postgres);
    command
        .arg("-D")
        .arg(&data)
        .arg("-k")
        .arg(&data)
        .stderr(std::fs::File::create(&log).expect("a file"));
    let mut server = Server::start(&mut command);
    server.wait_until(&log, || {
        let mut ready = Command::new(postgres.with_file_name("pg_isready"));
        ready.arg("-h").arg(&data).args(["-p", &port.to_string()]);
        peer::run(&mut ready).status.success()
    });
    let ask = |query: &str| asked(&psql, &data, port, query);
    let wrong = "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL";
    assert_eq!(ask(wrong), "");
    let wrong = "SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL";
    assert_eq!(ask(wrong), "");
    let methods = "SELECT DISTINCT auth_method FROM pg_hba_file_rules ORDER BY 1";
    assert_eq!(ask(methods), "peer\nscram-sha-256");
    let settings = "SELECT name || '=' || current_setting(name) FROM pg_settings WHERE name IN \
        ('shared_buffers', 'effective_cache_size', 'max_connections', 'wal_level', 'archive_mode', \
        'log_min_duration_statement', 'log_destination') ORDER BY name";
    let expected = [
        "archive_mode=off",
        "effective_cache_size=768MB",
        "log_destination=csvlog",
        "log_min_duration_statement=1s",
        "max_connections=100",
        "shared_buffers=256MB",
        "wal_level=replica",
    ];
    assert_eq!(ask(settings).lines().collect::<Vec<_>>(), expected);
    let mut from_network = Command::new(&psql);
    from_network
        .args(["-X", "-w", "-h", "127.0.0.1", "-U", "postgres", "-p"])
        .args([&port.to_string(), "-c", "SELECT 1"]);
    let refused = peer::run(&mut from_network);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("no password supplied"), "{said}");
    slow_queries_are_logged(&mut server, &log, &data, &ask);
}

/// In the table that Logstash takes apart.
fn slow_queries_are_logged(
    server: &mut Server,
    log: &Path,
    data: &Path,
    ask: &dyn Fn(&str) -> String,
) {
    ask("SELECT pg_sleep(1.1)");
    let csv = || {
        let files = std::fs::read_dir(data.join("log")).expect("a folder");
        let mut files = files.flatten().map(|file| file.path());
        let csv = files.find(|file| file.extension().is_some_and(|end| end == "csv"));
        csv.and_then(|file| std::fs::read_to_string(file).ok())
            .unwrap_or_default()
    };
    server.wait_until(log, || csv().contains("SELECT pg_sleep(1.1)"));
    let text = csv();
    let line = text.lines().find(|line| line.contains("pg_sleep"));
    assert!(
        line.is_some_and(|line| line.contains(",\"duration: ")),
        "{text}"
    );
    let line = line.expect("the query");
    let pipeline = render(Target::Logstash, &example("rag-admin"));
    let pipeline = &pipeline.files["pipeline/30-postgresql.conf"].text;
    let columns = pipeline.split("columns => [").nth(1).expect("columns");
    let columns = columns.split(']').next().expect("their end");
    assert_eq!(fields(line), columns.split(',').count(), "{line}");
}

#[test]
fn every_example_has_settings_or_says_why_not() {
    for name in EXAMPLES {
        let project = example(name);
        for environment in project.environments.values() {
            let seen = project.seen_from(&environment.environment);
            let seen = seen.expect("it is there");
            for (target, service) in [(Target::Postgresql, "postgres"), (Target::Redis, "redis")] {
                let rendering = render(target, &seen);
                let has = environment
                    .services
                    .keys()
                    .any(|name| name.as_str() == service);
                assert_eq!(!rendering.files.is_empty(), has, "{name} {target}");
                assert_eq!(rendering.problems.has_errors(), !has, "{name} {target}");
            }
        }
    }
}

/// Starts with the rendered file, and is asked for each setting.
fn redis_says(server: &Path, project: &Project, settings: &[(&str, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(&render(Target::Redis, project), folder);
    let file = folder.join("redis.conf");
    let text = std::fs::read_to_string(&file).expect("a file");
    let dir = format!("dir {}", folder.display());
    std::fs::write(&file, text.replace("dir /data", &dir)).expect("a file");
    let ([port], log) = (peer::free_ports(), folder.join("log"));
    let mut command = Command::new(server);
    command
        .arg(&file)
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .stdout(std::fs::File::create(&log).expect("a file"));
    let mut server_process = Server::start(&mut command);
    let cli = |arguments: &[&str]| {
        let mut command = Command::new(server.with_file_name("redis-cli"));
        command.args(["-p", &port.to_string()]).args(arguments);
        String::from_utf8_lossy(&peer::run(&mut command).stdout).into_owned()
    };
    server_process.wait_until(&log, || cli(&["PING"]).contains("PONG"));
    for (name, value) in settings {
        let said = cli(&["CONFIG", "GET", name]);
        assert_eq!(said.lines().nth(1), Some(*value), "{name}");
    }
}

#[test]
fn redis_starts_with_its_settings() {
    let Some(server) = find("redis-server", "redis_starts_with_its_settings") else {
        return;
    };
    // What the examples' command says goes before the size.
    let said = [
        ("maxmemory", "209715200"),
        ("maxmemory-policy", "allkeys-lru"),
        ("appendonly", "yes"),
        ("save", "900 1 300 10 60 10000"),
        ("protected-mode", "no"),
    ];
    for name in EXAMPLES {
        redis_says(&server, &example(name), &said);
    }
    let compose = "services: {cache: {image: \"redis:7\", command: [redis-server, --databases, \"4\", \
                   --requirepass, hunter2hunter2]}}\n";
    let mut plain = project(compose, "");
    plain.machine = Some(Machine {
        memory: Bytes(1 << 30),
        cpus: 8,
    });
    let file = &render(Target::Redis, &plain).files["redis.conf"].text;
    assert!(!file.contains("hunter2"), "{file}");
    let sized = [
        ("maxmemory", "805306368"),
        ("databases", "4"),
        ("appendonly", "no"),
        ("io-threads", "4"),
        ("requirepass", ""),
    ];
    redis_says(&server, &plain, &sized);
}

#[test]
fn several_servers_have_a_folder_each() {
    let compose = "services: {a: {image: \"postgres:16\", command: [postgres, -c, shared_buffers=1GB]}, \
                   b: {image: \"postgres:16\"}}\n";
    let rendering = render(Target::Postgresql, &project(compose, ""));
    let files: Vec<&str> = rendering.files.keys().map(String::as_str).collect();
    let expected = [
        "a/pg_hba.conf",
        "a/postgresql.conf",
        "b/pg_hba.conf",
        "b/postgresql.conf",
    ];
    assert_eq!(files, expected);
    let problem = rendering.problems.iter().next().expect("one");
    let start = "`services.a.command: shared_buffers=1GB` is lost";
    assert!(problem.message.starts_with(start), "{}", problem.message);
}

/// How many fields a line of CSV has: commas within quotes are none.
fn fields(line: &str) -> usize {
    let outside = line.split('"').step_by(2);
    let commas: usize = outside.map(|part| part.matches(',').count()).sum();
    commas + 1
}
