//! Every field of `mainstay.yaml`: its shape and what it says.

use super::backup_fields::{self, BACKUPS};
use super::release_fields::{APPROVAL, AUTO_DEPLOY, MIGRATIONS, PIPELINE, POLICY, STEP, WINDOW};
use super::render_fields::{self, RENDER};
use crate::grammar::{Key, Merge, Section, Shape};
use crate::keys::TEXTS;
use crate::resolved::RecordType;
use crate::secrets::SOURCE;

/// Sections that have a name and no meaning yet.
pub const RESERVED: [&str; 7] = [
    "objectives",
    "logs",
    "traces",
    "load",
    "chaos",
    "audit",
    "incidents",
];

/// The whole file.
pub static MAINSTAY: Section = Section {
    name: "mainstay.yaml",
    extensions: true,
    keys: &[
        Key::honoured(
            "environments",
            Shape::Named(&Shape::Section(&ENVIRONMENT)),
            "Named places for the stack. `dev` is always there, and the one that is meant when none is named.",
        ),
        Key::honoured(
            "routes",
            Shape::List(&Shape::Section(&ROUTE)),
            "Which requests go to which service. Left out: where exactly one service publishes a port, it gets every request.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "deploy",
            Shape::Section(&DEPLOY),
            "How a release replaces another.",
        ),
        Key::honoured(
            "health",
            Shape::Named(&Shape::Section(&HEALTH)),
            "When an instance counts as healthy, by service; wins over Compose's `healthcheck`. Left out: a service with a port is healthy when it can be connected to.",
        ),
        Key::honoured(
            "metrics",
            Shape::Named(&Shape::Section(&METRICS)),
            "How metrics are collected, by service. Left out: every instance that answers `/metrics` on its port in Prometheus's format is scraped, and PostgreSQL and Redis are asked in their own languages.",
        ),
        Key::honoured(
            "probes",
            Shape::Named(&Shape::Section(&PROBE)),
            "What is looked at from outside, by names of your own: over HTTP, TCP, TLS or DNS. The health of each route is probed without being named.",
        ),
        Key::honoured(
            "alerts",
            Shape::Section(&ALERTS),
            "Which rules are evaluated while the stack is there. Who is told stands in server.yaml.",
        ),
        Key::honoured(
            "backups",
            Shape::Section(&BACKUPS),
            "What is backed up, when, where to and for how long, and how it is proven. Left out: everything that is found, daily, except in development.",
        ),
        Key::honoured(
            "render",
            Shape::Section(&RENDER),
            "What the files that `mainstay render` writes for other engines cannot know from the rest. It changes nothing of what runs.",
        ),
        Key::honoured(
            "secrets",
            Shape::Named(&Shape::Section(&SOURCE)),
            "Where secrets come from, and what must hold of them. A service gets one by Compose's `secrets`, as a file, or by `x-mainstay: {secrets: {VARIABLE: NAME}}`.",
        ),
    ],
};

/// `alerts`
pub(super) static ALERTS: Section = Section {
    name: "alerts",
    extensions: true,
    keys: &[
        Key::honoured(
            "packs",
            TEXTS,
            "Rule packs that come with Mainstay, by name: `mainstay rules packs` lists them.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "rules",
            TEXTS,
            "Rule files of Prometheus, as they are. They travel with the release.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "mute_in_windows",
            Shape::Bool,
            "Whether nobody is told of this environment's alerts in the windows of its policy. Default `false`.",
        ),
    ],
};

/// One entry of `environments`.
pub(super) static ENVIRONMENT: Section = Section {
    name: "environment",
    extensions: true,
    keys: &[
        Key::honoured("purpose", Shape::Word(&["development", "staging", "production", "recovery"]), "What it is for; sets the defaults: short waits for development. Left out: development for `dev`, production for `production`, recovery for `dr`, staging for any other name."),
        Key::honoured("target", Shape::Word(&["process", "docker", "swarm", "kubernetes", "ecs"]), "The engine that runs it: `process` or `docker` today. Left out: `process` where a service has an `x-mainstay` that says how, else `docker`."),
        Key::honoured("engine", Shape::Short(&Shape::Section(&ENGINE)), "Where the engine of target `docker` listens: `unix:///…` or `tcp://host:port`. Left out: `DOCKER_HOST`, else `unix:///var/run/docker.sock`."),
        Key::honoured("compose", TEXTS, "Compose files laid over the base file, in this order. With one, `compose.override.yaml` is not read.").merged(Merge::Replace),
        Key::honoured("env_file", TEXTS, "Files of variables for `${…}`; they win over `.env`, the shell wins over them.").merged(Merge::Replace),
        Key::honoured("variables", Shape::Pairs, "Variables for `${…}`; they win over `env_file`, the shell wins over them."),
        Key::honoured("monitoring", Shape::Word(&["basic", "enhanced", "full"]), "What is watched. `basic`: instances and the proxy. `enhanced`: also restarts, memory near its limit and the disk. `full`: also requests that failed. Default by purpose: basic in development, enhanced in staging, full elsewhere."),
        Key::honoured("policy", Shape::Section(&POLICY), "What is asked of whoever changes it."),
        Key::honoured("server", Shape::Text, "Where its control plane is, when not on this machine."),
        Key::honoured("backups", Shape::Section(&BACKUPS), "Laid over the section `backups`. One that says where its repository is takes no other place over."),
        Key::honoured("secrets", Shape::Named(&Shape::Section(&SOURCE)), "Laid over the section `secrets`. One that says `from` takes nothing of the other source over, and keeps the rules."),
    ],
};

/// `engine` of an environment, long form.
pub(super) static ENGINE: Section = Section {
    name: "engine",
    extensions: true,
    keys: &[
        Key::honoured(
            "address",
            Shape::Text,
            "`unix:///path` or `tcp://host:port`.",
        ),
        Key::honoured(
            "tls",
            Shape::Section(&ENGINE_TLS),
            "Files that a `tcp` engine is spoken to with. Without them, nobody is kept from reading along, or from giving orders.",
        ),
    ],
};

/// `tls` of an engine.
pub(super) static ENGINE_TLS: Section = Section {
    name: "tls of an engine",
    extensions: true,
    keys: &[
        Key::honoured(
            "ca",
            Shape::Text,
            "PEM file of who signed the engine's certificate.",
        ),
        Key::honoured("cert", Shape::Text, "PEM file of our own certificate."),
        Key::honoured("key", Shape::Text, "PEM file of our own key."),
    ],
};

/// One entry of `routes`.
pub(super) static ROUTE: Section = Section {
    name: "route",
    extensions: true,
    keys: &[
        Key::honoured(
            "host",
            TEXTS,
            "Hosts, one or a list; `*.example.org` is allowed. Left out: every host.",
        ),
        Key::honoured(
            "path",
            Shape::Text,
            "Prefix of whole path segments; the longest wins. Default `/`.",
        ),
        Key::honoured(
            "strip_prefix",
            Shape::Bool,
            "Take the prefix away before the service sees the path. Default `false`.",
        ),
        Key::honoured("service", Shape::Text, "The service that answers."),
        Key::honoured(
            "balance",
            Shape::Word(&["round-robin", "least-connections", "client-ip"]),
            "How requests are spread over instances. Default `round-robin`.",
        ),
        Key::honoured(
            "timeout",
            Shape::Duration,
            "Until the head of the response. Default `60s`.",
        ),
        Key::honoured(
            "max_body",
            Shape::Size,
            "Largest request body. Default `100m`.",
        ),
        Key::honoured(
            "probe",
            Shape::Bool,
            "`false`: the health of the service is not probed through it. Default `true`.",
        ),
    ],
};

/// `deploy`
pub(super) static DEPLOY: Section = Section {
    name: "deploy",
    extensions: true,
    keys: &[
        STRATEGY,
        SURGE,
        PARALLELISM,
        STEPS,
        PAUSE,
        HEALTHY_DEADLINE,
        MINIMUM_HEALTHY_TIME,
        DRAIN,
        Key::honoured(
            "progress_deadline",
            Shape::Duration,
            "The whole rollout must be through by then. Default `10m`; `2m` in development.",
        ),
        Key::honoured(
            "watch",
            Shape::Duration,
            "How long the new release is judged, with the old one kept warm. Default `10m`; `5s` in development, `15m` in production.",
        ),
        Key::honoured(
            "keep_releases",
            Shape::Integer,
            "Releases that can be rolled back to. Default 5.",
        ),
        Key::honoured("hooks", Shape::Section(&HOOKS), "Commands around a deploy."),
        Key::honoured(
            "pipeline",
            Shape::Short(&Shape::Section(&PIPELINE)),
            "The ten steps of a deploy: `full` asks for all of them, `none` only for what a deploy cannot do without.",
        ),
        Key::honoured(
            "migrations",
            Shape::Section(&MIGRATIONS),
            "Changes of the database's schema, run once for each release before its instances start.",
        ),
        Key::honoured(
            "services",
            Shape::Named(&Shape::Section(&DEPLOY_SERVICE)),
            "Other values for one service.",
        ),
    ],
};

/// One entry of `deploy.services`.
pub(super) static DEPLOY_SERVICE: Section = Section {
    name: "deploy of a service",
    extensions: true,
    keys: &[
        STRATEGY,
        SURGE,
        PARALLELISM,
        STEPS,
        PAUSE,
        HEALTHY_DEADLINE,
        MINIMUM_HEALTHY_TIME,
        DRAIN,
    ],
};

const STRATEGY: Key = Key::honoured(
    "strategy",
    Shape::Word(&["rolling", "blue-green", "stop-first"]),
    "`rolling` replaces instances a few at a time, the new one first; `blue-green` starts all new ones beside the old and shifts the traffic; `stop-first` ends the old one first. Default `rolling`; singletons are always `stop-first`.",
);
const SURGE: Key = Key::honoured(
    "surge",
    Shape::Integer,
    "Rolling: instances above the wanted number. Default 1.",
);
const PARALLELISM: Key = Key::honoured(
    "parallelism",
    Shape::Integer,
    "Rolling: instances replaced at a time. Default 1, or Compose's `update_config.parallelism`.",
);
const STEPS: Key = Key::honoured(
    "steps",
    Shape::List(&Shape::Integer),
    "Blue-green: weights of the new instances in percent, rising to 100. Default `[100]`.",
)
.merged(Merge::Replace);
const PAUSE: Key = Key::honoured(
    "pause",
    Shape::Duration,
    "Blue-green: between two steps. Default `30s`; `1s` in development.",
);
const HEALTHY_DEADLINE: Key = Key::honoured(
    "healthy_deadline",
    Shape::Duration,
    "A new instance must be healthy by then. Default `5m`; `60s` in development.",
);
const MINIMUM_HEALTHY_TIME: Key = Key::honoured(
    "minimum_healthy_time",
    Shape::Duration,
    "An instance must be healthy this long before it counts. Default `10s`, or Compose's `update_config.monitor`; `1s` in development.",
);
const DRAIN: Key = Key::honoured(
    "drain",
    Shape::Duration,
    "How long requests in flight may take before an old instance is stopped. Default `30s`; `10s` in development.",
);

/// `deploy.hooks`
pub(super) static HOOKS: Section = Section {
    name: "hooks",
    extensions: true,
    keys: &[
        Key::honoured(
            "before",
            Shape::OneOrMore(&Shape::Command),
            "Commands before anything is replaced; one that fails ends the deploy.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "after",
            Shape::OneOrMore(&Shape::Command),
            "Commands when all is replaced; one that fails rolls back.",
        )
        .merged(Merge::Replace),
        Key::honoured("timeout", Shape::Duration, "Of each command. Default `5m`."),
    ],
};

/// One entry of `health`.
pub(super) static HEALTH: Section = Section {
    name: "health",
    extensions: true,
    keys: &[
        Key::honoured(
            "http",
            Shape::Text,
            "A path: GET on the instance's port; 200 to 399 passes.",
        ),
        Key::honoured(
            "tcp",
            Shape::Bool,
            "A connection to the instance's port passes.",
        ),
        Key::honoured(
            "command",
            Shape::Command,
            "Exit code 0 passes. Runs beside the instance, with its variables.",
        )
        .merged(Merge::Replace),
        Key::honoured("interval", Shape::Duration, "Between probes. Default `2s`."),
        Key::honoured(
            "start_interval",
            Shape::Duration,
            "Between probes while starting. Default `100ms`.",
        ),
        Key::honoured("timeout", Shape::Duration, "Of one probe. Default `2s`."),
        Key::honoured(
            "start_period",
            Shape::Duration,
            "Failures do not count within it. Default `0s`.",
        ),
        Key::honoured(
            "retries",
            Shape::Integer,
            "Failures in a row until unhealthy. Default 3.",
        ),
        Key::honoured(
            "passes",
            Shape::Integer,
            "Passes in a row until ready. Default 2.",
        ),
    ],
};

/// One entry of `metrics`.
pub(super) static METRICS: Section = Section {
    name: "metrics",
    extensions: true,
    keys: &[
        Key::honoured(
            "enabled",
            Shape::Bool,
            "`false`: never scraped. Default `true`: scraped, and `up` is 0 where it does not answer.",
        ),
        Key::honoured("path", Shape::Text, "Default `/metrics`."),
        Key::honoured(
            "port",
            Shape::Integer,
            "Of a container, where metrics have a port of their own. Left out: the instance's port.",
        ),
        Key::honoured(
            "interval",
            Shape::Duration,
            "Between scrapes. Default: the server's, which is `15s`.",
        ),
        Key::honoured(
            "exporter",
            Shape::Word(&["postgres", "redis", "off"]),
            "How a server without metrics of its own is asked. Left out: by the image, or the program that `x-mainstay` runs. `off`: it is not asked.",
        ),
        Key::honoured(
            "user",
            Shape::Text,
            "Who asks; one with `pg_monitor` is enough for PostgreSQL. Left out: the user that the service's own variables name (`POSTGRES_USER`).",
        ),
        Key::honoured(
            "database",
            Shape::Text,
            "Of PostgreSQL. Left out: `POSTGRES_DB`, else the one called as the user.",
        ),
        Key::honoured(
            "secret",
            Shape::Text,
            "The secret that is the user's password. Left out: the one that the service is given (`POSTGRES_PASSWORD`, `requirepass`, also from a file).",
        ),
    ],
};

/// One entry of `probes`.
pub(super) static PROBE: Section = Section {
    name: "probe",
    extensions: true,
    keys: &[
        Key::honoured(
            "http",
            Shape::Text,
            "A URL: GET, and a status from 200 to 299 is a success.",
        ),
        Key::honoured(
            "status",
            Shape::List(&Shape::Integer),
            "Of `http`: which statuses are a success instead.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "follow_redirects",
            Shape::Bool,
            "Of `http`: `false`: the first answer counts. Default `true`.",
        ),
        Key::honoured(
            "tcp",
            Shape::Text,
            "`host:port`: a connection is a success.",
        ),
        Key::honoured(
            "tls",
            Shape::Text,
            "`host:port`: a handshake with a certificate that is trusted is a success; told is until when it holds. Default port 443.",
        ),
        Key::honoured(
            "dns",
            Shape::Text,
            "A name server, `host:port`: an answer without an error is a success. Default port 53.",
        ),
        Key::honoured("name", Shape::Text, "Of `dns`: the name that is asked for."),
        Key::honoured(
            "record",
            Shape::Word(RecordType::WORDS),
            "Of `dns`: what is asked for. Default `A`.",
        ),
        Key::honoured(
            "insecure",
            Shape::Bool,
            "`true`: any certificate will do. Default `false`.",
        ),
        Key::honoured(
            "interval",
            Shape::Duration,
            "Between probes. Default: the server's, which is `15s`.",
        ),
        Key::honoured("timeout", Shape::Duration, "Of one probe. Default `5s`."),
    ],
};

/// Every section in the order of the reference page.
pub fn sections() -> Vec<&'static Section> {
    let mut all = vec![
        &MAINSTAY,
        &ENVIRONMENT,
        &POLICY,
        &APPROVAL,
        &WINDOW,
        &AUTO_DEPLOY,
        &ENGINE,
        &ENGINE_TLS,
        &ROUTE,
        &DEPLOY,
        &DEPLOY_SERVICE,
        &HOOKS,
        &PIPELINE,
        &STEP,
        &MIGRATIONS,
        &HEALTH,
        &METRICS,
        &PROBE,
        &ALERTS,
    ];
    all.extend(backup_fields::sections());
    all.extend(render_fields::sections());
    all.push(&SOURCE);
    all
}
