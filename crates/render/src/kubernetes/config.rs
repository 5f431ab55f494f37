//! The namespace, and what services are told.

use super::pod;
use super::security;
use super::site::{self, Object, Site};
use super::storage;
use mainstay_yaml::write::{Doc, Map};

/// The namespace with the strictest level of the Pod Security Standards that the stack allows.
pub(super) fn namespace(site: &Site<'_>) -> Object {
    let name = site.namespace.clone().unwrap_or_default();
    let (level, reasons) = security::level(site.stack);
    let mut labels = site.labels(site.project.name.as_str());
    labels.insert("environment", site.stack.environment.as_str());
    for reason in &reasons {
        labels = labels.comment(&format!("Not `restricted`, since of {reason}"));
    }
    for mode in ["enforce", "audit", "warn"] {
        labels.insert(format!("pod-security.kubernetes.io/{mode}"), level.word());
    }
    let metadata = Map::new().set("name", name).set("labels", labels);
    let map = Map::new()
        .set("apiVersion", "v1")
        .set("kind", "Namespace")
        .set("metadata", metadata);
    Object::new("namespace.yaml", map)
}

/// Variables and files of the services, but for what is secret.
pub(super) fn maps(site: &Site<'_>) -> Vec<Object> {
    let mut all = Vec::new();
    for service in site.stack.services.values() {
        let component = site::name(service);
        let plain = pod::plain(service);
        if !plain.is_empty() {
            let map = site.object("v1", "ConfigMap", &pod::config_name(service), &component);
            all.push(Object::new("configmap.yaml", map.set("data", plain)));
        }
        let files = storage::config_files(service);
        let files: Map = files
            .into_iter()
            .map(|(key, text)| (key, Doc::from(text)))
            .collect();
        if !files.is_empty() {
            let map = site.object("v1", "ConfigMap", &storage::files_name(service), &component);
            all.push(Object::new("configmap.yaml", map.set("data", files)));
        }
    }
    all
}
