//! Every key of the Compose specification, and what each target makes of it.
//!
//! Source: the Compose specification and its JSON schema, as of November 2026. A later target is a
//! column more. The page `docs/reference/compose.md` is written from here, and a test compares.

mod deploy;
mod parts;
mod service;

pub(crate) use service::SERVICE;

use crate::grammar::{Identity, Key, Merge, Section, Shape};

pub(crate) const TEXTS: Shape = Shape::OneOrMore(&Shape::Text);
pub(crate) const UNIQUE: Merge = Merge::By(Identity::Value);

/// A whole Compose file.
pub static COMPOSE: Section = Section {
    name: "compose file",
    extensions: true,
    keys: &[
        Key::warned(
            "version",
            Shape::Text,
            "obsolete: Compose ignores it, take it out",
        ),
        Key::honoured("name", Shape::Text, "the name of the stack"),
        Key::honoured(
            "include",
            Shape::List(&Shape::Short(&Shape::Section(&INCLUDE))),
            "other Compose files, each with its own directory and `.env`",
        ),
        Key::honoured(
            "services",
            Shape::Named(&Shape::Section(&SERVICE)),
            "what runs",
        ),
        Key::honoured(
            "volumes",
            Shape::Named(&Shape::Section(&VOLUME)),
            "named volumes",
        ).on_docker("named volumes, made where they are missing and never removed"),
        Key::warned(
            "networks",
            Shape::Named(&Shape::Section(&NETWORK)),
            "processes share the host's network; services find each other through the injected `NAME_URL`, `NAME_HOST` and `NAME_PORT`",
        ).on_docker("made for the stack; a service reaches the others of its networks by their names"),
        Key::honoured(
            "secrets",
            Shape::Named(&Shape::Section(&SECRET)),
            "secrets that services get as files. Where one comes from may also stand in `secrets` of mainstay.yaml, which wins",
        ),
        Key::honoured(
            "configs",
            Shape::Named(&Shape::Section(&CONFIG)),
            "files that services get",
        ),
        Key::warned(
            "models",
            Shape::Named(&Shape::Section(&MODEL)),
            "models are served by Docker, and a service that uses one is refused",
        ),
    ],
};

/// One entry of `include`, long form.
pub static INCLUDE: Section = Section {
    name: "include",
    extensions: false,
    keys: &[
        Key::honoured("path", TEXTS, "the file, or several that are merged"),
        Key::honoured("env_file", TEXTS, "instead of the `.env` beside it"),
        Key::honoured(
            "project_directory",
            Shape::Text,
            "where its relative paths start",
        ),
    ],
};

/// One entry of the top-level `volumes`.
pub static VOLUME: Section = Section {
    name: "volume",
    extensions: true,
    keys: &[
        Key::honoured("name", Shape::Text, "another name than the key")
            .on_docker("what the engine calls it, instead of `STACK-ENVIRONMENT-KEY`"),
        Key::warned("driver", Shape::Text, "nothing is mounted for a process")
            .on_docker("who makes it"),
        Key::warned(
            "driver_opts",
            Shape::Named(&Shape::Text),
            "nothing is mounted for a process",
        )
        .on_docker("what the driver is told"),
        Key::warned("external", Shape::Any, "nothing is mounted for a process")
            .on_docker("it must be there, and is never made or removed"),
        Key::warned(
            "labels",
            Shape::Pairs,
            "processes have no volume objects to label",
        )
        .on_docker("of the volume"),
        Key::honoured(
            "x-mainstay",
            Shape::Section(&X_VOLUME),
            "what the process target must know of it",
        )
        .on_docker("what decides whether two instances may have it"),
    ],
};

/// `x-mainstay` of a volume.
pub static X_VOLUME: Section = Section {
    name: "x-mainstay of a volume",
    extensions: false,
    keys: &[Key::honoured(
        "shared",
        Shape::Bool,
        "two instances may have it at once",
    )],
};

/// One entry of the top-level `networks`. The process target has none of it; see `networks`.
pub static NETWORK: Section = Section {
    name: "network",
    extensions: true,
    keys: &[
        Key::warned("name", Shape::Text, NETWORK_TEXT)
            .on_docker("what the engine calls it, instead of `STACK-ENVIRONMENT-KEY`"),
        Key::warned("driver", Shape::Text, NETWORK_TEXT).on_docker("`bridge` where left out"),
        Key::warned("driver_opts", Shape::Named(&Shape::Text), NETWORK_TEXT)
            .on_docker("what the driver is told"),
        Key::warned("attachable", Shape::Bool, NETWORK_TEXT)
            .on_docker("for drivers that span machines"),
        Key::warned("enable_ipv4", Shape::Bool, NETWORK_TEXT)
            .on_docker("`true`; `false` is refused"),
        Key::warned("enable_ipv6", Shape::Bool, NETWORK_TEXT).on_docker("addresses of both kinds"),
        Key::warned("external", Shape::Any, NETWORK_TEXT)
            .on_docker("it must be there, and is never made or removed"),
        Key::warned("internal", Shape::Bool, NETWORK_TEXT).on_docker("no way out of it"),
        Key::warned("ipam", Shape::Section(&IPAM), NETWORK_TEXT).on_docker("see there"),
        Key::warned("labels", Shape::Pairs, NETWORK_TEXT).on_docker("of the network"),
    ],
};

/// `ipam` of a network.
pub static IPAM: Section = Section {
    name: "ipam",
    extensions: true,
    keys: &[
        Key::warned("driver", Shape::Text, NETWORK_TEXT).on_docker("`default` where left out"),
        Key::warned(
            "config",
            Shape::List(&Shape::Section(&IPAM_POOL)),
            NETWORK_TEXT,
        )
        .on_docker("the subnets; the engine chooses where left out"),
        Key::warned("options", Shape::Named(&Shape::Text), NETWORK_TEXT)
            .on_docker("what the driver is told"),
    ],
};

/// One entry of `ipam.config`.
pub static IPAM_POOL: Section = Section {
    name: "ipam pool",
    extensions: true,
    keys: &[
        Key::warned("subnet", Shape::Text, NETWORK_TEXT).on_docker("such as `172.28.0.0/16`"),
        Key::warned("ip_range", Shape::Text, NETWORK_TEXT)
            .on_docker("the part of it that containers get addresses from"),
        Key::warned("gateway", Shape::Text, NETWORK_TEXT).on_docker("the engine's own address"),
        Key::warned("aux_addresses", Shape::Named(&Shape::Text), NETWORK_TEXT)
            .on_docker("addresses that no container gets"),
    ],
};
const NETWORK_TEXT: &str = "covered by the warning on `networks`";

/// One entry of the top-level `secrets`.
pub static SECRET: Section = Section {
    name: "secret",
    extensions: true,
    keys: &[
        Key::honoured(
            "name",
            Shape::Text,
            "with `external`: its name in mainstay.yaml",
        ),
        Key::honoured(
            "environment",
            Shape::Text,
            "the variable that holds it; must be set",
        ),
        Key::honoured("file", Shape::Text, "the file that holds it; must exist"),
        Key::honoured(
            "external",
            Shape::Any,
            "where it comes from stands in `secrets` of mainstay.yaml, under its `name`",
        ),
        Key::warned(
            "labels",
            Shape::Pairs,
            "processes have no secret objects to label",
        ),
        Key::warned("driver", Shape::Text, "processes have no secret drivers"),
        Key::warned(
            "driver_opts",
            Shape::Named(&Shape::Text),
            "processes have no secret drivers",
        ),
        Key::warned(
            "template_driver",
            Shape::Text,
            "processes have no secret drivers",
        ),
    ],
};

/// One entry of the top-level `configs`.
pub static CONFIG: Section = Section {
    name: "config",
    extensions: true,
    keys: &[
        Key::honoured("name", Shape::Text, "its name in an engine"),
        Key::honoured("content", Shape::Text, "its text"),
        Key::honoured("environment", Shape::Text, "the variable that holds it"),
        Key::honoured("file", Shape::Text, "the file that holds it"),
        Key::refused(
            "external",
            Shape::Any,
            "no engine keeps configs for Mainstay: write `file: …` or `content: …`",
        ),
        Key::warned(
            "labels",
            Shape::Pairs,
            "processes have no config objects to label",
        ),
        Key::warned(
            "template_driver",
            Shape::Text,
            "processes have no config drivers",
        ),
    ],
};

/// One entry of the top-level `models`.
pub static MODEL: Section = Section {
    name: "model",
    extensions: true,
    keys: &[
        Key::warned("name", Shape::Text, MODEL_TEXT),
        Key::warned("model", Shape::Text, MODEL_TEXT),
        Key::warned("context_size", Shape::Integer, MODEL_TEXT),
        Key::warned("runtime_flags", Shape::List(&Shape::Text), MODEL_TEXT),
    ],
};
const MODEL_TEXT: &str = "covered by the warning on `models`";

/// Every section in the order of the reference page.
pub fn sections() -> Vec<&'static Section> {
    let mut all = vec![&COMPOSE, &INCLUDE, &SERVICE];
    all.extend(parts::ALL);
    all.extend(deploy::ALL);
    all.extend([&VOLUME, &X_VOLUME, &NETWORK, &IPAM, &IPAM_POOL]);
    all.extend([&SECRET, &CONFIG, &MODEL]);
    all
}
