//! What a cluster cannot be told is named, all of it at once.

use crate::support::project;
use mainstay_render::{Rendering, Target, render};
use snapbox::{assert_data_eq, file, str};

const MAINSTAY: &str = "
environments:
  production: {purpose: production, target: docker}
";

/// With a field of everything that is lost.
const EVERYTHING: &str = r#"
name: shop
services:
  web_app:
    image: example/web:1
    user: nobody
    expose: ["8000"]
    ports: ["9000:9000"]
    stop_signal: SIGINT
    domainname: example.org
    extra_hosts: ["there:host-gateway"]
    depends_on:
      db: {condition: service_started, restart: true}
      worker: {condition: service_healthy, required: false}
    volumes:
      - /etc/motd:/etc/motd:ro
      - {type: tmpfs, target: /cache, tmpfs: {mode: 0700}}
    tmpfs: ["/scratch:size=1m"]
    sysctls: {net.core.somaxconn: "1024"}
    security_opt: ["apparmor:mine"]
    group_add: [audio]
    ipc: shareable
    uts: host
    userns_mode: host
    cgroup: private
    cgroup_parent: m
    device_cgroup_rules: ["c 1:3 mr"]
    memswap_limit: 2g
    mem_swappiness: 10
    cpu_shares: 512
    cpuset: "0"
    pids_limit: 100
    oom_kill_disable: true
    oom_score_adj: 10
    ulimits: {nofile: 1024}
    storage_opt: {size: 1G}
    logging: {driver: syslog}
    labels: {"a b": c}
    gpus: [{driver: amd, capabilities: [gpu]}]
    secrets: [{source: api_token, target: /etc/token, uid: "5"}]
    networks:
      front: {ipv4_address: 172.28.0.10, priority: 5}
    deploy:
      resources: {limits: {memory: 1G}}
  worker:
    image: example/worker:1
    user: "1000"
    restart: on-failure
    healthcheck: {test: [CMD, "true"]}
    networks: [front]
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: example-password-that-is-long}
    volumes: ["data:/var/lib/postgresql/data"]
    networks: [front]
secrets:
  api_token: {environment: API_TOKEN}
networks:
  front:
    driver: macvlan
    labels: {a: b}
    ipam: {config: [{subnet: 172.28.0.0/16}]}
volumes:
  data: {driver: local, driver_opts: {type: nfs}, labels: {a: b}}
"#;

fn rendered(compose: &str, mainstay: &str) -> Rendering {
    render(Target::Kubernetes, &project(compose, mainstay))
}

#[test]
fn everything_that_is_lost_of_a_stack_is_named_in_one_list() {
    let mainstay = format!(
        "{MAINSTAY}
routes: [{{path: /, service: web_app, balance: least-connections}}]
render: {{kubernetes: {{ingress_class: traefik}}}}
deploy: {{hooks: {{before: [[\"true\"]]}}}}
backups:
  schedules: {{last: \"0 2 L * *\", nightly: {{cron: \"0 2 * * *\", jitter: 5m}}}}
  drill: {{cron: \"0 4 * * sun\"}}
  sources: {{db: {{postgresql: {{service: db, wal: true}}}}}}
alerts: {{packs: [whispercache]}}
"
    );
    let problems = rendered(EVERYTHING, &mainstay).problems.to_string();
    assert_data_eq!(problems, file!["lost.txt"]);
}

#[test]
fn a_stack_that_cannot_be_expressed_says_every_reason_and_writes_no_file() {
    let compose = r#"
name: shop
services:
  app:
    image: example/app:1
    expose: ["8000"]
    volumes: ["./data:/data"]
    devices: ["/dev/ttyUSB0:/dev/ttyUSB0"]
  a_b: {image: "example/app:2", expose: ["80"]}
  a-b:
    image: "example/app:2"
    environment: {TOKEN: 0123456789abcdef}
    command: ["run", "--token", "0123456789abcdef"]
"#;
    let rendering = rendered(compose, MAINSTAY);
    assert!(rendering.files.is_empty());
    let problems = rendering.problems.iter();
    let errors = problems.filter(|problem| problem.severity == mainstay_model::Severity::Error);
    let errors: Vec<String> = errors.map(|problem| problem.message.clone()).collect();
    assert_data_eq!(
        errors.join("\n"),
        str![[r"
`services.a_b` cannot be expressed: `a-b` is called `a-b` in a cluster as well
`services.a-b.command` cannot be expressed: there is a secret in it
`services.app.volumes./data` cannot be expressed: a pod goes where there is room, and the folder of its host stays behind
`services.app.devices` cannot be expressed: devices of a machine are given by plug-ins of the cluster
"]]
    );
}

#[test]
fn environments_in_one_namespace_would_replace_each_other() {
    let mainstay = "
environments:
  staging: {purpose: staging, target: docker}
  production: {purpose: production, target: docker}
render: {kubernetes: {namespace: shop}}
";
    let compose = "services: {app: {image: 'example/app:1', user: '1000', expose: ['80']}}";
    let problems = rendered(compose, mainstay).problems.to_string();
    assert!(
        problems.contains("`render.kubernetes.namespace` is lost"),
        "{problems}"
    );
}

#[test]
fn a_laptop_alone_is_no_place_for_a_cluster() {
    let rendering = rendered("services: {app: {image: 'example/app:1'}}", "");
    assert!(rendering.files.is_empty());
    assert_data_eq!(
        rendering.problems.to_string(),
        str![[r"
error: `environments` cannot be expressed: none of them is more than a laptop
  hint: say one in `environments` with `purpose: production`
"]]
    );
}
