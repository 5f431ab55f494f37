//! What can be seen of a stack from here, without a server: its files, the commands it needs, the
//! ports it wants, the disk.
//!
//! Looks only. A port is tried by binding it, which also tells of one that another user has.

use crate::arguments::{ReleaseOptions, StackArguments};
use crate::locate::Place;
use crate::project;
use mainstay_model::{Problem, Severity};
use mainstay_secrets::Reach;
use mainstay_server::api::types::Diagnosis;
use mainstay_stack::{Service, Stack};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Everything that is wrong, most important first.
pub async fn diagnose(place: &Place, ports: bool) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let resolution = project::resolution(
        place,
        &StackArguments::default(),
        &ReleaseOptions::default(),
    );
    match resolution {
        Ok(resolution) => {
            let resolution = project::supplied(resolution, Reach::Here).await;
            let errors = resolution
                .problems
                .iter()
                .filter(|p| p.severity == Severity::Error);
            found.extend(errors.map(of_files));
            if let Some(stack) = &resolution.stack {
                found.extend(commands(stack, place));
                if ports {
                    found.extend(self::ports(stack));
                }
            }
        }
        Err(failure) => found.push(Diagnosis {
            code: "files-not-read".to_owned(),
            subject: None,
            message: failure.to_string(),
            evidence: Vec::new(),
            hint: failure.hint.unwrap_or_default(),
        }),
    }
    found.extend(mainstay_server::disk(&place.directory));
    found
}

fn of_files(problem: &Problem) -> Diagnosis {
    Diagnosis {
        code: problem.code.clone(),
        subject: problem.place.as_ref().map(ToString::to_string),
        message: problem.message.clone(),
        evidence: Vec::new(),
        hint: problem
            .hint
            .clone()
            .unwrap_or_else(|| "see it in its file: mainstay check".to_owned()),
    }
}

/// Programs that are not there, each once.
fn commands(stack: &Stack, place: &Place) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    for service in stack.services.values() {
        let Some(run) = &service.process else {
            continue;
        };
        if let Some(program) = run.build.as_ref().and_then(|build| build.first())
            && find(program, stack, service).is_none()
        {
            found.push(missing(service, program, "its build step", place));
        }
        // What a build leaves may not be there yet.
        let built = |program: &String| run.artifacts.iter().any(|a| a == Path::new(program));
        if let Some(program) = run.command.first()
            && !(run.build.is_some() && built(program))
            && find(program, stack, service).is_none()
        {
            found.push(missing(service, program, "its command", place));
        }
    }
    found
}

fn missing(service: &Service, program: &str, part: &str, place: &Place) -> Diagnosis {
    Diagnosis {
        code: "command-not-found".to_owned(),
        subject: Some(service.name.to_string()),
        message: format!("{part} `{program}` is not there or cannot be executed"),
        evidence: Vec::new(),
        hint: format!(
            "install it, or mend `x-mainstay` of {} and look again: {}",
            service.name,
            place.command("doctor")
        ),
    }
}

/// As execvp(3) looks for it: a path as it stands, a name in `PATH`.
fn find(program: &str, stack: &Stack, service: &Service) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(stack.directory.join(program)).filter(|path| is_executable(path));
    }
    let own = service
        .environment
        .get("PATH")
        .map(|value| value.text.expose().into());
    let path = own.or_else(|| std::env::var_os("PATH"))?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Published ports that somebody else has.
fn ports(stack: &Stack) -> Vec<Diagnosis> {
    let mut tried = BTreeSet::new();
    let mut found = Vec::new();
    for service in stack.services.values() {
        for port in &service.ports {
            let Some(published) = port.published else {
                continue;
            };
            let host = port.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            let address = SocketAddr::new(host, published);
            if tried.insert(address) && !mainstay_server::is_free(address) {
                found.push(taken(service, address));
            }
        }
    }
    found
}

fn taken(service: &Service, address: SocketAddr) -> Diagnosis {
    let owner = mainstay_server::owner(address);
    let hint = match &owner {
        Some(owner) => format!("end {owner}, or publish another port in `ports`"),
        None => "publish another port in `ports`".to_owned(),
    };
    let by = owner.map_or("somebody".to_owned(), |owner| owner.to_string());
    Diagnosis {
        code: "port-taken".to_owned(),
        subject: Some(service.name.to_string()),
        message: format!("{by} listens on {address} already"),
        evidence: Vec::new(),
        hint,
    }
}

#[cfg(test)]
mod tests;
