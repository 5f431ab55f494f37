//! Who is scraped, under the labels that Mainstay gives.

use super::labels;
use crate::engines::place;
use crate::output::Rendering;
use mainstay_stack::{Collect, Exporter, Service, Stack, TargetKind};
use mainstay_yaml::write::{Doc, Map};

/// A server of the monitoring itself.
pub(super) fn own(job: &str, target: &str) -> Doc {
    let group = Map::new().set("targets", [target]);
    Map::new()
        .set("job_name", job)
        .set("static_configs", [group])
        .into()
}

/// One job for each service that has metrics.
pub(super) fn of_services(stack: &Stack, out: &mut Rendering) -> Vec<Doc> {
    let mut jobs = Vec::new();
    if matches!(stack.target, TargetKind::Kubernetes | TargetKind::Ecs) {
        out.lost(
            &format!("target: {}", stack.target.word()),
            "the name of a service may stand for one address in front of all instances",
            "let the name stand for each of them: a headless Service, or a record for each task",
        );
    }
    for service in stack.services.values() {
        match service.metrics.collect {
            Collect::Never => continue,
            Collect::Found if !place::speaks_http(stack, service) => continue,
            Collect::Found => out.lost(
                &format!("metrics.{}: found by itself", service.name),
                "Prometheus does not try whether an instance has metrics, and takes one without them for one that is down",
                "it is scraped; say `enabled: false` under `metrics` where it has none, else `true`",
            ),
            Collect::Always => {}
        }
        match job(stack, service) {
            Some(job) => jobs.push(job.into()),
            None => out.lost(
                &format!("metrics.{}", service.name),
                "nothing says on which port it listens",
                "it is not scraped; name the port under `expose`",
            ),
        }
    }
    jobs
}

fn job(stack: &Stack, service: &Service) -> Option<Map> {
    let rule = &service.metrics;
    let port = rule.port.or_else(|| place::port(service))?;
    let name = service.name.as_str();
    let discovery = Map::new()
        .comment("Every instance has an address of its own behind the name.")
        .set("names", [place::host(stack, service)])
        .set("type", "A")
        .set("port", port)
        .set("refresh_interval", "15s");
    let mut relabel = vec![labelled("service", name)];
    relabel.extend(scope(stack));
    let path = (rule.path != "/metrics").then(|| rule.path.clone());
    Some(
        paced(Map::new().set("job_name", name), rule.interval_ms)
            .maybe("metrics_path", path)
            .set("dns_sd_configs", [discovery])
            .set("relabel_configs", relabel),
    )
}

/// How often, where the server's interval is not meant. A scrape never takes longer than what is between two.
fn paced(job: Map, interval_ms: Option<u64>) -> Map {
    let timeout = interval_ms.map(|ms| format!("{}ms", ms.min(10_000)));
    job.maybe("scrape_interval", interval_ms.map(|ms| format!("{ms}ms")))
        .maybe("scrape_timeout", timeout)
}

fn labelled(label: &str, value: &str) -> Map {
    Map::new()
        .set("target_label", label)
        // A dollar would stand for a part of what was found.
        .set("replacement", value.replace('$', "$$"))
}

fn scope(stack: &Stack) -> [Map; 2] {
    [
        labelled("stack", stack.name.as_str()),
        labelled("environment", stack.environment.as_str()),
    ]
}

/// Machines, containers, PostgreSQL and Redis, each through its exporter.
pub(super) fn of_exporters(stack: &Stack) -> Vec<Doc> {
    let mut jobs = vec![own("node", "node-exporter:9100"), containers()];
    for (kind, job, port) in [
        (Exporter::Postgres, "postgres", 9187),
        (Exporter::Redis, "redis", 9121),
    ] {
        let servers = place::servers(stack, kind);
        if servers.is_empty() {
            continue;
        }
        let groups: Vec<Map> = servers
            .iter()
            .map(|service| {
                let exporter = match servers.as_slice() {
                    [_] => format!("{job}-exporter:{port}"),
                    _ => format!("{}-exporter:{port}", service.name),
                };
                let more = labels(stack)
                    .set("service", service.name.as_str())
                    .set("instance", service.name.as_str());
                Map::new().set("targets", [exporter]).set("labels", more)
            })
            .collect();
        let interval = servers
            .iter()
            .find_map(|service| service.metrics.interval_ms);
        let job = paced(Map::new().set("job_name", job), interval);
        jobs.push(job.set("static_configs", groups).into());
    }
    jobs
}

/// cAdvisor: the engine's labels become ours, and the rest of them goes.
fn containers() -> Doc {
    let copied = |from: &str, to: &str| {
        Map::new()
            .set("source_labels", [from])
            .set("regex", "(.+)")
            .set("target_label", to)
    };
    let relabel = [
        copied("container_label_com_docker_swarm_service_name", "service"),
        copied("container_label_com_docker_compose_service", "service"),
        copied("container_label_io_mainstay_service", "service"),
        copied("container_label_io_mainstay_release", "release"),
        copied("container_label_io_mainstay_stack", "stack"),
        copied("container_label_io_mainstay_environment", "environment"),
        Map::new()
            .set("regex", "container_label_.+")
            .set("action", "labeldrop"),
    ];
    let group = Map::new().set("targets", ["cadvisor:8080"]);
    Map::new()
        .set("job_name", "cadvisor")
        .set("static_configs", [group])
        .set("metric_relabel_configs", relabel)
        .into()
}

/// Instances of processes are known to Mainstay only, which answers for them.
pub(super) fn federated(stack: &Stack, out: &mut Rendering) -> Vec<Doc> {
    out.lost(
        "target: process",
        "instances listen on free ports, which change with every release",
        "Prometheus takes the series from Mainstay, which scrapes them: `/prometheus/federate`",
    );
    let matched = format!("{{stack=\"{}\"}}", stack.name);
    let group = Map::new().set("targets", ["127.0.0.1:9900"]);
    let job = Map::new()
        .set("job_name", "mainstay-federate")
        .set("honor_labels", true)
        .set("metrics_path", "/prometheus/federate")
        .set(
            "params",
            Map::new().set("match[]", [matched.as_str(), "{job=~\"node|mainstay\"}"]),
        )
        .comment("A token of a viewer: `mainstay token create`.")
        .set(
            "authorization",
            Map::new().set("credentials_file", "/etc/prometheus/secrets/mainstay_token"),
        )
        .set("static_configs", [group]);
    vec![job.into()]
}
