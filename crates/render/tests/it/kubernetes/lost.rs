//! What a cluster cannot be told is named, all of it at once.

use crate::support::project;
use mainstay_render::{Rendering, Target, render};
use snapbox::{assert_data_eq, str};

const MAINSTAY: &str = "
environments:
  production: {purpose: production, target: docker}
";

fn rendered(compose: &str, mainstay: &str) -> Rendering {
    render(Target::Kubernetes, &project(compose, mainstay))
}

#[test]
fn everything_that_is_lost_of_a_stack_is_named_in_one_list() {
    let compose = r#"
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
      worker: {condition: service_healthy}
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
    let problems = rendered(compose, &mainstay).problems.to_string();
    assert_data_eq!(problems, str![[r#"
warning: `services.web_app` is lost: the name is none of DNS
  hint: others reach it as `web-app`: say so in their variables
warning: `services.db.metrics` is lost: an exporter is a program of its own
  hint: run one beside it, and scrape that
warning: `services.web_app.api_token.uid` is lost: its owner is root and the pod's group
  hint: the mode is kept
warning: `services.web_app.volumes./etc/motd` is lost: a pod has no folder of yours
  hint: give the file with `configs`, or put it into the image
warning: `services.web_app.volumes./cache` is lost: memory has no mode of its own in a pod
  hint: everybody in the pod may write to it
warning: `services.web_app.tmpfs./scratch` is lost: options of the mount are not passed on
  hint: the folder is there, in memory
warning: `services.web_app.domainname` is lost: a pod's domain is that of its namespace
  hint: others know it by its service's name
warning: `services.web_app.extra_hosts` is lost: there is no one host
  hint: name an address
warning: `services.web_app.networks.front` is lost: a pod's address is the cluster's to give
  hint: name the service in place of the address
warning: `services.web_app.networks.front.options` is lost: a pod has one network
  hint: who may reach it stands in networkpolicy.yaml
warning: `services.web_app.ports.9000` is lost: no port of a machine is opened
  hint: give it a route, or `kubectl port-forward`
warning: `services.web_app.device_cgroup_rules` is lost: devices of a machine are given by plug-ins of the cluster
  hint: ask for what the plug-in calls it
warning: `services.web_app.gpus` is lost: a cluster gives a number of `nvidia.com/gpu`, and chooses which
  hint: as many as the first entry says are asked for
warning: `services.web_app.depends_on.db.restart` is lost: a pod is not restarted with another
  hint: clients reconnect by themselves, or `kubectl rollout restart`
warning: `services.web_app.depends_on.db` is lost: everything starts at once
  hint: say `condition: service_healthy` where it must wait
warning: `services.web_app.depends_on.worker` is lost: what has no port is not waited for
  hint: everything starts at once
warning: `services.web_app.stop_signal` is lost: a pod is stopped with the signal that its image says
  hint: say STOPSIGNAL in the Dockerfile; the official images of databases do
warning: `services.web_app.sysctls` is lost: a kubelet allows only those that it is told of
  hint: set them on the nodes
warning: `services.web_app.security_opt` is lost: profiles are files of the nodes
  hint: the runtime's own profile confines it
warning: `services.web_app.group_add` is lost: groups are numbers there
  hint: say the number
warning: `services.web_app.user` is lost: users are numbers there
  hint: say `UID:GID`
warning: `services.web_app.ipc` is lost: a pod shares with itself or with its host
  hint: put both into one service
warning: `services.web_app.uts` is lost: a pod's namespaces are its own
  hint: nothing is to be done
warning: `services.web_app.userns_mode` is lost: a pod's namespaces are its own
  hint: nothing is to be done
warning: `services.web_app.cgroup` is lost: a pod's namespaces are its own
  hint: nothing is to be done
warning: `services.web_app.cgroup_parent` is lost: a pod's namespaces are its own
  hint: nothing is to be done
warning: `services.web_app.pids_limit` is lost: it is set for all pods of a node
  hint: podPidsLimit of the kubelet
warning: `services.web_app.ulimits` is lost: pods have those of the node's runtime
  hint: set them in the container runtime
warning: `services.web_app.memswap_limit` is lost: it follows from requests and limits
  hint: say limits of CPUs and memory
warning: `services.web_app.mem_swappiness` is lost: it follows from requests and limits
  hint: say limits of CPUs and memory
warning: `services.web_app.cpu_shares` is lost: it follows from requests and limits
  hint: say limits of CPUs and memory
warning: `services.web_app.cpuset` is lost: it follows from requests and limits
  hint: say limits of CPUs and memory
warning: `services.web_app.oom_kill_disable` is lost: it follows from requests and limits
  hint: say limits of CPUs and memory
warning: `services.web_app.oom_score_adj` is lost: it follows from requests and limits
  hint: say limits of CPUs and memory
warning: `services.web_app.logging` is lost: the kubelet keeps what containers write
  hint: Promtail reads it from there
warning: `services.web_app.storage_opt` is lost: the node's runtime decides
  hint: nothing is to be done
warning: `services.web_app.labels` is lost: a name in them is none of an annotation
  hint: use letters, digits, `-`, `_`, `.` and one `/`
warning: `services.worker.restart` is lost: what stays up is always started again
  hint: nothing is to be done
warning: `volumes.data.driver` is lost: a storage class decides where it lies
  hint: name one in `render.kubernetes.storage_class`
warning: `volumes.data.labels` is lost: a claim has the labels of its service
  hint: nothing is to be done
warning: `networks.front.driver` is lost: all pods are on the cluster's own network
  hint: its plug-in decides on addresses
warning: `networks.front.labels` is lost: a NetworkPolicy stands in for a network
  hint: nothing is to be done
warning: `routes./.balance` is lost: an Ingress has no word for it
  hint: its controller balances as it is set up; istio can
warning: `routes./ (timeout, max_body)` is lost: annotations are written for the class `nginx`
  hint: set them as your controller wants them
warning: `routes./ (TLS)` is lost: no host is known, and a certificate is for one
  hint: say `render.domain` or `hosts` of the route
warning: `deploy.hooks` is lost: they run in the stack's directory
  hint: render github-actions, or deploy with Mainstay
warning: `alerts` is lost: rules are Prometheus's
  hint: render prometheus and alertmanager
warning: `backups.schedules.last` is lost: `0 2 L * *` is more than the five fields that a CronJob takes
  hint: say it in five fields
warning: `backups.schedules.nightly.jitter` is lost: a CronJob starts on the minute
  hint: nothing is to be done
warning: `backups.sources.db.wal` is lost: a CronJob has what was there when it ran, and no log
  hint: an operator for PostgreSQL, or back up with Mainstay
warning: `backups.keep` is lost: a CronJob keeps every dump for a number of days
  hint: each is kept for 7 days
warning: `backups.drill` is lost: nothing in a cluster restores a dump to prove it
  hint: drill with Mainstay
"#]]);
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
    assert_data_eq!(errors.join("\n"), str![[r#"
`services.a_b` cannot be expressed: `a-b` is called `a-b` in a cluster as well
`services.a-b.command` cannot be expressed: there is a secret in it
`services.app.volumes./data` cannot be expressed: a pod goes where there is room, and the folder of its host stays behind
`services.app.devices` cannot be expressed: devices of a machine are given by plug-ins of the cluster
"#]]);
}

#[test]
fn a_laptop_alone_is_no_place_for_a_cluster() {
    let rendering = rendered("services: {app: {image: 'example/app:1'}}", "");
    assert!(rendering.files.is_empty());
    assert_data_eq!(rendering.problems.to_string(), str![[r#"
error: `environments` cannot be expressed: none of them is more than a laptop
  hint: say one in `environments` with `purpose: production`
"#]]);
}
