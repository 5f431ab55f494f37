//! Every field of the section `render`: its shape and what it says.

use crate::grammar::{Key, Merge, Section, Shape};
use crate::keys::TEXTS;
use crate::resolved::{Compute, Language};

/// `render`
pub(crate) static RENDER: Section = Section {
    name: "render",
    extensions: true,
    keys: &[
        Key::honoured(
            "domain",
            Shape::Text,
            "The name under which people reach the stack. Left out: the first host of its routes.",
        ),
        Key::honoured(
            "contact",
            Shape::Text,
            "The address that a certificate authority writes to.",
        ),
        Key::honoured(
            "registry",
            Shape::Text,
            "Where images that are built here are pushed: `ghcr.io/example`.",
        ),
        Key::honoured(
            "services",
            Shape::Named(&Shape::Section(&SERVICE)),
            "What is to be said of a service.",
        ),
        Key::honoured(
            "volumes",
            Shape::Named(&Shape::Size),
            "How large volumes are, where an engine must know. Default `10g`.",
        ),
        Key::honoured(
            "kubernetes",
            Shape::Section(&KUBERNETES),
            "For manifests of Kubernetes.",
        ),
        Key::honoured("cloud", Shape::Section(&CLOUD), "For modules of Terraform."),
        Key::honoured("ci", Shape::Section(&CI), "For workflows."),
        Key::honoured(
            "nginx",
            Shape::Section(&NGINX),
            "For a web server in front.",
        ),
        Key::honoured(
            "layout",
            Shape::List(&Shape::Section(&LAYOUT)),
            "Which files `mainstay render` writes when it is not told, and where.",
        )
        .merged(Merge::Replace),
    ],
};

static SERVICE: Section = Section {
    name: "service to be rendered",
    extensions: true,
    keys: &[
        Key::honoured(
            "autoscale",
            Shape::Section(&AUTOSCALE),
            "Between how many instances the engine may choose, and by what. Mainstay itself scales by command only.",
        ),
        Key::honoured(
            "language",
            Shape::Word(&Language::WORDS),
            "What its Dockerfile is written for. Left out: none is written.",
        ),
    ],
};

static AUTOSCALE: Section = Section {
    name: "autoscale",
    extensions: true,
    keys: &[
        Key::honoured(
            "min",
            Shape::Integer,
            "Fewest instances. Default: `replicas`.",
        ),
        Key::honoured("max", Shape::Integer, "Most instances."),
        Key::honoured(
            "cpu",
            Shape::Integer,
            "Percent of the processor time that it asks for, on average. Default 70 where `memory` is not said.",
        ),
        Key::honoured(
            "memory",
            Shape::Integer,
            "Percent of the memory that it asks for, on average.",
        ),
    ],
};

static KUBERNETES: Section = Section {
    name: "kubernetes",
    extensions: true,
    keys: &[
        Key::honoured("namespace", Shape::Text, "Default `STACK-ENVIRONMENT`."),
        Key::honoured("ingress_class", Shape::Text, "Default `nginx`."),
        Key::honoured(
            "issuer",
            Shape::Text,
            "The ClusterIssuer of cert-manager. Default `letsencrypt`.",
        ),
        Key::honoured(
            "storage_class",
            Shape::Text,
            "Left out: the cluster's default.",
        ),
    ],
};

static CLOUD: Section = Section {
    name: "cloud",
    extensions: true,
    keys: &[
        Key::honoured(
            "compute",
            Shape::Word(&Compute::WORDS),
            "What runs the containers. Default `eks`.",
        ),
        Key::honoured("region", Shape::Text, "Default `eu-central-1`."),
        Key::honoured(
            "standby_region",
            Shape::Text,
            "Where backups are copied to, and where dr stands. Left out: nowhere.",
        ),
        Key::honoured(
            "zones",
            Shape::Integer,
            "Availability zones, 2 to 6. Default 3.",
        ),
        Key::honoured(
            "state_bucket",
            Shape::Text,
            "Bucket of Terraform's state. Default `STACK-terraform-state`.",
        ),
        Key::honoured("database_class", Shape::Text, "Default `db.t4g.medium`."),
        Key::honoured("database_storage", Shape::Size, "Default `100g`."),
        Key::honoured(
            "database_replicas",
            Shape::Integer,
            "Copies of the database that only answer reads. Default 0.",
        ),
        Key::honoured("cache_class", Shape::Text, "Default `cache.t4g.small`."),
        Key::honoured(
            "node_class",
            Shape::Text,
            "Machines of a cluster. Default `t3.large`.",
        ),
    ],
};

static CI: Section = Section {
    name: "ci",
    extensions: true,
    keys: &[
        Key::honoured(
            "branch",
            Shape::Text,
            "Pushes to it go to staging. Default `main`.",
        ),
        Key::honoured(
            "checks",
            Shape::Pairs,
            "Commands that lint and test, by name: one job each.",
        ),
        Key::honoured(
            "versions",
            TEXTS,
            "Versions of the language that the checks are run with.",
        )
        .merged(Merge::Replace),
    ],
};

static NGINX: Section = Section {
    name: "nginx",
    extensions: true,
    keys: &[
        Key::honoured(
            "client_rate",
            Shape::Integer,
            "Requests a second of one client. Default 50.",
        ),
        Key::honoured(
            "route_rate",
            Shape::Integer,
            "Requests a second of all clients together, for each route. Default 1000.",
        ),
    ],
};

static LAYOUT: Section = Section {
    name: "layout",
    extensions: true,
    keys: &[
        Key::honoured(
            "path",
            Shape::Text,
            "A file or folder, from the stack's directory on.",
        ),
        Key::honoured(
            "of",
            Shape::Text,
            "What is written there: a target (`kubernetes`), a folder or a file of it (`kubernetes/base/hpa.yaml`). `mainstay render --list` names them.",
        ),
        Key::honoured(
            "environment",
            Shape::Text,
            "The environment that is meant, where each has its own. Default `production`.",
        ),
    ],
};

/// Every section of `render`, the outermost first.
pub(super) fn sections() -> [&'static Section; 8] {
    [
        &RENDER,
        &SERVICE,
        &AUTOSCALE,
        &KUBERNETES,
        &CLOUD,
        &CI,
        &NGINX,
        &LAYOUT,
    ]
}
