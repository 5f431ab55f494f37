//! Settings for the size of the machine.
//!
//! `postgresql.conf` and `pg_hba.conf`; of several servers each has a folder under its service's name. Sources:
//! <https://www.postgresql.org/docs/current/runtime-config.html> and
//! <https://www.postgresql.org/docs/current/auth-pg-hba-conf.html>; what is said holds from version 13 on.

mod access;
mod tuning;

use super::place;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Exporter, Service};

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    let servers = place::servers(stack, Exporter::Postgres);
    if servers.is_empty() {
        out.refused(
            "services",
            "none of them is a PostgreSQL",
            "say so where one is: `metrics: {NAME: {exporter: postgres}}` in mainstay.yaml",
        );
    }
    for service in &servers {
        let folder = place::folder(&servers, service);
        overridden(service, out);
        out.text(
            format!("{folder}postgresql.conf"),
            "#",
            &tuning::text(project, service),
        );
        out.text(
            format!("{folder}pg_hba.conf"),
            "#",
            &access::text(stack, service),
        );
    }
}

/// Settings of the command line, which no file changes.
fn overridden(service: &Service, out: &mut Rendering) {
    let words = service.container.command.iter().flatten();
    let settings = words.filter(|word| {
        let setting = word.strip_prefix("--").unwrap_or(word);
        setting.contains('=') && !setting.starts_with('/')
    });
    for setting in settings {
        out.lost(
            &format!("services.{}.command: {setting}", service.name),
            "what a command line sets counts more than a file",
            "it stays as the command says; take it out there for the file's value",
        );
    }
}
