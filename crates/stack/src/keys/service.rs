//! The keys of a service.

use super::deploy::DEPLOY;
use super::parts::{
    BLKIO, BUILD, CREDENTIAL_SPEC, DEPENDENCY, DEVELOP, DEVICE, ENV_FILE, EXTENDS, GPU, GRANT,
    HEALTHCHECK, HOOK, LOGGING, PORT, PROVIDER, SERVICE_MODEL, SERVICE_NETWORK, ULIMIT,
    VOLUME_MOUNT, X_MAINSTAY,
};
use super::{TEXTS, UNIQUE};
use crate::grammar::{Identity, Key, Merge, Section, Shape};

const CONTAINER_ONLY: &str = "belongs to containers; the program runs as a plain process";
const NOT_ISOLATED: &str =
    "a process is not isolated from the host; run the server as a user with few rights";
const HOST_NETWORK: &str = "processes use the host's network and name resolution";

/// One service.
pub(crate) static SERVICE: Section = Section {
    name: "service",
    extensions: true,
    keys: &[
        Key::warned("annotations", Shape::Pairs, CONTAINER_ONLY).on_docker("of the container; needs Engine 24"),
        Key::warned("attach", Shape::Bool, "`mainstay logs` shows the services you name"),
        Key::honoured(
            "build",
            Shape::Short(&Shape::Section(&BUILD)),
            "for targets that run containers; `x-mainstay.build` takes its place",
        ).on_docker("how the image is built"),
        Key::warned("blkio_config", Shape::Section(&BLKIO), CONTAINER_ONLY).warned_on_docker("rates of block devices are not set"),
        Key::warned("cap_add", Shape::List(&Shape::Text), NOT_ISOLATED).on_docker("capabilities beside the engine's own").merged(UNIQUE),
        Key::warned("cap_drop", Shape::List(&Shape::Text), NOT_ISOLATED).on_docker("capabilities taken away; `ALL` is a good start").merged(UNIQUE),
        Key::warned("cgroup", Shape::Word(&["host", "private"]), CONTAINER_ONLY).on_docker("the namespace of control groups"),
        Key::warned("cgroup_parent", Shape::Text, CONTAINER_ONLY).on_docker("the control group it is put in"),
        Key::honoured(
            "command",
            Shape::Command,
            "with `entrypoint` before it what runs, unless `x-mainstay.command` says otherwise",
        ).on_docker("instead of the image's own")
        .merged(Merge::Replace),
        Key::honoured(
            "configs",
            Shape::List(&Shape::Short(&Shape::Section(&GRANT))),
            "as files; `NAME_FILE` holds the path of each",
        )
        .on_docker("as files, where `target` says")
        .merged(Merge::By(Identity::Target)),
        Key::warned("container_name", Shape::Text, "instances are named by stack, environment, service and release").warned_on_docker("instances are named by stack, environment, service and release"),
        Key::warned("cpu_count", Shape::Integer, "use `cpus`").warned_on_docker("belongs to Windows containers: use `cpus`"),
        Key::warned("cpu_percent", Shape::Number, "use `cpus`").warned_on_docker("belongs to Windows containers: use `cpus`"),
        Key::warned("cpu_shares", Shape::Number, "use `cpus`").on_docker("weight beside other containers; 1024 is usual"),
        Key::warned("cpu_quota", Shape::Number, "use `cpus`").on_docker("CPU time in each period, in microseconds; not together with `cpus`"),
        Key::warned("cpu_period", Shape::Any, "use `cpus`").on_docker("the period of `cpu_quota`, in microseconds"),
        Key::warned("cpu_rt_period", Shape::Any, "use `cpus`"),
        Key::warned("cpu_rt_runtime", Shape::Any, "use `cpus`"),
        Key::honoured("cpus", Shape::Number, "at most this many CPUs"),
        Key::warned("cpuset", Shape::Text, "use `cpus`").on_docker("the CPUs it may use"),
        Key::refused("credential_spec", Shape::Section(&CREDENTIAL_SPEC), "belongs to Windows containers"),
        Key::honoured(
            "depends_on",
            Shape::Names(&Shape::Section(&DEPENDENCY)),
            "the order of starting and replacing, by health where asked for",
        ),
        Key::honoured("deploy", Shape::Section(&DEPLOY), "see there"),
        Key::warned("develop", Shape::Section(&DEVELOP), "deploy again to take a change over"),
        Key::warned("device_cgroup_rules", Shape::List(&Shape::Text), NOT_ISOLATED).on_docker("devices it may open").merged(UNIQUE),
        Key::warned("devices", Shape::List(&Shape::Short(&Shape::Section(&DEVICE))), "a process sees the host's devices under their own names").on_docker("devices of the host").merged(Merge::By(Identity::Target)),
        Key::warned("dns", TEXTS, HOST_NETWORK).on_docker("servers instead of the engine's own").merged(UNIQUE),
        Key::warned("dns_opt", Shape::List(&Shape::Text), HOST_NETWORK).on_docker("options of its resolver").merged(UNIQUE),
        Key::warned("dns_search", TEXTS, HOST_NETWORK).on_docker("domains its resolver tries").merged(UNIQUE),
        Key::warned("domainname", Shape::Text, HOST_NETWORK).on_docker("its domain"),
        Key::honoured("entrypoint", Shape::Command, "see `command`").on_docker("instead of the image's own; then the image's command does not count").merged(Merge::Replace),
        Key::honoured("env_file", Shape::OneOrMore(&Shape::Short(&Shape::Section(&ENV_FILE))), "read below `environment`").merged(Merge::By(Identity::Path)),
        Key::honoured("environment", Shape::Pairs, "the process's variables; a name without a value takes it over").on_docker("the container's variables; a name without a value takes it over"),
        Key::honoured("expose", Shape::List(&Shape::Text), "the port the service listens on, where `ports` says none").merged(UNIQUE),
        Key::honoured("extends", Shape::Short(&Shape::Section(&EXTENDS)), "another service, here or in another file").merged(Merge::Replace),
        Key::warned("external_links", Shape::List(&Shape::Text), HOST_NETWORK).refused_on_docker("containers of others are reached over a network that both join: `networks: {NAME: {external: true}}`").merged(UNIQUE),
        Key::warned("extra_hosts", Shape::Any, HOST_NETWORK).on_docker("lines of its hosts file; `host-gateway` is the host"),
        Key::warned("gpus", Shape::Short(&Shape::List(&Shape::Section(&GPU))), "a process sees all GPUs of the host").on_docker("GPUs, as the engine finds them"),
        Key::warned("group_add", Shape::List(&Shape::Text), "give the user the groups on the host").on_docker("further groups of its user").merged(UNIQUE),
        Key::honoured("healthcheck", Shape::Section(&HEALTHCHECK), "see there; `health` of mainstay.yaml wins"),
        Key::warned("hostname", Shape::Text, HOST_NETWORK).on_docker("its host name; every instance has the same"),
        Key::honoured("image", Shape::Text, "for targets that run containers; `x-mainstay.command` takes its place").on_docker("what runs"),
        Key::honoured("init", Shape::Bool, "the shim always collects dead children").on_docker("an init process of the engine collects dead children"),
        Key::warned("ipc", Shape::Text, NOT_ISOLATED).on_docker("`host`, `private`, `shareable`, `none`; that of another container is refused"),
        Key::warned("isolation", Shape::Text, CONTAINER_ONLY).warned_on_docker("belongs to Windows containers"),
        Key::honoured("labels", Shape::Pairs, "kept with the service").on_docker("of the container, beside our own"),
        Key::refused("label_file", TEXTS, "not supported yet: write them under `labels`").merged(UNIQUE),
        Key::warned("links", Shape::List(&Shape::Text), "services find each other through `NAME_URL`, `NAME_HOST` and `NAME_PORT`").warned_on_docker("services reach each other by name on the networks they share; another name is an alias there").merged(UNIQUE),
        Key::honoured("logging", Shape::Section(&LOGGING), "see there"),
        Key::warned("mac_address", Shape::Text, HOST_NETWORK).warned_on_docker("two instances cannot have one address"),
        Key::honoured("mem_limit", Shape::Size, "at most this much memory"),
        Key::warned("mem_reservation", Shape::Size, "use `mem_limit`").on_docker("left to it when memory is short"),
        Key::warned("mem_swappiness", Shape::Integer, "use `mem_limit`").on_docker("0 to 100"),
        Key::warned("memswap_limit", Shape::Any, "use `mem_limit`").on_docker("memory and swap together; -1 is no limit"),
        Key::refused("models", Shape::Names(&Shape::Section(&SERVICE_MODEL)), "models are served by Docker: pass the address of your model server in `environment`"),
        Key::warned("network_mode", Shape::Text, HOST_NETWORK).on_docker("`host` and `none`; others are refused"),
        Key::warned("networks", Shape::Names(&Shape::Section(&SERVICE_NETWORK)), HOST_NETWORK).on_docker("those it joins; `default` where left out"),
        Key::warned("oom_kill_disable", Shape::Bool, "the kernel decides").on_docker("wait for memory instead of being ended; on hosts with control groups v1"),
        Key::warned("oom_score_adj", Shape::Any, "the kernel decides").on_docker("-1000 to 1000: who is ended first"),
        Key::warned("pid", Shape::Text, NOT_ISOLATED).on_docker("`host`; that of another container is refused"),
        Key::honoured("pids_limit", Shape::Any, "at most this many processes; -1 is no limit"),
        Key::warned("platform", Shape::Text, "the program runs on the host's own platform").on_docker("of the image, such as `linux/arm64`"),
        Key::honoured("ports", Shape::List(&Shape::Short(&Shape::Section(&PORT))), "see there").on_docker("see there: the proxy publishes them, not the engine").merged(Merge::By(Identity::Port)),
        Key::refused("post_start", Shape::List(&Shape::Section(&HOOK)), "not supported yet: use `deploy.hooks.after` of mainstay.yaml"),
        Key::refused("pre_stop", Shape::List(&Shape::Section(&HOOK)), "not supported yet: let the program act on its stop signal"),
        Key::warned("privileged", Shape::Bool, "a process has the rights of its user").on_docker("all rights of the host; `mainstay audit` will say so"),
        Key::honoured("profiles", Shape::List(&Shape::Text), "the service runs when one of them is active").merged(UNIQUE),
        Key::refused("provider", Shape::Section(&PROVIDER), "belongs to Docker Compose's plugins"),
        Key::warned("pull_policy", Shape::Text, "no image is pulled for a process").on_docker("`missing`, `always`, `never`, `build`; `daily`, `weekly` and `every_…` are asked for at each deploy, with a warning"),
        Key::warned("pull_refresh_after", Shape::Text, "no image is pulled for a process").warned_on_docker("images are asked for when a release is deployed"),
        Key::warned("read_only", Shape::Bool, NOT_ISOLATED).on_docker("of its root file system"),
        Key::honoured("restart", Shape::Text, "`no`, `always`, `unless-stopped`, `on-failure[:TIMES]`"),
        Key::warned("runtime", Shape::Text, CONTAINER_ONLY).on_docker("another runtime of the engine"),
        Key::honoured("scale", Shape::Integer, "how many instances; `deploy.replicas` says the same"),
        Key::warned("security_opt", Shape::List(&Shape::Text), NOT_ISOLATED).on_docker("such as `no-new-privileges:true`").merged(UNIQUE),
        Key::warned("shm_size", Shape::Size, "processes use the host's /dev/shm").on_docker("of /dev/shm; 64 MiB where left out"),
        Key::honoured(
            "secrets",
            Shape::List(&Shape::Short(&Shape::Section(&GRANT))),
            "as files in memory, for the user of the process alone; `NAME_FILE` holds the path of each",
        )
        .on_docker("as files in memory, in /run/secrets or where `target` says")
        .merged(Merge::By(Identity::Target)),
        Key::warned("sysctls", Shape::Pairs, "the kernel's settings are the host's").on_docker("kernel settings of its namespaces"),
        Key::warned("stdin_open", Shape::Bool, "a process reads nothing from standard input").on_docker("its standard input stays open"),
        Key::honoured("stop_grace_period", Shape::Duration, "from the stop signal to SIGKILL"),
        Key::honoured("stop_signal", Shape::Text, "asks the process to end").on_docker("asks the container to end"),
        Key::warned("storage_opt", Shape::Named(&Shape::Text), CONTAINER_ONLY).on_docker("options of the storage driver"),
        Key::warned("tmpfs", TEXTS, "processes use the host's directories").on_docker("file systems in memory").merged(UNIQUE),
        Key::warned("tty", Shape::Bool, "a process writes to a log, not to a terminal").on_docker("a terminal; standard output and error are then one"),
        Key::honoured("ulimits", Shape::Named(&Shape::Short(&Shape::Section(&ULIMIT))), "`nofile` and `nproc`; others are warned about").on_docker("all of them"),
        Key::refused("use_api_socket", Shape::Bool, "there is no engine whose socket could be passed").refused_on_docker("mount the socket where it must be: `/var/run/docker.sock:/var/run/docker.sock`"),
        Key::honoured("user", Shape::Text, "`USER` or `USER:GROUP` of the host; the server must be root to change it").on_docker("`USER` or `USER:GROUP` of the image"),
        Key::warned("userns_mode", Shape::Text, NOT_ISOLATED).on_docker("`host` where the engine maps users"),
        Key::warned("uts", Shape::Text, NOT_ISOLATED).on_docker("`host`: the host's name"),
        Key::honoured(
            "volumes",
            Shape::List(&Shape::Short(&Shape::Section(&VOLUME_MOUNT))),
            "decide whether two instances may run at once. Nothing is mounted: the process sees the host's paths, and a warning says so until the volume has an `x-mainstay`",
        ).on_docker("see there; what is written decides whether two instances may run at once")
        .merged(Merge::By(Identity::Target)),
        Key::refused("volumes_from", Shape::List(&Shape::Text), "nothing is mounted for a process").refused_on_docker("name the volume, and mount it in both services").merged(UNIQUE),
        Key::honoured("working_dir", Shape::Text, "where the process starts, on the host").on_docker("where the program starts, in the container"),
        Key::honoured("x-mainstay", Shape::Section(&X_MAINSTAY), "how it runs as a process").merged(Merge::Natural),
    ],
};
