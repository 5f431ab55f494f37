//! A fingerprint knows every field of a service that changes what runs.
//!
//! The container below names each of its fields with a value that is not the default, without
//! `..`: a field that is added does not compile here until it is tried.

use mainstay_model::{Bytes, Secret};
use mainstay_stack::{
    Attachment, Build, Container, ContainerNetwork, ContainerResources, Device, DeviceRequest,
    Dockerfile, HostEntry, Isolation, Logging, MemoryLoader, NetworkMode, PullPolicy, Request,
    Service, SwapLimit, Ulimit, Value as Argument, resolve,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Fields that change nothing of what runs, with everything below them.
const NOT_PART_OF_IT: [&str; 4] = ["/replicas", "/stateful", "/container/pull", "/metrics"];

fn one(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn words(word: &str) -> Vec<String> {
    vec![word.to_owned()]
}

fn build() -> Build {
    Build {
        context: "/shop".into(),
        dockerfile: Dockerfile::File("/shop/Dockerfile".into()),
        target: Some("production".to_owned()),
        args: BTreeMap::from([(
            "VERSION".to_owned(),
            Argument {
                text: Secret::new("1".to_owned()),
                secret: false,
            },
        )]),
        cache_from: words("cache"),
        platforms: words("linux/arm64"),
        labels: one("l", "v"),
        network: Some("host".to_owned()),
        tags: words("t"),
        pull: true,
        no_cache: true,
        shm_size: Some(Bytes(1)),
        extra_hosts: vec![HostEntry {
            host: "h".to_owned(),
            address: "10.0.0.1".to_owned(),
        }],
    }
}

fn network() -> ContainerNetwork {
    ContainerNetwork {
        mode: NetworkMode::Host,
        networks: BTreeMap::from([(
            "n".to_owned(),
            Attachment {
                aliases: words("a"),
                ipv4_address: Some("10.0.0.2".to_owned()),
                ipv6_address: Some("fd00::2".to_owned()),
                link_local_ips: words("169.254.0.1"),
                driver_options: one("d", "o"),
                priority: 7,
            },
        )]),
        hostname: Some("h".to_owned()),
        domainname: Some("d".to_owned()),
        extra_hosts: vec![HostEntry {
            host: "h".to_owned(),
            address: "10.0.0.1".to_owned(),
        }],
        dns: words("1.1.1.1"),
        dns_options: words("o"),
        dns_search: words("s"),
    }
}

fn isolation() -> Isolation {
    Isolation {
        privileged: true,
        read_only: true,
        cap_add: words("A"),
        cap_drop: words("B"),
        security_opt: words("o"),
        group_add: words("g"),
        sysctls: one("s", "1"),
        ipc: Some("host".to_owned()),
        pid: Some("host".to_owned()),
        uts: Some("host".to_owned()),
        userns: Some("host".to_owned()),
        cgroup: Some("host".to_owned()),
        cgroup_parent: Some("/p".to_owned()),
    }
}

fn resources() -> ContainerResources {
    ContainerResources {
        memory_reservation: Some(Bytes(1)),
        memory_swap: Some(SwapLimit::At(Bytes(1))),
        memory_swappiness: Some(1),
        shm_size: Some(Bytes(1)),
        cpu_shares: Some(1),
        cpuset: Some("0".to_owned()),
        cpu_period_us: Some(1),
        cpu_quota_us: Some(1),
        oom_kill_disable: true,
        oom_score_adj: Some(1),
        ulimits: BTreeMap::from([("nofile".to_owned(), Ulimit { soft: 1, hard: 2 })]),
    }
}

fn container() -> Container {
    Container {
        build: Some(build()),
        entrypoint: Some(words("e")),
        command: Some(words("c")),
        pull: PullPolicy::Always,
        platform: Some("linux/arm64".to_owned()),
        runtime: Some("r".to_owned()),
        ignore_image_health: true,
        init: true,
        tty: true,
        stdin_open: true,
        network: network(),
        isolation: isolation(),
        resources: resources(),
        logging: Logging {
            driver: "local".to_owned(),
            options: one("o", "v"),
        },
        tmpfs: one("/t", "o"),
        devices: vec![Device {
            source: "/dev/a".to_owned(),
            target: "/dev/b".to_owned(),
            permissions: "r".to_owned(),
        }],
        device_cgroup_rules: words("r"),
        gpus: vec![DeviceRequest {
            driver: "d".to_owned(),
            count: Some(1),
            device_ids: words("i"),
            capabilities: words("gpu"),
            options: one("o", "v"),
        }],
        annotations: one("a", "v"),
        storage_options: one("s", "v"),
    }
}

/// A service with something in every field, as JSON.
fn service() -> Value {
    const COMPOSE: &str = "
services:
  app:
    image: app:1
    user: '1:2'
    working_dir: /srv
    environment: {A: b}
    labels: {l: v}
    mem_limit: 64m
    cpus: 1.5
    pids_limit: 9
    ports: ['127.0.0.1:8080:80']
    depends_on: {db: {condition: service_started}}
    healthcheck: {test: exit 0}
    volumes: [{type: volume, source: data, target: /d, volume: {subpath: s}}]
  db: {image: db}
volumes: {data: {}}
";
    let files = MemoryLoader::default().with("/shop/compose.yaml", COMPOSE);
    let request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    let mut stack = resolve(&files, &request).stack.expect("a stack");
    let mut service = stack.services.remove("app").expect("the service");
    service.container = container();
    service.limits.open_files = Some(9);
    serde_json::to_value(service).expect("JSON")
}

/// The places of all single values, as JSON pointers.
fn leaves(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, &format!("{at}/{}", key.replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), all);
            }
        }
        Value::Null => {}
        _ => all.push(at.to_owned()),
    }
}

/// Other values of the same kind; words of an enumeration among them.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(is) => vec![json!(!is)],
        Value::Number(number) if number.is_f64() => vec![json!(0.25)],
        Value::Number(number) => vec![json!(number.as_i64().unwrap_or(0) + 1)],
        Value::String(text) => {
            let words = [
                "networks",
                "missing",
                "tcp",
                "no",
                "service_healthy",
                "bind",
            ];
            let longer = json!(format!("{text}x"));
            [longer, json!("10.0.0.9"), json!("9")]
                .into_iter()
                .chain(words.map(Value::from))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn print(service: &Value) -> Option<String> {
    let service: Service = serde_json::from_value(service.clone()).ok()?;
    Some(service.fingerprint(&BTreeMap::new(), b"key"))
}

#[test]
fn every_field_that_changes_what_runs_is_in_the_fingerprint() {
    let service = service();
    let before = print(&service).expect("a service");
    let mut places = Vec::new();
    leaves(&service, "", &mut places);
    assert!(places.len() > 90, "only {} fields", places.len());
    for place in places {
        let value = service.pointer(&place).expect("the field");
        // The kind of a probe is not changed without what it probes.
        let changed = others(value).into_iter().find_map(|other| {
            let mut changed = service.clone();
            *changed.pointer_mut(&place)? = other;
            print(&changed)
        });
        let counts = !NOT_PART_OF_IT.iter().any(|field| place.starts_with(field));
        match changed {
            Some(after) => assert_eq!(after != before, counts, "{place}"),
            None => assert!(
                place.ends_with("/kind") || !counts,
                "{place}: no other value"
            ),
        }
    }
}
