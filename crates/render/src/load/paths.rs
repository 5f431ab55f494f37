//! What can be asked of a stack without knowing its programs: where its routes lead, and where its health is.

use crate::project::Project;
use mainstay_stack::{Probe, Route, Stack};

/// Where a test asks unless it is told otherwise: Mainstay's proxy on this machine. Never production by accident.
pub(super) const TARGET: &str = "http://127.0.0.1:8080";

/// Paths that answer, in the order of the routes, each once; never empty.
pub(super) fn asked(project: &Project) -> Vec<String> {
    let stack = project.main();
    let mut paths: Vec<String> = Vec::new();
    for route in &stack.routes {
        // Whether there is anything at `/api` itself nobody says; a page is at `/`.
        let page = (route.path == "/").then(|| "/".to_owned());
        let path = through(stack, route).or(page);
        paths.extend(path.filter(|path| !paths.contains(path)));
    }
    if paths.is_empty() {
        let health = stack
            .services
            .values()
            .filter_map(|service| service.health.as_ref());
        paths.extend(health.filter_map(|health| match &health.probe {
            Probe::Http { path } => Some(path.clone()),
            _ => None,
        }));
        paths.dedup();
    }
    if paths.is_empty() {
        paths.push("/".to_owned());
    }
    paths
}

/// The service's health as the route shows it, where it does.
fn through(stack: &Stack, route: &Route) -> Option<String> {
    let health = stack.services.get(&route.service)?.health.as_ref()?;
    let Probe::Http { path } = &health.probe else {
        return None;
    };
    let prefix = route.path.trim_end_matches('/');
    if route.strip_prefix {
        return Some(format!("{prefix}{path}"));
    }
    let rest = path.strip_prefix(prefix)?;
    let within = rest.is_empty() || rest.starts_with('/') || prefix.is_empty();
    // Another route may lead it elsewhere: the longest prefix wins.
    let mut others = stack.routes.iter();
    let taken = others.any(|other| {
        other.path.len() > route.path.len() && path.starts_with(other.path.trim_end_matches('/'))
    });
    (within && !taken).then(|| path.clone())
}
