//! A service's `build`.

use super::environment::valued;
use super::hosts::hosts;
use super::{Context, flag, size, text, texts};
use crate::interpolate::Lookup;
use crate::resolved::{Build, Dockerfile, Value};
use crate::source::normal;
use crate::tree::Node;
use mainstay_model::Problem;
use std::collections::BTreeMap;

pub(super) fn build(context: &mut Context<'_, '_>, node: &Node) -> Build {
    let directory = match node.get("context") {
        Some(place) => {
            let text = place.as_text().unwrap_or_default();
            if text.contains("://") || text.starts_with("git@") {
                let message = format!("`{}` is not a directory", crate::check::shown(text));
                let problem = Problem::error("compose/refused", message);
                context.problem(
                    place,
                    problem.hint("check the repository out, and name its directory"),
                );
            }
            place.at.path(text)
        }
        None => node.at.path("."),
    };
    Build {
        dockerfile: dockerfile(context, node, &directory),
        target: text(node, "target"),
        args: arguments(context, node),
        cache_from: texts(node.get("cache_from")),
        platforms: texts(node.get("platforms")),
        labels: labels(context, node),
        network: text(node, "network"),
        tags: texts(node.get("tags")),
        pull: flag(node, "pull").unwrap_or(false),
        no_cache: flag(node, "no_cache").unwrap_or(false),
        shm_size: size(node, "shm_size"),
        extra_hosts: hosts(context, node),
        context: directory,
    }
}

/// The recipe; its path counts from the context.
fn dockerfile(
    context: &mut Context<'_, '_>,
    node: &Node,
    directory: &std::path::Path,
) -> Dockerfile {
    match (text(node, "dockerfile"), text(node, "dockerfile_inline")) {
        (Some(_), Some(_)) => {
            let message = "`dockerfile` and `dockerfile_inline` cannot both be the recipe";
            let problem = Problem::error("compose/value", message);
            context.problem(node, problem.hint("take one out"));
            Dockerfile::Inline(String::new())
        }
        (None, Some(recipe)) => Dockerfile::Inline(recipe),
        (path, None) => {
            let path = path.as_deref().unwrap_or("Dockerfile");
            Dockerfile::File(normal(&directory.join(path)))
        }
    }
}

/// Arguments; one without a value takes the variable over, as in `environment`.
fn arguments(context: &mut Context<'_, '_>, node: &Node) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for entry in node.get("args").map(Node::entries).unwrap_or_default() {
        let tainted = context.is_tainted(&entry.value);
        let given = entry.value.as_text();
        let Some(text) = given.or_else(|| context.variables.get(&entry.key)) else {
            continue;
        };
        let value = valued(context, &entry.key, text.to_owned(), tainted);
        if value.secret {
            let message = format!(
                "build argument `{}` looks like a secret: whoever has the image can read it",
                crate::check::shown(&entry.key)
            );
            let problem = Problem::warning("secret/build-argument", message);
            context
                .reading
                .problems
                .push(problem.at(entry.at.place()).hint(
                "fetch what needs the secret before the build, or pass it when the container runs",
            ));
        }
        all.insert(entry.key.clone(), value);
    }
    all
}

fn labels(context: &mut Context<'_, '_>, node: &Node) -> BTreeMap<String, String> {
    let entries = node.get("labels").map(Node::entries).unwrap_or_default();
    for entry in entries {
        context.refuse_secret(&entry.value, "a label");
    }
    super::volumes::pairs(node.get("labels"))
}
