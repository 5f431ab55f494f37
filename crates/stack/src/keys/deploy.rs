//! The keys of a service's `deploy`.

use super::UNIQUE;
use super::parts::GPU;
use crate::grammar::{Key, Section, Shape};

pub(super) static ALL: &[&Section] = &[
    &DEPLOY,
    &UPDATE_CONFIG,
    &ROLLBACK_CONFIG,
    &RESTART_POLICY,
    &RESOURCES,
    &LIMITS,
    &RESERVATIONS,
    &GENERIC_RESOURCE,
    &DISCRETE_RESOURCE,
    &PLACEMENT,
    &PREFERENCE,
];

const CLUSTER: &str = "belongs to a cluster; all instances run on this machine";

/// `deploy` of a service.
pub(super) static DEPLOY: Section = Section {
    name: "deploy",
    extensions: true,
    keys: &[
        Key::warned("mode", Shape::Text, CLUSTER)
            .warned_on_docker("belongs to a cluster; all instances run on one engine"),
        Key::warned("endpoint_mode", Shape::Text, "the proxy balances"),
        Key::honoured("replicas", Shape::Integer, "how many instances"),
        Key::honoured(
            "labels",
            Shape::Pairs,
            "kept with the service, below `labels`",
        ),
        Key::warned(
            "rollback_config",
            Shape::Section(&ROLLBACK_CONFIG),
            "a rollback is a rollout and goes by the same strategy",
        ),
        Key::honoured(
            "update_config",
            Shape::Section(&UPDATE_CONFIG),
            "see there; `deploy` of mainstay.yaml wins",
        ),
        Key::honoured("resources", Shape::Section(&RESOURCES), "see there"),
        Key::honoured(
            "restart_policy",
            Shape::Section(&RESTART_POLICY),
            "see there; it wins over `restart`",
        ),
        Key::warned("placement", Shape::Section(&PLACEMENT), CLUSTER)
            .warned_on_docker("belongs to a cluster; all instances run on one engine"),
    ],
};

/// `deploy.update_config`
pub(super) static UPDATE_CONFIG: Section = Section {
    name: "update_config",
    extensions: true,
    keys: &[
        Key::honoured(
            "parallelism",
            Shape::Integer,
            "instances replaced at a time; 0 is all at once",
        ),
        Key::warned(
            "delay",
            Shape::Duration,
            "use `minimum_healthy_time` of mainstay.yaml",
        ),
        Key::honoured(
            "failure_action",
            Shape::Word(&["continue", "pause", "rollback"]),
            "`rollback` is what happens; the others are warned about",
        ),
        Key::honoured(
            "monitor",
            Shape::Duration,
            "how long an instance must be healthy before the next one is replaced",
        ),
        Key::warned(
            "max_failure_ratio",
            Shape::Number,
            "one instance that fails is enough to go back",
        ),
        Key::honoured(
            "order",
            Shape::Word(&["start-first", "stop-first"]),
            "start-first where left out, unlike in Compose: a request must not fail",
        ),
    ],
};

/// `deploy.rollback_config`
pub(super) static ROLLBACK_CONFIG: Section = Section {
    name: "rollback_config",
    extensions: true,
    keys: &[
        Key::warned("parallelism", Shape::Integer, ROLLBACK),
        Key::warned("delay", Shape::Duration, ROLLBACK),
        Key::warned("failure_action", Shape::Text, ROLLBACK),
        Key::warned("monitor", Shape::Duration, ROLLBACK),
        Key::warned("max_failure_ratio", Shape::Number, ROLLBACK),
        Key::warned(
            "order",
            Shape::Word(&["start-first", "stop-first"]),
            ROLLBACK,
        ),
    ],
};
const ROLLBACK: &str = "covered by the warning on `rollback_config`";

/// `deploy.restart_policy`
pub(super) static RESTART_POLICY: Section = Section {
    name: "restart_policy",
    extensions: true,
    keys: &[
        Key::honoured(
            "condition",
            Shape::Word(&[
                "none",
                "on-failure",
                "any",
                "no",
                "always",
                "unless-stopped",
            ]),
            "when to start it again",
        ),
        Key::honoured(
            "delay",
            Shape::Duration,
            "first back-off; doubles up to a minute",
        ),
        Key::honoured(
            "max_attempts",
            Shape::Integer,
            "restarts within `window` until it is left down",
        ),
        Key::honoured("window", Shape::Duration, "see `max_attempts`"),
    ],
};

/// `deploy.resources`
pub(super) static RESOURCES: Section = Section {
    name: "resources",
    extensions: true,
    keys: &[
        Key::honoured("limits", Shape::Section(&LIMITS), "see there"),
        Key::warned(
            "reservations",
            Shape::Section(&RESERVATIONS),
            "nothing is set aside on one machine",
        )
        .on_docker("see there"),
    ],
};

/// `deploy.resources.limits`
pub(super) static LIMITS: Section = Section {
    name: "limits",
    extensions: true,
    keys: &[
        Key::honoured("cpus", Shape::Number, "at most this many CPUs"),
        Key::honoured("memory", Shape::Size, "at most this much memory"),
        Key::honoured("pids", Shape::Integer, "at most this many processes"),
    ],
};

/// `deploy.resources.reservations`
pub(super) static RESERVATIONS: Section = Section {
    name: "reservations",
    extensions: true,
    keys: &[
        Key::warned("cpus", Shape::Number, RESERVED)
            .warned_on_docker("an engine sets no CPUs aside; `cpu_shares` weighs"),
        Key::warned("memory", Shape::Size, RESERVED).on_docker("as `mem_reservation`"),
        Key::warned(
            "generic_resources",
            Shape::List(&Shape::Section(&GENERIC_RESOURCE)),
            RESERVED,
        )
        .warned_on_docker("belongs to a cluster"),
        Key::warned("devices", Shape::List(&Shape::Section(&GPU)), RESERVED).on_docker("as `gpus`"),
    ],
};
const RESERVED: &str = "covered by the warning on `reservations`";

/// One entry of `generic_resources`.
pub(super) static GENERIC_RESOURCE: Section = Section {
    name: "generic resource",
    extensions: true,
    keys: &[Key::warned(
        "discrete_resource_spec",
        Shape::Section(&DISCRETE_RESOURCE),
        RESERVED,
    )],
};

/// `discrete_resource_spec`
pub(super) static DISCRETE_RESOURCE: Section = Section {
    name: "discrete resource",
    extensions: true,
    keys: &[
        Key::warned("kind", Shape::Text, RESERVED),
        Key::warned("value", Shape::Number, RESERVED),
    ],
};

/// `deploy.placement`
pub(super) static PLACEMENT: Section = Section {
    name: "placement",
    extensions: true,
    keys: &[
        Key::honoured("constraints", Shape::List(&Shape::Text), PLACED).merged(UNIQUE),
        Key::warned(
            "preferences",
            Shape::List(&Shape::Section(&PREFERENCE)),
            PLACED,
        ),
        Key::warned("max_replicas_per_node", Shape::Integer, PLACED),
    ],
};
const PLACED: &str = "covered by the warning on `placement`";

/// One entry of `placement.preferences`.
pub(super) static PREFERENCE: Section = Section {
    name: "preference",
    extensions: true,
    keys: &[Key::warned("spread", Shape::Text, PLACED)],
};
