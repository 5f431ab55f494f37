//! What files mean, table by table: merging, interpolation, extends, include, defaults.

use mainstay_model::Step;
use mainstay_stack::policy::{Monitoring, TagPattern};
use mainstay_stack::{MemoryLoader, PipelineMode, Request, Resolution, Stack, resolve};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Files by name, resolved in `/shop`; `request` may change what is asked.
fn resolution(files: &[(&str, &str)], request: impl FnOnce(&mut Request)) -> Resolution {
    let mut loader = MemoryLoader::default();
    for (name, text) in files {
        loader = loader.with(PathBuf::from("/shop").join(name), *text);
    }
    let mut wanted = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    request(&mut wanted);
    resolve(&loader, &wanted)
}

fn stack_of(files: &[(&str, &str)], request: impl FnOnce(&mut Request)) -> Stack {
    let resolution = resolution(files, request);
    let problems = resolution.problems.to_string();
    resolution.stack.unwrap_or_else(|| panic!("{problems}"))
}

fn plain(files: &[(&str, &str)]) -> Stack {
    stack_of(files, |_| {})
}

/// The service `app` of one file, as JSON.
fn app(body: &str) -> Value {
    let mut text = "services:\n  app:\n    x-mainstay: {command: bin/app}\n".to_owned();
    for line in body.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    let stack = plain(&[("compose.yaml", &text)]);
    serde_json::to_value(&stack.services["app"]).expect("JSON")
}

fn environment(stack: &Stack, service: &str) -> Vec<String> {
    let service = &stack.services[service];
    let pairs = service.environment.iter();
    pairs
        .map(|(key, value)| format!("{key}={}", value.text.expose()))
        .collect()
}

const X: &str = "x-mainstay: {command: bin/app}";

#[test]
fn short_and_long_forms_say_the_same() {
    for (short, long, field) in [
        (
            "ports: ['127.0.0.1:8080:80']",
            "ports: [{target: 80, published: 8080, host_ip: 127.0.0.1}]",
            "/ports",
        ),
        (
            "environment: [A=b, C=]",
            "environment: {A: b, C: ''}",
            "/environment",
        ),
        (
            "volumes: ['/a:/b:ro']",
            "volumes: [{type: bind, source: /a, target: /b, read_only: true}]",
            "/mounts",
        ),
        ("labels: [a=b]", "labels: {a: b}", "/labels"),
        (
            "healthcheck: {test: exit 0}",
            "healthcheck: {test: [CMD-SHELL, exit 0]}",
            "/health/probe",
        ),
        ("scale: 3", "deploy: {replicas: 3}", "/replicas"),
        (
            "mem_limit: 64m",
            "deploy: {resources: {limits: {memory: 64m}}}",
            "/limits",
        ),
        (
            "ulimits: {nofile: 9}",
            "ulimits: {nofile: {soft: 9, hard: 10}}",
            "/limits",
        ),
        (
            "restart: on-failure:3",
            "deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}",
            "/restart",
        ),
    ] {
        let (short_is, long_is) = (app(short), app(long));
        assert_eq!(short_is.pointer(field), long_is.pointer(field), "{short}");
        assert!(short_is.pointer(field).is_some(), "{field}");
    }
}

#[test]
fn one_service_is_read_whole() {
    let service = app(
        "user: '1000:100'\nworking_dir: /srv\nstop_signal: int\nstop_grace_period: 1m30s\n\
        cpus: 1.5\npids_limit: 20\nlogging: {driver: local, options: {max-size: 5m, max-file: 2}}\n\
        expose: ['3000']\nimage: app:1",
    );
    for (field, value) in [
        ("/user", json!("1000")),
        ("/group", json!("100")),
        ("/working_directory", json!("/srv")),
        ("/stop_signal", json!("SIGINT")),
        ("/stop_grace", json!(90_000)),
        ("/limits/cpus", json!(1.5)),
        ("/limits/processes", json!(20)),
        ("/log/max_size", json!(5 << 20)),
        ("/log/max_files", json!(2)),
        ("/ports/0/target", json!(3000)),
        ("/ports/0/published", json!(null)),
        ("/health/probe/kind", json!("tcp")),
        ("/image", json!("app:1")),
        ("/restart/condition", json!("always")),
        ("/process/command", json!(["bin/app"])),
    ] {
        assert_eq!(service.pointer(field), Some(&value), "{field}");
    }
}

#[test]
fn entrypoint_and_command_run_where_nothing_else_is_said() {
    let text = "services: {app: {entrypoint: [tini, --], command: serve 'a b', x-mainstay: {build: make app}}}";
    let stack = plain(&[("compose.yaml", text)]);
    let run = stack.services["app"].process.clone().unwrap();
    assert_eq!(run.command, ["tini", "--", "serve", "a b"]);
    assert_eq!(run.build.unwrap(), ["make", "app"]);
}

#[test]
fn files_are_merged_by_composes_rules() {
    let base = "name: shop\nservices:\n  app:\n    x-mainstay: {command: [a, b]}\n    ports: ['80:80', '81:81']\n    \
        environment: {A: base, B: base}\n    volumes: ['/one:/v:ro', '/two:/w']\n    labels: [x=1]\n    \
        healthcheck: {test: [CMD, old], interval: 9s}\n    cap_add: [A]\n";
    let over = "services:\n  app:\n    x-mainstay: {command: [c]}\n    ports: ['80:80', '82:82']\n    \
        environment: [A=over, C=over]\n    volumes: ['/three:/v']\n    labels: {y: 2}\n    \
        healthcheck: {test: [CMD, new]}\n    cap_add: [A, B]\n";
    let stack = plain(&[("compose.yaml", base), ("compose.override.yaml", over)]);
    assert_eq!(environment(&stack, "app"), ["A=over", "B=base", "C=over"]);
    let service = serde_json::to_value(&stack.services["app"]).unwrap();
    for (field, value) in [
        ("/process/command", json!(["c"])),
        ("/ports/0/target", json!(80)),
        ("/ports/2/target", json!(82)),
        ("/ports/3", json!(null)),
        ("/mounts/0/source", json!("/three")),
        ("/mounts/0/read_only", json!(false)),
        ("/mounts/1/source", json!("/two")),
        ("/labels", json!({"x": "1", "y": "2"})),
        ("/health/probe/command", json!(["new"])),
        ("/health/interval", json!(9000)),
    ] {
        assert_eq!(
            service.pointer(field).unwrap_or(&Value::Null),
            &value,
            "{field}"
        );
    }
}

#[test]
fn reset_takes_away_and_override_replaces() {
    let base = format!(
        "services:\n  app:\n    {X}\n    ports: ['80:80', '81:81']\n    secrets: [s]\n    environment: {{A: a, B: b}}\n  old:\n    image: x\n"
    );
    let over = "services:\n  app:\n    ports: !override ['90:90']\n    secrets: !reset []\n    environment: {A: !reset null}\n  old: !reset null\n";
    let stack = plain(&[("compose.yaml", &base), ("compose.override.yaml", over)]);
    assert_eq!(environment(&stack, "app"), ["B=b"]);
    assert_eq!(stack.services.len(), 1);
    let published: Vec<_> = stack.services["app"]
        .ports
        .iter()
        .map(|port| port.published)
        .collect();
    assert_eq!(published, [Some(90)]);
}

#[test]
fn anchors_and_merge_keys_are_applied() {
    let text = format!(
        "x-env: &env {{A: a, B: b}}\nx-more: &more {{B: more, C: c}}\nservices:\n  app:\n    {X}\n    environment:\n      <<: [*env, *more]\n      A: own\n"
    );
    let stack = plain(&[("compose.yaml", &text)]);
    assert_eq!(environment(&stack, "app"), ["A=own", "B=b", "C=c"]);
}

#[test]
fn variables_come_from_the_process_the_environment_and_dotenv_in_this_order() {
    let compose = format!(
        "services:\n  app:\n    {X}\n    environment: {{A: $A, B: $B, C: $C, D: $D, E:, GONE:}}\n"
    );
    let mainstay =
        "environments:\n  qa: {env_file: qa.env, variables: {B: variables, A: variables}}\n";
    let files = [
        ("compose.yaml", compose.as_str()),
        ("mainstay.yaml", mainstay),
        ("qa.env", "C=env_file\nB=env_file\nA=env_file\n"),
        (
            ".env",
            "A=dotenv\nB=dotenv\nC=dotenv\nD=dotenv\nE=inherited\n",
        ),
    ];
    let stack = stack_of(&files, |request| {
        request.environment = Some("qa".into());
        request.variables.insert("A".into(), "process".into());
    });
    assert_eq!(
        environment(&stack, "app"),
        [
            "A=process",
            "B=variables",
            "C=env_file",
            "D=dotenv",
            "E=inherited"
        ]
    );
    assert_eq!(stack.environment.as_str(), "qa");
}

#[test]
fn a_number_without_quotes_is_kept_as_written() {
    let compose = format!(
        "services:\n  app:\n    {X}\n    environment: {{A: 1.10, B: 0755, C: yes, D: 1e3}}\n"
    );
    let stack = plain(&[("compose.yaml", &compose)]);
    assert_eq!(
        environment(&stack, "app"),
        ["A=1.10", "B=0755", "C=yes", "D=1e3"]
    );
}

#[test]
fn env_files_stand_below_environment_and_later_ones_win() {
    let compose = format!(
        "services:\n  app:\n    {X}\n    environment: {{A: own}}\n    env_file:\n      - one.env\n      - {{path: two.env, format: raw}}\n      - {{path: gone.env, required: false}}\n"
    );
    let stack = plain(&[
        ("compose.yaml", &compose),
        ("one.env", "A=1\nB=1\nC='1'\n"),
        ("two.env", "B='2'\n"),
    ]);
    assert_eq!(environment(&stack, "app"), ["A=own", "B='2'", "C=1"]);
}

#[test]
fn extends_begins_as_another_service_with_paths_of_its_file() {
    let compose = "services:\n  app:\n    extends: {file: lib/base.yaml, service: base}\n    environment: {B: own}\n  second:\n    extends: app\n    environment: {C: second}\n";
    let base = format!(
        "services:\n  base:\n    extends: root\n    environment: {{A: base, B: base}}\n    volumes: ['./d:/d']\n  root:\n    {X}\n    working_dir: here\n"
    );
    let stack = plain(&[("compose.yaml", compose), ("lib/base.yaml", &base)]);
    assert_eq!(
        environment(&stack, "second"),
        ["A=base", "B=own", "C=second"]
    );
    let app = &stack.services["app"];
    assert_eq!(app.mounts[0].source, "/shop/lib/d");
    assert_eq!(
        app.working_directory.as_deref(),
        Some("/shop/lib/here".as_ref())
    );
}

#[test]
fn include_reads_with_its_own_directory_and_dotenv() {
    let compose =
        format!("include: [db/compose.yaml]\nservices:\n  app:\n    {X}\n    depends_on: [db]\n");
    let db = "services:\n  db:\n    x-mainstay: {command: bin/db}\n    env_file: db.env\n    environment: {FROM: $FROM}\n";
    let stack = plain(&[
        ("compose.yaml", &compose),
        ("db/compose.yaml", db),
        ("db/.env", "FROM=included\n"),
        ("db/db.env", "A=1\n"),
    ]);
    assert_eq!(environment(&stack, "db"), ["A=1", "FROM=included"]);
    assert_eq!(stack.services.len(), 2);
}

#[test]
fn profiles_decide_which_services_run() {
    let compose = format!(
        "services:\n  app:\n    {X}\n  debug:\n    profiles: [debug]\n    {X}\n  db:\n    profiles: [docker]\n    image: postgres\n"
    );
    let files = [("compose.yaml", compose.as_str())];
    assert_eq!(plain(&files).services.len(), 1);
    let with = |profile: &str| {
        let stack = stack_of(&files, |request| request.profiles.push(profile.into()));
        stack.services.len()
    };
    assert_eq!(with("debug"), 2);
    let by_variable = stack_of(&files, |request| {
        request
            .variables
            .insert("COMPOSE_PROFILES".into(), "x,debug".into());
    });
    assert_eq!(by_variable.services.len(), 2);
}

#[test]
fn the_name_comes_from_the_variable_the_file_or_the_directory() {
    let named = format!("name: named\nservices:\n  app:\n    {X}\n");
    let nameless = format!("services:\n  app:\n    {X}\n");
    let variable = |request: &mut Request| {
        request
            .variables
            .insert("COMPOSE_PROJECT_NAME".into(), "variable".into());
    };
    assert_eq!(
        stack_of(&[("compose.yaml", &named)], variable)
            .name
            .as_str(),
        "variable"
    );
    assert_eq!(plain(&[("compose.yaml", &named)]).name.as_str(), "named");
    assert_eq!(plain(&[("compose.yaml", &nameless)]).name.as_str(), "shop");
    let odd = stack_of(&[("My_Shop.v2!/compose.yaml", &nameless)], |request| {
        request.directory = "/shop/My_Shop.v2!".into();
    });
    assert_eq!(odd.name.as_str(), "my_shopv2");
}

#[test]
fn files_are_named_by_option_or_variable() {
    let files = [
        (
            "a.yaml",
            "name: a\nservices: {app: {x-mainstay: {command: a}}}",
        ),
        (
            "b.yaml",
            "name: b\nservices: {app: {x-mainstay: {command: b}}}",
        ),
    ];
    let option = stack_of(&files, |request| {
        request.compose_files = vec!["a.yaml".into(), "b.yaml".into()];
    });
    assert_eq!(option.name.as_str(), "b");
    let variable = stack_of(&files, |request| {
        request
            .variables
            .insert("COMPOSE_FILE".into(), "b.yaml:a.yaml".into());
    });
    assert_eq!(variable.name.as_str(), "a");
}

#[test]
fn overlays_of_the_environment_take_the_place_of_the_override_file() {
    let files = [
        (
            "compose.yaml",
            "services: {app: {x-mainstay: {command: base}}}",
        ),
        (
            "compose.override.yaml",
            "services: {app: {environment: {A: override}}}",
        ),
        ("prod.yaml", "services: {app: {scale: 4}}"),
        (
            "mainstay.yaml",
            "environments: {production: {compose: prod.yaml, server: 'https://prod:9900'}}",
        ),
    ];
    assert_eq!(environment(&plain(&files), "app"), ["A=override"]);
    let resolution = resolution(&files, |request| {
        request.environment = Some("production".into());
    });
    let stack = resolution.stack.unwrap();
    assert_eq!(stack.services["app"].replicas, 4);
    assert!(environment(&stack, "app").is_empty());
    assert_eq!(
        resolution.environment.unwrap().server.as_deref(),
        Some("https://prod:9900")
    );
}

#[test]
fn development_waits_shortly_and_production_long() {
    let compose = format!("services:\n  app:\n    {X}\n");
    let files = [
        ("compose.yaml", compose.as_str()),
        ("mainstay.yaml", "environments: {production: {}}"),
    ];
    let dev = plain(&files);
    let production = stack_of(&files, |request| {
        request.environment = Some("production".into());
    });
    let seconds = |stack: &Stack| {
        let policy = &stack.deploy.default;
        [
            policy.healthy_deadline,
            policy.minimum_healthy_time,
            policy.drain,
            stack.deploy.watch,
            stack.deploy.progress_deadline,
            stack.services["app"].stop_grace,
        ]
        .map(|time| time.as_secs())
    };
    assert_eq!(seconds(&dev), [60, 1, 10, 5, 120, 10]);
    assert_eq!(seconds(&production), [300, 10, 30, 900, 600, 30]);
}

#[test]
fn deploy_policy_comes_from_the_service_the_stack_compose_and_the_default() {
    let compose = "services:\n  app:\n    x-mainstay: {command: a}\n    deploy: {update_config: {parallelism: 2, monitor: 7s}}\n  \
        bot:\n    x-mainstay: {command: b, singleton: true}\n  blue:\n    x-mainstay: {command: c}\n  \
        first:\n    x-mainstay: {command: d}\n    deploy: {update_config: {order: stop-first}}\n";
    let mainstay = "deploy:\n  drain: 3s\n  services:\n    blue: {strategy: blue-green, steps: [10, 100], pause: 2s, drain: 4s}\n";
    let stack = plain(&[("compose.yaml", compose), ("mainstay.yaml", mainstay)]);
    let policies = serde_json::to_value(&stack.deploy.services).unwrap();
    for (field, value) in [
        (
            "/app/strategy",
            json!({"strategy": "rolling", "surge": 1, "parallelism": 2}),
        ),
        ("/app/minimum_healthy_time", json!(7000)),
        ("/app/drain", json!(3000)),
        ("/bot/strategy", json!({"strategy": "stop-first"})),
        (
            "/blue/strategy",
            json!({"strategy": "blue-green", "steps": [10, 100], "pause": 2000}),
        ),
        ("/blue/drain", json!(4000)),
        ("/first/strategy", json!({"strategy": "stop-first"})),
    ] {
        assert_eq!(policies.pointer(field), Some(&value), "{field}");
    }
}

#[test]
fn a_set_changes_one_value_for_one_release() {
    let compose =
        format!("services:\n  app:\n    {X}\n    environment: {{A: a}}\n    ports: ['80:80']\n");
    let stack = stack_of(&[("compose.yaml", &compose)], |request| {
        request.sets = [
            "app.environment.A=x=y",
            "services.app.environment.B.C=z",
            "app.deploy.replicas=3",
            "app.ports=['90:90']",
            "app.labels={a: b}",
            "deploy.strategy=blue-green",
            "deploy.steps=[20, 100]",
            "health.app.http=/health",
        ]
        .map(str::to_owned)
        .to_vec();
    });
    assert_eq!(environment(&stack, "app"), ["A=x=y", "B.C=z"]);
    let app = &stack.services["app"];
    assert_eq!(
        (app.replicas, app.ports.len(), app.ports[0].target),
        (3, 1, 90)
    );
    assert_eq!(app.labels["a"], "b");
    let policy = serde_json::to_value(&stack.deploy.services["app"]).unwrap();
    assert_eq!(policy["strategy"]["steps"], json!([20, 100]));
    let health = serde_json::to_value(&app.health).unwrap();
    assert_eq!(health["probe"], json!({"kind": "http", "path": "/health"}));
}

#[test]
fn the_one_published_service_gets_every_request() {
    let compose = format!(
        "services:\n  app:\n    {X}\n    ports: ['80:80']\n  db:\n    {X}\n    expose: [5432]\n"
    );
    let stack = plain(&[("compose.yaml", &compose)]);
    assert_eq!(stack.routes.len(), 1);
    assert_eq!(
        (
            stack.routes[0].path.as_str(),
            stack.routes[0].service.as_str()
        ),
        ("/", "app")
    );
}

#[test]
fn secrets_are_known_by_name_form_and_origin() {
    let compose = format!(
        "services:\n  app:\n    {X}\n    env_file: app.env\n    environment:\n      API_KEY: k\n      DATABASE_URL: postgres://u:p@h/d\n      DERIVED: x${{DB_PASSWORD}}y\n      FROM_SECRET: $PLAIN\n      OPEN: o\nsecrets:\n  s: {{environment: PLAIN}}\n"
    );
    let stack = stack_of(
        &[
            ("compose.yaml", &compose),
            ("app.env", "IN_FILE=${DB_PASSWORD}\nOPEN_FILE=o\n"),
        ],
        |request| {
            request
                .variables
                .insert("DB_PASSWORD".into(), "hunter2".into());
            request
                .variables
                .insert("PLAIN".into(), "plain-secret".into());
        },
    );
    let app = &stack.services["app"];
    let secret: Vec<&str> = app
        .environment
        .iter()
        .filter(|(_, value)| value.secret)
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(
        secret,
        [
            "API_KEY",
            "DATABASE_URL",
            "DERIVED",
            "FROM_SECRET",
            "IN_FILE"
        ]
    );
    let shown = serde_json::to_string(&stack.redacted()).unwrap();
    for value in ["hunter2", "plain-secret", "u:p@h"] {
        assert!(!shown.contains(value), "{value}");
    }
    assert!(shown.contains("••••••"));
    assert!(!format!("{stack:?}").contains("hunter2"));
}

#[test]
fn a_fingerprint_knows_what_an_instance_is_made_of() {
    let print = |body: &str, key: &[u8]| {
        let text = format!("services:\n  app:\n    {X}\n    {body}\n");
        let stack = plain(&[("compose.yaml", &text)]);
        stack.services["app"].fingerprint(&BTreeMap::default(), key)
    };
    let base = print("environment: {A_TOKEN: a}", b"key");
    assert_eq!(base.len(), 64);
    assert_eq!(print("environment: {A_TOKEN: a}", b"key"), base);
    assert_ne!(print("environment: {A_TOKEN: b}", b"key"), base);
    assert_ne!(print("environment: {A_TOKEN: a}", b"other"), base);
    assert_eq!(
        print(
            "{environment: {A_TOKEN: a}, scale: 5}"
                .trim_matches(['{', '}'])
                .replace("}, ", "}\n    ")
                .as_str(),
            b"key"
        ),
        base
    );
}

#[test]
fn dependencies_come_first() {
    let compose = "services:\n  a: {x-mainstay: {command: a}, depends_on: [c]}\n  b: {x-mainstay: {command: b}}\n  c: {x-mainstay: {command: c}, depends_on: [d]}\n  d: {x-mainstay: {command: d}}\n";
    let stack = plain(&[("compose.yaml", compose)]);
    let order = mainstay_stack::dependency_order(&stack);
    let order: Vec<&str> = order.iter().map(name_of).collect();
    let place = |name: &str| order.iter().position(|at| *at == name).unwrap();
    assert!(place("d") < place("c") && place("c") < place("a"));
    assert_eq!(order.len(), 4);
}

/// A chain as long as a file allows is no recursion.
#[test]
fn a_long_chain_is_ordered() {
    let mut compose = "services:\n  s0: {x-mainstay: {command: a}}\n".to_owned();
    for index in 1..1500 {
        let line = format!(
            "  s{index}: {{x-mainstay: {{command: a}}, depends_on: [s{}]}}\n",
            index - 1
        );
        compose.push_str(&line);
    }
    let order = mainstay_stack::dependency_order(&plain(&[("compose.yaml", &compose)]));
    assert_eq!((order[0].as_str(), order[1499].as_str()), ("s0", "s1499"));
}

fn name_of(name: &mainstay_model::ServiceName) -> &str {
    name.as_str()
}

#[test]
fn every_file_that_was_read_is_told() {
    let resolution = resolution(
        &[
            (
                "compose.yaml",
                "include: [sub/c.yaml]\nservices: {app: {x-mainstay: {command: a}, env_file: a.env}}",
            ),
            ("sub/c.yaml", "x-nothing: 1"),
            ("a.env", "A=1"),
            (".env", "B=1"),
            ("mainstay.yaml", ""),
        ],
        |_| {},
    );
    let files: Vec<_> = resolution
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    assert_eq!(
        files,
        [
            "/shop/.env",
            "/shop/mainstay.yaml",
            "/shop/compose.yaml",
            "/shop/sub/c.yaml",
            "/shop/a.env"
        ]
    );
}

#[test]
fn an_environment_brings_its_policy_and_its_steps() {
    let compose = format!("services:\n  app:\n    {X}\n");
    let mainstay = "
environments:
  staging: {policy: {auto_deploy: main}}
  production:
    policy: {approval: required, tags_only: true, windows: []}
deploy:
  pipeline: {steps: {backup: {command: bin/backup}, alerts: {waive: we have none}}}
  migrations: {service: app, command: bin/migrate up, revision: bin/migrate current}
";
    let files = [
        ("compose.yaml", compose.as_str()),
        ("mainstay.yaml", mainstay),
    ];
    let of = |name: &str| stack_of(&files, |request| request.environment = Some(name.into()));
    let (staging, production) = (of("staging"), of("production"));
    assert!(staging.policy.deploys_itself("main") && !staging.policy.deploys_itself("topic"));
    assert_eq!(staging.policy.approval, None);
    assert_eq!(staging.deploy.pipeline, PipelineMode::None);
    assert_eq!(
        production.policy.approval.as_ref().map(|one| one.count),
        Some(1)
    );
    assert_eq!(production.policy.tags_only, Some(TagPattern::new("v*")));
    assert!(production.policy.windows.is_empty());
    assert_eq!(production.deploy.pipeline, PipelineMode::Full);
    assert_eq!(
        (staging.monitoring, production.monitoring),
        (Monitoring::Enhanced, Monitoring::Full)
    );
    let rules = |stack: &Stack, step| stack.deploy.steps[&step].clone();
    assert_eq!(rules(&production, Step::Backup).commands, [["bin/backup"]]);
    assert!(
        rules(&production, Step::LoadTest).required && !rules(&staging, Step::LoadTest).required
    );
    assert_eq!(
        rules(&production, Step::Alerts).waive.as_deref(),
        Some("we have none")
    );
    let migrations = production.deploy.migrations.expect("migrations");
    assert_eq!(migrations.command, ["bin/migrate", "up"]);
}

#[test]
fn the_environments_are_known_without_the_compose_files() {
    let loader = MemoryLoader::default().with(
        "/shop/mainstay.yaml",
        "environments:\n  production: {compose: a.yaml, env_file: [b.env], server: x}\n",
    );
    let request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    let (all, problems) = mainstay_stack::environments(&loader, &request);
    assert!(problems.is_empty(), "{problems}");
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["dev", "production"]);
    assert_eq!(all[1].overlays, [PathBuf::from("a.yaml")]);
    assert_eq!(all[1].place.as_ref().map(|place| place.line), Some(2));
    assert_eq!(all[0].place, None);
}

/// Address and certificate of the engine that a stack of images is for.
fn engine(mainstay: &str, variables: &[(&str, &str)]) -> (String, Option<String>) {
    let files = [
        ("compose.yaml", "services: {app: {image: app:1}}"),
        ("mainstay.yaml", mainstay),
    ];
    let stack = stack_of(&files, |request| {
        let pairs = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        request.variables = pairs.collect();
    });
    let engine = stack.engine.expect("an engine");
    let key = engine.tls.map(|tls| tls.key.display().to_string());
    (engine.address, key)
}

#[test]
fn an_engine_is_the_environments_else_the_one_that_docker_would_use() {
    const REMOTE: &str = "tcp://10.0.0.7:2376";
    let said =
        "environments: {dev: {engine: {address: 'tcp://h:1', tls: {ca: a, cert: b, key: tls/c}}}}";
    let host = ("DOCKER_HOST", REMOTE);
    let verify = ("DOCKER_TLS_VERIFY", "1");
    for (mainstay, variables, address, key) in [
        ("", vec![], "unix:///var/run/docker.sock", None),
        ("", vec![host], REMOTE, None),
        (
            "",
            vec![host, verify, ("HOME", "/home/me")],
            REMOTE,
            Some("/home/me/.docker/key.pem"),
        ),
        (
            "",
            vec![host, verify, ("DOCKER_CERT_PATH", "/certs")],
            REMOTE,
            Some("/certs/key.pem"),
        ),
        (said, vec![host, verify], "tcp://h:1", Some("/shop/tls/c")),
    ] {
        let is = engine(mainstay, &variables);
        assert_eq!(
            is,
            (address.to_owned(), key.map(str::to_owned)),
            "{variables:?}"
        );
    }
}

#[test]
fn a_stack_runs_as_containers_where_nothing_says_how_it_runs_as_processes() {
    for (compose, target) in [
        ("services: {a: {image: a}}", "docker"),
        ("services: {a: {build: .}, b: {image: b}}", "docker"),
        (
            "services: {a: {image: a, x-mainstay: {singleton: true}}}",
            "docker",
        ),
        (
            "services: {a: {image: a, x-mainstay: {command: a}}}",
            "process",
        ),
        (
            "services: {a: {image: a, entrypoint: a, x-mainstay: {build: make}}}",
            "process",
        ),
    ] {
        let stack = plain(&[("compose.yaml", compose)]);
        assert_eq!(stack.target.word(), target, "{compose}");
    }
}
