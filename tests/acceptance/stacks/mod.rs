//! The five example stacks, each through one working day: up, its main verb, a good release, a bad
//! one, back, down. What was stored in the morning is there in the evening.
//!
//! Once in development, on processes, and once in production, on containers with PostgreSQL and
//! Redis. The files are those of `examples/`, but for the program: the one that was built beside
//! this test takes the place of a release build, and local images that of published ones.

mod client;
mod containers;
mod drills;
mod files;
mod verbs;

use crate::site::{Site, free_address, sample_service};
use client::Client;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One example.
struct Stack {
    name: &'static str,
    /// The service that a release changes.
    service: &'static str,
    /// Where its status is, through the proxy.
    status: &'static str,
    /// Where one logs in, outside of development.
    login: Option<&'static str>,
    /// Variables that name published ports.
    ports: &'static [&'static str],
    /// How many instances run in development, and in production with two of each.
    instances: [usize; 2],
    /// As the guide asks for its metrics.
    metric: &'static str,
    /// Does what the stack is for, for the n-th time, and finds what it did before.
    verb: fn(&Client<'_>, usize),
}

const WHISPERENGINE: Stack = Stack {
    name: "whisperengine",
    service: "whisperengine-bot",
    status: "/status",
    login: None,
    ports: &["BOT_PORT"],
    instances: [4, 6],
    metric: "sum by (command) (rate(discord_commands_total[5m])) >= 0",
    verb: verbs::whisperengine,
};

const WHISPER_TRANSCRIBER: Stack = Stack {
    name: "whisper-transcriber",
    service: "app",
    status: "/status",
    login: Some("/token"),
    ports: &["APP_PORT"],
    instances: [2, 4],
    metric: "sum by (method, endpoint, status) (http_requests_total)",
    verb: verbs::whisper_transcriber,
};

const WHISPERCACHE: Stack = Stack {
    name: "whispercache",
    service: "backend",
    status: "/api/status",
    login: Some("/api/auth/login"),
    ports: &["BACKEND_PORT"],
    instances: [3, 5],
    metric: "rate(whispercache_requests_total[5m]) >= 0",
    verb: verbs::whispercache,
};

const DEEP_ECHO: Stack = Stack {
    name: "deep-echo",
    service: "main-app",
    status: "/status",
    login: Some("/api/login"),
    ports: &["APP_PORT"],
    instances: [3, 6],
    metric: "histogram_quantile(0.95, sum by (le) (rate(flask_http_request_duration_seconds_bucket[10m])))",
    verb: verbs::deep_echo,
};

const RAG_ADMIN: Stack = Stack {
    name: "rag-admin",
    service: "backend",
    status: "/status",
    login: Some("/api/login"),
    ports: &["BACKEND_PORT"],
    instances: [3, 6],
    metric: "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) and on () (active_users_total or database_connections_active)",
    verb: verbs::rag_admin,
};

const ALL: [&Stack; 5] = [
    &WHISPERENGINE,
    &WHISPER_TRANSCRIBER,
    &WHISPERCACHE,
    &DEEP_ECHO,
    &RAG_ADMIN,
];

#[test]
fn whisperengine_through_a_day() {
    in_development(&WHISPERENGINE);
}

#[test]
fn whisper_transcriber_through_a_day() {
    in_development(&WHISPER_TRANSCRIBER);
}

#[test]
fn whispercache_through_a_day() {
    in_development(&WHISPERCACHE);
}

#[test]
fn deep_echo_through_a_day() {
    in_development(&DEEP_ECHO);
}

#[test]
fn rag_admin_through_a_day() {
    in_development(&RAG_ADMIN);
}

/// Values that no list of passwords holds.
const SECRETS: [(&str, &str); 4] = [
    ("POSTGRES_PASSWORD", "vK7-quiet-otter-rows-91"),
    ("ADMIN_PASSWORD", "plum-Tractor-6-evenings"),
    ("ENCRYPTION_KEY", "Zr4tQm81LwYx7HcGp0sVb6NfUe3KdJ9a"),
    ("DISCORD_BOT_TOKEN", "mh2.stand-in.Qw7Lx0vTt4"),
];

/// Everywhere but on a laptop it is containers, with secrets that have to be given.
#[test]
fn each_stack_is_sound_in_every_environment_once_its_secrets_are_given() {
    let mut site = Site::empty();
    for Stack { name, .. } in ALL {
        let path = examples().join(name);
        let path = path.to_str().unwrap();
        site.run(&["check", path, "--env", "production"])
            .with_code(2)
            .says("POSTGRES_PASSWORD");
    }
    for (name, value) in SECRETS {
        site.set(name, value);
    }
    for Stack { name, .. } in ALL {
        let path = examples().join(name);
        let path = path.to_str().unwrap();
        for environment in ["dev", "staging", "production", "dr"] {
            site.run(&["check", path, "--env", environment])
                .with_code(0);
        }
        let shown = site.ok(&["config", path, "--env", "production"]);
        for (_, value) in SECRETS {
            assert!(!shown.contains(value), "{name}: shows a secret");
        }
    }
    site.set("POSTGRES_PASSWORD", "postgres");
    for Stack { name, .. } in ALL {
        let path = examples().join(name);
        site.run(&["check", path.to_str().unwrap(), "--env", "production"])
            .with_code(2)
            .says("postgres_password");
    }
}

fn in_development(stack: &Stack) {
    let site = site(stack, "");
    let [instances, _] = stack.instances;
    day(stack, &site, instances, None);
    site.ok(&["down"]);
    site.eventually("nothing of it runs", || site.processes().is_empty());
}

/// The story that every stack goes through, whatever runs it.
fn day(stack: &Stack, site: &Site, instances: usize, password: Option<&str>) {
    let greeting = || site.get(stack.status).json()["greeting"].clone();
    let count = || site.json(&["ps"]).as_array().map(Vec::len);
    let deploy = |setting: &str| {
        let setting = format!("{}.environment.{setting}", stack.service);
        site.run(&["deploy", "--set", &setting])
    };
    site.run(&["check"]).with_code(0);
    site.up();
    assert_eq!(count(), Some(instances), "{}", site.ok(&["ps"]));
    let client = Client::new(site, stack.login.zip(password));
    (stack.verb)(&client, 1);
    assert_eq!(greeting(), "");
    site.eventually("its metrics are there under the guide's names", || {
        let found = site.json(&["query", stack.metric]);
        found["result"]
            .as_array()
            .is_some_and(|found| !found.is_empty())
    });

    deploy("GREETING=two").with_code(0);
    assert_eq!((site.release(), greeting()), (2, json!("two")));
    (stack.verb)(&client, 2);

    deploy("FAULT_HEALTH=fail").with_code(1).says("503");
    assert_eq!((site.release(), greeting()), (2, json!("two")));
    (stack.verb)(&client, 3);

    site.ok(&["rollback", "--reason", "it was better before"]);
    assert_eq!((site.release(), greeting()), (1, Value::from("")));
    (stack.verb)(&client, 4);

    assert_eq!(count(), Some(instances), "{}", site.ok(&["ps"]));
    assert!(site.ok(&["journal", "verify"]).contains("intact"));
}

/// The example's files in a place of their own, with free ports and short times; `deploys` are
/// further lines of that section.
fn site(stack: &Stack, deploys: &str) -> Site {
    let mut site = Site::empty();
    let compose = read(stack, "compose.yaml");
    let release = "../../target/release/sample-service";
    assert!(
        compose.contains(release),
        "{}: runs something else",
        stack.name
    );
    let built = sample_service();
    let compose = compose.replace(release, built.to_str().unwrap());
    site.write("compose.yaml", &without_builds(&compose));
    let quick = "deploy:\n  minimum_healthy_time: 300ms\n  healthy_deadline: 20s\n  watch: 1s\n  drain: 5s\n";
    let mainstay = read(stack, "mainstay.yaml");
    let quicker = mainstay.replacen("\ndeploy:\n", &format!("\n{quick}{deploys}"), 1);
    assert_ne!(mainstay, quicker, "{}: says nothing of deploys", stack.name);
    site.write("mainstay.yaml", &quicker);
    site.write(".mainstay/server.yaml", "metrics: {interval: 1s}\n");
    for port in stack.ports {
        site.set(port, &free_address().port().to_string());
    }
    site
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn read(stack: &Stack, file: &str) -> String {
    std::fs::read_to_string(examples().join(stack.name).join(file)).unwrap()
}

fn without_builds(compose: &str) -> String {
    let lines = compose
        .lines()
        .filter(|line| !line.trim_start().starts_with("build: cargo "));
    lines.flat_map(|line| [line, "\n"]).collect()
}
