//! `compose.monitoring.yaml`: Prometheus, Alertmanager, Grafana, and exporters of what the stack has.
//!
//! Their files are those of `mainstay render prometheus`, `alertmanager` and `grafana`, in folders of these names
//! beside the file.

use super::extra::{asked, name, network, published, read_only, service};
use super::ports::Ports;
use crate::containers::parts;
use crate::engines::prometheus;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Exporter, ExporterRule, NetworkMode, Service, Stack};
use mainstay_yaml::write::{Doc, Map};

const PROMETHEUS: &str = "prom/prometheus:v3.5.0";
const ALERTMANAGER: &str = "prom/alertmanager:v0.28.1";
const GRAFANA: &str = "grafana/grafana:12.1.0";
const NODE: &str = "prom/node-exporter:v1.9.1";
const CADVISOR: &str = "gcr.io/cadvisor/cadvisor:v0.52.1";
const POSTGRES: &str = "prometheuscommunity/postgres-exporter:v0.17.1";
const BLACKBOX: &str = "prom/blackbox-exporter:v0.27.0";
const REDIS: &str = "oliver006/redis_exporter:v1.74.0";
const REDIS_WITH_SHELL: &str = "oliver006/redis_exporter:v1.74.0-alpine";

pub(super) fn write(project: &Project, ports: &mut Ports, out: &mut Rendering) {
    let stack = project.main();
    let own = network(stack);
    let mut services = Map::new();
    services.insert(name(stack, "prometheus"), server(stack, &own, ports));
    services.insert(name(stack, "alertmanager"), alertmanager(&own, ports));
    services.insert(name(stack, "grafana"), grafana(&own, ports));
    services.insert(name(stack, "node-exporter"), node(&own));
    services.insert(name(stack, "cadvisor"), cadvisor(&own));
    if prometheus::asks_from_outside(stack) {
        services.insert(name(stack, "blackbox-exporter"), blackbox(&own));
    }
    let mut exported: Vec<(&Service, &ExporterRule)> = Vec::new();
    for service in stack.services.values() {
        exported.extend(
            service
                .metrics
                .exporter
                .as_ref()
                .map(|rule| (service, rule)),
        );
    }
    for (service, rule) in &exported {
        let alike = exported.iter().filter(|(_, other)| other.kind == rule.kind);
        let kind = match rule.kind {
            Exporter::Postgres => "postgres",
            Exporter::Redis => "redis",
        };
        let wanted = match alike.count() {
            1 => format!("{kind}-exporter"),
            _ => format!("{}-exporter", service.name),
        };
        services.insert(name(stack, &wanted), exporter(service, rule, &own));
    }
    let volume = |key: &str| {
        let full = format!("{}-{}_{key}", project.name, stack.environment);
        Map::new().set("name", full)
    };
    let password = Map::new().set("environment", "GRAFANA_ADMIN_PASSWORD");
    let mut secrets = Map::new().set("grafana_admin_password", password);
    // Those that no service of the stack gets as a file are in no other file.
    let granted = parts::secrets(stack);
    let needed = exported
        .iter()
        .filter_map(|(_, rule)| rule.secret.as_deref());
    for secret in needed.filter(|secret| !granted.contains(secret)) {
        let variable = parts::source_variable(stack, secret);
        secrets.insert(secret, Map::new().set("environment", variable));
    }
    let file = Map::new()
        .comment("docker compose -f compose.prod.yaml -f compose.monitoring.yaml up --detach")
        .set("services", services)
        .set("networks", Map::new().set(own, Map::new()))
        .set(
            "volumes",
            Map::new()
                .set("prometheus-data", volume("prometheus-data"))
                .set("alertmanager-data", volume("alertmanager-data"))
                .set("grafana-data", volume("grafana-data")),
        )
        .set("secrets", secrets);
    out.yaml("compose.monitoring.yaml", &[file.into()]);
}

/// The networks that a service is reached on, and that of what watches.
fn joined(services: &[&Service], own: &str) -> Vec<String> {
    let mut keys = vec![own.to_owned()];
    for service in services {
        let network = &service.container.network;
        if network.mode == NetworkMode::Networks {
            keys.extend(network.networks.keys().cloned());
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

fn server(stack: &Stack, own: &str, ports: &mut Ports) -> Map {
    let command = [
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.retention.time=15d",
    ]
    .map(str::to_owned);
    let all: Vec<&Service> = stack.services.values().collect();
    // Within it is 9090 as ever; outside it gives way to a service that has that number.
    service(PROMETHEUS, &command, "1g")
        .set("user", "65534:65534")
        .set("ports", published(ports.take(9090), 9090))
        .set("networks", joined(&all, own))
        .set(
            "volumes",
            vec![
                read_only("./prometheus", "/etc/prometheus"),
                "prometheus-data:/prometheus".into(),
            ],
        )
        .set("healthcheck", asked("http://127.0.0.1:9090/-/healthy"))
}

fn alertmanager(own: &str, ports: &mut Ports) -> Map {
    let command = [
        "--config.file=/etc/alertmanager/alertmanager.yml",
        "--storage.path=/alertmanager",
        "--cluster.listen-address=",
    ]
    .map(str::to_owned);
    service(ALERTMANAGER, &command, "128m")
        .set("user", "65534:65534")
        .set("ports", published(ports.take(9093), 9093))
        .set("networks", [own])
        .set(
            "volumes",
            vec![
                read_only("./alertmanager", "/etc/alertmanager"),
                "alertmanager-data:/alertmanager".into(),
            ],
        )
        .set("healthcheck", asked("http://127.0.0.1:9093/-/healthy"))
}

fn grafana(own: &str, ports: &mut Ports) -> Map {
    let environment = Map::new()
        .set("GF_SECURITY_ADMIN_USER", "admin")
        .set(
            "GF_SECURITY_ADMIN_PASSWORD__FILE",
            "/run/secrets/grafana_admin_password",
        )
        .set("GF_USERS_ALLOW_SIGN_UP", "false")
        .set("GF_ANALYTICS_REPORTING_ENABLED", "false")
        .set("GF_ANALYTICS_CHECK_FOR_UPDATES", "false");
    service(GRAFANA, &[], "512m")
        .set("user", "472:0")
        .set("environment", environment)
        .set("secrets", ["grafana_admin_password"])
        .set("ports", published(ports.take(3000), 3000))
        .set("networks", [own])
        .set("tmpfs", ["/tmp"])
        .set(
            "volumes",
            vec![
                read_only("./grafana/provisioning", "/etc/grafana/provisioning"),
                read_only("./grafana/dashboards", "/var/lib/grafana/dashboards"),
                "grafana-data:/var/lib/grafana".into(),
            ],
        )
        .set("healthcheck", asked("http://127.0.0.1:3000/api/health"))
}

fn node(own: &str) -> Map {
    let command = ["--path.rootfs=/host", "--web.listen-address=:9100"].map(str::to_owned);
    service(NODE, &command, "64m")
        .set("user", "65534:65534")
        .comment("Of the machine, not of the container.")
        .set("pid", "host")
        .set("networks", [own])
        .set("volumes", vec![Doc::from("/:/host:ro,rslave")])
}

fn cadvisor(own: &str) -> Map {
    let command = ["--docker_only=true", "--housekeeping_interval=15s"].map(str::to_owned);
    service(CADVISOR, &command, "256m")
        .set("networks", [own])
        .comment("What it reads of the engine; it writes nothing.")
        .set(
            "volumes",
            vec![
                read_only("/", "/rootfs"),
                read_only("/var/run", "/var/run"),
                read_only("/sys", "/sys"),
                read_only("/var/lib/docker", "/var/lib/docker"),
            ],
        )
}

/// It asks from the machine, under the names that people use.
fn blackbox(own: &str) -> Map {
    let command = ["--config.file=/etc/blackbox/blackbox.yml".to_owned()];
    service(BLACKBOX, &command, "64m")
        .set("user", "65534:65534")
        .set("networks", [own])
        .set("volumes", vec![read_only("./prometheus", "/etc/blackbox")])
}

fn exporter(of: &Service, rule: &ExporterRule, own: &str) -> Map {
    let port = of.ports.first().map(|port| port.target);
    let secret = rule.secret.as_ref();
    let file = secret.map(|secret| format!("/run/secrets/{secret}"));
    let mut entrypoint = None;
    let (image, environment) = match rule.kind {
        Exporter::Postgres => {
            let database = rule.database.as_deref().unwrap_or("postgres");
            let address = format!(
                "{}:{}/{database}?sslmode=disable",
                of.name,
                port.unwrap_or(5432)
            );
            let environment = Map::new()
                .set("DATA_SOURCE_URI", address)
                .set(
                    "DATA_SOURCE_USER",
                    rule.user.as_deref().unwrap_or("postgres"),
                )
                .maybe("DATA_SOURCE_PASS_FILE", file);
            (POSTGRES, environment)
        }
        Exporter::Redis => {
            let address = format!("redis://{}:{}", of.name, port.unwrap_or(6379));
            let environment = Map::new()
                .set("REDIS_ADDR", address)
                .maybe("REDIS_USER", rule.user.as_ref());
            // Its own file of passwords is JSON by address; a shell hands a plain one over.
            entrypoint = file.map(|file| {
                let script = format!("REDIS_PASSWORD=\"$$(cat {file})\" exec /redis_exporter");
                vec!["/bin/sh".to_owned(), "-c".to_owned(), script]
            });
            let image = if secret.is_some() {
                REDIS_WITH_SHELL
            } else {
                REDIS
            };
            (image, environment)
        }
    };
    service(image, &[], "64m")
        .set("user", "65534:65534")
        .maybe("entrypoint", entrypoint)
        .set("environment", environment)
        .some(
            "secrets",
            secret
                .map(|secret| vec![secret.clone()])
                .unwrap_or_default(),
        )
        .set("networks", joined(&[of], own))
        .set(
            "depends_on",
            Map::new().set(
                of.name.as_str(),
                Map::new().set("condition", "service_started"),
            ),
        )
}
