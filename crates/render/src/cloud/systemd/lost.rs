//! What units do not say of a stack of processes.

use crate::output::Rendering;
use mainstay_stack::{DependencyCondition, FileKind, ProcessRun, Service, Stack};

pub(super) fn of_processes(stack: &Stack, out: &mut Rendering) {
    let hooks = &stack.deploy.hooks;
    let deployed = "units are restarted, not deployed";
    let lines = [
        (
            !stack.routes.is_empty(),
            "routes",
            "systemd passes no requests on",
            "put a web server in front: `mainstay render nginx`",
        ),
        (
            stack.backups.enabled,
            "backups",
            "systemd backs nothing up",
            "let Mainstay's server do it",
        ),
        (
            !hooks.before.is_empty() || !hooks.after.is_empty(),
            "deploy.hooks",
            deployed,
            "run them in CI",
        ),
        (
            stack.deploy.migrations.is_some(),
            "deploy.migrations",
            deployed,
            "run them before the restart",
        ),
        (
            true,
            "services.logging",
            "the journal keeps what is printed",
            "its size stands in journald.conf(5)",
        ),
    ];
    for (there, what, why, instead) in lines {
        if there {
            out.lost(what, why, instead);
        }
    }
    for service in stack.services.values() {
        match &service.process {
            Some(run) => of_service(service, run, out),
            None => out.lost(
                &format!("services.{}", service.name),
                "it does not say how it is run as a process",
                "say it in compose.yaml: `x-mainstay: {command: [...]}`",
            ),
        }
    }
}

fn of_service(service: &Service, run: &ProcessRun, out: &mut Rendering) {
    let key = |what: &str| format!("services.{}.{what}", service.name);
    for (there, what, why, instead) in lines(service, run) {
        if there {
            out.lost(&key(what), why, instead);
        }
    }
    let files = service.files.iter();
    for file in files.filter(|file| file.kind == FileKind::Config) {
        let name = format!("{}.{}", key("configs"), file.name);
        out.lost(
            &name,
            "units give no files",
            "put it where the program looks for it",
        );
    }
}

type Line = (bool, &'static str, &'static str, &'static str);

/// Whether it is there, what it is, why it is lost, and what is done instead.
fn lines(service: &Service, run: &ProcessRun) -> [Line; 8] {
    let waits = service.depends_on.values();
    let mut waits = waits.map(|one| one.condition);
    [
        (
            run.build.is_some(),
            "x-mainstay.build",
            "systemd builds nothing",
            "put what is built into the folder `bin` of the stack in /opt",
        ),
        (
            service.replicas > 1,
            "deploy.replicas",
            "one unit is one process",
            "one is run",
        ),
        (
            service.ports.len() > 1,
            "ports",
            "a program is told one port",
            "the first stands in `PORT`",
        ),
        (
            service.ports.iter().any(|port| port.target < 1024),
            "ports",
            "only root may listen below 1024",
            "listen on a higher port, and put a web server in front",
        ),
        (
            service.health.is_some(),
            "healthcheck",
            "systemd asks no program whether it is healthy",
            "it is restarted where it ends",
        ),
        (
            waits.any(|one| one == DependencyCondition::ServiceHealthy),
            "depends_on",
            "systemd knows started, not healthy",
            "it begins when what it needs has been started",
        ),
        (
            service.working_directory.is_some(),
            "working_dir",
            "the stack's directory is another on the machine",
            "it works in /var/lib, in the folder of the stack",
        ),
        (
            !service.mounts.is_empty(),
            "volumes",
            "a process has no mounts",
            "relative paths are below /var/lib in the folder of the stack",
        ),
    ]
}
