//! The same day in production: containers, PostgreSQL, Redis, secrets as files, somebody logged in.
//!
//! The images keep the contracts of the published ones as far as the stacks use them, and are made
//! of this machine's own files. What production's policy asks of people is left out: nobody is
//! here to approve.

use super::{SECRETS, Stack, day, read, site};
use crate::docker::image::{BASE, Root, ask};
use crate::docker::{encoded, engine, newest_postgres, skip};
use crate::site::Site;
use mainstay_runtime::docker::EngineAddress;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Never asked for anywhere: nothing listens on this port.
const SERVICE: &str = "127.0.0.1:1/mainstay-stacks-service:v1";
pub(super) const POSTGRES: &str = "127.0.0.1:1/mainstay-stacks-postgres:v1";
const REDIS: &str = "127.0.0.1:1/mainstay-stacks-redis:v1";

/// What the published image has of PostgreSQL's own, and is used here: by the stack, or by its backups.
const PROGRAMS: [&str; 8] = [
    "initdb",
    "postgres",
    "pg_ctl",
    "pg_dump",
    "pg_isready",
    "pg_restore",
    "createdb",
    "psql",
];

/// As the published image does it: user, database and password from variables, data in its place.
const POSTGRES_ENTRY: &str = r#"
set -e
data=/var/lib/postgresql/data
run="setpriv --reuid 999 --regid 999 --clear-groups"
if ! test -e $data/PG_VERSION; then
    chown 999:999 $data
    cat "$POSTGRES_PASSWORD_FILE" > /tmp/password
    chown 999:999 /tmp/password
    $run initdb -D $data -A scram-sha-256 --pwfile /tmp/password -U "$POSTGRES_USER" -N --locale=C --encoding=UTF8
    rm /tmp/password
    echo "host all all all scram-sha-256" >> $data/pg_hba.conf
    echo "host replication all all scram-sha-256" >> $data/pg_hba.conf
    echo "create database $POSTGRES_DB" | $run postgres --single -D $data postgres
fi
exec $run postgres -D $data -c "listen_addresses=*" -c unix_socket_directories=/tmp
"#;

#[test]
fn whisperengine_in_production() {
    in_production(&super::WHISPERENGINE, "whisperengine_in_production");
}

#[test]
fn whisper_transcriber_in_production() {
    in_production(
        &super::WHISPER_TRANSCRIBER,
        "whisper_transcriber_in_production",
    );
}

#[test]
fn whispercache_in_production() {
    in_production(&super::WHISPERCACHE, "whispercache_in_production");
}

#[test]
fn deep_echo_in_production() {
    in_production(&super::DEEP_ECHO, "deep_echo_in_production");
}

#[test]
fn rag_admin_in_production() {
    in_production(&super::RAG_ADMIN, "rag_admin_in_production");
}

/// Six containers with limits each: one stack at a time is enough for one machine.
static TURN: Mutex<()> = Mutex::new(());

fn in_production(stack: &Stack, test: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(EngineAddress::Unix(socket)) = engine::shared(test) else {
        return;
    };
    if make_images(&socket, test).is_none() {
        return;
    }
    // A database that is laid first takes its time.
    let mut site = site(stack, "  services: {postgres: {healthy_deadline: 2m}}\n");
    // Another stack of the name may be on the engine.
    let name = format!("{}-x{}", stack.name, std::process::id());
    let compose = std::fs::read_to_string(site.path().join("compose.yaml")).unwrap();
    let line = |name: &str| format!("\nname: {name}\n");
    let compose = compose.replacen(&line(stack.name), &line(&name), 1);
    // The images are there: no base image can be had to build them from.
    site.write("compose.yaml", &without(&compose, "build"));
    let overlay = read(stack, "compose.production.yaml");
    site.write("compose.production.yaml", &without(&overlay, "build"));
    let mainstay = std::fs::read_to_string(site.path().join("mainstay.yaml")).unwrap();
    site.write("mainstay.yaml", &without(&mainstay, "policy"));
    // Its ten steps run as the example has them: a restore point before anything is touched, notes from git.
    site.commit_all();
    surround(&mut site, &socket);
    let [_, instances] = stack.instances;
    let [_, (_, password), ..] = SECRETS;
    day(stack, &site, instances, Some(password));
    saved_before(&site, 2);
    let lost = (stack.name == super::WHISPER_TRANSCRIBER.name).then(|| Lost::of(&site));
    site.ok(&["down"]);
    let containers = left(&socket, "/containers/json?all=true&", &name);
    assert_eq!(containers, json!([]));
    // Down keeps what is stored; it goes with the scenario.
    let volumes = left(&socket, "/volumes?", &name)["Volumes"].clone();
    let volumes = volumes.as_array().unwrap();
    assert_eq!(volumes.len(), 2, "{volumes:?}");
    for volume in volumes {
        let path = format!("/volumes/{}", volume["Name"].as_str().unwrap());
        assert_eq!(ask(&socket, "DELETE", &path, b"").0, 204, "{path}");
    }
    if let Some(lost) = lost {
        lost.recovered(&socket, &name);
    }
}

/// What every command of the scenario finds around it.
fn surround(site: &mut Site, socket: &Path) {
    let address = format!("unix://{}", socket.display());
    for (name, value) in [
        ("DOCKER_HOST", address.as_str()),
        ("MAINSTAY_ENV", "production"),
        ("APP_IMAGE", SERVICE),
        ("BACKEND_IMAGE", SERVICE),
        ("FRONTEND_IMAGE", SERVICE),
        ("POSTGRES_IMAGE", POSTGRES),
        ("REDIS_IMAGE", REDIS),
        ("REPLICAS", "2"),
        ("COGNITIVE_REPLICAS", "2"),
        ("CANARY_PAUSE", "1s"),
    ] {
        site.set(name, value);
    }
    for (name, value) in SECRETS {
        site.set(name, value);
    }
}

/// All that is left of a machine: its repository, and the key that was kept apart.
struct Lost {
    kept: tempfile::TempDir,
    rows: String,
}

const JOBS: &str = "PGPASSWORD=$(cat $POSTGRES_PASSWORD_FILE) psql -h 127.0.0.1 -U $POSTGRES_USER -d $POSTGRES_DB -qtAXc 'select count(*) from jobs'";

impl Lost {
    /// Saved once more, and proven in scratch containers of the same images.
    fn of(site: &Site) -> Self {
        let kept = tempfile::tempdir().unwrap();
        site.ok(&["backup", "create", "--name", "last"]);
        let drilled = site.run(&["backup", "drill", "last"]).with_code(0);
        for source in ["postgres", "redis"] {
            let words = format!("passed: `{source}` came back");
            assert!(drilled.err().contains(&words), "{}", drilled.err());
        }
        let words = "passed: `app` is healthy against the copy";
        assert!(drilled.err().contains(words), "{}", drilled.err());
        let key = site.ok(&["backup", "key", "export"]);
        std::fs::write(kept.path().join("key"), key.trim()).unwrap();
        let repositories = site.path().join(".mainstay/backups/repositories");
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .args([&repositories, kept.path()])
            .status();
        assert!(copied.unwrap().success());
        let rows = site.ok(&["exec", "postgres", "--", "sh", "-c", JOBS]);
        Self { kept, rows }
    }

    /// One command, in an empty directory: files, secrets from variables, data, services, traffic.
    fn recovered(&self, socket: &Path, name: &str) {
        let mut elsewhere = Site::empty();
        surround(&mut elsewhere, socket);
        let repository = self.kept.path().join("repositories").join(name);
        let from = repository.join("production").display().to_string();
        let key = self.kept.path().join("key").display().to_string();
        let arguments = ["recover", "--from", &from, "--key-file", &key, "--latest"];
        let recovered = elsewhere.json(&[&arguments[..], &["--as", "dr"]].concat());
        assert_eq!(recovered["environment"]["state"], "up", "{recovered}");
        // What the guides promise: four hours, and one.
        let within = |measured: &str, hours: u64| {
            let took = recovered["report"][measured].as_u64();
            took.is_some_and(|took| took <= hours * 3_600_000)
        };
        assert!(within("rto_ms", 4) && within("rpo_ms", 1), "{recovered}");
        elsewhere.set("MAINSTAY_ENV", "dr");
        let rows = elsewhere.ok(&["exec", "postgres", "--", "sh", "-c", JOBS]);
        assert_eq!(rows, self.rows);
        assert_ne!(rows.trim(), "0");
        elsewhere.ok(&["down"]);
        let volumes = left(socket, "/volumes?", name)["Volumes"].clone();
        for volume in volumes.as_array().unwrap() {
            let path = format!("/volumes/{}", volume["Name"].as_str().unwrap());
            assert_eq!(ask(socket, "DELETE", &path, b"").0, 204, "{path}");
        }
    }
}

/// A restore point was made before this release, and the database is in it.
fn saved_before(site: &Site, release: u64) {
    let backups = site.json(&["backup", "list"]);
    let points = backups["points"].as_array().unwrap();
    let before = json!({"because": "deploy", "release": release});
    let point = points.iter().find(|point| point["reason"] == before);
    let parts = point.expect("one of that reason")["parts"].as_array();
    let database = parts
        .unwrap()
        .iter()
        .find(|part| part["source"] == "postgres");
    assert!(
        database.is_some_and(|part| part["bytes"].as_u64() > Some(0)),
        "{backups}"
    );
}

/// What is left of a stack, as the engine lists it.
pub(super) fn left(socket: &Path, list: &str, stack: &str) -> Value {
    let filter = format!("{{\"label\":[\"io.mainstay.stack={stack}\"]}}");
    let path = format!("{list}filters={}", encoded(&filter));
    let (_, body) = ask(socket, "GET", &path, b"");
    serde_json::from_str(&body).unwrap()
}

/// The same YAML without the blocks and aliases under this key, wherever it stands.
fn without(yaml: &str, key: &str) -> String {
    let (block, alias) = (format!("{key}:"), format!("{key}: *"));
    let mut inside = None;
    let lines = yaml.lines().filter(|line| {
        let depth = line.len() - line.trim_start().len();
        if inside.is_some_and(|outer| depth > outer) {
            return false;
        }
        let found = line.trim() == block || line.trim().starts_with(&alias);
        inside = found.then_some(depth);
        !found
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Once for each engine; a test that comes meanwhile waits.
pub(super) fn make_images(socket: &Path, test: &str) -> Option<()> {
    static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.contains(&socket.to_owned()) {
        return Some(());
    }
    let redis = Path::new("/usr/bin/redis-server");
    let Some((version, binaries)) = newest_postgres().filter(|_| redis.exists()) else {
        skip("PostgreSQL and Redis", test);
        return None;
    };
    let service = crate::site::sample_service();
    let command = |words: &str| format!("ENV PATH=/usr/bin:/bin%0ACMD [{words}]");
    Root::new()
        .program(&service, "usr/bin/sample-service")
        .import(socket, SERVICE, &command("%22sample-service%22"));
    Root::new()
        .programs(&BASE)
        .programs(&["redis-server", "redis-cli", "ln", "mktemp", "tail"])
        .import(socket, REDIS, &command("%22redis-server%22"));
    let mut root = Root::new()
        .programs(&BASE)
        .programs(&["setpriv", "bash", "mktemp"])
        .tree(&format!("/usr/share/postgresql/{version}"))
        .tree(&format!("/usr/lib/postgresql/{version}/lib"))
        .file("entry.sh", POSTGRES_ENTRY);
    for name in PROGRAMS {
        let program = binaries.join(name);
        let inside = program
            .strip_prefix("/")
            .unwrap()
            .to_string_lossy()
            .into_owned();
        root = root.program(&program, &inside);
    }
    let path = format!(
        "ENV PATH={}:/usr/bin:/bin%0ACMD [%22sh%22,%22/entry.sh%22]",
        binaries.display()
    );
    root.import(socket, POSTGRES, &path);
    made.push(socket.to_owned());
    Some(())
}
