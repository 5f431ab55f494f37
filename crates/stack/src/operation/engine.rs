//! `engine` of an environment: where a container engine listens.

use crate::decode::text;
use crate::interpolate::{Lookup, Variables};
use crate::project::Reading;
use crate::resolved::{Engine, EngineTls};
use crate::tree::Node;
use mainstay_model::Problem;
use std::path::PathBuf;

const DEFAULT: &str = "unix:///var/run/docker.sock";
/// What the Docker command-line client reads, too.
const VARIABLE: &str = "DOCKER_HOST";

/// The environment's own, else `DOCKER_HOST`, else the engine of this machine.
pub(super) fn engine(
    reading: &mut Reading<'_>,
    environment: &Node,
    variables: &Variables,
) -> Engine {
    let Some(node) = environment.get("engine") else {
        let address = variables
            .get(VARIABLE)
            .filter(|address| !address.is_empty());
        return Engine {
            address: address.unwrap_or(DEFAULT).to_owned(),
            tls: None,
        };
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
