//! Who runs, and who could become somebody else.

use super::Audit;
use crate::dockerfile::{Base, Command, Keyword};
use crate::rule;

/// Images that run as somebody else unless they are told otherwise.
const UNPRIVILEGED: [&str; 3] = ["nonroot", "unprivileged", "cgr.dev/chainguard"];

/// Packages with an SSH server in them.
const SSH: [&str; 4] = ["openssh-server", "openssh", "dropbear", "ssh"];

pub(super) fn judge(audit: &mut Audit<'_>) {
    if !audit.around.has_user {
        user(audit);
    }
    ports(audit);
    for run in audit.all(Keyword::Run) {
        for command in run.commands() {
            sudo(audit, &command);
            ssh(audit, &command);
            modes(audit, &command);
        }
    }
    for copy in audit
        .all(Keyword::Copy)
        .into_iter()
        .chain(audit.all(Keyword::Add))
    {
        if let Some(mode) = copy.flag("chmod").filter(|mode| is_world_writable(mode)) {
            let message = format!("`--chmod={mode}` lets everybody write");
            audit.found(&rule::WORLD_WRITABLE, copy.line, message);
        }
    }
}

fn user(audit: &mut Audit<'_>) {
    let Some(target) = audit.lineage.first().copied() else {
        return;
    };
    let users = audit.in_image(Keyword::User);
    if let Some(last) = users.last() {
        let Some(word) = last.words.first().filter(|word| word.known) else {
            return;
        };
        let name = word.text.split(':').next().unwrap_or("");
        if matches!(name, "root" | "0" | "") {
            let message = format!("the image runs as `{}`", word.text);
            audit.found(&rule::ROOT_USER, last.line, message);
        }
        return;
    }
    let message = match audit.lineage.last().map(|stage| &stage.base) {
        Some(Base::Image(word)) => {
            if !word.known || UNPRIVILEGED.iter().any(|part| word.text.contains(part)) {
                return;
            }
            format!(
                "the final stage names no USER: it runs as root unless `{}` says otherwise",
                word.text
            )
        }
        _ => "the final stage names no USER: it runs as root".to_owned(),
    };
    audit.found(&rule::ROOT_USER, target.line(), message);
}

/// `EXPOSE`: what is a port, and the one of SSH.
fn ports(audit: &mut Audit<'_>) {
    for expose in audit.all(Keyword::Expose) {
        for word in expose.words.iter().filter(|word| word.known) {
            let numbers = word.text.split('/').next().unwrap_or("");
            let bounds: Vec<Option<u16>> = numbers
                .split('-')
                .map(|number| number.parse().ok().filter(|port| *port > 0))
                .collect();
            if bounds.len() > 2 || bounds.contains(&None) {
                let message = format!("`{}` is no port", word.text);
                audit.found(&rule::PORT, expose.line, message);
            } else if numbers == "22" {
                let message = "port 22, which is SSH, is exposed";
                audit.found(&rule::SSH_SERVER, expose.line, message);
            }
        }
    }
}

fn sudo(audit: &mut Audit<'_>, command: &Command) {
    if command.sudo {
        let message = format!("`{}` is called through sudo", command.program());
        audit.found(&rule::SUDO, command.line, message);
    } else if super::packages::installs(command).any(|package| package == "sudo") {
        audit.found(&rule::SUDO, command.line, "sudo is installed");
    }
}

fn ssh(audit: &mut Audit<'_>, command: &Command) {
    let package = super::packages::installs(command).find(|package| SSH.contains(package));
    if let Some(package) = package {
        let message = format!("`{package}` brings an SSH server");
        audit.found(&rule::SSH_SERVER, command.line, message);
    }
}

fn modes(audit: &mut Audit<'_>, command: &Command) {
    if command.program() != "chmod" {
        return;
    }
    let Some(mode) = command.operands().next() else {
        return;
    };
    if is_world_writable(mode) {
        let message = format!("`chmod {mode}` lets everybody write");
        audit.found(&rule::WORLD_WRITABLE, command.line, message);
    }
    if is_setuid(mode) {
        let message = format!("`chmod {mode}` lets a program run with its owner's rights");
        audit.found(&rule::SETUID, command.line, message);
    }
}

/// Octal digits of a mode, if it is one.
fn octal(mode: &str) -> Option<u32> {
    u32::from_str_radix(mode, 8)
        .ok()
        .filter(|_| mode.len() >= 3)
}

fn is_world_writable(mode: &str) -> bool {
    match octal(mode) {
        // A sticky directory is what /tmp is.
        Some(bits) => bits & 0o002 != 0 && bits & 0o1000 == 0,
        None => mode.split(',').any(|part| {
            part.split_once(['+', '=']).is_some_and(|(who, what)| {
                who.contains(['o', 'a']) && what.contains('w') && !what.contains('t')
            })
        }),
    }
}

fn is_setuid(mode: &str) -> bool {
    match octal(mode) {
        Some(bits) => bits & 0o6000 != 0,
        None => mode.split(',').any(|part| {
            part.split_once(['+', '='])
                .is_some_and(|(_, what)| what.contains('s'))
        }),
    }
}
