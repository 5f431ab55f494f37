//! A service's variables: `env_file` first, `environment` over it.

use super::{Context, flag, text};
use crate::dotenv::{self, Format};
use crate::interpolate::Lookup;
use crate::resolved::Value;
use crate::secrecy;
use crate::secrets;
use crate::source::At;
use crate::tree::{Entry, Node};
use mainstay_model::{Problem, Secret};
use std::collections::BTreeMap;

/// All but `granted`, which come from secrets.
pub(super) fn environment(
    context: &mut Context<'_, '_>,
    entry: &Entry,
    granted: &BTreeMap<String, String>,
) -> BTreeMap<String, Value> {
    let service = &entry.value;
    let mut all = BTreeMap::new();
    let mut places = BTreeMap::new();
    for file in service.get("env_file").map(Node::items).unwrap_or_default() {
        env_file(context, file, &mut all, &mut places);
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
        places.insert(entry.key.clone(), entry.at.clone());
    }
    all.retain(|name, _| !granted.contains_key(name));
    let problems = &mut context.reading.problems;
    secrets::judge_environment(&all, &places, &entry.at, context.purpose, problems);
    all
}

fn env_file(
    context: &mut Context<'_, '_>,
    file: &Node,
    all: &mut BTreeMap<String, Value>,
    places: &mut BTreeMap<String, At>,
) {
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
        places.insert(variable.name.clone(), variable.at);
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
