//! A resolved stack as people read it: units in the words of the files, and only what says
//! something. `--json` has the exact form.
//!
//! The value must have been [redacted](mainstay_stack::Stack::redacted) before.

use mainstay_model::{Bytes, format_duration};
use serde_json::{Map, Value};
use std::time::Duration;

/// Fields in milliseconds, wherever they stand.
const DURATIONS: [&str; 20] = [
    "delay",
    "drain",
    "every",
    "expires",
    "healthy_deadline",
    "interval",
    "jitter",
    "max_age",
    "minimum_healthy_time",
    "pause",
    "progress_deadline",
    "rpo",
    "rto",
    "start_interval",
    "start_period",
    "stop_grace",
    "timeout",
    "watch",
    "window",
    "within",
];
/// Fields in bytes.
const SIZES: [&str; 8] = [
    "bandwidth",
    "max_body",
    "max_size",
    "memory",
    "memory_reservation",
    "minimum",
    "shm_size",
    "tmpfs_size",
];
/// Maps whose keys are the user's own words.
const OWN_WORDS: [&str; 4] = ["environment", "labels", "args", "annotations"];

/// The same value with units and without what is empty, or of no use to its target.
pub fn readable(mut stack: Value) -> Value {
    if stack["target"] == "process"
        && let Some(services) = stack.get_mut("services").and_then(Value::as_object_mut)
    {
        for service in services.values_mut().filter_map(Value::as_object_mut) {
            service.remove("container");
        }
    }
    shown(stack)
}

fn shown(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter_map(field).collect()),
        Value::Array(list) => list.into_iter().map(readable).collect(),
        other => other,
    }
}

fn field((key, value): (String, Value)) -> Option<(String, Value)> {
    let value = match value {
        Value::Null => return None,
        Value::Object(map) if OWN_WORDS.contains(&key.as_str()) => words(map),
        Value::Number(number) => with_unit(&key, &number).unwrap_or(Value::Number(number)),
        Value::Object(map) if key == "container" => shown(without_false(map)),
        Value::Object(map) if key == "options" => shown(mount_options(map)),
        other => shown(other),
    };
    let empty = match &value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    (!empty).then_some((key, value))
}

/// Of the container side, only what is switched on.
fn without_false(map: Map<String, Value>) -> Value {
    let rest = map.into_iter().filter(|(_, value)| *value != false);
    let rest = rest.map(|(key, value)| match value {
        Value::Object(inner) if !OWN_WORDS.contains(&key.as_str()) => (key, without_false(inner)),
        other => (key, other),
    });
    Value::Object(rest.collect())
}

/// That a missing directory is made goes without saying.
fn mount_options(mut map: Map<String, Value>) -> Value {
    if map.get("create_host_path") == Some(&Value::Bool(true)) {
        map.remove("create_host_path");
    }
    without_false(map)
}

fn with_unit(key: &str, number: &serde_json::Number) -> Option<Value> {
    let number = number.as_u64()?;
    if DURATIONS.contains(&key) {
        return Some(format_duration(Duration::from_millis(number)).into());
    }
    SIZES
        .contains(&key)
        .then(|| Bytes(number).to_string().into())
}

/// `{text, secret}` as its text; a secret one holds dots by now.
fn words(map: Map<String, Value>) -> Value {
    let text = |value: Value| match value {
        Value::Object(mut value) => value.remove("text").unwrap_or_default(),
        other => other,
    };
    let pairs = map.into_iter().map(|(key, value)| (key, text(value)));
    Value::Object(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn units_come_back_and_what_is_empty_goes() {
        let value = json!({
            "drain": 10_000, "memory": 64 << 20, "replicas": 2, "user": null, "mounts": [],
            "nested": [{"window": 120_000, "hosts": []}],
            "environment": {"timeout": {"secret": true, "text": "••••••"}, "EMPTY": {"secret": false, "text": ""}},
            "labels": {"memory": "5"},
        });
        let expected = json!({
            "drain": "10s", "memory": "64 MiB", "replicas": 2,
            "nested": [{"window": "2m"}],
            "environment": {"timeout": "••••••", "EMPTY": ""},
            "labels": {"memory": "5"},
        });
        assert_eq!(readable(value), expected);
    }

    #[test]
    fn the_container_side_shows_what_is_switched_on() {
        let container = json!({
            "init": false, "tty": true, "isolation": {"read_only": false, "cap_drop": ["ALL"]},
            "resources": {"shm_size": 64 << 20, "oom_kill_disable": false},
        });
        let service = json!({
            "container": container,
            "mounts": [{"target": "/d", "options": {"create_host_path": true, "no_copy": false}}],
        });
        let stack = |target: &str| json!({"target": target, "services": {"app": service}});
        let shown = readable(stack("docker"));
        let expected = json!({
            "container": {
                "tty": true,
                "isolation": {"cap_drop": ["ALL"]},
                "resources": {"shm_size": "64 MiB"},
            },
            "mounts": [{"target": "/d"}],
        });
        assert_eq!(shown["services"]["app"], expected);
        let shown = readable(stack("process"));
        assert_eq!(
            shown["services"]["app"],
            json!({"mounts": [{"target": "/d"}]})
        );
    }

    /// A field that is added to the resolved stack without its unit here shows as a bare number.
    #[test]
    fn no_duration_of_a_stack_is_shown_as_a_bare_number() {
        let source = include_str!("../../../stack/src/resolved.rs");
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line.trim() != "#[serde(with = \"duration_ms\")]" {
                continue;
            }
            let name = lines.next().unwrap().trim().trim_start_matches("pub ");
            let name = name.split(':').next().unwrap();
            assert!(DURATIONS.contains(&name), "{name}");
        }
    }
}
