//! The reference pages, the schema and `init` say what the readers do.
//!
//! Write the pages anew with `SNAPSHOTS=overwrite cargo test -p mainstay-stack reference`.

use crate::disk;
use mainstay_stack::{MemoryLoader, Request, Stack, TargetKind, init, reference, resolve, schema};
use serde_json::Value;
use snapbox::{Data, assert_data_eq};

fn page(name: &str) -> Data {
    let path = disk::repository().join("docs/reference").join(name);
    Data::read_from(&path, None).raw()
}

#[test]
fn the_pages_are_written_from_the_tables() {
    assert_data_eq!(reference::compose(), page("compose.md"));
    assert_data_eq!(reference::mainstay(), page("mainstay.md"));
    assert_data_eq!(reference::server(), page("server.md"));
}

#[test]
fn the_schema_is_written_from_the_table() {
    let text = serde_json::to_string_pretty(&schema()).expect("a schema");
    assert_data_eq!(format!("{text}\n"), page("mainstay.schema.json"));
}

/// Services for every name that the example mentions.
const COMPOSE: &str = "
name: shop
services:
  app: {image: app, x-mainstay: {command: bin/app}, ports: ['8000:8000']}
  worker: {image: worker, x-mainstay: {command: bin/worker}}
  cache: {image: cache, x-mainstay: {command: bin/cache}, expose: [6379]}
  database: {image: 'postgres:16', x-mainstay: {command: postgres, stateful: false}, expose: [5432]}
  customers: {image: 'mariadb:11', x-mainstay: {command: mariadbd, stateful: false}, expose: [3306]}
  sessions: {image: 'redis:7', x-mainstay: {command: redis-server}, expose: [6379]}
volumes: {uploads: {}}
";

fn files() -> MemoryLoader {
    MemoryLoader::default()
        .with("/shop/compose.yaml", COMPOSE)
        .with(
            "/shop/compose.production.yaml",
            "services: {app: {scale: 3}}",
        )
        .with("/shop/production.env", "VERSION=1\n")
        .with("/shop/ops/alert.rules.yml", "groups: []\n")
}

#[test]
fn the_annotated_example_resolves_in_each_of_its_environments() {
    let files = files().with("/shop/mainstay.yaml", reference::EXAMPLE);
    for environment in ["dev", "production", "staging"] {
        let request = Request {
            directory: "/shop".into(),
            environment: Some(environment.into()),
            ..Request::default()
        };
        let resolution = resolve(&files, &request);
        // It shows every field, also the one that means nothing where services are processes.
        let codes = resolution
            .problems
            .iter()
            .map(|problem| problem.code.as_str());
        let codes: Vec<&str> = codes.collect();
        let expected: &[&str] = match environment {
            "staging" => &[],
            _ => &["backups/boot-not-supported"],
        };
        assert_eq!(codes, expected, "{}", resolution.problems);
        let stack = resolution.stack.expect("a stack");
        assert_eq!(stack.routes.len(), 2);
        assert_eq!(stack.deploy.hooks.before, [["bin/migrate", "up"]]);
        assert_eq!(stack.alerts.packs, ["mainstay"]);
        let rules = &stack.alerts.rules[0];
        assert_eq!(rules.path, "ops/alert.rules.yml");
        assert_eq!(rules.text, "groups: []\n", "whole, for the server");
        assert_eq!(stack.backups.sources.len(), 7, "each kind once");
        let json = serde_json::to_string(&stack).expect("JSON");
        let read: Stack = serde_json::from_str(&json).expect("what was written");
        assert_eq!(read, stack, "a server reads what is uploaded");
    }
}

#[test]
fn what_init_writes_resolves_to_the_same_stack() {
    for compose in [
        COMPOSE,
        "services: {app: {x-mainstay: {command: a}}}",
        "services: {app: {x-mainstay: {command: a}, healthcheck: {test: exit 0}}}",
        "services: {web: {x-mainstay: {command: a}, ports: ['1:1']}, api: {x-mainstay: {command: a}, ports: ['2:2']}}",
        "services: {app: {image: 'app:1', ports: ['80:8000']}, db: {image: 'postgres:16'}}",
        "services: {1: {x-mainstay: {command: a}, ports: ['1:1']}, 'true': {x-mainstay: {command: a}}}",
    ] {
        let files = MemoryLoader::default().with("/shop/compose.yaml", compose);
        let request = Request {
            directory: "/shop".into(),
            ..Request::default()
        };
        let before = resolve(&files, &request).stack.expect("a stack");
        let text = init(&before);
        let files = files.with("/shop/mainstay.yaml", text.as_str());
        let after = resolve(&files, &request);
        assert!(after.problems.is_empty(), "{}\n{text}", after.problems);
        let mut after = after.stack.expect("a stack");
        if before.routes.is_empty() {
            after.routes.clear();
        }
        assert_eq!(before, after, "{text}");
    }
}

#[test]
fn init_suggests_the_docker_target_for_a_stack_of_images() {
    for (compose, suggested) in [
        ("services: {app: {image: 'app:1'}}", true),
        ("services: {app: {build: .}}", true),
        (
            "services: {app: {image: 'app:1', x-mainstay: {command: a}}}",
            true,
        ),
        ("services: {app: {x-mainstay: {command: a}}}", false),
    ] {
        let files = MemoryLoader::default().with("/shop/compose.yaml", compose);
        let mut request = Request {
            directory: "/shop".into(),
            ..Request::default()
        };
        let stack = resolve(&files, &request).stack.expect("a stack");
        let files = files.with("/shop/mainstay.yaml", init(&stack));
        request.environment = Some("production".to_owned());
        let production = resolve(&files, &request).stack;
        assert_eq!(production.is_some(), suggested, "{compose}");
        if let Some(stack) = production {
            assert_eq!(stack.target, TargetKind::Docker, "{compose}");
        }
    }
}

/// The parts of JSON Schema that ours uses, so that the example is held against it.
fn admits(schema: &Value, root: &Value, value: &Value) -> bool {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(name.trim_start_matches('#'));
        return admits(target.expect("a definition"), root, value);
    }
    if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
        return any.iter().any(|schema| admits(schema, root, value));
    }
    if schema.get("not").is_some() {
        return false;
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.contains(value);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match schema.get("type") {
        None => true,
        Some(Value::Array(kinds)) => kinds
            .iter()
            .any(|k| k == kind || k == "number" && kind == "integer"),
        Some(one) => one == kind || one == "number" && kind == "integer",
    };
    // Of patterns this knows one: a variable stands in the text.
    let has_variable = schema.get("pattern").is_none_or(|pattern| {
        pattern != r"\$" || value.as_str().is_some_and(|text| text.contains('$'))
    });
    fits && has_variable
        && match value {
            Value::Array(items) => items.iter().all(|item| {
                schema
                    .get("items")
                    .is_none_or(|schema| admits(schema, root, item))
            }),
            Value::Object(fields) => fields.iter().all(|(key, value)| {
                let known = schema.get("properties").and_then(|all| all.get(key));
                if key.starts_with("x-") && schema.get("patternProperties").is_some() {
                    return true;
                }
                match known.or_else(|| schema.get("additionalProperties")) {
                    Some(Value::Bool(allowed)) => *allowed,
                    Some(schema) => admits(schema, root, value),
                    None => true,
                }
            }),
            _ => true,
        }
}

#[test]
fn the_schema_admits_what_the_reader_admits_and_not_more() {
    let schema = schema();
    for (text, good) in [
        (
            r#"{"deploy": {"strategy": "rolling", "drain": "30s", "surge": 1}}"#,
            true,
        ),
        (
            r#"{"routes": [{"path": "/", "service": "app", "host": ["a.b"]}]}"#,
            true,
        ),
        (
            r#"{"health": {"app": {"http": "/health"}}, "x-mine": 1}"#,
            true,
        ),
        (
            r#"{"deploy": {"strategy": "${STRATEGY}", "surge": "$SURGE"}}"#,
            true,
        ),
        (
            r#"{"environments": {"dev": null, "qa": {"compose": "a.yaml"}}}"#,
            true,
        ),
        (r#"{"deploy": {"stategy": "rolling"}}"#, false),
        (r#"{"deploy": {"strategy": "canary"}}"#, false),
        (r#"{"routes": {"path": "/"}}"#, false),
        (r#"{"alerts": {"packs": "mainstay"}}"#, true),
        (r#"{"backups": {"keep": {"daily": 7}}}"#, true),
        (r#"{"backups": {"keep": {"dayly": 7}}}"#, false),
        (r#"{"load": {}}"#, false),
    ] {
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(admits(&schema, &schema, &value), good, "{text}");
    }
}
