//! No key is ignored silently: each of the table is tried, alone, in a stack.
//!
//! A key that is warned about or refused must give such a problem; one that is honoured must
//! change the stack. Those that rightly change nothing are listed with the reason. All of it is
//! tried for each target that has a column in the table.

mod frames;

use crate::disk::supplied;
use frames::{changes_nothing, deduplicated, frame_for, sample, special};
use mainstay_model::Severity;
use mainstay_stack::grammar::{Key, Section, Verdict};
use mainstay_stack::{MemoryLoader, Request, Resolution, TargetKind, keys, operation, resolve};

/// Targets with a column of their own.
const TARGETS: [TargetKind; 2] = [TargetKind::Process, TargetKind::Docker];

fn resolved(compose: &str, mainstay: &str) -> Resolution {
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", compose)
        .with("/shop/mainstay.yaml", mainstay)
        .with("/shop/other.yaml", "services: {o: {image: o, labels: {from: other}}}")
        .with(
            "/shop/sub/inc.yaml",
            "services: {i: {image: i, x-mainstay: {command: i}, environment: [FROM], volumes: ['./d:/d']}}",
        )
        .with("/shop/sub/.env", "FROM=beside")
        .with("/shop/x.env", "FROM=x\nQUOTED='y'\nVERSION=x\n")
        .with("/shop/secret.txt", "x");
    let mut request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    request.variables.insert("THERE".into(), "value".into());
    request.variables.insert("OTHER".into(), "v".into());
    supplied(&files, resolve(&files, &request))
}

fn resolved_for(target: TargetKind, compose: &str) -> Resolution {
    let mainstay = format!("environments: {{dev: {{target: {}}}}}", target.word());
    resolved(compose, &mainstay)
}

fn outcome(resolution: &Resolution) -> String {
    let stack = serde_json::to_string(&resolution.stack).expect("JSON");
    format!("{stack}\n{}", resolution.problems)
}

/// Every key of the table, for every target.
fn cases() -> impl Iterator<Item = (TargetKind, &'static Section, &'static Key)> {
    TARGETS.into_iter().flat_map(|target| {
        let sections = keys::sections().into_iter();
        sections.flat_map(move |section| section.keys.iter().map(move |key| (target, section, key)))
    })
}

#[test]
fn a_key_that_is_warned_about_or_refused_gives_such_a_problem() {
    for (target, section, key) in cases() {
        let (severity, code) = match key.ruling(target).verdict {
            Verdict::Honoured => continue,
            Verdict::Warned => (Severity::Warning, "compose/not-used"),
            Verdict::Refused => (Severity::Error, "compose/refused"),
        };
        let value = format!("{}: {}", key.name, sample(&key.shape));
        let text = frame_for(section.name, target).replace('%', &value);
        let problems = resolved_for(target, &text).problems;
        assert!(
            problems
                .iter()
                .any(|p| p.severity == severity && p.code == code),
            "`{}` of {} on {}:\n{text}\n{problems}",
            key.name,
            section.name,
            target.word()
        );
        let unknown = problems.iter().any(|p| p.code.ends_with("/unknown-key"));
        assert!(!unknown, "{text}\n{problems}");
    }
}

#[test]
fn a_key_that_is_honoured_changes_the_stack() {
    let mut ignored = Vec::new();
    for (target, section, key) in cases() {
        if key.ruling(target).verdict != Verdict::Honoured
            || changes_nothing(section.name, key.name, target)
        {
            continue;
        }
        let value =
            special(section.name, key.name).map_or_else(|| sample(&key.shape), str::to_owned);
        let frame = frame_for(section.name, target);
        let (name, framed) = (key.name, format!("{}: {value}", key.name));
        // A frame may hold a value of the same key already.
        let with = frame.replace('%', &framed);
        let with = deduplicated(&with, section, name);
        let without = frame
            .replace("%, ", "")
            .replace(", %", "")
            .replace("{%}", "{}")
            .replace('%', "");
        let (with, without) = (resolved_for(target, &with), resolved_for(target, &without));
        if outcome(&with) == outcome(&without) {
            ignored.push(format!("`{name}` of {} on {}", section.name, target.word()));
        }
    }
    assert!(ignored.is_empty(), "ignored: {ignored:?}");
}

/// Honoured is a promise to run it: a sample of such a key must not make the stack unusable.
#[test]
fn a_key_that_is_honoured_by_the_docker_target_runs() {
    let target = TargetKind::Docker;
    let mut refused = Vec::new();
    for (_, section, key) in cases().filter(|(of, ..)| *of == target) {
        if key.ruling(target).verdict != Verdict::Honoured || is_meant_to_fail(section, key) {
            continue;
        }
        let value =
            special(section.name, key.name).map_or_else(|| sample(&key.shape), str::to_owned);
        let text = frame_for(section.name, target).replace('%', &format!("{}: {value}", key.name));
        let text = deduplicated(&text, section, key.name);
        let resolution = resolved_for(target, &text);
        if resolution.stack.is_none() {
            refused.push(format!("{text}\n{}", resolution.problems));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Samples that are there to be told of, and sections that cannot stand alone.
fn is_meant_to_fail(section: &Section, key: &Key) -> bool {
    matches!(
        (section.name, key.name),
        ("compose file", "services" | "secrets")
            | ("secret", _)
            | ("network", "enable_ipv4")
            // They wait for a health check, which is its own test.
            | ("dependency", "condition")
    )
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
            "metrics: {app: {path: /m}}",
            "alerts: {packs: mainstay}",
            "probes: {p: {tcp: 'h:1'}}",
            "backups: {enabled: true}",
            "render: {domain: d}",
            "secrets: {s: {variable: GONE}}",
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
            "backups: {enabled: true}",
            "secrets: {s: {variable: GONE}}",
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
    (
        "environments: {dev: {target: docker, %}}",
        &["engine: 'unix:///e'"],
    ),
    (
        "environments: {dev: {target: docker, engine: {%}}}",
        &[
            "address: 'tcp://127.0.0.1:1'",
            "tls: {ca: a, cert: b, key: c}",
        ],
    ),
    (
        "environments: {dev: {target: docker, engine: {address: 'tcp://h:1', tls: {%}}}}",
        &[
            "ca: x, cert: b, key: c",
            "cert: x, ca: a, key: c",
            "key: x, ca: a, cert: b",
        ],
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
            "probe: false",
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
    (
        "metrics: {app: {%}}",
        &[
            "enabled: false",
            "path: /x",
            "port: 7",
            "interval: 3s",
            "exporter: redis",
        ],
    ),
    (
        "alerts: {%}",
        &[
            "packs: mainstay",
            "rules: ops/rules.yml",
            "mute_in_windows: true",
        ],
    ),
    (
        "render: {%}",
        &[
            "domain: d",
            "contact: c",
            "registry: r",
            "services: {app: {language: rust}}",
            "volumes: {v: 3g}",
            "kubernetes: {namespace: n}",
            "cloud: {region: r}",
            "ci: {branch: b}",
            "nginx: {client_rate: 3}",
            "layout: [{path: p, of: nginx}]",
        ],
    ),
    (
        "render: {services: {app: {%}}}",
        &["autoscale: {max: 3}", "language: python"],
    ),
    (
        "render: {services: {app: {autoscale: {max: 9, %}}}}",
        &["min: 3", "max: 8", "cpu: 33", "memory: 33"],
    ),
    (
        "render: {kubernetes: {%}}",
        &[
            "namespace: n",
            "ingress_class: c",
            "issuer: i",
            "storage_class: s",
        ],
    ),
    (
        "render: {cloud: {%}}",
        &[
            "compute: ecs",
            "region: r",
            "standby_region: r",
            "zones: 2",
            "state_bucket: b",
            "database_class: c",
            "database_storage: 3g",
            "database_replicas: 3",
            "cache_class: c",
            "node_class: c",
        ],
    ),
    (
        "render: {ci: {%}}",
        &["branch: b", "checks: {lint: l}", "versions: ['3']"],
    ),
    ("render: {nginx: {%}}", &["client_rate: 3", "route_rate: 3"]),
    (
        "render: {layout: [{path: p, of: nginx, %}]}",
        &["path: q", "of: redis", "environment: dev"],
    ),
    (
        "metrics: {app: {exporter: postgres, %}}",
        &["user: u", "database: d", "secret: s"],
    ),
    (
        "probes: {p: {%}}",
        &[
            "http: 'http://h/'",
            "tcp: 'h:1'",
            "tls: h",
            "dns: h, name: n",
        ],
    ),
    (
        "probes: {p: {http: 'https://h/', %}}",
        &[
            "status: [204]",
            "follow_redirects: false",
            "insecure: true",
            "interval: 3s",
            "timeout: 3s",
        ],
    ),
    ("probes: {p: {dns: h, %}}", &["name: other"]),
    ("probes: {p: {dns: h, name: n, %}}", &["record: MX"]),
    (
        "backups: {%}",
        &[
            "enabled: true",
            "repository: /mnt/b",
            "copies: {c: {repository: /mnt/c}}",
            "schedules: {s: '0 1 * * *'}",
            "keep: {last: 3}",
            "objectives: {rto: 3h}",
            "drill: '0 1 * * *'",
            "secrets: include",
            "before_deploy: always",
            "sources: {d: {directory: /srv}}",
        ],
    ),
    (
        "backups: {repository: {%}}",
        &[
            "directory: /mnt/b",
            "s3: {bucket: b, access_key: s, secret_key: s}",
            "key: s",
            "compression: 7",
            "bandwidth: 7m",
        ],
    ),
    (
        "backups: {repository: {s3: {bucket: b, access_key: s, secret_key: s, %}}}",
        &[
            "endpoint: 'https://e'",
            "bucket: c",
            "prefix: p",
            "region: r",
            "path_style: true",
            "access_key: t",
            "secret_key: t",
            "session_token: s",
        ],
    ),
    (
        "backups: {copies: {c: {repository: /mnt/b, %}}}",
        &["repository: /mnt/c", "keep: {last: 3}"],
    ),
    (
        "backups: {sources: {d: {directory: /d}}, schedules: {s: {cron: '0 1 * * *', %}}}",
        &[
            "cron: '0 3 * * *'",
            "zone: Europe/Berlin",
            "jitter: 3m",
            "what: d",
        ],
    ),
    (
        "backups: {keep: {last: 7, %}}",
        &[
            "last: 3",
            "hourly: 3",
            "daily: 3",
            "weekly: 3",
            "monthly: 3",
            "yearly: 3",
            "within: 3d",
        ],
    ),
    ("backups: {objectives: {%}}", &["rpo: 3h", "rto: 3h"]),
    (
        "backups: {sources: {d: {directory: /d}}, drill: {cron: '0 1 * * *', %}}",
        &[
            "enabled: false",
            "cron: '0 3 * * *'",
            "zone: Europe/Berlin",
            "jitter: 3m",
            "sources: d",
            "boot: app",
            "timeout: 3h",
        ],
    ),
    (
        "backups: {sources: {d: {%}}}",
        &[
            "postgresql: app",
            "redis: app",
            "mysql: app",
            "sqlite: /d.db",
            "volume: v",
            "directory: /d",
            "command: {dump: d}",
        ],
    ),
    (
        "backups: {sources: {d: {sqlite: /d.db, %}}}",
        &["enabled: false", "timeout: 3h", "minimum: 3m", "query: q"],
    ),
    (
        "backups: {sources: {d: {postgresql: {service: app, %}}}}",
        &[
            "service: bare",
            "database: d",
            "user: u",
            "secret: s",
            "wal: true",
            "checksums: false",
        ],
    ),
    (
        "backups: {sources: {d: {postgresql: {service: app, wal: {every: 7m, %}}}}}",
        &["enabled: false", "every: 3m"],
    ),
    (
        "backups: {sources: {d: {redis: {service: app, %}}}}",
        &["service: bare", "secret: s"],
    ),
    (
        "backups: {sources: {d: {mysql: {service: app, %}}}}",
        &[
            "service: bare",
            "database: d",
            "user: u",
            "secret: s",
            "checksums: false",
        ],
    ),
    (
        "backups: {sources: {d: {sqlite: {path: d.db, %}}}}",
        &["service: bare", "path: e.db"],
    ),
    (
        "backups: {sources: {d: {volume: {volume: v, %}}}}",
        &[
            "volume: w",
            "service: bare",
            "exclude: x",
            "before: x",
            "after: x",
        ],
    ),
    (
        "backups: {sources: {d: {directory: {path: d, %}}}}",
        &[
            "path: e",
            "service: bare",
            "exclude: x",
            "before: x",
            "after: x",
        ],
    ),
    (
        "backups: {sources: {d: {command: {dump: d, %}}}}",
        &["service: bare", "dump: e", "restore: x"],
    ),
    (
        "secrets: {s: {variable: THERE, %}}",
        &[
            "from: age",
            "min_length: 100",
            "max_length: 1",
            "format: hex",
            "pattern: q",
            "example: value",
            "key: k",
            "template: '{k}'",
        ],
    ),
    ("secrets: {s: {%}}", &["variable: GONE"]),
    ("secrets: {s: {from: file, %}}", &["path: gone.txt"]),
    ("secrets: {s: {from: age, %}}", &["file: other.age"]),
    ("secrets: {s: {from: aws, %}}", &["secret: other"]),
    (
        "secrets: {s: {from: aws, secret: x, %}}",
        &["version: v", "region: r", "endpoint: e"],
    ),
    (
        "secrets: {s: {from: vault, path: p, key: k, %}}",
        &["address: a", "namespace: n"],
    ),
];

#[test]
fn a_field_of_mainstay_yaml_changes_the_stack() {
    const COMPOSE: &str = "services:\n  app: {image: a, x-mainstay: {command: a}, ports: ['80:80'], environment: {E: $VERSION}}\n  bare: {image: w, x-mainstay: {command: w}, secrets: [s]}\nsecrets: {s: {environment: THERE}, t: {environment: THERE}}\nvolumes: {v: {}, w: {}}\n";
    let told = |resolution: &Resolution| {
        format!(
            "{}{:?}{:?}",
            outcome(resolution),
            resolution.environment,
            resolution.secrets
        )
    };
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
