//! The sections within a service.

use super::{TEXTS, UNIQUE};
use crate::grammar::{Key, Merge, Section, Shape};

pub(super) static ALL: &[&Section] = &[
    &X_MAINSTAY,
    &PORT,
    &VOLUME_MOUNT,
    &MOUNT_BIND,
    &MOUNT_VOLUME,
    &MOUNT_TMPFS,
    &MOUNT_IMAGE,
    &HEALTHCHECK,
    &DEPENDENCY,
    &ENV_FILE,
    &EXTENDS,
    &LOGGING,
    &ULIMIT,
    &BUILD,
    &DEVELOP,
    &WATCH,
    &GRANT,
    &HOOK,
    &SERVICE_NETWORK,
    &SERVICE_MODEL,
    &PROVIDER,
    &DEVICE,
    &GPU,
    &BLKIO,
    &BLKIO_RATE,
    &BLKIO_WEIGHT,
    &CREDENTIAL_SPEC,
];

/// `x-mainstay` of a service: how the process target runs it.
pub(super) static X_MAINSTAY: Section = Section {
    name: "x-mainstay",
    extensions: false,
    keys: &[
        Key::honoured(
            "build",
            Shape::Command,
            "run before each deploy, in the stack's directory",
        )
        .on_docker("for the process target: an image is built from `build`")
        .merged(Merge::Replace),
        Key::honoured(
            "artifacts",
            TEXTS,
            "files the build leaves; kept per release, so that a rollback runs the very bytes",
        )
        .on_docker("for the process target")
        .merged(UNIQUE),
        Key::honoured(
            "command",
            Shape::Command,
            "what runs; `PORT` says where to listen",
        )
        .on_docker("for the process target: a container runs `command`")
        .merged(Merge::Replace),
        Key::honoured(
            "secrets",
            Shape::Pairs,
            "`VARIABLE: NAME`: the secret as a variable of the service. A form that Docker Compose leaves alone",
        ),
        Key::honoured(
            "singleton",
            Shape::Bool,
            "never two at once: replaced stop-first",
        ),
        Key::honoured(
            "stateful",
            Shape::Bool,
            "whether only one instance may run at a time. Left out: it may where nothing that it writes to is its own",
        ),
    ],
};

/// One entry of `ports`, long form.
pub(super) static PORT: Section = Section {
    name: "port",
    extensions: true,
    keys: &[
        Key::honoured("name", Shape::Text, "for people"),
        Key::warned("mode", Shape::Text, "the proxy is the one that publishes"),
        Key::honoured("host_ip", Shape::Text, "the address the proxy listens on"),
        Key::honoured(
            "target",
            Shape::Any,
            "the port inside a container; a process listens on `PORT`",
        )
        .on_docker("the port inside the container"),
        Key::honoured("published", Shape::Any, "the port the proxy listens on"),
        Key::honoured(
            "protocol",
            Shape::Word(&["tcp", "udp"]),
            "`tcp`; `udp` is refused",
        ),
        Key::honoured(
            "app_protocol",
            Shape::Text,
            "`http`, or `tcp` to pass bytes through; other names are taken for what they are. Left out: see above",
        ),
    ],
};

/// One entry of a service's `volumes`, long form.
pub(super) static VOLUME_MOUNT: Section = Section {
    name: "volume mount",
    extensions: true,
    keys: &[
        Key::honoured(
            "type",
            Shape::Word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]),
            "`bind`, `volume`, `tmpfs`; others are refused",
        ),
        Key::honoured("source", Shape::Text, "the volume, or the host's path"),
        Key::honoured("target", Shape::Text, "where it is mounted"),
        Key::honoured(
            "read_only",
            Shape::Bool,
            "then two instances may have it at once",
        ),
        Key::warned("consistency", Shape::Text, MOUNT)
            .warned_on_docker("belongs to engines on other systems"),
        Key::warned("bind", Shape::Section(&MOUNT_BIND), MOUNT).on_docker("see there"),
        Key::warned("volume", Shape::Section(&MOUNT_VOLUME), MOUNT).on_docker("see there"),
        Key::warned("tmpfs", Shape::Section(&MOUNT_TMPFS), MOUNT).on_docker("see there"),
        Key::warned("image", Shape::Section(&MOUNT_IMAGE), MOUNT).refused_on_docker(
            "mounts of images need an engine newer than most: copy the files into yours",
        ),
    ],
};

/// `bind` of a volume mount.
pub(super) static MOUNT_BIND: Section = Section {
    name: "bind of a volume mount",
    extensions: true,
    keys: &[
        Key::warned("propagation", Shape::Text, MOUNT)
            .on_docker("whether mounts below it are seen, such as `rslave`"),
        Key::warned("create_host_path", Shape::Bool, MOUNT)
            .on_docker("`true` where left out: a missing directory is made"),
        Key::warned("recursive", Shape::Text, MOUNT)
            .warned_on_docker("mounts below it are part of it, writable where it is"),
        Key::warned("selinux", Shape::Word(&["z", "Z"]), MOUNT)
            .on_docker("relabels it: `z` for all containers, `Z` for this one"),
    ],
};

/// `volume` of a volume mount.
pub(super) static MOUNT_VOLUME: Section = Section {
    name: "volume of a volume mount",
    extensions: true,
    keys: &[
        Key::warned("labels", Shape::Pairs, MOUNT)
            .warned_on_docker("write them under the top-level `volumes`"),
        Key::warned("nocopy", Shape::Bool, MOUNT)
            .on_docker("not filled with what the image has there"),
        Key::warned("subpath", Shape::Text, MOUNT)
            .on_docker("only this directory of it; needs Engine 26"),
    ],
};

/// `tmpfs` of a volume mount.
pub(super) static MOUNT_TMPFS: Section = Section {
    name: "tmpfs of a volume mount",
    extensions: true,
    keys: &[
        Key::warned("size", Shape::Size, MOUNT)
            .on_docker("at most this much; as much as there is memory where left out"),
        Key::warned("mode", Shape::Text, MOUNT).on_docker("permission bits, such as `1770`"),
    ],
};

/// `image` of a volume mount.
pub(super) static MOUNT_IMAGE: Section = Section {
    name: "image of a volume mount",
    extensions: true,
    keys: &[Key::warned("subpath", Shape::Text, MOUNT)
        .refused_on_docker("the whole of it is refused: see `image` of a volume mount")],
};
const MOUNT: &str = "nothing is mounted for a process";

/// `healthcheck`
pub(super) static HEALTHCHECK: Section = Section {
    name: "healthcheck",
    extensions: true,
    keys: &[
        Key::honoured(
            "test",
            Shape::Command,
            "`CMD`, `CMD-SHELL` or `NONE`; runs beside the process",
        )
        .on_docker("`CMD`, `CMD-SHELL` or `NONE`; runs in the container")
        .merged(Merge::Replace),
        Key::honoured("disable", Shape::Bool, "no health check"),
        Key::honoured("interval", Shape::Duration, "between probes"),
        Key::honoured("timeout", Shape::Duration, "of one probe"),
        Key::honoured(
            "retries",
            Shape::Integer,
            "failures in a row until unhealthy",
        ),
        Key::honoured(
            "start_period",
            Shape::Duration,
            "failures do not count within it",
        ),
        Key::honoured(
            "start_interval",
            Shape::Duration,
            "between probes while starting; 100 ms, where Compose has 5 s",
        ),
    ],
};

/// One entry of `depends_on`, long form.
pub(super) static DEPENDENCY: Section = Section {
    name: "dependency",
    extensions: true,
    keys: &[
        Key::honoured(
            "condition",
            Shape::Word(&[
                "service_started",
                "service_healthy",
                "service_completed_successfully",
            ]),
            "what to wait for",
        ),
        Key::honoured(
            "restart",
            Shape::Bool,
            "restart when the dependency was replaced",
        ),
        Key::honoured(
            "required",
            Shape::Bool,
            "without it, a missing dependency is a warning",
        ),
    ],
};

/// One entry of `env_file`, long form.
pub(super) static ENV_FILE: Section = Section {
    name: "env_file",
    extensions: false,
    keys: &[
        Key::honoured("path", Shape::Text, "the file"),
        Key::honoured("required", Shape::Bool, "`false`: it may be missing"),
        Key::honoured(
            "format",
            Shape::Word(&["raw"]),
            "`raw`: no quotes, no variables",
        ),
    ],
};

/// `extends`, long form.
pub(super) static EXTENDS: Section = Section {
    name: "extends",
    extensions: false,
    keys: &[
        Key::honoured("service", Shape::Text, "the service"),
        Key::honoured(
            "file",
            Shape::Text,
            "the file it stands in; here, where left out",
        ),
    ],
};

/// `logging`
pub(super) static LOGGING: Section = Section {
    name: "logging",
    extensions: true,
    keys: &[
        Key::honoured(
            "driver",
            Shape::Text,
            "`json-file` and `local`; others are warned about",
        ).on_docker("who keeps the log; `json-file` where left out"),
        Key::honoured(
            "options",
            Shape::Named(&Shape::Text),
            "`max-size` and `max-file`; others are warned about",
        ).on_docker("what the driver is told; `json-file` and `local` rotate at 10 MiB, five files, where left out"),
    ],
};

/// One entry of `ulimits`, long form.
pub(super) static ULIMIT: Section = Section {
    name: "ulimit",
    extensions: true,
    keys: &[
        Key::honoured("soft", Shape::Text, "the limit; -1 is none"),
        Key::honoured("hard", Shape::Text, "the limit where `soft` is left out")
            .on_docker("how far the program may raise it"),
    ],
};

/// `build`. The process target does not read it; targets that run containers will.
pub(super) static BUILD: Section = Section {
    name: "build",
    extensions: true,
    keys: &[
        Key::honoured("context", Shape::Text, BUILT)
            .on_docker("the directory that is sent to the builder"),
        Key::honoured("dockerfile", Shape::Text, BUILT)
            .on_docker("the recipe; `Dockerfile` where left out"),
        Key::honoured("dockerfile_inline", Shape::Text, BUILT).on_docker("the recipe itself"),
        Key::honoured("entitlements", Shape::List(&Shape::Text), BUILT)
            .refused_on_docker("builds run without further rights")
            .merged(UNIQUE),
        Key::honoured("args", Shape::Pairs, BUILT)
            .on_docker("build arguments; never secrets, `docker history` shows them"),
        Key::honoured("ssh", Shape::Pairs, BUILT)
            .refused_on_docker("no agent is handed to a build"),
        Key::honoured("labels", Shape::Pairs, BUILT).on_docker("of the image"),
        Key::honoured("cache_from", Shape::List(&Shape::Text), BUILT)
            .on_docker("images whose layers may be used")
            .merged(UNIQUE),
        Key::honoured("cache_to", Shape::List(&Shape::Text), BUILT)
            .warned_on_docker("the engine keeps its own cache")
            .merged(UNIQUE),
        Key::honoured("no_cache", Shape::Bool, BUILT).on_docker("build every step again"),
        Key::honoured("additional_contexts", Shape::Pairs, BUILT).refused_on_docker(
            "copy what is needed into the context, or build it as an image that `FROM` names",
        ),
        Key::honoured("network", Shape::Text, BUILT).on_docker("the network of `RUN`"),
        Key::honoured("provenance", Shape::Text, BUILT).warned_on_docker("no attestation is made"),
        Key::honoured("sbom", Shape::Text, BUILT).warned_on_docker("no attestation is made"),
        Key::honoured("pull", Shape::Bool, BUILT).on_docker("ask for newer base images"),
        Key::honoured("target", Shape::Text, BUILT).on_docker("the stage to build"),
        Key::honoured("shm_size", Shape::Size, BUILT).on_docker("/dev/shm of `RUN`"),
        Key::honoured("extra_hosts", Shape::Any, BUILT)
            .on_docker("lines of the hosts file of `RUN`"),
        Key::honoured("isolation", Shape::Text, BUILT)
            .warned_on_docker("belongs to Windows containers"),
        Key::honoured("privileged", Shape::Bool, BUILT)
            .refused_on_docker("builds run without further rights"),
        Key::honoured("secrets", Shape::List(&Shape::Any), BUILT).refused_on_docker(
            "secrets of builds are not supported yet: fetch what needs one before the build",
        ),
        Key::honoured("tags", Shape::List(&Shape::Text), BUILT)
            .on_docker("further names of the image")
            .merged(UNIQUE),
        Key::honoured(
            "ulimits",
            Shape::Named(&Shape::Short(&Shape::Section(&ULIMIT))),
            BUILT,
        )
        .warned_on_docker("builds have the limits of the engine"),
        Key::honoured("platforms", Shape::List(&Shape::Text), BUILT)
            .on_docker("the platforms to build for")
            .merged(UNIQUE),
    ],
};
const BUILT: &str = "for targets that run containers; `x-mainstay.build` takes its place";

/// `develop`
pub(super) static DEVELOP: Section = Section {
    name: "develop",
    extensions: true,
    keys: &[Key::warned(
        "watch",
        Shape::List(&Shape::Section(&WATCH)),
        WATCHED,
    )],
};
const WATCHED: &str = "covered by the warning on `develop`";

/// One entry of `develop.watch`.
pub(super) static WATCH: Section = Section {
    name: "watch",
    extensions: true,
    keys: &[
        Key::warned("path", Shape::Text, WATCHED),
        Key::warned(
            "action",
            Shape::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
            WATCHED,
        ),
        Key::warned("target", Shape::Text, WATCHED),
        Key::warned("ignore", TEXTS, WATCHED),
        Key::warned("include", TEXTS, WATCHED),
        Key::warned("initial_sync", Shape::Bool, WATCHED),
        Key::warned("exec", Shape::Any, WATCHED),
    ],
};

/// One entry of a service's `secrets` or `configs`, long form.
pub(super) static GRANT: Section = Section {
    name: "secret or config of a service",
    extensions: true,
    keys: &[
        Key::honoured("source", Shape::Text, "the secret or config"),
        Key::honoured(
            "target",
            Shape::Text,
            "where it is in a container. A process finds it elsewhere: a variable with exactly this value holds the path that it has there, and so does `NAME_FILE`",
        ),
        Key::warned("uid", Shape::Text, OWNER).on_docker("whom the file belongs to"),
        Key::warned("gid", Shape::Text, OWNER).on_docker("whose group it is"),
        Key::warned("mode", Shape::Text, OWNER).on_docker("its permissions; `0444` where left out"),
    ],
};
const OWNER: &str = "the file belongs to the user that the process runs as, who alone can read it";

/// `post_start` and `pre_stop`
pub(super) static HOOK: Section = Section {
    name: "hook",
    extensions: true,
    keys: &[
        Key::refused("command", Shape::Command, HOOKED).merged(Merge::Replace),
        Key::refused("user", Shape::Text, HOOKED),
        Key::refused("privileged", Shape::Bool, HOOKED),
        Key::refused("working_dir", Shape::Text, HOOKED),
        Key::refused("environment", Shape::Pairs, HOOKED),
    ],
};
const HOOKED: &str = "the whole of it is refused: see `post_start` and `pre_stop`";

/// One entry of a service's `networks`.
pub(super) static SERVICE_NETWORK: Section = Section {
    name: "network of a service",
    extensions: true,
    keys: &[
        Key::warned("aliases", Shape::List(&Shape::Text), JOINED)
            .on_docker("names beside the service's own")
            .merged(UNIQUE),
        Key::warned("interface_name", Shape::Text, JOINED)
            .warned_on_docker("the engine names interfaces"),
        Key::warned("ipv4_address", Shape::Text, JOINED)
            .on_docker("a fixed address: then only one instance may run at a time"),
        Key::warned("ipv6_address", Shape::Text, JOINED).on_docker("as `ipv4_address`"),
        Key::warned("link_local_ips", Shape::List(&Shape::Text), JOINED)
            .on_docker("further addresses of the link")
            .merged(UNIQUE),
        Key::warned("mac_address", Shape::Text, JOINED)
            .warned_on_docker("two instances cannot have one address"),
        Key::warned("driver_opts", Shape::Named(&Shape::Text), JOINED)
            .on_docker("what the driver is told"),
        Key::warned("priority", Shape::Number, JOINED)
            .on_docker("the network with the highest one is joined first"),
        Key::warned("gw_priority", Shape::Number, JOINED)
            .warned_on_docker("the engine chooses the gateway; `internal` networks have none"),
    ],
};
const JOINED: &str = "covered by the warning on `networks`";

/// One entry of a service's `models`.
pub(super) static SERVICE_MODEL: Section = Section {
    name: "model of a service",
    extensions: true,
    keys: &[
        Key::refused("endpoint_var", Shape::Text, MODELLED),
        Key::refused("model_var", Shape::Text, MODELLED),
    ],
};
const MODELLED: &str = "the whole of it is refused: see `models` of a service";

/// `provider`
pub(super) static PROVIDER: Section = Section {
    name: "provider",
    extensions: true,
    keys: &[
        Key::refused("type", Shape::Text, PROVIDED),
        Key::refused("options", Shape::Any, PROVIDED),
    ],
};
const PROVIDED: &str = "the whole of it is refused: see `provider`";

/// One entry of `devices`, long form.
pub(super) static DEVICE: Section = Section {
    name: "device",
    extensions: true,
    keys: &[
        Key::warned("source", Shape::Text, DEVICES).on_docker("on the host"),
        Key::warned("target", Shape::Text, DEVICES)
            .on_docker("in the container; the same where left out"),
        Key::warned("permissions", Shape::Text, DEVICES).on_docker("`rwm` or a part of it"),
    ],
};
const DEVICES: &str = "covered by the warning on `devices`";

/// One entry of `gpus`, and of `deploy.resources.reservations.devices`.
pub(super) static GPU: Section = Section {
    name: "device request",
    extensions: true,
    keys: &[
        Key::warned("capabilities", Shape::List(&Shape::Text), GPUS).on_docker("such as `gpu`"),
        Key::warned("count", Shape::Text, GPUS).on_docker("how many; `all` where left out"),
        Key::warned("device_ids", Shape::List(&Shape::Text), GPUS)
            .on_docker("which ones, instead of `count`"),
        Key::warned("driver", Shape::Text, GPUS).on_docker("such as `nvidia`"),
        Key::warned("options", Shape::Pairs, GPUS).on_docker("what the driver is told"),
    ],
};
const GPUS: &str = "covered by the warning on `gpus` and `reservations`";

/// `blkio_config`
pub(super) static BLKIO: Section = Section {
    name: "blkio_config",
    extensions: false,
    keys: &[
        Key::warned(
            "device_read_bps",
            Shape::List(&Shape::Section(&BLKIO_RATE)),
            BLKIOS,
        ),
        Key::warned(
            "device_read_iops",
            Shape::List(&Shape::Section(&BLKIO_RATE)),
            BLKIOS,
        ),
        Key::warned(
            "device_write_bps",
            Shape::List(&Shape::Section(&BLKIO_RATE)),
            BLKIOS,
        ),
        Key::warned(
            "device_write_iops",
            Shape::List(&Shape::Section(&BLKIO_RATE)),
            BLKIOS,
        ),
        Key::warned("weight", Shape::Integer, BLKIOS),
        Key::warned(
            "weight_device",
            Shape::List(&Shape::Section(&BLKIO_WEIGHT)),
            BLKIOS,
        ),
    ],
};
const BLKIOS: &str = "covered by the warning on `blkio_config`";

/// A rate of `blkio_config`.
pub(super) static BLKIO_RATE: Section = Section {
    name: "blkio rate",
    extensions: false,
    keys: &[
        Key::warned("path", Shape::Text, BLKIOS),
        Key::warned("rate", Shape::Text, BLKIOS),
    ],
};

/// A weight of `blkio_config`.
pub(super) static BLKIO_WEIGHT: Section = Section {
    name: "blkio weight",
    extensions: false,
    keys: &[
        Key::warned("path", Shape::Text, BLKIOS),
        Key::warned("weight", Shape::Integer, BLKIOS),
    ],
};

/// `credential_spec`
pub(super) static CREDENTIAL_SPEC: Section = Section {
    name: "credential_spec",
    extensions: true,
    keys: &[
        Key::refused("config", Shape::Text, CREDENTIALS),
        Key::refused("file", Shape::Text, CREDENTIALS),
        Key::refused("registry", Shape::Text, CREDENTIALS),
    ],
};
const CREDENTIALS: &str = "the whole of it is refused: see `credential_spec`";
