//! Manifests, a folder for each environment: one file for each kind.

use super::site::{self, Object, Site};
use super::{
    access, backup, config, lost, monitoring, network, readme, scaling, storage, workload,
};
use crate::output::Rendering;
use crate::project::Project;
use mainstay_yaml::write::Doc;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let project = &site::prepared(project);
    for stack in project.hosted() {
        let site = Site::new(project, stack);
        lost::say(&site, out);
        let folder = stack.environment.as_str();
        into_files(folder, &objects(&site), out);
        monitoring::write(folder, &site, out);
        readme::write(
            folder,
            &site,
            "kubectl apply -f .\nkubectl apply -f monitoring",
            out,
        );
    }
    none_hosted(project, out);
    readme::judges(out);
}

/// A laptop's environment is nothing for a cluster.
pub(super) fn none_hosted(project: &Project, out: &mut Rendering) {
    if project.hosted().is_empty() {
        let hint = "say one in `environments` with `purpose: production`";
        out.refused("environments", "none of them is more than a laptop", hint);
    }
    let spaces: BTreeSet<String> = project.hosted().into_iter().map(site::namespace).collect();
    if spaces.len() < project.hosted().len() {
        let why =
            "several environments have one namespace, and each replaces what the other has there";
        let hint = "give each its own cluster, or leave the namespace out";
        out.lost("render.kubernetes.namespace", why, hint);
    }
}

/// Everything that an environment is made of, in the order of its files.
pub(super) fn objects(site: &Site<'_>) -> Vec<Object> {
    let mut all = Vec::new();
    if site.namespace.is_some() {
        all.push(config::namespace(site));
    }
    all.extend(config::maps(site));
    all.extend(access::objects(site));
    all.extend(storage::claims(site));
    all.extend(workload::objects(site));
    all.extend(network::services(site));
    all.extend(network::ingresses(site));
    all.extend(network::policies(site));
    all.extend(scaling::autoscalers(site));
    all.extend(scaling::budgets(site));
    all.extend(backup::objects(site));
    all
}

/// Objects in the files that they name, below `folder`.
pub(super) fn into_files(folder: &str, objects: &[Object], out: &mut Rendering) {
    let mut files: BTreeMap<&str, Vec<Doc>> = BTreeMap::new();
    for object in objects {
        files
            .entry(object.file)
            .or_default()
            .push(Doc::from(object.map.clone()));
    }
    for (file, documents) in files {
        out.yaml(format!("{folder}/{file}"), &documents);
    }
}
