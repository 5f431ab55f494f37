//! The texts of units (systemd.unit(5), systemd.service(5), systemd.exec(5)).

use mainstay_stack::{
    DependencyCondition, FileKind, HIDDEN, ProcessRun, RestartCondition, Service, Stack,
};
use std::fmt::Write as _;
use std::time::Duration;

/// What no service of a stack needs; `systemd-analyze security` counts it.
const HARDENING: &str = "\
# It writes to its own directory, and to nothing else of the machine.
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
";

/// Mainstay's server beside Docker. It brings back what ran before the machine was started.
pub(super) const SERVER: &str = include_str!("mainstay.service");

pub(super) const SERVER_USER: &str = "\
# For /etc/sysusers.d.
u mainstay - \"Mainstay\" /var/lib/mainstay
m mainstay docker
";

/// Deploys when it is started; the server itself brings back what runs, so nothing starts it at boot.
pub(super) fn deploy(stack: &Stack) -> String {
    let (name, environment) = (&stack.name, &stack.environment);
    format!(
        "\
[Unit]
Description=Deploy {name} to {environment}
Requires=mainstay.service
After=mainstay.service

[Service]
Type=oneshot
User=mainstay
SupplementaryGroups=docker
WorkingDirectory=/opt/{name}
# Variables with values of secrets: VARIABLE=value, mode 0600, not written here.
EnvironmentFile=-/etc/{name}/deploy.env
ExecStart=/usr/local/bin/mainstay --server /var/lib/mainstay --env {environment} deploy /opt/{name}
TimeoutStartSec=30min

{HARDENING}"
    )
}

/// All services of the stack.
pub(super) fn target(stack: &Stack, units: &[String]) -> String {
    let wants: Vec<&str> = units.iter().map(String::as_str).collect();
    format!(
        "[Unit]\nDescription=All of {}\nWants={}\n\n[Install]\nWantedBy=multi-user.target\n",
        stack.name,
        wants.join(" ")
    )
}

pub(super) fn users(stack: &Stack) -> String {
    let name = &stack.name;
    format!("# For /etc/sysusers.d.\nu {name} - \"{name}\" /var/lib/{name}\n")
}

pub(super) fn service(stack: &Stack, service: &Service, run: &ProcessRun) -> String {
    let name = &stack.name;
    let mut text = format!("[Unit]\nDescription={} of {name}\n", service.name);
    text.push_str(&order(stack, service));
    let restart = &service.restart;
    let _ = writeln!(
        text,
        "PartOf={name}.target\nStartLimitIntervalSec={}\nStartLimitBurst={}\n\n[Service]\nType=exec",
        seconds(restart.window),
        restart.max_attempts.max(1)
    );
    let words: Vec<String> = command(stack, run)
        .iter()
        .map(|word| quoted(word))
        .collect();
    let user = service.user.as_deref().unwrap_or(name.as_str());
    let _ = writeln!(text, "ExecStart={}\nUser={user}", words.join(" "));
    if let Some(group) = &service.group {
        let _ = writeln!(text, "Group={group}");
    }
    let _ = writeln!(
        text,
        "# Relative paths of the program are below here.\nStateDirectory={name}\nStateDirectoryMode=0750\nWorkingDirectory=%S/{name}"
    );
    text.push_str(&environment(stack, service));
    let how = match restart.condition {
        RestartCondition::No => "no",
        RestartCondition::OnFailure => "on-failure",
        RestartCondition::Always | RestartCondition::UnlessStopped => "always",
    };
    let _ = writeln!(
        text,
        "\nRestart={how}\nRestartSec={}\nKillSignal={}\nTimeoutStopSec={}",
        seconds(restart.delay),
        service.stop_signal,
        seconds(service.stop_grace)
    );
    text.push_str(&limits(service));
    let _ = write!(text, "\n{HARDENING}\n[Install]\nWantedBy={name}.target\n");
    text
}

fn seconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// After what it depends on, and not without what it needs.
fn order(stack: &Stack, service: &Service) -> String {
    let unit = |other: &mainstay_model::ServiceName| format!("{}-{other}.service", stack.name);
    let there = service.depends_on.iter();
    let there = there.filter(|(other, _)| {
        let named = stack.services.get(*other);
        named.is_some_and(|other| other.process.is_some())
    });
    let mut text = "After=network-online.target\nWants=network-online.target\n".to_owned();
    for (other, dependency) in there {
        let _ = writeln!(text, "After={}", unit(other));
        let ends = dependency.condition == DependencyCondition::ServiceCompletedSuccessfully;
        let word = if dependency.required && !ends {
            "Requires"
        } else {
            "Wants"
        };
        let _ = writeln!(text, "{word}={}", unit(other));
    }
    text
}

/// The program with an absolute path: what is built lies in `/opt/STACK/bin`.
fn command(stack: &Stack, run: &ProcessRun) -> Vec<String> {
    let mut words = run.command.clone();
    let Some(program) = words.first_mut() else {
        return words;
    };
    if program.starts_with('/') {
        return words;
    }
    if program.contains('/') {
        let file = program.rsplit('/').next().unwrap_or_default();
        *program = format!("/opt/{}/bin/{file}", stack.name);
        return words;
    }
    words.insert(0, "/usr/bin/env".to_owned());
    words
}

/// What it is told. Secrets are files of the machine: as credentials where the program reads files, in a file
/// of variables where it reads variables.
fn environment(stack: &Stack, service: &Service) -> String {
    let mut text = String::new();
    let secrets = format!("/etc/{}/secrets", stack.name);
    for file in service
        .files
        .iter()
        .filter(|file| file.kind == FileKind::Secret)
    {
        let _ = writeln!(text, "LoadCredential={0}:{secrets}/{0}", file.name);
    }
    let mut hidden = !service.secrets.is_empty();
    if let Some(port) = service.ports.first()
        && !service.environment.contains_key("PORT")
    {
        let _ = writeln!(text, "Environment=PORT={}", port.target);
    }
    for (name, value) in &service.environment {
        let value_text = value.text.expose();
        let file = service.files.iter().find(|file| file.target == *value_text);
        match file {
            Some(file) if file.kind == FileKind::Secret => {
                let _ = writeln!(text, "Environment={name}=%d/{}", file.name);
            }
            _ if value.secret || value_text == HIDDEN || service.secrets.contains_key(name) => {
                hidden = true;
            }
            _ => {
                let assignment = format!("{name}={value_text}");
                let _ = writeln!(
                    text,
                    "Environment={}",
                    quoted(&assignment).replace("$$", "$")
                );
            }
        }
    }
    if hidden {
        let _ = writeln!(
            text,
            "# Variables with values of secrets: VARIABLE=value, mode 0600, not written here.\nEnvironmentFile=/etc/{}/{}.env",
            stack.name, service.name
        );
    }
    text
}

fn limits(service: &Service) -> String {
    let limits = &service.limits;
    let mut text = String::new();
    if let Some(memory) = limits.memory {
        let _ = writeln!(text, "MemoryMax={}", memory.0);
    }
    if let Some(cpus) = limits.cpus {
        let _ = writeln!(text, "CPUQuota={}%", (cpus * 100.0).round());
    }
    if let Some(processes) = limits.processes {
        let _ = writeln!(text, "TasksMax={processes}");
    }
    if let Some(files) = limits.open_files {
        let _ = writeln!(text, "LimitNOFILE={files}");
    }
    text
}

/// As systemd reads a word of a command line.
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.+%$:@=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    let word = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{word}\"")
}
