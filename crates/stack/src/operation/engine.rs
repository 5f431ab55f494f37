//! `engine` of an environment: where a container engine listens.

use crate::decode::text;
use crate::interpolate::{Lookup, Variables};
use crate::project::Reading;
use crate::resolved::{Engine, EngineTls};
use crate::tree::Node;
use mainstay_model::Problem;
use std::path::PathBuf;

const DEFAULT: &str = "unix:///var/run/docker.sock";

/// The environment's own, else what the Docker client would use.
pub(super) fn engine(
    reading: &mut Reading<'_>,
    environment: &Node,
    variables: &Variables,
) -> Engine {
    let Some(node) = environment.get("engine") else {
        return of_variables(variables);
    };
    let address = text(node, "address").unwrap_or_else(|| DEFAULT.to_owned());
    let place = node.get("address").unwrap_or(node);
    let problems = &mut reading.problems;
    if !is_address(&address) {
        let found = place.scalar().map(crate::check::found).unwrap_or_default();
        let problem = Problem::error(
            "mainstay/engine",
            format!("{found} is no address of an engine"),
        );
        problems.push(
            problem
                .at(place.at.place())
                .hint("such as `unix:///var/run/docker.sock` or `tcp://host:2376`"),
        );
    }
    let tls = node.get("tls").and_then(|node| {
        let tls = tls(node);
        if tls.is_none() {
            let message = "`tls` of an engine needs `ca`, `cert` and `key`";
            problems.push(Problem::error("mainstay/engine", message).at(node.at.place()));
        }
        tls
    });
    if tls.is_some() && address.starts_with("unix:") {
        let problem = Problem::error("mainstay/engine", "a socket of this machine has no `tls`");
        problems.push(problem.at(node.at.place()).hint("take `tls` out"));
    }
    if node.get("tls").is_none() && address.starts_with("tcp:") && !is_loopback(&address) {
        let message = format!("whoever reaches `{address}` can give orders to the engine");
        let problem = Problem::warning("mainstay/engine", message).at(place.at.place());
        problems.push(problem.hint("let it ask for certificates: `tls: {ca: …, cert: …, key: …}`"));
    }
    Engine { address, tls }
}

/// `DOCKER_HOST`, with the certificates that `DOCKER_TLS_VERIFY` asks for; else the engine of this
/// machine.
fn of_variables(variables: &Variables) -> Engine {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let address = set("DOCKER_HOST").unwrap_or(DEFAULT).to_owned();
    let folder = set("DOCKER_CERT_PATH").map(PathBuf::from);
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let verified = set("DOCKER_TLS_VERIFY").is_some() && address.starts_with("tcp:");
    Engine {
        tls: folder
            .or_else(home)
            .filter(|_| verified)
            .map(|folder| EngineTls {
                ca: folder.join("ca.pem"),
                cert: folder.join("cert.pem"),
                key: folder.join("key.pem"),
            }),
        address,
    }
}

/// The problem of an engine that was found in the variables, once it is known to be needed.
pub(crate) fn wrong_variable(engine: &Engine) -> Option<Problem> {
    let shown = crate::check::shown(&engine.address);
    let message = format!("`{shown}` is no address of an engine");
    let problem = Problem::error("mainstay/engine", message);
    let hint = "it comes from the variable DOCKER_HOST: write `engine: unix:///…` or `engine: tcp://host:port` instead";
    (!is_address(&engine.address)).then(|| problem.hint(hint))
}

/// `unix:///path`, or `tcp://host:port`.
fn is_address(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("unix://") {
        return path.starts_with('/') && path.len() > 1;
    }
    text.strip_prefix("tcp://")
        .and_then(|rest| rest.rsplit_once(':'))
        .is_some_and(|(host, port)| {
            let port = port.trim_end_matches('/');
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
}

fn is_loopback(address: &str) -> bool {
    ["tcp://127.", "tcp://localhost:", "tcp://[::1]"]
        .iter()
        .any(|prefix| address.starts_with(prefix))
}

fn tls(node: &Node) -> Option<EngineTls> {
    let file = |key: &str| -> Option<PathBuf> {
        let node = node.get(key)?;
        Some(node.at.path(node.as_text()?))
    };
    Some(EngineTls {
        ca: file("ca")?,
        cert: file("cert")?,
        key: file("key")?,
    })
}
