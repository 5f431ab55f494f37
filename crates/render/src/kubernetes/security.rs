//! What pods may do: the level of the Pod Security Standards that a stack allows, and the security contexts.
//!
//! See <https://kubernetes.io/docs/concepts/security/pod-security-standards/>. The strictest level that all
//! services of the stack allow is enforced; what stands in the way of it is said beside it.

use super::known;
use mainstay_stack::{NetworkMode, Service, Stack};
use mainstay_yaml::write::{Doc, Map};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Restricted,
    Baseline,
    Privileged,
}

impl Level {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }
}

/// As whom a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// The files or what is known of the image say the numbers.
    Numbers(i64, Option<i64>),
    /// Built here: the Dockerfile's, and never root.
    Image,
    /// Somebody else's image, and nobody says.
    Unknown,
}

pub(super) fn user(service: &Service) -> User {
    if let Some(text) = &service.user {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let group = if group.is_empty() {
            service.group.as_deref().unwrap_or_default()
        } else {
            group
        };
        return match (user, user.parse()) {
            ("root", _) => User::Numbers(0, None),
            (_, Ok(number)) => User::Numbers(number, group.parse().ok()),
            // A name is in the image's list of users, which is not seen from here.
            _ => User::Unknown,
        };
    }
    match known::user(service) {
        Some((user, group)) => User::Numbers(user, Some(group)),
        None if service.container.build.is_some() || built_name(service) => User::Image,
        None => User::Unknown,
    }
}

/// Nothing says that it is built here, but for how it is run as a process.
fn built_name(service: &Service) -> bool {
    service.process.is_some()
}

/// Groups that may be added within the level `baseline`.
const BASELINE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Kernel settings that a kubelet allows without being told to.
pub(super) const SAFE_SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
];

pub(super) fn capability(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}

/// The level that one service allows, and what stands in the way of a stricter one.
fn allowed(service: &Service) -> (Level, Vec<String>) {
    let isolation = &service.container.isolation;
    let host = |word: &Option<String>| word.as_deref() == Some("host");
    let added: Vec<String> = isolation
        .cap_add
        .iter()
        .map(|name| capability(name))
        .collect();
    let unconfined = isolation
        .security_opt
        .iter()
        .any(|option| unconfined(option));
    let beyond = added.iter().find(|name| !BASELINE.contains(&name.as_str()));
    let privileged = [
        (isolation.privileged, "it is privileged".to_owned()),
        (
            service.container.network.mode == NetworkMode::Host,
            "it is on the host's own network".to_owned(),
        ),
        (
            host(&isolation.pid),
            "it sees the host's processes".to_owned(),
        ),
        (
            host(&isolation.ipc),
            "it shares the host's memory".to_owned(),
        ),
        (unconfined, "its system calls are not confined".to_owned()),
        (
            beyond.is_some(),
            format!("it has {}", beyond.map_or("", String::as_str)),
        ),
    ];
    let more = added.iter().find(|name| *name != "NET_BIND_SERVICE");
    let user = user(service);
    let baseline = [
        (
            user == User::Unknown,
            "as whom its image runs is not known: say `user: \"UID:GID\"`".to_owned(),
        ),
        (
            matches!(user, User::Numbers(0, _)),
            "it runs as root".to_owned(),
        ),
        (
            more.is_some(),
            format!("it has {}", more.map_or("", String::as_str)),
        ),
    ];
    for (level, reasons) in [
        (Level::Privileged, &privileged[..]),
        (Level::Baseline, &baseline[..]),
    ] {
        let held = reasons.iter().filter(|(holds, _)| *holds);
        let reasons: Vec<String> = held
            .map(|(_, why)| format!("`{}`: {why}", service.name))
            .collect();
        if !reasons.is_empty() {
            return (level, reasons);
        }
    }
    (Level::Restricted, Vec::new())
}

/// What a whole stack allows, and why no more.
pub(super) fn level(stack: &Stack) -> (Level, Vec<String>) {
    let each: Vec<(Level, Vec<String>)> = stack.services.values().map(allowed).collect();
    let level = each
        .iter()
        .map(|(level, _)| *level)
        .max()
        .unwrap_or(Level::Restricted);
    let reasons = each
        .into_iter()
        .filter(|(own, _)| *own == level)
        .flat_map(|(_, why)| why);
    (level, reasons.collect())
}

fn unconfined(option: &str) -> bool {
    matches!(option, "seccomp:unconfined" | "seccomp=unconfined")
}

/// Of the pod: as whom, and which system calls.
pub(super) fn pod(service: &Service) -> Map {
    let isolation = &service.container.isolation;
    let (number, group) = match user(service) {
        User::Numbers(number, group) => (Some(number), group),
        User::Image | User::Unknown => (None, None),
    };
    let never_root = number.map_or(user(service) == User::Image, |number| number > 0);
    let confined = !isolation
        .security_opt
        .iter()
        .any(|option| unconfined(option));
    let profile = if confined {
        "RuntimeDefault"
    } else {
        "Unconfined"
    };
    let groups: Vec<i64> = isolation
        .group_add
        .iter()
        .filter_map(|group| group.parse().ok())
        .collect();
    let sysctls = isolation.sysctls.iter();
    let sysctls = sysctls.filter(|(name, _)| SAFE_SYSCTLS.contains(&name.as_str()));
    let sysctls: Vec<Map> = sysctls
        .map(|(name, value)| Map::new().set("name", name).set("value", value))
        .collect();
    Map::new()
        .set("runAsNonRoot", never_root)
        .maybe("runAsUser", number)
        .maybe("runAsGroup", group)
        .maybe("fsGroup", owner(service))
        .maybe(
            "fsGroupChangePolicy",
            owner(service).map(|_| "OnRootMismatch"),
        )
        .some("supplementalGroups", groups)
        .set("seccompProfile", Map::new().set("type", profile))
        .some("sysctls", sysctls)
}

/// The group that volumes belong to, so that one who is not root can write to them.
fn owner(service: &Service) -> Option<i64> {
    match user(service) {
        User::Numbers(0, _) | User::Unknown => None,
        User::Numbers(number, group) => Some(group.unwrap_or(number)),
        User::Image => Some(10001),
    }
}

/// Whether nothing is written to the image's own files.
pub(super) fn read_only(service: &Service) -> bool {
    service.container.isolation.read_only
        || known::user(service).is_some() && service.user.is_none()
}

/// Of the container.
pub(super) fn container(service: &Service) -> Map {
    let isolation = &service.container.isolation;
    let added: Vec<String> = isolation
        .cap_add
        .iter()
        .map(|name| capability(name))
        .collect();
    let dropped: Vec<String> = match user(service) {
        // It may be one that starts as root and changes its user.
        User::Unknown => isolation
            .cap_drop
            .iter()
            .map(|name| capability(name))
            .collect(),
        _ => vec!["ALL".to_owned()],
    };
    let escalation = isolation.privileged || added.iter().any(|name| name == "SYS_ADMIN");
    let mut context = Map::new().set("allowPrivilegeEscalation", escalation);
    if isolation.privileged {
        context.insert("privileged", true);
    }
    context
        .set("readOnlyRootFilesystem", read_only(service))
        .some(
            "capabilities",
            Map::new().some("drop", dropped).some("add", added),
        )
}

/// What a judge finds and why it stays: annotations that checkov reads.
#[derive(Debug, Default)]
pub(super) struct Waivers(Vec<(&'static str, String)>);

impl Waivers {
    pub(super) fn add(&mut self, rule: &'static str, why: impl Into<String>) {
        if !self.0.iter().any(|(known, _)| *known == rule) {
            self.0.push((rule, why.into()));
        }
    }

    pub(super) fn annotations(&self) -> Map {
        let numbered = self.0.iter().enumerate();
        numbered
            .map(|(at, (rule, why))| {
                (
                    format!("checkov.io/skip{}", at + 1),
                    Doc::from(format!("{rule}={why}")),
                )
            })
            .collect()
    }
}

/// What is known to be found in pods of this service.
pub(super) fn waivers(service: &Service) -> Waivers {
    let mut waivers = Waivers::default();
    match user(service) {
        User::Image => waivers.add("CKV_K8S_40", "the image says its user, and root is refused"),
        User::Numbers(0, _) => {
            let why = "compose.yaml says so";
            waivers.add("CKV_K8S_40", why);
            waivers.add("CKV_K8S_23", why);
        }
        User::Numbers(number, _) if number < 10_000 => {
            waivers.add("CKV_K8S_40", "the image has this user");
        }
        User::Numbers(..) => {}
        User::Unknown => {
            let why = "nobody says as whom this image runs";
            for rule in ["CKV_K8S_40", "CKV_K8S_23", "CKV_K8S_28", "CKV_K8S_37"] {
                waivers.add(rule, why);
            }
        }
    }
    if !read_only(service) {
        waivers.add("CKV_K8S_22", "compose.yaml does not say read_only");
    }
    let isolation = &service.container.isolation;
    if !isolation.cap_add.is_empty() {
        waivers.add("CKV_K8S_25", "compose.yaml adds them");
        waivers.add("CKV_K8S_37", "compose.yaml adds them");
    }
    if isolation.privileged {
        waivers.add("CKV_K8S_16", "compose.yaml says so");
        waivers.add("CKV_K8S_20", "compose.yaml says so");
    }
    if service.limits.memory.is_none() {
        waivers.add("CKV_K8S_13", "compose.yaml says no limit of memory");
    }
    if service.limits.cpus.is_none() {
        waivers.add("CKV_K8S_11", "compose.yaml says no limit of CPUs");
    }
    if service.health.is_none() && known::first_port(service).is_none() {
        waivers.add(
            "CKV_K8S_8",
            "compose.yaml has no health check, and it has no port",
        );
        waivers.add(
            "CKV_K8S_9",
            "compose.yaml has no health check, and it has no port",
        );
    }
    waivers
}
