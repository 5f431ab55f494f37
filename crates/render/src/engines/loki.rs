//! Loki and Promtail: `loki.yml`, one binary that keeps everything on a disk, and `promtail.yml`, which finds
//! containers and reads their lines.
//!
//! Labels are bounded: stack, environment, service, instance, app, stream and level. What varies by request, such as
//! its id, stays in the line, where `| json` finds it. Sources: <https://grafana.com/docs/loki/latest/configure/> and
//! <https://grafana.com/docs/loki/latest/send-data/promtail/configuration/>, for Loki 3.

use super::logs;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Stack, TargetKind};
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeMap;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    // Promtail asks the engine, which reads what its own drivers keep.
    logs::name_lost(stack, &["json-file", "local", "journald"], out);
    out.yaml("loki.yml", &[Doc::from(loki(stack))]);
    out.yaml("promtail.yml", &[Doc::from(promtail(stack))]);
}

fn loki(stack: &Stack) -> Map {
    let server = Map::new()
        .set("http_listen_port", 3100)
        .set("grpc_listen_port", 9096)
        .set("log_level", "warn");
    let directories = Map::new()
        .set("chunks_directory", "/loki/chunks")
        .set("rules_directory", "/loki/rules");
    let common = Map::new()
        .set("instance_addr", "127.0.0.1")
        .set("path_prefix", "/loki")
        .set("replication_factor", 1)
        .set(
            "ring",
            Map::new().set("kvstore", Map::new().set("store", "inmemory")),
        )
        .set("storage", Map::new().set("filesystem", directories));
    let schema = Map::new()
        .set("from", "2024-04-01")
        .set("store", "tsdb")
        .set("object_store", "filesystem")
        .set("schema", "v13")
        .set(
            "index",
            Map::new().set("prefix", "index_").set("period", "24h"),
        );
    let compactor = Map::new()
        .set("working_directory", "/loki/compactor")
        .set("compaction_interval", "10m")
        .comment("Without it nothing is ever deleted.")
        .set("retention_enabled", true)
        .set("retention_delete_delay", "2h")
        .set("delete_request_store", "filesystem");
    Map::new()
        .comment("Nobody but the stack's own networks reaches it: Grafana and Promtail ask without a password.")
        .set("auth_enabled", false)
        .set("server", server)
        .set("common", common)
        .set("schema_config", Map::new().set("configs", [schema]))
        .set("limits_config", limits(stack))
        .set("compactor", compactor)
        .set(
            "ruler",
            Map::new().set("alertmanager_url", "http://alertmanager:9093"),
        )
        .set("analytics", Map::new().set("reporting_enabled", false))
}

fn limits(stack: &Stack) -> Map {
    let longest = logs::kept_days(stack);
    let mut shorter: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for service in stack.services.values() {
        let days = logs::days(service.log.max_age);
        if days < longest {
            shorter.entry(days).or_default().push(service.name.as_str());
        }
    }
    let streams: Vec<Map> = shorter
        .into_iter()
        .map(|(days, services)| {
            let services = services.join("|");
            let selector = format!("{{stack=\"{}\", service=~\"{services}\"}}", stack.name);
            Map::new()
                .set("selector", selector)
                .set("priority", 1)
                .set("period", format!("{}h", days * 24))
        })
        .collect();
    Map::new()
        .comment("As long as the files say for the service that keeps its log longest.")
        .set("retention_period", format!("{}h", longest * 24))
        .some("retention_stream", streams)
        .set("reject_old_samples", true)
        .set("reject_old_samples_max_age", "168h")
        .set("ingestion_rate_mb", 8)
        .set("ingestion_burst_size_mb", 16)
        .set("max_label_names_per_series", 15)
        .set("max_line_size", "256KB")
        .set("max_line_size_truncate", true)
        .set("allow_structured_metadata", true)
        .set("volume_enabled", true)
}

fn promtail(stack: &Stack) -> Map {
    let scraped = match stack.target {
        TargetKind::Kubernetes => vec![pods(stack), audit(stack)],
        // Of processes nothing is found; what runs beside them may be.
        _ => vec![containers(stack)],
    };
    let server = Map::new()
        .set("http_listen_port", 9080)
        .set("grpc_listen_port", 0);
    let client = Map::new().set("url", "http://loki:3100/loki/api/v1/push");
    Map::new()
        .comment("Promtail gets no new features any more; `alloy convert --source-format=promtail` makes Alloy's file of this.")
        .set("server", server)
        .comment("On a volume: it holds how far each log was read.")
        .set("positions", Map::new().set("filename", "/var/lib/promtail/positions.yaml"))
        .set("clients", [client])
        .set("scrape_configs", scraped)
}

fn copied(from: &[&str], regex: &str, to: &str, replacement: Option<&str>) -> Map {
    Map::new()
        .set("source_labels", from)
        .set("regex", regex)
        .set("target_label", to)
        .maybe("replacement", replacement)
}

/// Containers of this stack, whoever runs them: Mainstay, Compose or Swarm.
fn containers(stack: &Stack) -> Map {
    const LABEL: &str = "__meta_docker_container_label_";
    let label = |name: &str| format!("{LABEL}{name}");
    let (ours, compose, swarm) = (
        label("io_mainstay_stack"),
        label("com_docker_compose_project"),
        label("com_docker_stack_namespace"),
    );
    // Letters, digits, `-` and `_`: the same as a regular expression.
    let name = stack.name.as_str();
    let keep = Map::new()
        .set("source_labels", [ours, compose, swarm])
        .set("regex", format!("{name};.*;.*|.*;{name};.*|.*;.*;{name}"))
        .set("action", "keep");
    let swarm_service = format!("{name}_(.+)");
    let mut relabel = vec![
        keep,
        fixed("stack", stack.name.as_str()),
        fixed("environment", stack.environment.as_str()),
        copied(
            &[&label("io_mainstay_environment")],
            "(.+)",
            "environment",
            None,
        ),
        copied(
            &[&label("com_docker_swarm_service_name")],
            &swarm_service,
            "service",
            None,
        ),
        copied(
            &[&label("com_docker_compose_service")],
            "(.+)",
            "service",
            None,
        ),
        copied(&[&label("io_mainstay_service")], "(.+)", "service", None),
        copied(&["__meta_docker_container_name"], "/(.*)", "instance", None),
        copied(
            &["__meta_docker_container_log_stream"],
            "(.+)",
            "stream",
            None,
        ),
    ];
    relabel.push(app(stack));
    let discovery = Map::new()
        .set("host", "unix:///var/run/docker.sock")
        .set("refresh_interval", "5s");
    Map::new()
        .set("job_name", "containers")
        .set("docker_sd_configs", [discovery])
        .set("relabel_configs", relabel)
        .set("pipeline_stages", stages(Vec::new()))
}

fn fixed(label: &str, value: &str) -> Map {
    Map::new()
        .set("target_label", label)
        .set("replacement", value.replace('$', "$$"))
}

/// As the guides ask: `{app="shop-backend"}`.
fn app(stack: &Stack) -> Map {
    let name = format!("{}-$1", stack.name);
    copied(&["service"], "(.+)", "app", Some(&name))
}

fn pods(stack: &Stack) -> Map {
    const POD: &str = "__meta_kubernetes_pod_";
    let pod = |name: &str| format!("{POD}{name}");
    let namespace = stack.render.kubernetes.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| format!("{}-{}", stack.name, stack.environment));
    let discovery = Map::new()
        .set("role", "pod")
        .set("namespaces", Map::new().set("names", [namespace]));
    let files = [pod("uid"), pod("container_name")];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let relabel = vec![
        fixed("stack", stack.name.as_str()),
        fixed("environment", stack.environment.as_str()),
        copied(&[&pod("label_app")], "(.+)", "service", None),
        copied(
            &[&pod("label_app_kubernetes_io_name")],
            "(.+)",
            "service",
            None,
        ),
        copied(&[&pod("name")], "(.+)", "instance", None),
        copied(
            &files,
            "(.+);(.+)",
            "__path__",
            Some("/var/log/pods/*$1/$2/*.log"),
        ),
        app(stack),
    ];
    let cri = Doc::from(Map::new().set("cri", Map::new()));
    Map::new()
        .set("job_name", "pods")
        .set("kubernetes_sd_configs", [discovery])
        .set("relabel_configs", relabel)
        .set("pipeline_stages", stages(vec![cri]))
}

/// Who asked the cluster for what.
fn audit(stack: &Stack) -> Map {
    let labels = Map::new()
        .set("app", "kubernetes-audit")
        .set("stack", stack.name.as_str())
        .set("environment", stack.environment.as_str())
        .set("__path__", "/var/log/kubernetes/audit*.log");
    let group = Map::new()
        .set("targets", ["localhost"])
        .set("labels", labels);
    Map::new()
        .set("job_name", "kubernetes-audit")
        .set("static_configs", [group])
}

/// What is made of each line: its level as a label, one of six words.
fn stages(first: Vec<Doc>) -> Vec<Doc> {
    const LEVEL: &str = "{{ $level := ToLower .Value }}{{ if or (eq $level \"trace\") (eq $level \"debug\") (eq $level \"info\") \
                         (eq $level \"warn\") (eq $level \"error\") }}{{ $level }}{{ else if eq $level \"warning\" }}warn{{ else if \
                         or (eq $level \"fatal\") (eq $level \"critical\") }}fatal{{ else }}other{{ end }}";
    let mut stages = first;
    // A line that is no JSON goes on as it is.
    let json = Map::new().set(
        "json",
        Map::new().set("expressions", Map::new().set("level", "level")),
    );
    let template = Map::new().set(
        "template",
        Map::new().set("source", "level").set("template", LEVEL),
    );
    let inner = vec![
        Doc::from(json),
        Doc::from(template),
        Doc::from(Map::new().set("labels", Map::new().set("level", Doc::Null))),
    ];
    let only_json = Map::new()
        .comment("Lines that are JSON; the rest goes on as it is.")
        .set("selector", "{stack=~\".+\"} |~ \"^\\\\s*\\\\{\"")
        .set("stages", inner);
    stages.push(Doc::from(Map::new().set("match", only_json)));
    stages
}
