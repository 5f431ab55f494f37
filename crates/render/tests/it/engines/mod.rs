//! Configuration of engines, judged by the engines.

mod alertmanager;
mod databases;
mod grafana;
mod logs;
mod nginx;
mod peer;
mod prometheus;

use crate::support;
use mainstay_render::Project;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// An example, resolved once for all tests of engines.
fn example(name: &str) -> Project {
    static ALL: LazyLock<BTreeMap<&str, Project>> = LazyLock::new(|| {
        let all = support::EXAMPLES.map(|name| (name, support::example(name)));
        all.into_iter().collect()
    });
    ALL[name].clone()
}
