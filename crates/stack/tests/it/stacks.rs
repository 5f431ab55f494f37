//! Stacks as people have them, one in the shape of each guide's: read for the docker target, and
//! compared with what docker-compose reads.
//!
//! A stack lies in `tests/stacks/NAME`, with what is said of it in `problems.txt`; write that anew
//! with `SNAPSHOTS=overwrite cargo test -p mainstay-stack stacks`, and read the difference.

mod peer;

use crate::disk;
use mainstay_stack::{PortProtocol, Request, Resolution, Stack, Strategy, TargetKind, resolve};
use snapbox::{Data, assert_data_eq};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    compose_files: Vec<PathBuf>,
    profiles: Vec<String>,
    variables: BTreeMap<String, String>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/stacks")
        .join(name)
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder("")).expect("the stacks");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("a stack")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    names
}

fn asked(name: &str) -> Asked {
    let text = std::fs::read_to_string(folder(name).join("request.json")).expect("a request");
    serde_json::from_str(&text).expect("a request")
}

fn read(name: &str) -> Resolution {
    let Asked {
        compose_files,
        profiles,
        variables,
    } = asked(name);
    let request = Request {
        directory: folder(name),
        compose_files,
        profiles,
        variables,
        ..Request::default()
    };
    resolve(&disk::Disk, &request)
}

fn stack(name: &str) -> Stack {
    let resolution = read(name);
    let problems = resolution.problems.to_string();
    resolution
        .stack
        .unwrap_or_else(|| panic!("{name}: {problems}"))
}

#[test]
fn each_stack_runs_on_the_docker_target_and_what_is_said_is_sensible() {
    let names = names();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let resolution = read(&name);
        let root = folder(&name).display().to_string();
        let mut text = String::new();
        for problem in &resolution.problems {
            text.push_str(&format!("[{}] {problem}\n", problem.code).replace(&root, "DIRECTORY"));
        }
        let expected = Data::read_from(&folder(&name).join("problems.txt"), None);
        assert_data_eq!(text, expected.raw());
        let stack = resolution.stack.expect("a stack");
        assert_eq!(stack.target, TargetKind::Docker, "{name}");
    }
}

/// Ports, as `service:target/protocol`.
fn ports(stack: &Stack) -> Vec<String> {
    let services = stack.services.values();
    let ports = services.flat_map(|service| service.ports.iter().map(move |p| (service, p)));
    ports
        .map(|(service, port)| {
            let word = match port.protocol {
                PortProtocol::Http => "http",
                PortProtocol::Tcp => "tcp",
            };
            format!("{}:{}/{word}", service.name, port.target)
        })
        .collect()
}

fn stop_first(stack: &Stack) -> Vec<&str> {
    let policies = stack.deploy.services.iter();
    policies
        .filter(|(_, policy)| policy.strategy == Strategy::StopFirst)
        .map(|(name, _)| name.as_str())
        .collect()
}

#[test]
fn databases_are_passed_through_and_replaced_stop_first() {
    for (name, passed_through, held) in [
        (
            "whisperengine",
            vec!["postgres:5432", "redis:6379"],
            vec![
                "bot",
                "chromadb",
                "elasticsearch",
                "grafana",
                "postgres",
                "prometheus",
                "redis",
            ],
        ),
        (
            "whisper-transcriber",
            vec!["postgres:5432", "redis:6379"],
            vec!["backup", "postgres", "redis"],
        ),
        (
            "whispercache",
            vec!["redis:6379"],
            vec!["backend", "grafana", "prometheus", "redis"],
        ),
        ("deep-echo", vec!["db:5432", "redis:6379"], vec!["db"]),
        (
            "rag-admin",
            vec!["postgres:5432"],
            vec!["minio", "postgres", "qdrant"],
        ),
    ] {
        let stack = stack(name);
        let tcp: Vec<String> = ports(&stack)
            .into_iter()
            .filter_map(|port| port.strip_suffix("/tcp").map(str::to_owned))
            .collect();
        assert_eq!(tcp, passed_through, "{name}");
        assert_eq!(stop_first(&stack), held, "{name}");
    }
}

#[test]
fn networks_and_volumes_carry_the_names_of_stack_and_environment() {
    let stack = stack("whisperengine");
    assert_eq!(stack.networks["backend"].name, "whisperengine-dev-backend");
    assert!(stack.networks["backend"].internal);
    assert!(!stack.networks["frontend"].internal);
    assert_eq!(
        stack.volumes["postgres_data"].name,
        "whisperengine-dev-postgres_data"
    );
    let bot = &stack.services["bot"].container.network.networks;
    assert_eq!(bot.keys().collect::<Vec<_>>(), ["backend", "frontend"]);
    let named = self::stack("whispercache");
    assert_eq!(named.networks["whispercache"].name, "whispercache-net");
    assert_eq!(
        named.networks["whispercache"].ipam.pools[0]
            .subnet
            .as_deref(),
        Some("172.28.0.0/16")
    );
    let external = self::stack("rag-admin");
    assert_eq!(external.volumes["pg"].name, "rag-pg");
    assert!(external.volumes["pg"].external);
    assert_eq!(external.networks["default"].name, "rag-admin-dev-default");
}
