//! How a service's containers are run, and what is wrong with that.
//!
//! The settings are plain values: whoever knows Compose makes them.

use crate::finding::Finding;
use crate::image_name::ImageName;
use crate::rule::{self, Rule};

/// Of one service, as the files give them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    pub service: String,
    /// The file that a finding is placed in.
    pub file: String,
    /// Where the service stands in it; 0: not known.
    pub line: u32,
    pub image: Option<String>,
    /// Built from a Dockerfile: its image has no tag of its own.
    pub built: bool,
    pub user: Option<String>,
    pub privileged: bool,
    pub read_only: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    /// `network_mode`, `pid`, `ipc`, `userns_mode` by their names.
    pub namespaces: Vec<(String, String)>,
    /// Bind mounts: source, and whether it is read-only.
    pub bind_mounts: Vec<(String, bool)>,
    pub memory_limited: bool,
    pub processes_limited: bool,
    pub has_health_check: bool,
}

/// As good as root on the host, each by itself.
const DANGEROUS: [&str; 12] = [
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_BOOT",
    "SYS_TIME",
    "DAC_READ_SEARCH",
    "NET_ADMIN",
    "BPF",
    "MAC_ADMIN",
    "PERFMON",
];

const SOCKETS: [&str; 4] = ["docker.sock", "podman.sock", "containerd.sock", "crio.sock"];

/// Written to, each of these runs on the host.
const SYSTEM: [&str; 12] = [
    "/",
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/boot",
    "/root",
    "/dev",
    "/proc",
    "/sys",
    "/var/lib/docker",
];

/// What the rules find, apart from what is waived.
pub fn findings(settings: &Settings, waived: &[&str]) -> Vec<Finding> {
    let mut audit = Audit {
        settings,
        findings: Vec::new(),
    };
    audit.rights();
    audit.capabilities();
    audit.mounts();
    audit.limits();
    audit
        .findings
        .retain(|finding| !waived.contains(&&*finding.rule));
    audit.findings
}

struct Audit<'a> {
    settings: &'a Settings,
    findings: Vec<Finding>,
}

impl Audit<'_> {
    fn found(&mut self, rule: &'static Rule, message: impl AsRef<str>) {
        let settings = self.settings;
        let message = format!("{}: {}", settings.service, message.as_ref());
        self.findings
            .push(Finding::new(rule, &settings.file, settings.line, message));
    }

    fn rights(&mut self) {
        let settings = self.settings;
        if settings.privileged {
            self.found(&rule::PRIVILEGED, "the container is privileged");
        }
        for (name, value) in &settings.namespaces {
            if value == "host" {
                self.found(&rule::HOST_NAMESPACE, format!("`{name}: host`"));
            }
        }
        let user = settings
            .user
            .as_deref()
            .map(|user| user.split(':').next().unwrap_or(""));
        if matches!(user, Some("root" | "0")) {
            self.found(&rule::RUNS_AS_ROOT, "`user` is root");
        }
        if !settings.read_only {
            self.found(&rule::WRITABLE_ROOT, "the root file system can be written");
        }
        let options: Vec<String> = settings
            .security_opt
            .iter()
            .map(|option| option.replace('=', ":"))
            .collect();
        if let Some(option) = options
            .iter()
            .find(|option| option.ends_with(":unconfined"))
        {
            self.found(&rule::UNCONFINED, format!("`{option}`"));
        }
        let no_new = options.iter().any(|option| {
            matches!(
                option.as_str(),
                "no-new-privileges" | "no-new-privileges:true"
            )
        });
        if !no_new {
            self.found(
                &rule::NEW_PRIVILEGES,
                "programs may gain rights when they start",
            );
        }
    }

    fn capabilities(&mut self) {
        let settings = self.settings;
        let name = |text: &String| {
            let upper = text.to_ascii_uppercase();
            upper
                .strip_prefix("CAP_")
                .map(str::to_owned)
                .unwrap_or(upper)
        };
        if !settings.privileged && !settings.cap_drop.iter().any(|one| name(one) == "ALL") {
            self.found(
                &rule::CAPABILITIES,
                "capabilities that it does not need are not dropped",
            );
        }
        for capability in settings.cap_add.iter().map(name) {
            if DANGEROUS.contains(&capability.as_str()) {
                self.found(&rule::CAPABILITY_ADDED, format!("`{capability}` is added"));
            }
        }
    }

    fn mounts(&mut self) {
        let settings = self.settings;
        for (source, read_only) in &settings.bind_mounts {
            let path = match source.trim_end_matches('/') {
                "" => "/",
                path => path,
            };
            if SOCKETS.iter().any(|socket| path.ends_with(socket)) {
                self.found(&rule::ENGINE_SOCKET, format!("`{path}` is mounted"));
            } else if !read_only && SYSTEM.contains(&path) {
                self.found(
                    &rule::HOST_PATH,
                    format!("`{path}` of the host can be written"),
                );
            }
        }
    }

    fn limits(&mut self) {
        let settings = self.settings;
        if !settings.memory_limited {
            self.found(&rule::NO_MEMORY_LIMIT, "memory is not limited");
        }
        if !settings.processes_limited {
            self.found(
                &rule::NO_PROCESS_LIMIT,
                "the number of processes is not limited",
            );
        }
        if !settings.has_health_check {
            self.found(&rule::NO_HEALTH, "there is no health check");
        }
        if let Some(image) = settings.image.as_deref().filter(|_| !settings.built)
            && ImageName::parse(image).is_floating()
        {
            self.found(
                &rule::IMAGE_FLOATING,
                format!("`{image}` is whatever is newest"),
            );
        }
    }
}
