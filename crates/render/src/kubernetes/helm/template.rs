//! An object as a template: text of YAML with actions where values stand.

use super::NAMESPACE;
use crate::kubernetes::differences::Step;
use crate::kubernetes::site::Object;
use mainstay_yaml::write::{Doc, Map};

/// A value in an object.
pub(super) struct Place {
    pub(super) path: Vec<Step>,
    pub(super) name: Vec<String>,
    /// Not there in some environment.
    pub(super) optional: bool,
    /// What it is where it is there.
    pub(super) shape: Doc,
}

/// Begins what stands for a value until the text is written; its number and `END` follow.
const MARK: &str = "MAINSTAYVALUE";
/// Stands for the fingerprint of a configuration.
const FINGERPRINT: &str = "MAINSTAYFINGERPRINT";

/// Whether this is the annotation that changes with the configuration.
pub(super) fn is_fingerprint(path: &[Step]) -> bool {
    path.last() == Some(&Step::Key("mainstay/configuration".to_owned()))
}

/// The object with its values, ending in a newline.
pub(super) fn text(object: &Object, places: &[Place]) -> String {
    let mut map = object.map.clone();
    for (number, place) in places.iter().enumerate() {
        let mark = Doc::Text(format!("{MARK}{number}END"));
        map = with(&map, &place.path, &mark);
    }
    let environment = environment(&map);
    let plain = Doc::from(marked(&map)).text();
    // Braces of the stack's own are no actions.
    let plain = plain.replace("{{", "{{ \"{{\" }}");
    let mut text = String::new();
    for line in plain.lines() {
        text.push_str(&action(line, places));
    }
    text.replace(NAMESPACE, "{{ .Release.Namespace }}")
        .replace(FINGERPRINT, &fingerprint(environment.as_deref()))
}

/// Of the values that the pod's variables come from.
fn fingerprint(environment: Option<&str>) -> String {
    match environment {
        Some(service) => format!(
            "{{{{ dig \"environment\" dict .Values.services.{service} | toJson | sha256sum | trunc 16 | quote }}}}"
        ),
        None => "none".to_owned(),
    }
}

/// The service whose variables a workload has, as the values call it: by the place of its image.
fn environment(map: &Map) -> Option<String> {
    let Some(Doc::Map(metadata)) = map.get("metadata") else {
        return None;
    };
    let Some(Doc::Map(labels)) = metadata.get("labels") else {
        return None;
    };
    match (map.get("kind"), labels.get("app")) {
        (Some(Doc::Text(kind)), Some(Doc::Text(app))) if kind != "CronJob" => {
            Some(super::parameters::camel(app))
        }
        _ => None,
    }
}

/// The map with `value` at the end of the path, also where there is nothing yet.
fn with(map: &Map, path: &[Step], value: &Doc) -> Map {
    let Some((Step::Key(key), rest)) = path.split_first() else {
        return map.clone();
    };
    let below = map.get(key).cloned().unwrap_or(Doc::Null);
    let mut map = map.clone();
    map.insert(key, within(&below, rest, value));
    map
}

fn within(doc: &Doc, path: &[Step], value: &Doc) -> Doc {
    match (path.first(), doc) {
        (None, _) => value.clone(),
        (Some(Step::At(at)), Doc::List(list)) => {
            let items = list.iter().enumerate();
            let items = items.map(|(index, item)| {
                if index == *at {
                    within(item, &path[1..], value)
                } else {
                    item.clone()
                }
            });
            Doc::List(items.collect())
        }
        (Some(Step::Key(_)), Doc::Map(map)) => Doc::Map(with(map, path, value)),
        (Some(_), other) => other.clone(),
    }
}

/// With the mark of the fingerprint wherever there is one.
fn marked(map: &Map) -> Map {
    let mut copy = map.clone();
    for (key, value) in map.iter() {
        match value {
            Doc::Map(below) => copy.insert(key, marked(below)),
            Doc::Text(_) if key == "mainstay/configuration" => copy.insert(key, FINGERPRINT),
            _ => {}
        }
    }
    copy
}

/// A line with its value, if it has one.
fn action(line: &str, places: &[Place]) -> String {
    let Some((before, rest)) = line.split_once(MARK) else {
        return format!("{line}\n");
    };
    let (number, _) = rest.split_once("END").unwrap_or((rest, ""));
    let Some(place) = number
        .parse()
        .ok()
        .and_then(|number: usize| places.get(number))
    else {
        return format!("{line}\n");
    };
    let name = format!(".Values.{}", place.name.join("."));
    let margin = before.len() - before.trim_start_matches([' ', '-']).len();
    let value = match &place.shape {
        Doc::Text(_) => format!("{before}{{{{ {name} | quote }}}}\n"),
        Doc::Int(_) => format!("{before}{{{{ int64 {name} }}}}\n"),
        Doc::Map(_) | Doc::List(_) => format!(
            "{}\n{}{{{{- toYaml {name} | nindent {} }}}}\n",
            before.trim_end(),
            " ".repeat(margin + 2),
            margin + 2
        ),
        _ => format!("{before}{{{{ toJson {name} }}}}\n"),
    };
    if place.optional {
        return format!("{{{{- if not (kindIs \"invalid\" {name}) }}}}\n{value}{{{{- end }}}}\n");
    }
    value
}
