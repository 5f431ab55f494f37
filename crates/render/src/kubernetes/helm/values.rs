//! The values of the chart: those of the main environment, and what is otherwise in each.

use super::Chart;
use crate::output::Rendering;
use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};

/// `values.yaml` and one file for each environment. Helm lays the second over the first: what it has not is
/// taken out with `null`.
pub(super) fn write(_: &Chart, values: &[Map], stacks: &[&Stack], out: &mut Rendering) {
    let Some(base) = values.first() else {
        return;
    };
    out.yaml("values.yaml", &[base.clone().into()]);
    for (own, stack) in values.iter().zip(stacks) {
        let differing = over(base, own);
        let about = Map::new()
            .comment("What is otherwise than in values.yaml.")
            .set("environment", stack.environment.as_str());
        let mut all = about;
        for (key, value) in differing.iter() {
            all.insert(key, value.clone());
        }
        out.yaml(format!("values-{}.yaml", stack.environment), &[all.into()]);
    }
}

/// What must be laid over `base` to get `own`.
fn over(base: &Map, own: &Map) -> Map {
    let mut all = Map::new();
    for (key, value) in own.iter() {
        match (base.get(key), value) {
            (Some(known), value) if known == value => {}
            (Some(Doc::Map(known)), Doc::Map(value)) => all.insert(key, over(known, value)),
            (_, value) => all.insert(key, value.clone()),
        }
    }
    for (key, _) in base.iter().filter(|(key, _)| own.get(key).is_none()) {
        all.insert(key, Doc::Null);
    }
    all
}

pub(super) fn put(map: &mut Map, path: &[String], value: Doc) {
    match path {
        [] => {}
        [last] => map.insert(last, value),
        [first, rest @ ..] => {
            let mut below = match map.get(first) {
                Some(Doc::Map(below)) => below.clone(),
                _ => Map::new(),
            };
            put(&mut below, rest, value);
            map.insert(first, below);
        }
    }
}

pub(super) fn get<'a>(map: &'a Map, path: &[String]) -> Option<&'a Doc> {
    match path {
        [] => None,
        [last] => map.get(last),
        [first, rest @ ..] => match map.get(first)? {
            Doc::Map(below) => get(below, rest),
            _ => None,
        },
    }
}
