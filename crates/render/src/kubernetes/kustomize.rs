//! A base and an overlay for each environment.
//!
//! The base is the main environment; an overlay says what is otherwise in its own. Built, an overlay is what
//! `mainstay render kubernetes` writes for the environment.

use super::differences::{self, Change, pointer};
use super::site::{self, Object, Site};
use super::{config, lost, manifests, monitoring, readme};
use crate::names;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};
use std::collections::{BTreeMap, BTreeSet};

const API: &str = "kustomize.config.k8s.io/v1beta1";

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let project = &site::prepared(project);
    manifests::none_hosted(project, out);
    let Some(base) = base(project) else {
        return;
    };
    let common = differences::common(project, base);
    manifests::into_files("base", &common, out);
    let files: BTreeSet<&str> = common.iter().map(|object| object.file).collect();
    let files: Vec<&str> = files.into_iter().collect();
    out.yaml(
        "base/kustomization.yaml",
        &[kustomization().set("resources", files).into()],
    );
    for stack in project.hosted() {
        let site = Site::new(project, stack);
        lost::say(&site, out);
        overlay(project, stack, &common, out);
        let folder = format!("overlays/{}", stack.environment);
        monitoring::write(&folder, &site, out);
        readme::write(
            &folder,
            &site,
            "kubectl apply -k .\nkubectl apply -f monitoring",
            out,
        );
    }
    readme::judges(out);
}

/// The environment that is meant, where it is hosted.
pub(super) fn base(project: &Project) -> Option<&Stack> {
    let hosted = project.hosted();
    let main = hosted
        .iter()
        .find(|stack| stack.environment == project.main);
    main.or(hosted.last()).copied()
}

fn kustomization() -> Map {
    Map::new()
        .set("apiVersion", API)
        .set("kind", "Kustomization")
}

fn overlay(project: &Project, stack: &Stack, common: &[Object], out: &mut Rendering) {
    let folder = format!("overlays/{}", stack.environment);
    let own = differences::common(project, stack);
    let mut patches: Vec<Map> = Vec::new();
    for object in common {
        let target = Map::new()
            .set("kind", object.kind())
            .set("name", object.name());
        let Some(other) = differences::same(object, &own) else {
            let path = format!("patches/without-{}.yaml", file_name(object));
            out.yaml(format!("{folder}/{path}"), &[gone(object)]);
            patches.push(Map::new().set("path", path).set("target", target));
            continue;
        };
        let changes = differences::changes(&object.map, &other.map);
        if !changes.is_empty() {
            let path = format!("patches/{}.yaml", file_name(object));
            let steps: Vec<Doc> = changes.into_iter().map(step).collect();
            out.yaml(format!("{folder}/{path}"), &[Doc::List(steps)]);
            patches.push(Map::new().set("path", path).set("target", target));
        }
    }
    let mut added: BTreeMap<&str, Vec<Doc>> = BTreeMap::new();
    for object in own
        .iter()
        .filter(|object| differences::same(object, common).is_none())
    {
        added
            .entry(object.file)
            .or_default()
            .push(Doc::from(object.map.clone()));
    }
    let mut resources = vec!["../../base".to_owned(), "namespace.yaml".to_owned()];
    resources.extend(added.keys().map(|file| (*file).to_owned()));
    for (file, documents) in added {
        out.yaml(format!("{folder}/{file}"), &documents);
    }
    let site = Site::new(project, stack);
    let space = config::namespace(&site);
    out.yaml(format!("{folder}/namespace.yaml"), &[space.map.into()]);
    let whole = kustomization()
        .maybe("namespace", site.namespace.as_ref())
        .set("resources", resources)
        .some("patches", patches);
    out.yaml(format!("{folder}/kustomization.yaml"), &[whole.into()]);
}

fn file_name(object: &Object) -> String {
    names::dns(&format!("{}-{}", object.kind(), object.name()))
}

/// A strategic merge that takes the object out.
fn gone(object: &Object) -> Doc {
    let metadata = Map::new().set("name", object.name());
    Map::new()
        .set("$patch", "delete")
        .maybe("apiVersion", object.map.get("apiVersion").cloned())
        .set("kind", object.kind())
        .set("metadata", metadata)
        .into()
}

fn step(change: Change) -> Doc {
    Map::new()
        .set("op", change.operation)
        .set("path", pointer(&change.path))
        .maybe("value", change.value)
        .into()
}
