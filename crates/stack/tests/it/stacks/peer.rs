//! docker-compose 1.29 as the judge: what it reads from the same files.
//!
//! Services, images, commands, variables, ports, volumes and networks are compared, in one form.
//! Of what it cannot know (`x-mainstay`, names with the environment in them) nothing is asked.

use super::{asked, folder, names, stack};
use mainstay_model::ServiceName;
use mainstay_stack::{MountKind, NetworkMode, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

/// What both say of a service.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
struct Told {
    image: Option<String>,
    command: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    environment: BTreeMap<String, String>,
    /// `[ADDRESS:][PUBLISHED:]TARGET`; an IPv6 address without brackets, as it writes them.
    ports: BTreeSet<String>,
    /// `SOURCE:TARGET:MODE`; tmpfs left out.
    volumes: BTreeSet<String>,
    /// With their aliases.
    networks: BTreeMap<String, BTreeSet<String>>,
    depends_on: BTreeSet<String>,
    hostname: Option<String>,
    user: Option<String>,
    extra_hosts: BTreeSet<String>,
    dns: Vec<String>,
    cap_add: Vec<String>,
    cap_drop: Vec<String>,
    read_only: bool,
    privileged: bool,
    init: bool,
}

/// Its YAML in that form. PyYAML is there wherever docker-compose is.
const FORM: &str = r#"
import json, re, shlex, sys, yaml
def words(value):
    return shlex.split(value) if isinstance(value, str) else value
def port(value):
    if isinstance(value, dict):
        parts = [str(value[key]) for key in ("published", "target") if key in value]
        return ":".join(parts)
    return re.sub("/tcp$", "", value)
def volume(value):
    if isinstance(value, dict):
        if value["type"] == "tmpfs": return None
        mode = "ro" if value.get("read_only") else "rw"
        return ":".join([value["source"], value["target"], mode])
    parts = value.split(":")
    return value if len(parts) == 3 else value + ":rw"
def networks(service):
    if "network_mode" in service: return {}
    named = service.get("networks", {"default": None})
    return {key: (value or {}).get("aliases", []) for key, value in named.items()}
def depends(value):
    return sorted(value or [])
def user(value):
    return None if value is None else str(value)
def one(service):
    environment = service.get("environment", {}).items()
    hosts = service.get("extra_hosts", [])
    if isinstance(hosts, dict): hosts = ["%s:%s" % pair for pair in hosts.items()]
    return {
        "image": service.get("image"),
        "command": words(service.get("command")),
        "entrypoint": words(service.get("entrypoint")),
        "environment": {key: str(value).replace("$$", "$") for key, value in environment if value is not None},
        "ports": [port(value) for value in service.get("ports", [])],
        "volumes": [v for v in map(volume, service.get("volumes", [])) if v],
        "networks": networks(service),
        "depends_on": depends(service.get("depends_on")),
        "hostname": service.get("hostname"),
        "user": user(service.get("user")),
        "extra_hosts": hosts,
        "dns": service.get("dns", []),
        "cap_add": service.get("cap_add", []),
        "cap_drop": service.get("cap_drop", []),
        "read_only": service.get("read_only", False),
        "privileged": service.get("privileged", False),
        "init": bool(service.get("init", False)),
    }
def command_text(value):
    return [word.replace("$$", "$") for word in value] if value else value
read = yaml.safe_load(sys.stdin)
told = {name: one(service) for name, service in read["services"].items()}
for service in told.values():
    for key in ("command", "entrypoint"): service[key] = command_text(service[key])
json.dump(told, sys.stdout)
"#;

fn ours(service: &Service) -> Told {
    let container = &service.container;
    let ports = service.ports.iter().filter(|port| port.published.is_some());
    let user = service.user.as_ref().map(|user| match &service.group {
        Some(group) => format!("{user}:{group}"),
        None => user.clone(),
    });
    let mounts = service.mounts.iter();
    Told {
        // A name for what is built here is of our own making.
        image: service
            .image
            .clone()
            .filter(|image| image.contains('/') || container.build.is_none()),
        command: container.command.clone(),
        entrypoint: container.entrypoint.clone(),
        environment: service
            .environment
            .iter()
            .map(|(key, value)| (key.clone(), value.text.expose().clone()))
            .collect(),
        ports: ports
            .map(|port| {
                let address = port.host_ip.map(|ip| format!("{ip}:"));
                let published = port.published.unwrap_or(0);
                format!("{}{published}:{}", address.unwrap_or_default(), port.target)
            })
            .collect(),
        volumes: mounts
            .filter(|mount| mount.kind != MountKind::Tmpfs)
            .map(|mount| {
                let mode = if mount.read_only { "ro" } else { "rw" };
                format!("{}:{}:{mode}", mount.source, mount.target)
            })
            .collect(),
        networks: match container.network.mode {
            NetworkMode::Networks => container
                .network
                .networks
                .iter()
                .map(|(key, joined)| (key.clone(), joined.aliases.iter().cloned().collect()))
                .collect(),
            NetworkMode::Host | NetworkMode::None => BTreeMap::new(),
        },
        depends_on: service.depends_on.keys().map(ToString::to_string).collect(),
        hostname: container.network.hostname.clone(),
        user,
        extra_hosts: container
            .network
            .extra_hosts
            .iter()
            .map(|entry| format!("{}:{}", entry.host, entry.address))
            .collect(),
        dns: container.network.dns.clone(),
        cap_add: container.isolation.cap_add.clone(),
        cap_drop: container.isolation.cap_drop.clone(),
        read_only: container.isolation.read_only,
        privileged: container.isolation.privileged,
        init: container.init,
    }
}

/// What docker-compose reads, in the common form.
fn theirs(name: &str) -> BTreeMap<String, Told> {
    let asked = asked(name);
    let folder = folder(name);
    let mut command = Command::new("docker-compose");
    command.current_dir(&folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(&asked.variables);
    let files = match asked.compose_files.as_slice() {
        [] => vec!["compose.yaml".into()],
        files => files.to_vec(),
    };
    for file in files {
        command.arg("-f").arg(file);
    }
    let read = command
        .arg("config")
        .output()
        .expect("docker-compose starts");
    let complaint = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{name}: {complaint}");
    let mut form = Command::new("/usr/bin/python3");
    form.args(["-c", FORM]);
    let told = piped(form, &read.stdout);
    serde_json::from_slice(&told).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn piped(mut command: Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    // Small enough for the pipe, and read whole before anything is answered.
    let mut stdin = child.stdin.take().expect("standard input");
    stdin.write_all(input).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "what docker-compose said has another form"
    );
    output.stdout
}

#[test]
fn docker_compose_reads_the_same() {
    let there = Command::new("docker-compose").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        let line = "skipped for want of docker-compose: docker_compose_reads_the_same";
        // To the file itself: what a test prints is not seen unless it fails.
        let _ = writeln!(std::io::stderr(), "{line}");
        return;
    }
    let mut compared = 0;
    for name in names() {
        let theirs = theirs(&name);
        let stack = stack(&name);
        let known: Vec<&str> = stack.services.keys().map(ServiceName::as_str).collect();
        assert_eq!(known, theirs.keys().map(String::as_str).collect::<Vec<_>>());
        for (service, told) in &theirs {
            assert_eq!(
                &ours(&stack.services[service.as_str()]),
                told,
                "{service} of {name}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 35, "only {compared} services");
}
