//! A service's `volumes`.

use super::{Context, flag, size, text};
use crate::interpolate::Lookup;
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
            let target = context.target.word();
            let message = format!("a mount of type `{other}` cannot be had on the {target} target");
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
        (MountKind::Bind, Some(source)) => host_path(context, source),
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
        options: options(context, node, kind),
    })
}

/// Absolute; `~` is the home directory of whoever deploys.
fn host_path(context: &Context<'_, '_>, source: &Node) -> String {
    let text = source.as_text().unwrap_or_default();
    let home = || {
        context
            .variables
            .get("HOME")
            .filter(|home| home.starts_with('/'))
    };
    let path = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match home() {
            Some(home) => source.at.path(&format!("{home}{rest}")),
            None => source.at.path(text),
        },
        _ => source.at.path(text),
    };
    path.display().to_string()
}

/// What the sections of the kind say. On a target without mounts they are warned about.
fn options(context: &mut Context<'_, '_>, node: &Node, kind: MountKind) -> MountOptions {
    let mut options = MountOptions::default();
    if !context.target.runs_containers() {
        return options;
    }
    for (key, own) in [
        ("bind", MountKind::Bind),
        ("volume", MountKind::Volume),
        ("tmpfs", MountKind::Tmpfs),
    ] {
        if let Some(section) = node.get(key).filter(|_| kind != own) {
            let message = format!("`{key}` says nothing of a mount of another type");
            let problem = Problem::warning("compose/not-used", message);
            context.problem(section, problem.hint("take it out"));
        }
    }
    if let Some(bind) = node.get("bind").filter(|_| kind == MountKind::Bind) {
        options.create_host_path = flag(bind, "create_host_path").unwrap_or(true);
        options.propagation = text(bind, "propagation");
        options.selinux = text(bind, "selinux");
    }
    if let Some(volume) = node.get("volume").filter(|_| kind == MountKind::Volume) {
        options.no_copy = flag(volume, "nocopy").unwrap_or(false);
        options.subpath = text(volume, "subpath");
    }
    if let Some(tmpfs) = node.get("tmpfs").filter(|_| kind == MountKind::Tmpfs) {
        options.tmpfs_size = size(tmpfs, "size");
        options.tmpfs_mode = tmpfs.get("mode").and_then(|node| mode(context, node));
    }
    options
}

/// Permission bits, in octal as everywhere.
fn mode(context: &mut Context<'_, '_>, node: &Node) -> Option<u32> {
    let text = node.as_text().unwrap_or_default();
    let digits = text.trim_start_matches("0o");
    let mode = u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777);
    if mode.is_none() {
        let found = node.scalar().map(crate::check::found).unwrap_or_default();
        let message = format!("{found} is no mode");
        let problem = Problem::error("compose/value", message);
        context.problem(node, problem.hint("octal digits, such as `1770`"));
    }
    mode
}
