//! Files for those who collect logs: none of them is a Debian package, so their shape is judged by what their
//! documentation says, by parsers of others, and by what they have in common with Prometheus.

use crate::peers::{peer as find, quiet};
use crate::support::{EXAMPLES, example, project, repository};
use mainstay_model::Problems;
use mainstay_render::{Project, Target, render};
use mainstay_series::Labels;
use mainstay_stack::TargetKind;
use mainstay_targets::{Configuration, Group, targets};
use mainstay_yaml::source::Source;
use mainstay_yaml::tree::{Kind, Node};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const TARGETS: [Target; 3] = [Target::Loki, Target::Filebeat, Target::Logstash];

/// Keys that the documentation of Loki 3 has.
const LOKI: &[&str] = &[
    "analytics.reporting_enabled",
    "auth_enabled",
    "common.instance_addr",
    "common.path_prefix",
    "common.replication_factor",
    "common.ring.kvstore.store",
    "common.storage.filesystem.chunks_directory",
    "common.storage.filesystem.rules_directory",
    "compactor.compaction_interval",
    "compactor.delete_request_store",
    "compactor.retention_delete_delay",
    "compactor.retention_enabled",
    "compactor.working_directory",
    "limits_config.allow_structured_metadata",
    "limits_config.ingestion_burst_size_mb",
    "limits_config.ingestion_rate_mb",
    "limits_config.max_label_names_per_series",
    "limits_config.max_line_size",
    "limits_config.max_line_size_truncate",
    "limits_config.reject_old_samples",
    "limits_config.reject_old_samples_max_age",
    "limits_config.retention_period",
    "limits_config.retention_stream.period",
    "limits_config.retention_stream.priority",
    "limits_config.retention_stream.selector",
    "limits_config.volume_enabled",
    "ruler.alertmanager_url",
    "schema_config.configs.from",
    "schema_config.configs.index.period",
    "schema_config.configs.index.prefix",
    "schema_config.configs.object_store",
    "schema_config.configs.schema",
    "schema_config.configs.store",
    "server.grpc_listen_port",
    "server.http_listen_port",
    "server.log_level",
];

/// Keys that the documentation of Filebeat 8 has; conditions name fields of their own.
const FILEBEAT: &[&str] = &[
    "filebeat.autodiscover.providers.labels.dedot",
    "filebeat.autodiscover.providers.node",
    "filebeat.autodiscover.providers.templates.condition.equals.FIELD",
    "filebeat.autodiscover.providers.templates.condition.or.equals.FIELD",
    "filebeat.autodiscover.providers.templates.config.id",
    "filebeat.autodiscover.providers.templates.config.parsers.container.format",
    "filebeat.autodiscover.providers.templates.config.parsers.container.stream",
    "filebeat.autodiscover.providers.templates.config.paths",
    "filebeat.autodiscover.providers.templates.config.prospector.scanner.symlinks",
    "filebeat.autodiscover.providers.templates.config.type",
    "filebeat.autodiscover.providers.type",
    "filebeat.inputs.fields.kind",
    "filebeat.inputs.fields_under_root",
    "filebeat.inputs.id",
    "filebeat.inputs.parsers.multiline.match",
    "filebeat.inputs.parsers.multiline.negate",
    "filebeat.inputs.parsers.multiline.pattern",
    "filebeat.inputs.parsers.multiline.type",
    "filebeat.inputs.paths",
    "filebeat.inputs.type",
    "logging.level",
    "logging.to_stderr",
    "output.elasticsearch.hosts",
    "output.elasticsearch.password",
    "output.elasticsearch.ssl.certificate_authorities",
    "output.elasticsearch.username",
    "output.logstash.hosts",
    "processors.add_fields.fields.environment",
    "processors.add_fields.fields.stack",
    "processors.add_fields.target",
    "processors.add_tags.tags",
    "processors.add_tags.when.regexp.FIELD",
    "processors.copy_fields.fail_on_error",
    "processors.copy_fields.fields.from",
    "processors.copy_fields.fields.to",
    "processors.copy_fields.ignore_missing",
    "processors.copy_fields.when.not.has_fields",
    "processors.decode_json_fields.add_error_key",
    "processors.decode_json_fields.fields",
    "processors.decode_json_fields.max_depth",
    "processors.decode_json_fields.overwrite_keys",
    "processors.decode_json_fields.target",
    "processors.decode_json_fields.when.regexp.FIELD",
    "setup.ilm.enabled",
    "setup.ilm.overwrite",
    "setup.ilm.policy_file",
    "setup.ilm.policy_name",
];

fn tree(text: &str) -> Node {
    let mut problems = Problems::default();
    let source = Arc::new(Source::named("rendered.yml"));
    let mut documents = mainstay_yaml::parse(text, &source, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    documents.remove(0)
}

/// Every key, from the top on, without the numbers of lists.
fn keys(node: &Node, above: &str, found: &mut BTreeSet<String>) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                let field = above.ends_with(".equals") || above.ends_with(".regexp");
                let key = if field { "FIELD" } else { &entry.key };
                let path = format!("{above}.{key}");
                keys(&entry.value, &path, found);
            }
        }
        Kind::List(items) => items.iter().for_each(|item| keys(item, above, found)),
        _ => {
            found.insert(above.trim_start_matches('.').to_owned());
        }
    }
}

#[test]
fn keys_are_those_of_the_documentation() {
    let kubernetes = EXAMPLES.map(|name| (name, on_kubernetes(name)));
    let docker = EXAMPLES.map(|name| (name, example(name)));
    for (name, project) in docker.into_iter().chain(kubernetes) {
        for (target, file, known) in [
            (Target::Loki, "loki.yml", LOKI),
            (Target::Filebeat, "filebeat.yml", FILEBEAT),
            (Target::Filebeat, "filebeat-elasticsearch.yml", FILEBEAT),
        ] {
            let rendering = render(target, &project);
            let mut found = BTreeSet::new();
            keys(&tree(&rendering.files[file].text), "", &mut found);
            let unknown = found.iter().filter(|key| !known.contains(&key.as_str()));
            let unknown: Vec<_> = unknown.collect();
            assert!(unknown.is_empty(), "{name} {file}: {unknown:?}");
        }
    }
}

/// Promtail's `scrape_configs` without what is made of lines.
fn found_by(project: &Project) -> String {
    let rendering = render(Target::Loki, project);
    let text = &rendering.files["promtail.yml"].text;
    let at = text.find("scrape_configs:").expect("jobs");
    let mut dropped = false;
    let mut kept = String::new();
    for line in text[at..].lines() {
        let is_key = line.starts_with("  - ") || line.strip_prefix("    ").is_some_and(is_word);
        if is_key {
            let key = line.trim_start();
            // Debian's promtool knows no Kubernetes.
            dropped = matches!(key, "pipeline_stages:" | "kubernetes_sd_configs:");
        }
        if !dropped {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// An example as it would be on Kubernetes.
fn on_kubernetes(name: &str) -> Project {
    let mut project = example(name);
    for stack in project.environments.values_mut() {
        stack.target = TargetKind::Kubernetes;
    }
    project
}

#[test]
fn promtool_takes_how_promtail_finds_lines() {
    let test = "promtool_takes_how_promtail_finds_lines";
    let Some(promtool) = find("promtool", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(promtool);
    command.args(["check", "config", "--syntax-only"]);
    for (file, project, jobs) in [
        ("docker", example("rag-admin"), 1),
        ("kubernetes", on_kubernetes("rag-admin"), 2),
    ] {
        let text = found_by(&project);
        assert_eq!(text.matches("- job_name:").count(), jobs, "{text}");
        let path = folder.path().join(file);
        std::fs::write(&path, text).expect("a file");
        command.arg(path);
    }
    quiet(&mut command);
}

/// The jobs of Promtail without what Prometheus does not know: they find and name targets alike.
fn jobs(project: &Project) -> Configuration {
    let text = &found_by(project);
    let (configuration, problems) = Configuration::read(text, Path::new("/p.yml"), "p.yml");
    assert!(problems.is_empty(), "{problems}");
    configuration
}

#[test]
fn promtail_names_lines_by_labels_that_are_bounded() {
    let configuration = jobs(&example("whispercache"));
    let labels = |pairs: &[(&str, &str)]| -> Option<Vec<(String, String)>> {
        let meta = pairs.iter().map(|(name, value)| {
            let name = format!("__meta_docker_container_{name}");
            (name, (*value).to_owned())
        });
        let group = Group::of_addresses("docker", Labels::from_pairs(meta), ["10.0.0.2:80"]);
        let found = targets(&configuration.jobs[0], &[group]);
        let target = found.active.first()?;
        let all = target.labels.iter();
        let all = all.filter(|(name, _)| !matches!(*name, "job"));
        Some(
            all.map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    };
    let compose = labels(&[
        ("label_com_docker_compose_project", "whispercache"),
        ("label_com_docker_compose_service", "backend"),
        ("name", "/whispercache-backend-1"),
        ("log_stream", "stderr"),
        ("label_something_else", "x"),
    ]);
    let expected = [
        ("app", "whispercache-backend"),
        ("environment", "production"),
        ("instance", "whispercache-backend-1"),
        ("service", "backend"),
        ("stack", "whispercache"),
        ("stream", "stderr"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(compose.expect("it is kept"), expected);
    let ours = labels(&[
        ("label_io_mainstay_stack", "whispercache"),
        ("label_io_mainstay_environment", "staging"),
        ("label_io_mainstay_service", "frontend"),
        ("name", "/whispercache-staging-frontend-r3-1"),
        ("log_stream", "stdout"),
    ]);
    let ours = ours.expect("it is kept");
    assert!(ours.contains(&("environment".to_owned(), "staging".to_owned())));
    assert!(ours.contains(&("app".to_owned(), "whispercache-frontend".to_owned())));
    let swarm = labels(&[
        ("label_com_docker_stack_namespace", "whispercache"),
        (
            "label_com_docker_swarm_service_name",
            "whispercache_backend",
        ),
        ("name", "/whispercache_backend.1.x"),
    ]);
    let swarm = swarm.expect("it is kept");
    assert!(swarm.contains(&("service".to_owned(), "backend".to_owned())));
    let other = labels(&[
        ("label_com_docker_compose_project", "whispercache-2"),
        ("name", "/other"),
    ]);
    assert_eq!(other, None, "another stack's");
}

#[test]
fn logs_are_kept_as_long_as_the_files_say() {
    let compose = "\
services:
  app: {image: shop/app:1, logging: {driver: json-file, options: {max-size: 1m}}}
  audit: {image: shop/audit:1}
  lost: {image: shop/lost:1, logging: {driver: syslog}}
";
    let project = project(compose, "");
    let days = {
        let stack = project.main();
        let ages = stack.services.values().map(|service| service.log.max_age);
        ages.max().expect("services").as_secs() / 86_400
    };
    let text = |target: Target, file: &str| render(target, &project).files[file].text.clone();
    let loki = text(Target::Loki, "loki.yml");
    assert!(
        loki.contains(&format!("retention_period: {}h", days * 24)),
        "{loki}"
    );
    for target in [Target::Filebeat, Target::Logstash] {
        let policy = text(target, "ilm-policy.json");
        assert!(
            policy.contains(&format!("\"min_age\": \"{days}d\"")),
            "{policy}"
        );
    }
    for target in TARGETS {
        let problems = render(target, &project).problems;
        let messages: Vec<&str> = problems.iter().map(|one| one.message.as_str()).collect();
        let expected = "`services.lost.logging.driver: syslog` is lost: the engine keeps nothing that could be read from outside";
        assert_eq!(messages, [expected], "{target}");
    }
    let dev = example("rag-admin").seen_from(&"dev".parse().expect("a name"));
    let problems = render(Target::Loki, &dev.expect("it is there")).problems;
    let first = problems.iter().next().expect("one");
    assert!(first.message.starts_with("`target: process` is lost"));
}

/// Reads each pipeline by Logstash's grammar, and prints how often each plugin is in it.
const PARSED: &str = "
import json, sys
from logstash_pipeline_parser import Pipeline
for name in sys.argv[1:]:
    with open(name) as file:
        print(json.dumps(Pipeline(file.read()).parse(), default=str))
";

#[test]
fn pipelines_are_read_by_logstashs_grammar() {
    let environment = repository().join("target/peers/logstash-pipeline-parser");
    let python = environment.join("bin/python");
    if !python.is_file() {
        let test = "pipelines_are_read_by_logstashs_grammar";
        let line = format!("skipped for want of logstash-pipeline-parser: {test}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(&python);
    command.args(["-c", PARSED]);
    for name in EXAMPLES {
        let rendering = render(Target::Logstash, &example(name));
        // As Logstash has them: one after the other, in one.
        let files = rendering.files.iter();
        let files = files.filter(|(path, _)| path.starts_with("pipeline/"));
        let whole: String = files.map(|(_, file)| file.text.clone()).collect();
        let path = folder.path().join(name);
        std::fs::write(&path, whole).expect("a file");
        command.arg(path);
    }
    let said = quiet(&mut command);
    assert_eq!(said.lines().count(), EXAMPLES.len());
    for plugin in [
        "beats",
        "json",
        "csv",
        "grok",
        "date",
        "mutate",
        "elasticsearch",
    ] {
        assert!(said.contains(&format!("\"{plugin}\"")), "{plugin}\n{said}");
    }
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "filter { json { source => } }").expect("a file");
    let mut command = Command::new(&python);
    let said = command.args(["-c", PARSED]).arg(wrong).output();
    assert!(!said.expect("python starts").status.success());
}
