//! What a container may do on its host.

use super::volumes::pairs;
use super::{Context, flag, text, texts};
use crate::resolved::Isolation;
use crate::tree::Node;
use mainstay_model::Problem;

pub(super) fn isolation(context: &mut Context<'_, '_>, service: &Node) -> Isolation {
    Isolation {
        privileged: flag(service, "privileged").unwrap_or(false),
        read_only: flag(service, "read_only").unwrap_or(false),
        cap_add: texts(service.get("cap_add")),
        cap_drop: texts(service.get("cap_drop")),
        security_opt: texts(service.get("security_opt")),
        group_add: texts(service.get("group_add")),
        sysctls: pairs(service.get("sysctls")),
        ipc: mode(
            context,
            service,
            "ipc",
            &["host", "private", "shareable", "none"],
        ),
        pid: mode(context, service, "pid", &["host"]),
        uts: mode(context, service, "uts", &["host"]),
        userns: mode(context, service, "userns_mode", &["host"]),
        cgroup: text(service, "cgroup"),
        cgroup_parent: text(service, "cgroup_parent"),
    }
}

/// A namespace: one of `words`. Another container's would be gone with it at the next deploy.
fn mode(
    context: &mut Context<'_, '_>,
    service: &Node,
    key: &str,
    words: &[&str],
) -> Option<String> {
    let node = service.get(key)?;
    let text = node.as_text().unwrap_or_default();
    if words.contains(&text) || text.is_empty() {
        return Some(text.to_owned()).filter(|text| !text.is_empty());
    }
    let found = node.scalar().map(crate::check::found).unwrap_or_default();
    let message = format!(
        "`{key}: {}` cannot be had on the docker target",
        found.trim_matches('`')
    );
    let known = crate::check::list(words);
    let problem = Problem::error("compose/refused", message);
    context.problem(node, problem.hint(format!("{known} can, or leave it out")));
    None
}
