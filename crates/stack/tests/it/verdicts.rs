//! No key is ignored silently: each of the table is tried, alone, in a stack.
//!
//! A key that is warned about or refused must give such a problem; one that is honoured must
//! change the stack. Those that rightly change nothing are listed with the reason.

use mainstay_model::Severity;
use mainstay_stack::grammar::{Section, Shape, Verdict};
use mainstay_stack::{MemoryLoader, Request, Resolution, keys, operation, resolve};

fn resolved(compose: &str, mainstay: &str) -> Resolution {
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", compose)
        .with("/shop/mainstay.yaml", mainstay)
        .with("/shop/other.yaml", "services: {o: {labels: {from: other}}}")
        .with(
            "/shop/sub/inc.yaml",
            "services: {i: {x-mainstay: {command: i}, environment: [FROM], volumes: ['./d:/d']}}",
        )
        .with("/shop/sub/.env", "FROM=beside")
        .with("/shop/x.env", "FROM=x\nQUOTED='y'\nVERSION=x\n")
        .with("/shop/secret.txt", "x");
    let mut request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    request.variables.insert("THERE".into(), "value".into());
    resolve(&files, &request)
}

/// A value of the shape, as YAML in one line.
fn sample(shape: &Shape) -> String {
    match shape {
        Shape::Any | Shape::Text => "x".to_owned(),
        Shape::Bool => "true".to_owned(),
        Shape::Integer => "3".to_owned(),
        Shape::Number => "1.5".to_owned(),
        Shape::Duration => "7s".to_owned(),
        Shape::Size => "5m".to_owned(),
        Shape::Word(words) => words[0].to_owned(),
        Shape::Section(section) => {
            let key = &section.keys[0];
            format!("{{{}: {}}}", key.name, sample(&key.shape))
        }
        Shape::Named(inner) => format!("{{n: {}}}", sample(inner)),
        Shape::List(inner) => format!("[{}]", sample(inner)),
        Shape::OneOrMore(inner) | Shape::Short(inner) => sample(inner),
        Shape::Pairs => "{A: b}".to_owned(),
        Shape::Names(_) => "[n]".to_owned(),
        Shape::Command => "[x, y]".to_owned(),
    }
}

/// Where a key of the section stands in a Compose file; `%` is the key with its value.
fn frame(section: &str) -> String {
    let service = |rest: &str| {
        format!(
            "name: shop\nservices:\n  app:\n    x-mainstay: {{command: a}}\n    {rest}\n  db: {{x-mainstay: {{command: db}}, expose: [1]}}\nvolumes: {{data: {{x-mainstay: {{shared: true}}}}}}\n"
        )
    };
    let top = |rest: &str| {
        format!("services: {{app: {{x-mainstay: {{command: a}}, volumes: ['v:/v']}}}}\n{rest}\n")
    };
    match section {
        "compose file" => "services: {app: {x-mainstay: {command: a}}}\n%\n".to_owned(),
        "include" => {
            "include: [{path: sub/inc.yaml, %}]\nservices: {app: {x-mainstay: {command: a}}}\n"
                .to_owned()
        }
        "service" => service("%"),
        "x-mainstay" => "services: {app: {entrypoint: [e], x-mainstay: {%}}}\n".to_owned(),
        "port" => service("ports: [{target: 80, %}]"),
        "volume mount" => service("volumes: [{target: /v, %}]"),
        "dependency" => service("depends_on: {db: {%}}"),
        "env_file" => service("env_file: [{%}]"),
        "ulimit" => service("ulimits: {nofile: {%}}"),
        "healthcheck" => service("healthcheck: {%, test: [CMD, t]}"),
        "logging" | "build" | "deploy" | "extends" | "develop" | "blkio_config"
        | "credential_spec" | "provider" => service(&format!("{section}: {{%}}")),
        "watch" => service("develop: {watch: [{%}]}"),
        "secret or config of a service" => service("secrets: [{%}]"),
        "hook" => service("post_start: [{%}]"),
        "network of a service" => service("networks: {n: {%}}"),
        "model of a service" => service("models: {n: {%}}"),
        "device" => service("devices: [{%}]"),
        "device request" => service("gpus: [{%}]"),
        "blkio rate" => service("blkio_config: {device_read_bps: [{%}]}"),
        "blkio weight" => service("blkio_config: {weight_device: [{%}]}"),
        "update_config" | "rollback_config" | "restart_policy" | "resources" | "placement" => {
            service(&format!("deploy: {{{section}: {{%}}}}"))
        }
        "limits" | "reservations" => {
            service(&format!("deploy: {{resources: {{{section}: {{%}}}}}}"))
        }
        "generic resource" => {
            service("deploy: {resources: {reservations: {generic_resources: [{%}]}}}")
        }
        "discrete resource" => service(
            "deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {%}}]}}}",
        ),
        "preference" => service("deploy: {placement: {preferences: [{%}]}}"),
        "volume" => top("volumes: {v: {%}}"),
        "x-mainstay of a volume" => top("volumes: {v: {x-mainstay: {%}}}"),
        "network" => top("volumes: {v: {}}\nnetworks: {n: {%}}"),
        "secret" => top("volumes: {v: {}}\nsecrets: {n: {%}}"),
        "config" => top("volumes: {v: {}}\nconfigs: {n: {%}}"),
        "model" => top("volumes: {v: {}}\nmodels: {n: {%}}"),
        other => panic!("section `{other}` has no frame here: write one"),
    }
}

/// Better samples than the shape gives, for keys that are honoured.
#[expect(clippy::match_same_arms, reason = "a table")]
fn special(section: &str, key: &str) -> Option<&'static str> {
    Some(match (section, key) {
        ("compose file", "name") => "other",
        ("compose file", "include") => "[sub/inc.yaml]",
        ("compose file", "services") => "{}",
        ("compose file", "secrets") => "{n: {file: gone.txt}}",
        ("compose file", "volumes") => "{n: {}}",
        ("include", "path") => "other.yaml",
        ("include", "env_file") => "x.env",
        ("include", "project_directory") => "sub2",
        ("service", "depends_on") => "[db]",
        ("service", "env_file") => "x.env",
        ("service", "expose") => "['81']",
        ("service", "extends") => "{file: other.yaml, service: o}",
        ("service", "healthcheck") => "{test: [CMD, t]}",
        ("service", "logging") => "{options: {max-size: 5m}}",
        ("service", "pids_limit") => "7",
        ("service", "ports") => "['8000:80']",
        ("service", "profiles") => "[off]",
        ("service", "restart") => "'no'",
        ("service", "stop_signal") => "INT",
        ("service", "ulimits") => "{nofile: 9}",
        ("service", "volumes") => "['data:/d']",
        ("service", "command" | "entrypoint") => "[c]",
        ("service", "x-mainstay") => "{command: other}",
        ("x-mainstay", "artifacts") => "[a]",
        ("port", "host_ip") => "127.0.0.1",
        ("port", "target") => "81",
        ("port", "published") => "8081",
        ("port", "app_protocol") => "tcp",
        ("volume mount", "type") => "tmpfs",
        ("volume mount", "source") => "data",
        ("volume mount", "target") => "/w",
        ("dependency", "condition") => "service_healthy",
        ("dependency", "required") => "false",
        ("env_file", "path") => "x.env",
        ("env_file", "required") => "false, path: gone.env",
        ("env_file", "format") => "raw, path: x.env",
        ("extends", "service") => "o, file: other.yaml",
        ("extends", "file") => "other.yaml, service: o",
        ("logging", "driver") => "syslog",
        ("logging", "options") => "{max-file: 2}",
        ("healthcheck", "retries") => "7",
        ("healthcheck", "test") => "[CMD, other]",
        ("deploy", "update_config") => "{parallelism: 2}",
        ("deploy", "resources") => "{limits: {memory: 1g}}",
        ("deploy", "restart_policy") => "{condition: none}",
        ("update_config", "order") => "stop-first",
        ("update_config", "failure_action") => "pause",
        ("resources", "limits") => "{memory: 1g}",
        ("volume", "x-mainstay") => "{shared: true}",
        ("secret", "environment") => "GONE",
        ("secret", "file") => "gone.txt",
        _ => return None,
    })
}

/// Keys that are honoured by changing nothing.
#[expect(clippy::match_same_arms, reason = "each arm has its own reason")]
fn changes_nothing(section: &str, key: &str) -> bool {
    match section {
        // For targets that run containers; `x-mainstay` takes its place.
        "build" => true,
        // `init` is what the shim always does.
        "service" => matches!(key, "build" | "init"),
        // TCP is the default; UDP is refused, with a golden text.
        "port" => matches!(key, "protocol" | "name"),
        // Of what a service is refused for.
        "config" => true,
        "secret" => key == "name",
        "compose file" => key == "configs",
        _ => false,
    }
}

fn outcome(resolution: &Resolution) -> String {
    let stack = serde_json::to_string(&resolution.stack).expect("JSON");
    format!("{stack}\n{}", resolution.problems)
}

#[test]
fn a_key_that_is_warned_about_or_refused_gives_such_a_problem() {
    for section in keys::sections() {
        for key in section.keys {
            let (severity, code) = match key.process {
                Verdict::Honoured => continue,
                Verdict::Warned => (Severity::Warning, "compose/not-used"),
                Verdict::Refused => (Severity::Error, "compose/refused"),
            };
            let text =
                frame(section.name).replace('%', &format!("{}: {}", key.name, sample(&key.shape)));
            let problems = resolved(&text, "").problems;
            assert!(
                problems
                    .iter()
                    .any(|p| p.severity == severity && p.code == code),
                "`{}` of {}:\n{text}\n{problems}",
                key.name,
                section.name
            );
            let unknown = problems.iter().any(|p| p.code.ends_with("/unknown-key"));
            assert!(!unknown, "{text}\n{problems}");
        }
    }
}

#[test]
fn a_key_that_is_honoured_changes_the_stack() {
    let mut ignored = Vec::new();
    for section in keys::sections() {
        for key in section.keys {
            if key.process != Verdict::Honoured || changes_nothing(section.name, key.name) {
                continue;
            }
            let value =
                special(section.name, key.name).map_or_else(|| sample(&key.shape), str::to_owned);
            let frame = frame(section.name);
            let (name, framed) = (key.name, format!("{}: {value}", key.name));
            // A frame may hold a value of the same key already.
            let with = frame.replace('%', &framed);
            let with = deduplicated(&with, section, name);
            let without = frame
                .replace("%, ", "")
                .replace(", %", "")
                .replace("{%}", "{}")
                .replace('%', "");
            let (with, without) = (resolved(&with, ""), resolved(&without, ""));
            if outcome(&with) == outcome(&without) {
                ignored.push(format!("`{name}` of {}", section.name));
            }
        }
    }
    assert!(ignored.is_empty(), "ignored: {ignored:?}");
}

/// Takes the frame's own value of the key away.
fn deduplicated(text: &str, section: &Section, key: &str) -> String {
    match (section.name, key) {
        ("port", "target") => text.replace("target: 80, ", ""),
        ("volume mount", "target") => text.replace("target: /v, ", ""),
        ("healthcheck", "test") => text.replace(", test: [CMD, t]", ""),
        ("include", "path") => text.replace("path: sub/inc.yaml, ", ""),
        ("compose file", "services") => {
            text.replacen("services: {app: {x-mainstay: {command: a}}}\n", "", 1)
        }
        ("service", "x-mainstay") => text.replacen("x-mainstay: {command: a}\n    ", "", 1),
        ("service", "command" | "entrypoint") => text.replacen(
            "x-mainstay: {command: a}",
            "x-mainstay: {singleton: false}",
            1,
        ),
        _ => text.to_owned(),
    }
}

/// Where a field stands, then fields to try there.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "%",
        &[
            "environments: {dev: {purpose: staging}}",
            "routes: []",
            "deploy: {watch: 3s}",
            "health: {app: {http: /h}}",
        ],
    ),
    (
        "environments: {dev: {%}}",
        &[
            "purpose: production",
            "target: docker",
            "compose: other.yaml",
            "env_file: x.env",
            "variables: {VERSION: 1}",
            "monitoring: full",
            "policy: {approval: 1}",
            "server: here",
        ],
    ),
    (
        "environments: {dev: {policy: {%}}}",
        &[
            "approval: required",
            "tags_only: v*",
            "windows: [{from: '01:00', to: '02:00'}]",
            "deploys: in-windows",
            "auto_deploy: main",
        ],
    ),
    (
        "environments: {dev: {policy: {approval: {%}}}}",
        &[
            "count: 2",
            "role: operator",
            "self_approval: true",
            "expires: 3s",
        ],
    ),
    (
        "environments: {dev: {policy: {windows: [{%}]}}}",
        &["from: '01:00'", "to: '02:00'"],
    ),
    (
        "environments: {dev: {policy: {windows: [{from: '01:00', to: '02:00', %}]}}}",
        &["days: sun", "zone: Europe/Berlin"],
    ),
    (
        "environments: {dev: {policy: {auto_deploy: {%}}}}",
        &["branch: main"],
    ),
    ("routes: [{%}]", &["service: app"]),
    (
        "routes: [{service: app, %}]",
        &[
            "host: a.b",
            "path: /a",
            "strip_prefix: true",
            "balance: client-ip",
            "timeout: 3s",
            "max_body: 3m",
        ],
    ),
    (
        "deploy: {%}",
        &[
            "strategy: blue-green",
            "surge: 2",
            "parallelism: 2",
            "healthy_deadline: 3s",
            "minimum_healthy_time: 3s",
            "drain: 3s",
            "progress_deadline: 3s",
            "watch: 3s",
            "keep_releases: 2",
            "hooks: {before: a}",
            "pipeline: full",
            "migrations: {service: app, command: a, revision: a}",
            "services: {app: {drain: 3s}}",
        ],
    ),
    (
        "deploy: {pipeline: {%}}",
        &["mode: full", "steps: {backup: {command: a}}"],
    ),
    (
        "deploy: {pipeline: {steps: {backup: {%}}}}",
        &[
            "command: a",
            "timeout: 3s",
            "required: true",
            "waive: because",
        ],
    ),
    (
        "deploy: {migrations: {service: app, command: a, %}}",
        &["downgrade: b", "revision: b", "timeout: 3s"],
    ),
    ("deploy: {migrations: {command: a, %}}", &["service: app"]),
    ("deploy: {migrations: {service: app, %}}", &["command: a"]),
    (
        "deploy: {strategy: blue-green, %}",
        &["steps: [5, 100]", "pause: 3s"],
    ),
    (
        "deploy: {services: {app: {%}}}",
        &[
            "strategy: blue-green",
            "surge: 2",
            "parallelism: 2",
            "healthy_deadline: 3s",
            "minimum_healthy_time: 3s",
            "drain: 3s",
        ],
    ),
    (
        "deploy: {services: {app: {strategy: blue-green, %}}}",
        &["steps: [5, 100]", "pause: 3s"],
    ),
    (
        "deploy: {hooks: {%}}",
        &["before: a", "after: a", "timeout: 3s"],
    ),
    (
        "health: {app: {%}}",
        &[
            "http: /x",
            "command: x",
            "interval: 3s",
            "start_interval: 3s",
            "timeout: 3s",
            "start_period: 3s",
            "retries: 7",
            "passes: 7",
        ],
    ),
    ("health: {bare: {%}}", &["tcp: true"]),
];

#[test]
fn a_field_of_mainstay_yaml_changes_the_stack() {
    const COMPOSE: &str = "services:\n  app: {x-mainstay: {command: a}, ports: ['80:80'], environment: {E: $VERSION}}\n  bare: {x-mainstay: {command: w}}\n";
    let told =
        |resolution: &Resolution| format!("{}{:?}", outcome(resolution), resolution.environment);
    for (frame, fields) in FIELDS {
        let without = frame
            .replace(", %", "")
            .replace("{%}", "{}")
            .replace('%', "");
        let without = told(&resolved(COMPOSE, &without));
        for field in *fields {
            let ignored = told(&resolved(COMPOSE, &frame.replace('%', field))) == without;
            assert!(!ignored, "`{field}` in `{frame}` is ignored");
        }
    }
    let tried: usize = FIELDS.iter().map(|(_, fields)| fields.len()).sum();
    let known: usize = operation::sections()
        .iter()
        .map(|section| section.keys.len())
        .sum();
    assert_eq!(
        tried, known,
        "a field is not tried above, or is tried twice"
    );
}
