//! What well-known images and ports are: who speaks no HTTP, and who keeps a database.
//!
//! Only the last part of an image's repository counts, so that a mirror of `postgres` is one and
//! `postgres-exporter` is none. An image that is used as a tool — its command is another program,
//! such as `pg_dump` — is nothing special. What stands here is a default: `app_protocol` of a port
//! and `x-mainstay.stateful` of a service win. See `docs/decisions/0012-*.md`.

use super::{command, text};
use crate::resolved::{Exporter, PortProtocol};
use crate::tree::Node;
use mainstay_model::Problems;

/// A server that many stacks have.
#[derive(Debug)]
pub(super) struct Known {
    images: &'static [&'static str],
    /// What it is started as; the first words of a command that still run the server.
    programs: &'static [&'static str],
    /// Where it listens; the first is the one that clients use.
    ports: &'static [(u16, PortProtocol)],
    /// It is a database: two of it never run on the same data.
    pub(super) database: bool,
}

use PortProtocol::{Http, Tcp};

const fn known(
    images: &'static [&'static str],
    programs: &'static [&'static str],
    ports: &'static [(u16, PortProtocol)],
    database: bool,
) -> Known {
    Known {
        images,
        programs,
        ports,
        database,
    }
}

static KNOWN: &[Known] = &[
    known(
        &[
            "postgres",
            "postgresql",
            "postgis",
            "pgvector",
            "timescaledb",
            "timescaledb-ha",
        ],
        &["postgres"],
        &[(5432, Tcp)],
        true,
    ),
    known(
        &["mysql", "mysql-server", "percona"],
        &["mysqld"],
        &[(3306, Tcp)],
        true,
    ),
    known(&["mariadb"], &["mariadbd", "mysqld"], &[(3306, Tcp)], true),
    known(
        &["mongo", "mongodb", "mongodb-community-server"],
        &["mongod"],
        &[(27017, Tcp)],
        true,
    ),
    known(
        &["cockroach"],
        &["start", "start-single-node"],
        &[(26257, Tcp), (8080, Http)],
        true,
    ),
    known(
        &["cassandra", "scylla"],
        &["cassandra"],
        &[(9042, Tcp)],
        true,
    ),
    known(&["couchdb"], &[], &[(5984, Http)], true),
    known(&["neo4j"], &["neo4j"], &[(7687, Tcp), (7474, Http)], true),
    known(&["influxdb"], &["influxd"], &[(8086, Http)], true),
    known(
        &["clickhouse", "clickhouse-server"],
        &[],
        &[(8123, Http), (9000, Tcp)],
        true,
    ),
    known(
        &["elasticsearch", "opensearch"],
        &["elasticsearch", "opensearch"],
        &[(9200, Http), (9300, Tcp)],
        true,
    ),
    known(
        &["qdrant"],
        &["./qdrant", "qdrant"],
        &[(6333, Http), (6334, Tcp)],
        true,
    ),
    known(
        &["chroma"],
        &["chroma", "run", "uvicorn"],
        &[(8000, Http)],
        true,
    ),
    known(
        &["weaviate"],
        &["weaviate"],
        &[(8080, Http), (50051, Tcp)],
        true,
    ),
    known(
        &["milvus"],
        &["milvus"],
        &[(19530, Tcp), (9091, Http)],
        true,
    ),
    known(&["meilisearch"], &["meilisearch"], &[(7700, Http)], true),
    known(
        &["minio"],
        &["server", "minio"],
        &[(9000, Http), (9001, Http)],
        true,
    ),
    known(&["etcd"], &["etcd"], &[(2379, Tcp), (2380, Tcp)], true),
    // Without a volume these keep nothing that is missed.
    known(
        &[
            "redis",
            "redis-stack-server",
            "valkey",
            "keydb",
            "dragonfly",
        ],
        &["redis-server", "valkey-server", "keydb-server", "dragonfly"],
        &[(6379, Tcp)],
        false,
    ),
    known(
        &["redis-stack"],
        &["redis-server"],
        &[(6379, Tcp), (8001, Http)],
        false,
    ),
    known(&["memcached"], &["memcached"], &[(11211, Tcp)], false),
    known(
        &["rabbitmq"],
        &["rabbitmq-server"],
        &[(5672, Tcp), (15672, Http)],
        false,
    ),
    known(
        &["nats"],
        &["nats-server"],
        &[(4222, Tcp), (8222, Http)],
        false,
    ),
    known(&["kafka", "cp-kafka"], &[], &[(9092, Tcp)], false),
    known(&["zookeeper", "cp-zookeeper"], &[], &[(2181, Tcp)], false),
    known(
        &["eclipse-mosquitto"],
        &["mosquitto"],
        &[(1883, Tcp)],
        false,
    ),
    known(
        &["pgbouncer"],
        &["pgbouncer"],
        &[(5432, Tcp), (6432, Tcp)],
        false,
    ),
];

/// Ports that are spoken of without HTTP wherever they are, from IANA's list and common use.
const NOT_HTTP: &[u16] = &[
    21, 22, 23, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 1433, 1521, 1883, 2181, 3306, 3389,
    4222, 5432, 5671, 5672, 5900, 6379, 6380, 6432, 7687, 8883, 9042, 9092, 11211, 19530, 26257,
    27017, 33060, 50051,
];

/// The server that the service's image is, unless the image is only used as a tool.
pub(super) fn server(service: &Node) -> Option<&'static Known> {
    let image = text(service, "image")?;
    let name = repository(&image);
    let known = KNOWN.iter().find(|known| known.images.contains(&name))?;
    known.is_run(service).then_some(known)
}

/// `registry:5000/team/postgres:16@sha256:…` → `postgres`
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

impl Known {
    /// The image's own command, options for it, or the server by its name.
    fn is_run(&self, service: &Node) -> bool {
        let mut words = Vec::new();
        for key in ["entrypoint", "command"] {
            // What is wrong with it is said where it is decoded.
            let node = service.get(key);
            words.extend(
                node.and_then(|node| command(node, &mut Problems::default()))
                    .unwrap_or_default(),
            );
        }
        let words: Vec<&str> = match words.first().map(|word| program(word)) {
            Some("sh" | "bash" | "ash") => {
                let script = words.last().map(String::as_str).unwrap_or_default();
                script
                    .split_whitespace()
                    .skip_while(|word| *word == "exec")
                    .collect()
            }
            _ => words.iter().map(String::as_str).collect(),
        };
        let mut words = words
            .into_iter()
            .map(program)
            .skip_while(|word| word.ends_with("entrypoint.sh") || *word == "tini" || *word == "--");
        match words.next() {
            None => true,
            Some(word) => word.starts_with('-') || self.programs.contains(&word),
        }
    }

    /// How it is asked for figures, where it has none of its own.
    pub(super) fn exporter(&self) -> Option<Exporter> {
        let is = |image: &str| self.images.contains(&image);
        match () {
            () if is("postgres") => Some(Exporter::Postgres),
            () if is("redis") || is("redis-stack") => Some(Exporter::Redis),
            () => None,
        }
    }

    /// What keeps its data.
    pub(super) fn engine(&self) -> Option<DatabaseEngine> {
        let is = |images: &[&str]| images.iter().any(|image| self.images.contains(image));
        match () {
            () if is(&["postgres"]) => Some(DatabaseEngine::Postgresql),
            () if is(&["redis", "redis-stack"]) => Some(DatabaseEngine::Redis),
            () if is(&["mysql", "mariadb"]) => Some(DatabaseEngine::Mysql),
            () if self.database => self.images.first().copied().map(DatabaseEngine::Other),
            () => None,
        }
    }

    /// Where clients find it, where the files do not say.
    pub(super) fn port(&self) -> Option<(u16, PortProtocol)> {
        self.ports.first().copied()
    }
}

/// Programs that run another, with the number of words that are theirs beside options.
const AROUND: [(&str, usize); 12] = [
    ("sh", 0),
    ("bash", 0),
    ("dash", 0),
    ("exec", 0),
    ("env", 0),
    ("nice", 0),
    ("setpriv", 0),
    ("docker-entrypoint.sh", 0),
    ("tini", 0),
    ("dumb-init", 0),
    ("gosu", 1),
    ("su-exec", 1),
];

/// A program that keeps data, and how its data is got out of it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseEngine {
    Postgresql,
    Redis,
    Mysql,
    /// By the name of its image; only its own tools know how.
    Other(&'static str),
}

/// The server that a command runs, with an exporter of its own.
pub(super) fn exporter_of_command(words: &[String]) -> Option<Exporter> {
    match engine_of_command(words)? {
        DatabaseEngine::Postgresql => Some(Exporter::Postgres),
        DatabaseEngine::Redis => Some(Exporter::Redis),
        DatabaseEngine::Mysql | DatabaseEngine::Other(_) => None,
    }
}

/// The database that a command runs.
pub(super) fn engine_of_command(words: &[String]) -> Option<DatabaseEngine> {
    // The script of a shell is one word.
    let mut words = words.iter().flat_map(|word| word.split_whitespace());
    let mut skipped = 0;
    let started = loop {
        let word = words.next()?;
        if skipped > 0 {
            skipped -= 1;
            continue;
        }
        if word.starts_with('-') || word.contains('=') {
            continue;
        }
        match AROUND.iter().find(|(name, _)| *name == program(word)) {
            Some((_, own)) => skipped = *own,
            None => break program(word),
        }
    };
    match started {
        "postgres" | "postmaster" => Some(DatabaseEngine::Postgresql),
        "redis-server" | "valkey-server" | "keydb-server" => Some(DatabaseEngine::Redis),
        "mysqld" | "mariadbd" => Some(DatabaseEngine::Mysql),
        _ => None,
    }
}

/// The server that keeps its data in this directory of its container, by every image that there is of it.
pub(super) fn engine_of_place(target: &str) -> Option<DatabaseEngine> {
    let is = |place: &str| target == place || target.starts_with(&format!("{place}/"));
    match () {
        () if is("/var/lib/postgresql") || is("/bitnami/postgresql") => {
            Some(DatabaseEngine::Postgresql)
        }
        () if is("/var/lib/mysql") || is("/bitnami/mariadb") => Some(DatabaseEngine::Mysql),
        () => None,
    }
}

/// The last part of a path.
fn program(word: &str) -> &str {
    match word.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => name,
        _ => word,
    }
}

/// What is spoken at a port, where `app_protocol` does not say.
pub(super) fn protocol(server: Option<&Known>, target: u16) -> PortProtocol {
    let listed = server.map(|server| server.ports.iter().find(|(port, _)| *port == target));
    match (server, listed.flatten()) {
        (_, Some((_, protocol))) => *protocol,
        // A database that was moved to another port is still one.
        (Some(server), None) if server.ports.iter().all(|(_, protocol)| *protocol == Tcp) => Tcp,
        _ if NOT_HTTP.contains(&target) => Tcp,
        _ => Http,
    }
}

/// What `app_protocol` means; `None` where it is not known.
pub(super) fn named(word: &str) -> Option<PortProtocol> {
    match word.to_ascii_lowercase().as_str() {
        "http" | "http1" | "http/1.1" | "ws" | "websocket" => Some(Http),
        "tcp" | "tls" | "https" | "wss" | "grpc" | "grpcs" | "h2c" | "http2" | "postgres"
        | "postgresql" | "mysql" | "redis" | "rediss" | "mongo" | "mongodb" | "amqp" | "amqps"
        | "mqtt" | "mqtts" | "kafka" | "nats" | "smtp" | "ssh" | "ldap" | "memcached" => Some(Tcp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::yaml;
    use std::sync::Arc;

    fn service(text: &str) -> Node {
        let source = Arc::new(Source {
            display: "f".into(),
            path: "/f".into(),
            base: "/".into(),
        });
        let mut problems = Problems::default();
        let mut documents = yaml::parse(text, &source, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        documents.pop().expect("a document")
    }

    #[test]
    fn an_image_is_known_by_the_last_part_of_its_repository() {
        for (image, known) in [
            ("postgres", true),
            ("postgres:16-alpine", true),
            ("docker.io/library/postgres:16@sha256:abc", true),
            ("registry:5000/team/postgres", true),
            ("prometheuscommunity/postgres-exporter", false),
            ("postgrest/postgrest", false),
            ("me/app:postgres", false),
        ] {
            let node = service(&format!("{{image: '{image}'}}"));
            assert_eq!(server(&node).is_some(), known, "{image}");
        }
    }

    #[test]
    fn an_image_that_is_a_tool_is_no_server() {
        for (command, is_server) in [
            ("command: [postgres, -c, max_connections=200]", true),
            ("command: -c max_connections=200", true),
            ("command: [docker-entrypoint.sh, postgres]", true),
            ("command: sh -c 'exec postgres -c a=b'", true),
            ("entrypoint: /usr/local/bin/docker-entrypoint.sh", true),
            ("command: pg_dump -h db shop", false),
            ("command: [psql, -h, postgres]", false),
            (
                "entrypoint: [/bin/sh, -c, 'while true; do pg_dump -h postgres; done']",
                false,
            ),
            ("entrypoint: /backup.sh", false),
        ] {
            let node = service(&format!("image: postgres:16\n{command}\n"));
            assert_eq!(server(&node).is_some(), is_server, "{command}");
        }
    }

    #[test]
    fn who_is_asked_in_its_own_language_is_known_by_image_and_by_command() {
        let of_image = |image: &str| {
            let node = service(&format!("{{image: '{image}'}}"));
            server(&node).and_then(Known::exporter)
        };
        assert_eq!(of_image("postgis/postgis:16"), Some(Exporter::Postgres));
        assert_eq!(of_image("redis/redis-stack"), Some(Exporter::Redis));
        assert_eq!(of_image("mariadb"), None);
        assert_eq!(of_image("pgbouncer"), None);
        for (command, is) in [
            ("postgres -D data", Some(Exporter::Postgres)),
            (
                "/usr/lib/postgresql/15/bin/postgres",
                Some(Exporter::Postgres),
            ),
            (
                "env A=b setpriv --reuid=x postgres",
                Some(Exporter::Postgres),
            ),
            ("gosu postgres postgres", Some(Exporter::Postgres)),
            ("gosu postgres pg_dump", None),
            ("pg_dump -h postgres", None),
            ("redis-server --save ''", Some(Exporter::Redis)),
            ("redis-cli ping", None),
            ("env", None),
        ] {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(exporter_of_command(&words), is, "{command}");
        }
        let script = ["sh", "-c", "exec redis-server --port $PORT"].map(str::to_owned);
        assert_eq!(exporter_of_command(&script), Some(Exporter::Redis));
    }

    #[test]
    fn ports_are_judged_by_the_image_first() {
        for (image, port, protocol) in [
            ("postgres", 5432, Tcp),
            ("postgres", 15432, Tcp),
            ("qdrant/qdrant", 6333, Http),
            ("qdrant/qdrant", 6334, Tcp),
            ("rabbitmq:3-management", 15672, Http),
            ("rabbitmq:3-management", 5672, Tcp),
            ("app", 8000, Http),
            ("app", 6379, Tcp),
        ] {
            let node = service(&format!("{{image: '{image}'}}"));
            let is = super::protocol(server(&node), port);
            assert_eq!(is, protocol, "{image} {port}");
        }
    }
}
