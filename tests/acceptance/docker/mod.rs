//! The main job on containers: the sample service beside PostgreSQL and Redis, on a real engine.
//!
//! The image is made of this machine's own files; where it has no engine, or no PostgreSQL or Redis,
//! the scenario is skipped and counted.

mod database;
#[path = "../../support/engine.rs"]
pub(crate) mod engine;
mod failures;
#[path = "../../support/image.rs"]
pub(crate) mod image;
mod images;
mod measured;
#[path = "../../support/registry.rs"]
mod registry;
mod table;

use crate::site::Site;
use image::{BASE, Root, ask};
use mainstay_runtime::docker::EngineAddress;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Never asked for anywhere: nothing listens on this port.
const IMAGE: &str = "127.0.0.1:1/mainstay-acceptance:v1";

/// The head of every scenario's `mainstay.yaml`.
const TARGET: &str = "environments:\n  dev:\n    target: docker\n";

/// How the stack is operated. A database takes its time to be made on a busy machine; the page says
/// nothing about the database, which the load would keep busy.
const OPERATION: &str = "\
routes:
  - path: /
    service: app
health:
  app:
    http: /
deploy:
  minimum_healthy_time: 300ms
  healthy_deadline: 60s
  watch: 1s
  drain: 10s
";

/// Starts PostgreSQL on the volume in `/data`, as a user of its own.
const POSTGRES: &str = r#"
set -e
run="setpriv --reuid 999 --regid 999 --clear-groups"
if ! test -e /data/pg/PG_VERSION; then
    rm -rf /data/pg
    mkdir -p /data/pg
    chown 999:999 /data /data/pg
    $run initdb -D /data/pg -A trust -U postgres -N --locale=C --encoding=UTF8
    echo "host all all all trust" >> /data/pg/pg_hba.conf
fi
exec $run postgres -D /data/pg -c "listen_addresses=*" -c unix_socket_directories=/tmp
"#;

/// A scenario's place, and its stack's own name on the engine.
///
/// One at a time: each has a database, and a machine has few cores.
pub(super) struct Yard {
    pub(super) site: Site,
    socket: PathBuf,
    stack: String,
    pub(super) database: SocketAddr,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

static COUNT: AtomicU32 = AtomicU32::new(1);

impl Yard {
    /// The stack on the engine that the scenarios share; `None`: a peer is missing, and that was said.
    pub(super) fn new(test: &str) -> Option<Self> {
        Self::on(&engine::shared(test)?, test)
    }

    pub(super) fn on(address: &EngineAddress, test: &str) -> Option<Self> {
        let EngineAddress::Unix(socket) = address else {
            return None;
        };
        make_image(socket, test)?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let mut site = Site::empty();
        site.set("DOCKER_HOST", &address.to_string());
        let yard = Self {
            stack: format!("shop{number}x{}", std::process::id()),
            database: crate::site::free_address(),
            socket: socket.clone(),
            site,
            _turn: turn,
        };
        yard.site.write("compose.yaml", &yard.compose());
        let settings = format!("{TARGET}{OPERATION}");
        yard.site.write("mainstay.yaml", &settings);
        Some(yard)
    }

    fn compose(&self) -> String {
        let (stack, port) = (&self.stack, self.database.port());
        format!(
            "\
name: {stack}
services:
  app:
    image: {IMAGE}
    command: [sample-service]
    environment:
      HOST: 0.0.0.0
      FAULTS_ENABLED: \"true\"
      DATABASE_URL: postgresql://postgres@db:5432/postgres
      REDIS_URL: redis://cache:6379
    expose: [\"8000\"]
    depends_on:
      db: {{condition: service_healthy}}
      cache: {{condition: service_healthy}}
    stop_grace_period: 5s
    networks: [front, back]
    deploy:
      replicas: 2
  db:
    image: {IMAGE}
    command: [sh, /postgres.sh]
    ports:
      - target: 5432
        published: {port}
        host_ip: 127.0.0.1
        app_protocol: tcp
    volumes: [\"data:/data\"]
    # A fast shutdown: SIGTERM would wait for its clients.
    stop_signal: SIGINT
    stop_grace_period: 20s
    healthcheck:
      test: [CMD, pg_isready, -q, -h, 127.0.0.1, -U, postgres]
      interval: 1s
    networks: [back]
  cache:
    image: {IMAGE}
    command: [redis-server, --bind, 0.0.0.0, --protected-mode, \"no\", --save, \"\"]
    expose: [\"6379\"]
    healthcheck:
      test: [CMD, redis-cli, ping]
      interval: 1s
    networks: [back]
networks:
  front: {{}}
  back: {{}}
volumes:
  data: {{}}
"
        )
    }

    /// Instances that run now, as the engine knows them; without the stack's name.
    pub(super) fn running(&self) -> Vec<String> {
        let mut found = self.list("/containers/json", false);
        found.sort();
        found
    }

    fn list(&self, path: &str, all: bool) -> Vec<String> {
        let filter = format!("{{\"label\":[\"io.mainstay.stack={}\"]}}", self.stack);
        let path = format!("{path}?all={all}&filters={}", encoded(&filter));
        let (status, body) = ask(&self.socket, "GET", &path, b"");
        assert_eq!(status, 200, "{body}");
        let found: serde_json::Value = serde_json::from_str(&body).unwrap();
        let prefix = format!("{}-dev-", self.stack);
        // Containers and networks are a list; volumes are a list within.
        let list = found.as_array().or(found["Volumes"].as_array());
        let names = list.into_iter().flatten();
        let names = names.filter_map(|one| {
            let name = one["Names"][0].as_str().or(one["Name"].as_str())?;
            let name = name.trim_start_matches('/');
            let short = name.strip_prefix(&prefix);
            Some(
                short
                    .filter(|_| path.starts_with("/containers"))
                    .unwrap_or(name)
                    .to_owned(),
            )
        });
        names.collect()
    }

    /// Of one service.
    pub(super) fn running_of(&self, service: &str) -> Vec<String> {
        let prefix = format!("{service}-");
        let mut found = self.running();
        found.retain(|name| name.starts_with(&prefix));
        found
    }

    /// SIGKILL to the first container of a service.
    pub(super) fn kill(&self, service: &str) {
        let name = format!("{}-dev-{}", self.stack, self.running_of(service)[0]);
        let (status, body) = ask(
            &self.socket,
            "POST",
            &format!("/containers/{name}/kill"),
            b"",
        );
        assert_eq!(status, 204, "{body}");
    }

    /// Down, and nothing is left but the volume, which goes with the scenario.
    pub(super) fn end(&self) {
        self.site.ok(&["down"]);
        assert_eq!(self.list("/containers/json", true), [""; 0]);
        assert_eq!(self.list("/networks", true), [""; 0]);
        let volumes = self.list("/volumes", true);
        assert_eq!(volumes.len(), 1, "{volumes:?}");
        let path = format!("/volumes/{}", volumes[0]);
        assert_eq!(ask(&self.socket, "DELETE", &path, b"").0, 204);
    }
}

pub(crate) fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => (byte as char).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Once for each engine; a test that comes meanwhile waits.
fn make_image(socket: &Path, test: &str) -> Option<()> {
    static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.contains(&socket.to_owned()) {
        return Some(());
    }
    let postgres = newest_postgres();
    let redis = Path::new("/usr/bin/redis-server");
    let Some((version, binaries)) = postgres.filter(|_| redis.exists()) else {
        skip("PostgreSQL and Redis", test);
        return None;
    };
    let service = crate::site::sample_service();
    let mut root = Root::new()
        .programs(&BASE)
        .programs(&["setpriv", "redis-server", "redis-cli"])
        .program(&service, "usr/bin/sample-service")
        .tree(&format!("/usr/share/postgresql/{version}"))
        .tree(&format!("/usr/lib/postgresql/{version}/lib"))
        .file("postgres.sh", POSTGRES);
    for name in ["initdb", "postgres", "pg_isready"] {
        let program = binaries.join(name);
        let inside = program
            .strip_prefix("/")
            .unwrap()
            .to_string_lossy()
            .into_owned();
        root = root.program(&program, &inside);
    }
    let path = format!("ENV PATH={}:/usr/bin:/bin", binaries.display());
    root.import(socket, IMAGE, &path);
    made.push(socket.to_owned());
    Some(())
}

/// Its version, and where its programs are.
pub(crate) fn newest_postgres() -> Option<(String, PathBuf)> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut found: Vec<String> = versions
        .filter(|version| version.path().join("bin/initdb").exists())
        .map(|version| version.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let version = found.pop()?;
    let binaries = format!("/usr/lib/postgresql/{version}/bin");
    Some((version, binaries.into()))
}

/// Past the harness's capture, since the test counts as passed.
pub(crate) fn skip(peer: &str, test: &str) {
    assert!(
        std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_none(),
        "{peer} not found"
    );
    let line = format!("skipped for want of {peer}: {test}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
