//! Which parts of the objects are values, what they are called, and what they are in each environment.

use super::template::{self, Place};
use super::values;
use crate::kubernetes::differences::{self, Step};
use crate::kubernetes::site::{Object, Site};
use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};

/// A part of an object that is a value.
#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    path: Vec<Step>,
    /// Where it stands in the values.
    name: Vec<String>,
}

/// All values so far.
pub(super) struct Parameters<'a> {
    sets: &'a [Vec<Object>],
    services: Vec<String>,
    /// In the order of the environments.
    pub(super) values: Vec<Map>,
}

/// Every object once, those of the first environment first.
pub(super) fn union(sets: &[Vec<Object>]) -> Vec<&Object> {
    let mut all: Vec<&Object> = Vec::new();
    for object in sets.iter().flatten() {
        let alike =
            |other: &&Object| other.kind() == object.kind() && other.name() == object.name();
        if !all.iter().any(alike) {
            all.push(object);
        }
    }
    all
}

impl<'a> Parameters<'a> {
    pub(super) fn new(site: &Site<'_>, stacks: &[&Stack], sets: &'a [Vec<Object>]) -> Self {
        let services = stacks.iter().flat_map(|stack| stack.services.keys());
        let services = services
            .map(|name| crate::names::dns(name.as_str()))
            .collect();
        let first = Map::new()
            .comment("The Secret that people make. Nothing here makes one.")
            .set("secret", site.secret());
        Self {
            sets,
            services,
            values: vec![first; stacks.len()],
        }
    }

    /// The template of one object; its values are added to those of each environment.
    pub(super) fn document(&mut self, object: &Object) -> String {
        let own: Vec<Option<&Object>> = self
            .sets
            .iter()
            .map(|set| differences::same(object, set))
            .collect();
        let mut places = Vec::new();
        for parameter in self.parameters(object, &own) {
            let found: Vec<Option<Doc>> = own
                .iter()
                .map(|own| own.and_then(|own| at(&own.map, &parameter.path)))
                .collect();
            let name = self.said(&parameter.name, object, &parameter.path, &own, &found);
            let optional = own
                .iter()
                .zip(&found)
                .any(|(own, found)| own.is_some() && found.is_none());
            let shape = found.iter().flatten().next().cloned().unwrap_or(Doc::Null);
            places.push(Place {
                path: parameter.path,
                name,
                optional,
                shape,
            });
        }
        let text = template::text(object, &places);
        if own.iter().all(Option::is_some) {
            return text;
        }
        let name = vec![
            "enabled".to_owned(),
            camel(&format!("{}-{}", object.kind(), object.name())),
        ];
        for (values, own) in self.values.iter_mut().zip(&own) {
            values::put(values, &name, Doc::Bool(own.is_some()));
        }
        format!(
            "{{{{- if .Values.{} }}}}\n{text}{{{{- end }}}}\n",
            name.join(".")
        )
    }

    /// Puts a value into every environment under a name that has no other value there.
    fn said(
        &mut self,
        name: &[String],
        object: &Object,
        path: &[Step],
        own: &[Option<&Object>],
        found: &[Option<Doc>],
    ) -> Vec<String> {
        let usual = found.iter().flatten().next().cloned().unwrap_or(Doc::Null);
        let wanted: Vec<Doc> = own
            .iter()
            .zip(found)
            .map(|(own, found)| match (own, found) {
                (_, Some(value)) => value.clone(),
                (Some(_), None) => Doc::Null,
                (None, None) => usual.clone(),
            })
            .collect();
        let free =
            self.values.iter().zip(&wanted).all(|(values, value)| {
                values::get(values, name).is_none_or(|known| known == value)
            });
        let name = if free {
            name.to_vec()
        } else {
            generic(object, path)
        };
        for (values, value) in self.values.iter_mut().zip(wanted) {
            values::put(values, &name, value);
        }
        name
    }

    /// What people turn, and what differs.
    fn parameters(&self, object: &Object, own: &[Option<&Object>]) -> Vec<Parameter> {
        let mut all: Vec<Parameter> = self.usual(object);
        for other in own.iter().flatten() {
            for change in differences::changes(&object.map, &other.map) {
                let mut path = change.path;
                // A list without a fixed number of items is a value as a whole; so is a map in a list whose
                // first key may not be there.
                if let [.., Step::At(_), Step::Key(_)] = path.as_slice()
                    && change.operation != "replace"
                {
                    path.pop();
                }
                while let Some(Step::At(_)) = path.last() {
                    path.pop();
                }
                if all.iter().any(|known| path.starts_with(&known.path))
                    || template::is_fingerprint(&path)
                {
                    continue;
                }
                all.retain(|known| !known.path.starts_with(&path));
                let name = self.named(object, &path);
                all.push(Parameter { path, name });
            }
        }
        all
    }

    /// What people turn of an object, differing or not.
    fn usual(&self, object: &Object) -> Vec<Parameter> {
        let container = "/spec/template/spec/containers/0";
        let paths: Vec<String> = match object.kind() {
            "Deployment" | "StatefulSet" => ["/image", "/resources"]
                .iter()
                .map(|part| format!("{container}{part}"))
                .chain([
                    "/spec/replicas".to_owned(),
                    "/spec/volumeClaimTemplates/0/spec/resources/requests/storage".to_owned(),
                ])
                .collect(),
            "ConfigMap" => vec!["/data".to_owned()],
            "HorizontalPodAutoscaler" => vec![
                "/spec/minReplicas".to_owned(),
                "/spec/maxReplicas".to_owned(),
            ],
            "Ingress" => vec!["/spec/ingressClassName".to_owned()],
            "PersistentVolumeClaim" => vec!["/spec/resources/requests/storage".to_owned()],
            "CronJob" => vec!["/spec/schedule".to_owned()],
            _ => Vec::new(),
        };
        let paths = paths.iter().map(|path| steps(path));
        let paths = paths.filter(|path| at(&object.map, path).is_some());
        paths
            .map(|path| Parameter {
                name: self.named(object, &path),
                path,
            })
            .collect()
    }

    /// A name that people would look for.
    fn named(&self, object: &Object, path: &[Step]) -> Vec<String> {
        let service = self.service(object);
        let last = differences::pointer(path);
        let last = last.trim_start_matches("/spec/template/spec/containers/0");
        let words = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let (service, name) = (service.as_str(), camel(object.name()));
        match (object.kind(), last) {
            ("Deployment" | "StatefulSet", "/image") => words(&["services", service, "image"]),
            ("Deployment" | "StatefulSet", "/resources") => {
                words(&["services", service, "resources"])
            }
            ("Deployment" | "StatefulSet", "/spec/replicas") => {
                words(&["services", service, "replicas"])
            }
            ("StatefulSet", "/spec/volumeClaimTemplates/0/spec/resources/requests/storage") => {
                words(&["services", service, "storage"])
            }
            ("ConfigMap", "/data") if object.name().ends_with("-files") => {
                words(&["services", service, "files"])
            }
            ("ConfigMap", "/data") => words(&["services", service, "environment"]),
            ("HorizontalPodAutoscaler", "/spec/minReplicas") => {
                words(&["services", service, "autoscale", "min"])
            }
            ("HorizontalPodAutoscaler", "/spec/maxReplicas") => {
                words(&["services", service, "autoscale", "max"])
            }
            ("Ingress", "/spec/ingressClassName") => words(&["ingress", "class"]),
            ("Ingress", "/spec/tls") => words(&["ingress", "tls", &name]),
            ("Ingress", "/spec/rules") => words(&["ingress", "rules", &name]),
            ("PersistentVolumeClaim", "/spec/resources/requests/storage") => {
                words(&["storage", &name])
            }
            ("CronJob", "/spec/schedule") => words(&["backups", &name, "schedule"]),
            _ => generic(object, path),
        }
    }

    /// The service that an object is of.
    fn service(&self, object: &Object) -> String {
        let labels = at(&object.map, &steps("/metadata/labels/app"));
        let name = match labels {
            Some(Doc::Text(name)) if self.services.contains(&name) => name,
            _ => object.name().to_owned(),
        };
        camel(&name)
    }
}

/// A name made of the path.
fn generic(object: &Object, path: &[Step]) -> Vec<String> {
    let pointer = differences::pointer(path);
    vec![
        camel(object.kind()),
        camel(object.name()),
        camel(pointer.trim_start_matches("/spec").trim_start_matches('/')),
    ]
}

/// `main-app` as a template can name it: `mainApp`.
pub(super) fn camel(text: &str) -> String {
    let mut camel = String::new();
    let mut upper = false;
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() {
            upper = !camel.is_empty();
        } else if upper {
            camel.push(c.to_ascii_uppercase());
            upper = false;
        } else if camel.is_empty() {
            camel.push(c.to_ascii_lowercase());
        } else {
            camel.push(c);
        }
    }
    if camel.starts_with(|c: char| c.is_ascii_digit()) {
        camel.insert(0, 'n');
    }
    camel
}

/// A path without keys that need escaping.
fn steps(pointer: &str) -> Vec<Step> {
    let parts = pointer.split('/').skip(1);
    parts
        .map(|part| {
            part.parse()
                .map_or_else(|_| Step::Key(part.to_owned()), Step::At)
        })
        .collect()
}

/// What stands at the end of the path.
pub(super) fn at(map: &Map, path: &[Step]) -> Option<Doc> {
    let mut found = Doc::Map(map.clone());
    for step in path {
        found = match (step, &found) {
            (Step::Key(key), Doc::Map(map)) => map.get(key)?.clone(),
            (Step::At(at), Doc::List(list)) => list.get(*at)?.clone(),
            _ => return None,
        };
    }
    Some(found)
}
