//! An image as its engine has it, and what is wrong with it.

use crate::finding::Finding;
use crate::rule::{self, Rule};
use crate::secrecy;
use mainstay_model::{Bytes, Timestamp};
use std::collections::BTreeMap;

/// Above this an image is large.
pub const LARGE: Bytes = Bytes(500 << 20);

/// Above this age an image is old.
pub const OLD_DAYS: u64 = 90;

/// Files of one kind that are named in a finding.
const NAMED: usize = 5;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What an engine's `inspect` and `history` say. It does not travel: values in it may be secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageFacts {
    /// As the user names it.
    pub reference: String,
    pub user: String,
    /// `NAME=value`, as it stands in the image. Never shown.
    pub environment: Vec<(String, mainstay_model::Secret<String>)>,
    pub labels: BTreeMap<String, String>,
    /// `22/tcp`
    pub exposed_ports: Vec<String>,
    /// `["CMD", …]`, `["CMD-SHELL", …]`, `["NONE"]`; empty: none.
    pub health_check: Vec<String>,
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    pub size: u64,
    pub created_at: Option<Timestamp>,
    /// The command of each layer, as the engine keeps it. Never shown.
    pub history: Vec<mainstay_model::Secret<String>>,
    /// `None`: nobody has looked.
    pub files: Option<ImageFiles>,
}

/// What stands out among an image's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageFiles {
    pub setuid: Vec<String>,
    pub world_writable: Vec<String>,
    pub secrets: Vec<String>,
}

impl ImageFiles {
    /// Kept of each kind.
    const LIMIT: usize = 1000;

    /// Adds one entry of the file system: a regular file by its path without leading `/`, and its
    /// mode.
    pub fn add(&mut self, path: &str, mode: u32) {
        let lists: [(&mut Vec<String>, bool); 3] = [
            (&mut self.setuid, mode & 0o6000 != 0),
            (&mut self.world_writable, mode & 0o002 != 0),
            (&mut self.secrets, secrecy::file(path) && !is_public(path)),
        ];
        for (list, counts) in lists {
            if counts && list.len() < Self::LIMIT {
                list.push(format!("/{path}"));
            }
        }
    }
}

/// Certificates of authorities and the examples of packages look like keys by their names.
fn is_public(path: &str) -> bool {
    [
        "etc/ssl/certs/",
        "usr/share/",
        "usr/lib/",
        "usr/local/lib/",
        "etc/pki/",
        "usr/local/share/",
    ]
    .iter()
    .any(|start| path.starts_with(start))
}

/// What the service adds to its image.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around {
    pub has_health_check: bool,
    pub has_user: bool,
    /// Built by whoever is asked: then it should say from which commit.
    pub own: bool,
}

/// What the rules find, apart from what is waived.
pub fn findings(
    image: &ImageFacts,
    around: Around,
    now: Timestamp,
    waived: &[&str],
) -> Vec<Finding> {
    let mut audit = Audit {
        image,
        findings: Vec::new(),
    };
    audit.user(around);
    audit.start(around);
    audit.secrets();
    audit.substance(around, now);
    audit.files();
    audit
        .findings
        .retain(|finding| !waived.contains(&&*finding.rule));
    audit.findings
}

struct Audit<'a> {
    image: &'a ImageFacts,
    findings: Vec<Finding>,
}

impl Audit<'_> {
    fn found(&mut self, rule: &'static Rule, message: impl Into<String>) {
        self.findings
            .push(Finding::new(rule, &self.image.reference, 0, message));
    }

    fn user(&mut self, around: Around) {
        let user = self.image.user.split(':').next().unwrap_or("");
        if !around.has_user && matches!(user, "" | "0" | "root") {
            self.found(&rule::IMAGE_ROOT, "the image runs as root");
        }
        if self
            .image
            .exposed_ports
            .iter()
            .any(|port| port.split('/').next() == Some("22"))
        {
            self.found(&rule::IMAGE_SSH, "port 22, which is SSH, is exposed");
        }
    }

    fn start(&mut self, around: Around) {
        let check = &self.image.health_check;
        let kind = check.first().map_or("", String::as_str);
        if !around.has_health_check && matches!(kind, "" | "NONE") {
            self.found(&rule::IMAGE_HEALTH, "the image has no health check");
        }
        let tool = check
            .iter()
            .flat_map(|word| word.split(|c: char| c.is_whitespace() || c == '/'))
            .find(|word| matches!(*word, "curl" | "wget"));
        if let Some(tool) = tool {
            self.found(
                &rule::IMAGE_HEALTH_TOOL,
                format!("the health check calls `{tool}`"),
            );
        }
        let first = if self.image.entry_point.is_empty() {
            &self.image.command
        } else {
            &self.image.entry_point
        };
        if let [shell, option, script, ..] = first.as_slice()
            && matches!(shell.as_str(), "/bin/sh" | "/bin/bash" | "sh" | "bash")
            && option == "-c"
            && !script.trim_start().starts_with("exec ")
        {
            self.found(&rule::IMAGE_SHELL_FORM, format!("`{shell}` is process 1"));
        }
    }

    fn secrets(&mut self) {
        for (name, value) in &self.image.environment {
            let value = value.expose();
            if !value.is_empty() && (secrecy::name(name) || secrecy::value(value)) {
                self.found(&rule::IMAGE_SECRET_ENV, format!("`{name}` holds a secret"));
            }
        }
        for (name, value) in &self.image.labels {
            if secrecy::value(value) {
                self.found(
                    &rule::IMAGE_SECRET_ENV,
                    format!("label `{name}` holds a secret"),
                );
            }
        }
        for (index, command) in self.image.history.iter().enumerate() {
            if let Some(what) = secret_in(command.expose()) {
                let message = format!("layer {} of the history holds {what}", index + 1);
                self.found(&rule::IMAGE_SECRET_HISTORY, message);
            }
        }
    }

    fn substance(&mut self, around: Around, now: Timestamp) {
        let size = Bytes(self.image.size);
        if size > LARGE {
            self.found(&rule::IMAGE_LARGE, format!("the image has {size}"));
        }
        if let Some(created) = self.image.created_at {
            let days = age_days(created, now);
            // Reproducible builds say 1970.
            if days > OLD_DAYS && days < 40 * 365 {
                self.found(
                    &rule::IMAGE_OLD,
                    format!("the image was built {days} days ago"),
                );
            }
        }
        let revision = self
            .image
            .labels
            .contains_key("org.opencontainers.image.revision");
        if around.own && !revision {
            self.found(
                &rule::IMAGE_LABELS,
                "the image does not say from which commit it is",
            );
        }
    }

    fn files(&mut self) {
        let Some(files) = &self.image.files else {
            return;
        };
        let kinds = [
            (
                &rule::IMAGE_SETUID,
                &files.setuid,
                "run with their owner's rights",
            ),
            (
                &rule::IMAGE_WRITABLE,
                &files.world_writable,
                "can be written by everybody",
            ),
            (
                &rule::IMAGE_SECRET_FILE,
                &files.secrets,
                "look like files of secrets",
            ),
        ];
        let mut found = Vec::new();
        for (rule, paths, what) in kinds {
            if let Some(message) = listed(paths, what) {
                found.push((rule, message));
            }
        }
        for (rule, message) in found {
            self.found(rule, message);
        }
    }
}

/// `3 files run with …: /a, /b, /c`
fn listed(paths: &[String], what: &str) -> Option<String> {
    let shown: Vec<&str> = paths.iter().take(NAMED).map(String::as_str).collect();
    let more = match paths.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!paths.is_empty()).then(|| format!("files that {what}: {}{more}", shown.join(", ")))
}

fn age_days(created: Timestamp, now: Timestamp) -> u64 {
    let age = now.as_millis().saturating_sub(created.as_millis());
    u64::try_from(age).unwrap_or(0) / DAY_MS
}

/// What a layer's command gives away: a build argument by its name, or something by its form.
fn secret_in(command: &str) -> Option<String> {
    // `|2 NAME=value OTHER=value /bin/sh -c …`: the build arguments that the step was given.
    let arguments = command.strip_prefix('|').unwrap_or("");
    let arguments = arguments.split("/bin/sh").next().unwrap_or("");
    let named = arguments
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .find(|(name, value)| !value.is_empty() && secrecy::name(name));
    if let Some((name, _)) = named {
        return Some(format!("the build argument `{name}`"));
    }
    command
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .map(|word| word.split_once('=').map_or(word, |(_, value)| value))
        .any(secrecy::value)
        .then(|| "something that is a secret by its form".to_owned())
}
