//! A service's variables: `env_file` first, `environment` over it.

use super::{Context, flag, text};
use crate::dotenv::{self, Format};
use crate::interpolate::Lookup;
use crate::resolved::Value;
use crate::secrecy;
use crate::tree::Node;
use mainstay_model::{Problem, Secret};
use std::collections::BTreeMap;

pub(super) fn environment(
    context: &mut Context<'_, '_>,
    service: &Node,
) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for file in service.get("env_file").map(Node::items).unwrap_or_default() {
        env_file(context, file, &mut all);
    }
    let entries = service.get("environment").map(Node::entries);
    for entry in entries.unwrap_or_default() {
        let tainted = context.is_tainted(&entry.value);
        // A name without a value takes it over from outside; where it is not set there, it is
        // not set here either.
        let given = entry.value.as_text();
        let Some(value) = given.or_else(|| context.variables.get(&entry.key)) else {
            all.remove(&entry.key);
            continue;
        };
        let value = value.to_owned();
        let value = valued(context, &entry.key, value, tainted);
        all.insert(entry.key.clone(), value);
    }
    all
}

fn env_file(context: &mut Context<'_, '_>, file: &Node, all: &mut BTreeMap<String, Value>) {
    let Some(node) = file.get("path") else {
        let problem = Problem::error("compose/no-path", "`env_file` needs a `path`");
        return context.problem(file, problem);
    };
    let path = node.at.path(node.as_text().unwrap_or_default());
    if flag(file, "required") == Some(false) && !context.reading.loader.exists(&path) {
        return;
    }
    let base = path.parent().unwrap_or(&path).to_owned();
    let Some((content, source)) = context.reading.load(&path, &base, Some(&node.at)) else {
        return;
    };
    let format = match text(file, "format").as_deref() {
        Some("raw") => Format::Raw,
        _ => Format::Compose,
    };
    let problems = &mut context.reading.problems;
    for variable in dotenv::parse(&content, &source, format, context.variables, problems) {
        let tainted = variable
            .used
            .iter()
            .any(|name| secrecy::name(name) || context.secret_variables.contains(name));
        let value = valued(context, &variable.name, variable.value, tainted);
        all.insert(variable.name, value);
    }
}

pub(super) fn valued(context: &Context<'_, '_>, name: &str, text: String, tainted: bool) -> Value {
    let secret = tainted
        || secrecy::name(name)
        || context.secret_variables.contains(name)
        || secrecy::form(&text);
    Value {
        text: Secret::new(text),
        secret,
    }
}
