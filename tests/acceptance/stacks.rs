//! The five example stacks, each through one working day: up, its main verb, a good release, a bad
//! one, back, down. What was stored in the morning is there in the evening.
//!
//! The files are those of `examples/`, but for the program: the one that was built beside this
//! test takes the place of a release build.

use crate::first_run::recording;
use crate::site::{Site, free_address, sample_service};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One example.
struct Stack {
    name: &'static str,
    /// The service that a release changes.
    service: &'static str,
    /// Where its status is, through the proxy.
    status: &'static str,
    /// Variables that name published ports.
    ports: &'static [&'static str],
    /// How many instances of all services run.
    instances: usize,
    /// Does what the stack is for, for the n-th time, and finds what it did before.
    verb: fn(&Site, usize),
}

#[test]
fn whisperengine_through_a_day() {
    day(&Stack {
        name: "whisperengine",
        service: "whisperengine-bot",
        status: "/status",
        ports: &["BOT_PORT"],
        instances: 4,
        verb: |site, round| {
            let say = |content: String| {
                let said = json!({"user": "ann", "content": content});
                site.post_json("/discord/say?wait=20s", &said)["answers"].clone()
            };
            assert_eq!(say(format!("!remember day {round}")), json!(["remembered"]));
            let all: Vec<String> = (1..=round).rev().map(|n| format!("day {n}")).collect();
            let newest = all[..all.len().min(3)].join("\n");
            assert_eq!(say("!recall day".to_owned()), json!([newest]));
            let tally = site.get("/discord/status").json();
            assert_eq!(
                tally["most_connected"], 1,
                "the bot was there twice: {tally}"
            );
            assert_eq!(tally["answered_twice"], 0, "{tally}");
        },
    });
}

#[test]
fn whisper_transcriber_through_a_day() {
    day(&Stack {
        name: "whisper-transcriber",
        service: "app",
        status: "/status",
        ports: &["APP_PORT"],
        instances: 2,
        verb: |site, round| {
            let job = site.request("POST", "/jobs?wait=30s", &recording()).json();
            assert_eq!(job["state"], "done", "{job}");
            assert_eq!(job["result"]["segments"].as_array().map(Vec::len), Some(1));
            let jobs = site.get("/jobs").json();
            assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(round), "{jobs}");
        },
    });
}

#[test]
fn whispercache_through_a_day() {
    day(&Stack {
        name: "whispercache",
        service: "backend",
        status: "/api/status",
        ports: &["BACKEND_PORT"],
        instances: 3,
        verb: |site, round| {
            let memory = json!({"content": format!("day {round}")});
            let memory = site.post_json("/api/memory", &memory);
            let wanted = json!({"memory_id": memory["id"]});
            let proof = site.post_json("/api/proof/generate", &wanted);
            assert_eq!(proof["size"], round, "{proof}");
            assert_eq!(site.post_json("/api/proof/verify", &proof)["valid"], true);
            let page = site.get("/");
            assert!(page.body.contains("fetch(\"/api/memory\""), "{page:?}");
            let metrics = site.get("/metrics").body;
            assert!(metrics.contains("whispercache_requests_total"), "{metrics}");
        },
    });
}

#[test]
fn deep_echo_through_a_day() {
    day(&Stack {
        name: "deep-echo",
        service: "main-app",
        status: "/status",
        ports: &["APP_PORT"],
        instances: 3,
        verb: |site, round| {
            let text = format!("call number {round}");
            let echo = site.post_json("/api/echo", &json!({"text": text}));
            assert_eq!(echo["layers"][0], text);
            let by = echo["by"].as_str().unwrap();
            assert!(by.contains("cognitive-service"), "{echo}");
            let history = site.get("/api/history").json();
            assert_eq!(history["echoes"].as_array().map(Vec::len), Some(round));
        },
    });
}

#[test]
fn rag_admin_through_a_day() {
    day(&Stack {
        name: "rag-admin",
        service: "backend",
        status: "/status",
        ports: &["BACKEND_PORT"],
        instances: 3,
        verb: |site, round| {
            let content = format!("Backups of day {round} are kept for thirty days.");
            let document = json!({"title": format!("day {round}"), "content": content});
            site.post_json("/api/documents", &document);
            let question = json!({"query": format!("what of day {round}?")});
            let answer = site.post_json("/api/query", &question);
            assert_eq!(answer["response"], content, "{answer}");
            let all = site.get("/api/documents").json();
            assert_eq!(all["documents"].as_array().map(Vec::len), Some(round));
            let page = site.get("/");
            assert!(page.body.contains("fetch(\"/api/query\""), "{page:?}");
        },
    });
}

/// Values that no list of passwords holds.
const SECRETS: [(&str, &str); 4] = [
    ("POSTGRES_PASSWORD", "vK7-quiet-otter-rows-91"),
    ("ADMIN_PASSWORD", "plum-Tractor-6-evenings"),
    ("ENCRYPTION_KEY", "Zr4tQm81LwYx7HcGp0sVb6NfUe3KdJ9a"),
    ("DISCORD_BOT_TOKEN", "mh2.stand-in.Qw7Lx0vTt4"),
];

const NAMES: [&str; 5] = [
    "whisperengine",
    "whisper-transcriber",
    "whispercache",
    "deep-echo",
    "rag-admin",
];

/// Everywhere but on a laptop it is containers, with secrets that have to be given.
#[test]
fn each_stack_is_sound_in_every_environment_once_its_secrets_are_given() {
    let mut site = Site::empty();
    for name in NAMES {
        let path = examples().join(name);
        let path = path.to_str().unwrap();
        site.run(&["check", path, "--env", "production"])
            .with_code(2)
            .says("POSTGRES_PASSWORD");
    }
    for (name, value) in SECRETS {
        site.set(name, value);
    }
    for name in NAMES {
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
    for name in NAMES {
        let path = examples().join(name);
        site.run(&["check", path.to_str().unwrap(), "--env", "production"])
            .with_code(2)
            .says("postgres_password");
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// The story that every stack goes through.
fn day(stack: &Stack) {
    let site = site(stack);
    let greeting = || site.get(stack.status).json()["greeting"].clone();
    let deploy = |setting: &str| {
        let setting = format!("{}.environment.{setting}", stack.service);
        site.run(&["deploy", "--set", &setting])
    };
    site.run(&["check"]).with_code(0);
    site.up();
    assert_eq!(site.running_instances().len(), stack.instances);
    (stack.verb)(&site, 1);
    assert_eq!(greeting(), "");

    deploy("GREETING=two").with_code(0);
    assert_eq!((site.release(), greeting()), (2, json!("two")));
    (stack.verb)(&site, 2);

    deploy("FAULT_HEALTH=fail").with_code(1).says("503");
    assert_eq!((site.release(), greeting()), (2, json!("two")));
    (stack.verb)(&site, 3);

    site.ok(&["rollback", "--reason", "it was better before"]);
    assert_eq!((site.release(), greeting()), (1, Value::from("")));
    (stack.verb)(&site, 4);

    assert_eq!(site.running_instances().len(), stack.instances);
    assert!(site.ok(&["journal", "verify"]).contains("intact"));
    site.ok(&["down"]);
    site.eventually("nothing of it runs", || site.processes().is_empty());
}

/// The example's files in a place of their own, with free ports and short times.
fn site(stack: &Stack) -> Site {
    let mut site = Site::empty();
    let read = |file| std::fs::read_to_string(examples().join(stack.name).join(file)).unwrap();
    let compose = read("compose.yaml");
    let release = "../../target/release/sample-service";
    assert!(
        compose.contains(release),
        "{}: runs something else",
        stack.name
    );
    let built = sample_service();
    let compose = compose.replace(release, built.to_str().unwrap());
    site.write("compose.yaml", &without_builds(&compose));
    let quick = "deploy:\n  minimum_healthy_time: 300ms\n  healthy_deadline: 20s\n  watch: 1s\n";
    let mainstay = read("mainstay.yaml");
    let quicker = mainstay.replacen("\ndeploy:\n", &format!("\n{quick}"), 1);
    assert_ne!(mainstay, quicker, "{}: says nothing of deploys", stack.name);
    site.write("mainstay.yaml", &quicker);
    for port in stack.ports {
        site.set(port, &free_address().port().to_string());
    }
    site
}

fn without_builds(compose: &str) -> String {
    let lines = compose
        .lines()
        .filter(|line| !line.trim_start().starts_with("build: cargo "));
    lines.flat_map(|line| [line, "\n"]).collect()
}
