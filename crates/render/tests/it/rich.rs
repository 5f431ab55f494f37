//! A stack with everything in it that a container engine can be asked for.

use crate::support::project;
use mainstay_render::Project;

const COMPOSE: &str = r#"
name: rich
services:
  app:
    image: ghcr.io/example/app:v1
    build: {context: ., args: {EDITION: full}}
    pull_policy: always
    platform: linux/amd64
    runtime: runsc
    entrypoint: [/entry, "$$HOME"]
    command: [serve, "--all"]
    working_dir: /srv
    user: "1000:1000"
    environment: {GREETING: "a $$ sign", EMPTY: "", API_TOKEN: "${API_TOKEN:-a-token-of-tests}"}
    secrets:
      - plain
      - {source: other, target: /etc/other, uid: "7", gid: "8", mode: "0400"}
    configs:
      - settings
      - {source: settings, target: /etc/settings.toml, mode: "0440"}
    ports: ["8080:80", "127.0.0.1:5000:5000"]
    expose: ["9000"]
    volumes:
      - {type: volume, source: shared, target: /shared, volume: {nocopy: true}}
      - {type: bind, source: /srv/files, target: /files, read_only: true, bind: {propagation: rslave}}
      - ./beside:/beside:ro
      - {type: tmpfs, target: /cache, tmpfs: {size: 16m}}
    tmpfs: ["/tmp:size=8m", /run]
    networks:
      front: {aliases: [web], priority: 5}
      back: {}
    depends_on:
      db: {condition: service_healthy, restart: true}
      migrate: {condition: service_completed_successfully}
      extra: {condition: service_started, required: false}
    healthcheck: {test: [CMD, /check, "--deep"], interval: 7s, timeout: 3s, retries: 4, start_period: 20s}
    restart: on-failure:4
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    labels: {team: "a & b"}
    annotations: {note: x}
    init: true
    tty: true
    stdin_open: true
    devices: ["/dev/fuse:/dev/fuse:rw"]
    device_cgroup_rules: ["c 1:3 mr"]
    storage_opt: {size: 10G}
    hostname: host
    domainname: example.org
    extra_hosts: ["gate:host-gateway"]
    dns: [1.1.1.1]
    dns_opt: [ndots:1]
    dns_search: [example.org]
    read_only: true
    privileged: true
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    group_add: ["44"]
    sysctls: {net.core.somaxconn: "1024"}
    ipc: private
    pid: host
    uts: host
    userns_mode: host
    cgroup: private
    cgroup_parent: mine
    mem_swappiness: 10
    memswap_limit: 1g
    shm_size: 128m
    cpu_shares: 512
    cpuset: "0"
    oom_kill_disable: true
    oom_score_adj: 100
    ulimits: {nofile: {soft: 1000, hard: 2000}, memlock: -1}
    logging: {driver: local, options: {max-size: 5m, max-file: "2"}}
    deploy:
      replicas: 1
      resources:
        limits: {cpus: "1.5", memory: 512m, pids: 100}
        reservations:
          memory: 256m
          devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]
    x-mainstay: {singleton: true, secrets: {TOKEN_OF_STORE: stored}}
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/plain}
    secrets: [plain]
    expose: ["5432"]
    volumes: ["data:/var/lib/postgresql/data"]
    networks: {back: {ipv4_address: 10.9.0.5}}
    deploy: {update_config: {order: stop-first}}
  migrate:
    image: ghcr.io/example/app:v1
    command: [migrate]
    networks: [back]
    restart: "no"
  extra:
    image: ghcr.io/example/extra:v1
    network_mode: host
    expose: ["7777"]
    healthcheck: {disable: true}
  several:
    image: ghcr.io/example/web:v1
    ports: ["8090:80"]
    networks: [front]
    deploy: {replicas: 3}
volumes:
  shared: {x-mainstay: {shared: true}}
  data: {driver: local, driver_opts: {type: none}, labels: {keep: "yes"}}
networks:
  front: {driver_opts: {com.docker.network.driver.mtu: "1400"}, labels: {zone: out}}
  back: {internal: true, ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.1}]}}
secrets:
  plain: {environment: PLAIN}
  other: {environment: OTHER_SECRET}
  stored: {environment: STORED}
configs:
  settings: {content: "price = \"$$5\"\n"}
"#;

const MAINSTAY: &str = r"
environments:
  production: {purpose: production, target: docker}
routes:
  - {host: [example.org], path: /, service: several}
health:
  several: {http: /health}
deploy:
  strategy: rolling
  pipeline: none
  hooks: {before: [[bin/before]]}
  migrations: {service: app, command: [migrate]}
  services:
    several: {strategy: blue-green}
    db: {strategy: stop-first}
";

/// Production alone.
pub(crate) fn rich() -> Project {
    project(COMPOSE, MAINSTAY)
}
