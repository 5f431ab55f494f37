//! Logs on their way to Logstash or Elasticsearch.
//!
//! `filebeat.yml` hands everything to Logstash, which takes it apart; `filebeat-elasticsearch.yml` does without
//! Logstash, and `ilm-policy.json` is its index's life: a new one each day, deleted when the files say so. Source:
//! <https://www.elastic.co/guide/en/beats/filebeat/8.19/index.html>.

use super::{logs, place};
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Exporter, Stack, TargetKind};
use mainstay_yaml::write::{Doc, Map};
use serde_json::json;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    logs::name_lost(stack, &["json-file"], out);
    let to_logstash = inputs(stack).set("processors", processors(stack)).set(
        "output.logstash",
        Map::new().set("hosts", ["logstash:5044"]),
    );
    out.yaml("filebeat.yml", &[Doc::from(finished(to_logstash))]);
    out.yaml(
        "filebeat-elasticsearch.yml",
        &[Doc::from(finished(to_elasticsearch(stack)))],
    );
    let policy = json!({
        "policy": {
            "phases": {
                "hot": {"actions": {"rollover": {"max_age": "1d", "max_primary_shard_size": "50gb"}}},
                "delete": {
                    "min_age": format!("{}d", logs::kept_days(stack)),
                    "actions": {"delete": {}},
                },
            }
        }
    });
    let text = serde_json::to_string_pretty(&policy).unwrap_or_default();
    out.raw("ilm-policy.json", text + "\n");
}

/// Where lines come from.
fn inputs(stack: &Stack) -> Map {
    let provider = match stack.target {
        TargetKind::Kubernetes => pods(stack),
        _ => containers(stack),
    };
    let mut files = Vec::new();
    if !place::servers(stack, Exporter::Postgres).is_empty() {
        files.push(postgresql());
    }
    if stack.target == TargetKind::Kubernetes {
        files.push(audit());
    }
    Map::new()
        .set(
            "filebeat.autodiscover",
            Map::new().set("providers", [provider]),
        )
        .some("filebeat.inputs", files)
}

/// Containers of this stack, whoever runs them. Dots in labels are underscores here.
fn containers(stack: &Stack) -> Map {
    let is = |label: &str| {
        let key = format!("docker.container.labels.{label}");
        Map::new().set("equals", Map::new().set(key, stack.name.as_str()))
    };
    let ours = [
        is("io_mainstay_stack"),
        is("com_docker_compose_project"),
        is("com_docker_stack_namespace"),
    ];
    let input = Map::new()
        .set("type", "filestream")
        .set("id", "container-${data.docker.container.id}")
        .set(
            "paths",
            ["/var/lib/docker/containers/${data.docker.container.id}/*-json.log"],
        )
        .set("prospector.scanner.symlinks", true)
        .set("parsers", [parser("docker")]);
    let template = Map::new()
        .set("condition", Map::new().set("or", ours))
        .set("config", [input]);
    Map::new()
        .set("type", "docker")
        .set("labels.dedot", true)
        .set("templates", [template])
}

fn parser(format: &str) -> Map {
    Map::new().set(
        "container",
        Map::new().set("stream", "all").set("format", format),
    )
}

fn pods(stack: &Stack) -> Map {
    let namespace = stack.render.kubernetes.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| format!("{}-{}", stack.name, stack.environment));
    let input = Map::new()
        .set("type", "filestream")
        .set("id", "pod-${data.kubernetes.container.id}")
        .set(
            "paths",
            ["/var/log/containers/*-${data.kubernetes.container.id}.log"],
        )
        .set("prospector.scanner.symlinks", true)
        .set("parsers", [parser("cri")]);
    let condition = Map::new().set("equals", Map::new().set("kubernetes.namespace", namespace));
    let template = Map::new()
        .set("condition", condition)
        .set("config", [input]);
    Map::new()
        .set("type", "kubernetes")
        .set("node", "${NODE_NAME}")
        .set("templates", [template])
}

/// The table that `postgresql.conf` of this stack writes; a line of it may go on over several.
fn postgresql() -> Map {
    let multiline = Map::new()
        .set("type", "pattern")
        .set("pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2} ")
        .set("negate", true)
        .set("match", "after");
    Map::new()
        .comment("The folder `log` of the database's volume, mounted here to be read.")
        .set("type", "filestream")
        .set("id", "postgresql-csv")
        .set("paths", ["/var/log/postgresql/*.csv"])
        .set("parsers", [Map::new().set("multiline", multiline)])
        .set("fields", Map::new().set("kind", "postgresql-csv"))
        .set("fields_under_root", true)
}

/// Who asked the cluster for what.
fn audit() -> Map {
    Map::new()
        .set("type", "filestream")
        .set("id", "kubernetes-audit")
        .set("paths", ["/var/log/kubernetes/audit*.log"])
        .set("fields", Map::new().set("kind", "kubernetes-audit"))
        .set("fields_under_root", true)
}

/// Of which stack, environment and service a line is.
fn processors(stack: &Stack) -> Vec<Map> {
    let fields = Map::new()
        .set("stack", stack.name.as_str())
        .set("environment", stack.environment.as_str());
    let named = Map::new().set(
        "add_fields",
        Map::new().set("target", "").set("fields", fields),
    );
    let from = match stack.target {
        TargetKind::Kubernetes => vec!["kubernetes.labels.app_kubernetes_io/name"],
        _ => vec![
            "container.labels.io_mainstay_service",
            "container.labels.com_docker_compose_service",
        ],
    };
    let copies = from.into_iter().map(|from| {
        let field = Map::new().set("from", from).set("to", "service.name");
        let copy = Map::new()
            .set("fields", [field])
            .set("fail_on_error", false)
            .set("ignore_missing", true);
        // The first that is there.
        let unnamed = Map::new().set("not", Map::new().set("has_fields", ["service.name"]));
        Map::new().set("copy_fields", copy.set("when", unnamed))
    });
    std::iter::once(named).chain(copies).collect()
}

fn to_elasticsearch(stack: &Stack) -> Map {
    let mut steps = processors(stack);
    let json = Map::new()
        .set("fields", ["message"])
        .set("target", "")
        .set("max_depth", 3)
        .set("overwrite_keys", true)
        .set("add_error_key", true)
        .comment("Other lines stay as they are.")
        .set(
            "when",
            Map::new().set("regexp", Map::new().set("message", "^\\s*\\{")),
        );
    steps.push(Map::new().set("decode_json_fields", json));
    let tag = Map::new().set("tags", ["error"]).set(
        "when",
        Map::new().set(
            "regexp",
            Map::new().set("level", "^(?i)(error|fatal|critical)$"),
        ),
    );
    steps.push(Map::new().set("add_tags", tag));
    let name = format!("{}-logs", stack.name);
    let lifecycle = Map::new()
        .set("enabled", true)
        .set("policy_name", name.as_str())
        .set("policy_file", "/usr/share/filebeat/ilm-policy.json")
        .set("overwrite", true);
    let output = Map::new()
        .set("hosts", ["https://elasticsearch:9200"])
        .set("username", "filebeat_writer")
        .comment("Of Filebeat's keystore, or of its environment.")
        .set("password", "${ELASTICSEARCH_PASSWORD}")
        .set(
            "ssl.certificate_authorities",
            ["/usr/share/filebeat/certs/ca.crt"],
        );
    inputs(stack)
        .set("processors", steps)
        .comment("A data stream whose index is a new one each day.")
        .set("setup.ilm", lifecycle)
        .set("output.elasticsearch", output)
}

/// Filebeat's own log.
fn finished(text: Map) -> Map {
    text.set("logging.level", "warning")
        .set("logging.to_stderr", true)
}
