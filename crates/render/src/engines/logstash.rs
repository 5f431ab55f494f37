//! Logs taken apart and indexed by day: `logstash.yml`, `pipeline/*.conf`, which are read one after the other, and
//! what Elasticsearch is told of the indexes.
//!
//! Sources: <https://www.elastic.co/guide/en/logstash/8.19/configuration.html> and, for the columns,
//! <https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG>.

use super::logs;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};
use serde_json::{Value, json};

/// Of PostgreSQL 14 and later; 13 ends with `backend_type`.
const COLUMNS: [&str; 26] = [
    "log_time",
    "user_name",
    "database_name",
    "process_id",
    "connection_from",
    "session_id",
    "session_line_num",
    "command_tag",
    "session_start_time",
    "virtual_transaction_id",
    "transaction_id",
    "error_severity",
    "sql_state_code",
    "text",
    "detail",
    "hint",
    "internal_query",
    "internal_query_pos",
    "context",
    "query",
    "query_pos",
    "location",
    "application_name",
    "backend_type",
    "leader_pid",
    "query_id",
];

const INPUT: &str = "# What Filebeat sends.
input {
  beats {
    port => 5044
  }
}
";

const JSON: &str = r#"# Lines of services that write JSON, and of Kubernetes' audit log.
filter {
  if [message] =~ /^\s*\{/ {
    json {
      source => "message"
      skip_on_invalid_json => true
    }
    # One name for the correlation id, whatever the service calls it.
    if [request_id] and ![requestId] {
      mutate {
        rename => { "request_id" => "requestId" }
      }
    }
    # The time at which it happened, where the line says one.
    if [timestamp] {
      date {
        match => ["timestamp", "ISO8601"]
        timezone => "UTC"
        remove_field => ["timestamp"]
      }
    }
    if [level] =~ /(?i)^(error|fatal|critical)$/ {
      mutate {
        add_tag => ["error"]
      }
    }
  }
}
"#;

/// Behind the columns.
const POSTGRESQL: &str = r#"    }
    date {
      match => ["[postgresql][log_time]", "yyyy-MM-dd HH:mm:ss.SSS z"]
    }
    # What log_min_duration_statement tells.
    if [postgresql][text] =~ /^duration: / {
      grok {
        match => { "[postgresql][text]" => "^duration: %{NUMBER:duration:float} ms" }
        add_tag => ["slow"]
      }
    }
    if [postgresql][error_severity] in ["ERROR", "FATAL", "PANIC"] {
      mutate {
        add_tag => ["error"]
      }
    }
    mutate {
      copy => {
        "[postgresql][error_severity]" => "level"
        "[postgresql][text]" => "message"
      }
    }
  }
}
"#;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    logs::name_lost(stack, &["json-file"], out);
    out.yaml("logstash.yml", &[Doc::from(settings())]);
    out.text("pipeline/10-input.conf", "#", INPUT);
    out.text("pipeline/20-json.conf", "#", JSON);
    out.text("pipeline/30-postgresql.conf", "#", &postgresql());
    out.text("pipeline/90-output.conf", "#", &output(stack));
    let (template, policy) = (template(stack), policy(stack));
    for (path, value) in [
        ("index-template.json", template),
        ("ilm-policy.json", policy),
    ] {
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        out.raw(path, text + "\n");
    }
}

fn settings() -> Map {
    Map::new()
        .set("http.host", "0.0.0.0")
        .set("path.config", "/usr/share/logstash/pipeline/*.conf")
        .set("config.reload.automatic", true)
        .comment("What was taken and is not yet sent survives a restart.")
        .set("queue.type", "persisted")
        .set("queue.max_bytes", "1gb")
        .comment("What Elasticsearch refuses is kept, to be looked at.")
        .set("dead_letter_queue.enable", true)
        .set("pipeline.ecs_compatibility", "v8")
        .set("xpack.monitoring.enabled", false)
        .set("log.format", "json")
}

fn postgresql() -> String {
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|name| format!("        \"{name}\""))
        .collect();
    format!(
        "# The table that `log_destination = 'csvlog'` writes: one filter for what postgresql.conf says.\nfilter {{\n  \
         if [kind] == \"postgresql-csv\" {{\n    csv {{\n      source => \"message\"\n      target => \"postgresql\"\n      \
         columns => [\n{}\n      ]\n{POSTGRESQL}",
        columns.join(",\n")
    )
}

fn output(stack: &Stack) -> String {
    let name = stack.name.as_str();
    let common = format!(
        "      hosts => [\"https://elasticsearch:9200\"]
      user => \"logstash_writer\"
      password => \"${{ELASTICSEARCH_PASSWORD}}\"
      ssl_certificate_authorities => [\"/usr/share/logstash/config/certs/ca.crt\"]
      data_stream => \"false\"
      ilm_enabled => false
      manage_template => true
      template => \"/usr/share/logstash/templates/index-template.json\"
      template_name => \"{name}-logs\"
      template_api => \"composable\"
      template_overwrite => true
"
    );
    format!(
        "# An index for each day; index-template.json names the policy that deletes it (ilm-policy.json, put once:
# curl -X PUT https://elasticsearch:9200/_ilm/policy/{name}-logs -H 'Content-Type: application/json' -d @ilm-policy.json).
# The password is Logstash's keystore's, or its environment's.
output {{
  if [kind] == \"kubernetes-audit\" {{
    elasticsearch {{
{common}      index => \"{name}-audit-%{{+YYYY.MM.dd}}\"
    }}
  }} else {{
    elasticsearch {{
{common}      index => \"{name}-logs-%{{+YYYY.MM.dd}}\"
    }}
  }}
}}
"
    )
}

fn template(stack: &Stack) -> Value {
    let name = stack.name.as_str();
    json!({
        "index_patterns": [format!("{name}-logs-*"), format!("{name}-audit-*")],
        "priority": 200,
        "template": {
            "settings": {
                "index.lifecycle.name": format!("{name}-logs"),
                "number_of_shards": 1,
            },
            "mappings": {
                "properties": {
                    "stack": {"type": "keyword"},
                    "environment": {"type": "keyword"},
                    "level": {"type": "keyword"},
                    "requestId": {"type": "keyword"},
                    "duration": {"type": "float"},
                }
            },
        },
    })
}

fn policy(stack: &Stack) -> Value {
    json!({
        "policy": {
            "phases": {
                "hot": {"actions": {}},
                "delete": {
                    "min_age": format!("{}d", logs::kept_days(stack)),
                    "actions": {"delete": {}},
                },
            }
        }
    })
}
