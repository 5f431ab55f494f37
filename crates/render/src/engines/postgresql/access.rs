//! Who may connect from where, and how they prove who they are.

use mainstay_stack::{Service, Stack, TargetKind};
use std::fmt::Write as _;

pub(super) fn text(stack: &Stack, service: &Service) -> String {
    let value = |name: &str| {
        let value = service.environment.get(name)?;
        (!value.secret).then(|| value.text.expose().clone())
    };
    let user = value("POSTGRES_USER").unwrap_or_else(|| "postgres".to_owned());
    let database = value("POSTGRES_DB").unwrap_or_else(|| user.clone());
    let (user, database) = (quoted(&user), quoted(&database));
    let mut text = String::from(
        "# Passwords are proven by SCRAM (RFC 7677), nobody is trusted, and whoever stands in no line is refused.
# TYPE  DATABASE  USER  ADDRESS  METHOD

# On the machine itself: the system's user of the same name, others with a password.
local all postgres peer
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
",
    );
    let _ = writeln!(
        text,
        "\n# Services of the stack, and Mainstay, which receives the log of changes."
    );
    for network in networks(stack) {
        let _ = writeln!(
            text,
            "host {database} {user} {network} scram-sha-256\nhost replication {user} {network} scram-sha-256"
        );
    }
    let _ = writeln!(
        text,
        "# The user's own tools: a copy of every database, statistics."
    );
    for network in networks(stack) {
        let _ = writeln!(text, "host postgres {user} {network} scram-sha-256");
    }
    text
}

/// From where services come.
fn networks(stack: &Stack) -> Vec<&'static str> {
    match stack.target {
        // Pods and tasks are in networks that the server is not in itself (RFC 1918, RFC 4193).
        TargetKind::Kubernetes | TargetKind::Ecs => {
            vec!["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
        }
        TargetKind::Process => vec!["samehost"],
        // The networks that the container itself is in.
        TargetKind::Docker | TargetKind::Swarm => vec!["samenet"],
    }
}

/// A name that is none of the words that mean something.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
