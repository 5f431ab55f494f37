//! Units that keep the stack running on a machine.
//!
//! A stack of processes gets a unit for each service, and a target for all of them: systemd alone runs it. A
//! stack of containers gets the unit of Mainstay's server, which brings back after a boot what ran before, and a
//! unit that deploys when somebody starts it.
//!
//! **Invariant:** values of secrets come from files of the machine that are not written here.

mod lost;
mod unit;

use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Stack, TargetKind};

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    match stack.target {
        TargetKind::Process => processes(stack, out),
        TargetKind::Docker => server(stack, out),
        other => out.refused(
            &format!("environments.{}.target", stack.environment),
            &format!("`{}` is more than one machine", other.word()),
            "name an environment with the target `process` or `docker`: --env NAME",
        ),
    }
}

fn processes(stack: &Stack, out: &mut Rendering) {
    lost::of_processes(stack, out);
    let mut units = Vec::new();
    for service in stack.services.values() {
        let Some(run) = &service.process else {
            continue;
        };
        let name = format!("{}-{}.service", stack.name, service.name);
        out.text(&name, "#", &unit::service(stack, service, run));
        units.push(name);
    }
    if units.is_empty() {
        return out.refused(
            "services",
            "none of them says how it is run as a process",
            "say it in compose.yaml: `x-mainstay: {command: [...]}`",
        );
    }
    out.text(
        format!("{}.target", stack.name),
        "#",
        &unit::target(stack, &units),
    );
    out.text(
        format!("{}.sysusers.conf", stack.name),
        "#",
        &unit::users(stack),
    );
}

fn server(stack: &Stack, out: &mut Rendering) {
    out.text("mainstay.service", "#", unit::SERVER);
    out.text("mainstay.sysusers.conf", "#", unit::SERVER_USER);
    let name = format!("{}-deploy.service", stack.name);
    out.text(name, "#", &unit::deploy(stack));
}
