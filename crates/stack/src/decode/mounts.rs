//! A service's `volumes`.

use super::{Context, flag, text};
use crate::resolved::{Mount, MountKind, MountOptions};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::Problem;

/// The mounts, and where each stands.
pub(super) fn mounts(context: &mut Context<'_, '_>, service: &Node) -> Vec<(Mount, At)> {
    let items = service.get("volumes").map(Node::items).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| Some((mount(context, item)?, item.at.clone())))
        .collect()
}

fn mount(context: &mut Context<'_, '_>, node: &Node) -> Option<Mount> {
    let kind = match text(node, "type").as_deref() {
        Some("bind") => MountKind::Bind,
        Some("tmpfs") => MountKind::Tmpfs,
        Some("volume") | None => MountKind::Volume,
        Some(other) => {
            let message = format!("a mount of type `{other}` cannot be had on the process target");
            let problem = Problem::error("compose/refused", message);
            context.problem(node, problem.hint("`bind`, `volume` and `tmpfs` can"));
            return None;
        }
    };
    let Some(target) = text(node, "target") else {
        let problem = Problem::error("compose/volume", "a volume needs a `target`");
        context.problem(node, problem);
        return None;
    };
    let source = match (kind, node.get("source")) {
        (MountKind::Bind, Some(source)) => {
            let path = source.at.path(source.as_text().unwrap_or_default());
            path.display().to_string()
        }
        (MountKind::Bind, None) => {
            let problem = Problem::error("compose/volume", "a bind mount needs a `source`");
            context.problem(node, problem);
            return None;
        }
        (_, Some(source)) => source.as_text().unwrap_or_default().to_owned(),
        (_, None) => String::new(),
    };
    Some(Mount {
        kind,
        source,
        target,
        read_only: flag(node, "read_only").unwrap_or(false),
        options: MountOptions::default(),
    })
}
