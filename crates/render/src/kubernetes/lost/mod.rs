//! What a cluster cannot be told, by name: field after field of each service, then of the stack.
//!
//! Not named is what belongs to Mainstay alone and is there in every stack: rotation of its logs, the pauses
//! between restarts, drains, how long a release is watched, the environment's policy. `docs/render-kubernetes.md`
//! lists them.

mod service;
mod stack;

use super::access;
use super::site::{self, Site};
use crate::output::Rendering;
use mainstay_model::Problems;
use std::collections::BTreeMap;

/// One thing that may be there: its field, whether it is, why it is lost, what to do instead.
type Line = (&'static str, bool, &'static str, &'static str);

/// Everything that the manifests leave out of the stack, and what makes them impossible.
pub(super) fn say(site: &Site<'_>, out: &mut Rendering) {
    names_apart(site, out);
    for service in site.stack.services.values() {
        service::say(site, service, out);
    }
    stack::say(site, out);
}

/// The same for who has weights for a rollout.
pub(super) fn beside_weights(site: &Site<'_>, out: &mut Rendering) {
    say(site, out);
    let mut kept = Problems::default();
    for problem in &out.problems {
        if !problem.message.contains(".deploy.strategy` is lost") {
            kept.push(problem.clone());
        }
    }
    out.problems = kept;
}

/// Two services that are one name in the cluster's eyes.
fn names_apart(site: &Site<'_>, out: &mut Rendering) {
    let deployer = (access::DEPLOYER.to_owned(), "the account that deploys");
    let mut known: BTreeMap<String, &str> = BTreeMap::from([deployer]);
    for service in site.stack.services.values() {
        let name = site::name(service);
        let path = format!("services.{}", service.name);
        if let Some(other) = known.insert(name.clone(), service.name.as_str()) {
            let why = format!("`{other}` is called `{name}` in a cluster as well");
            out.refused(&path, &why, "give one of them another name");
        }
        if name != service.name.as_str() {
            let instead = format!("others reach it as `{name}`: say so in their variables");
            out.lost(&path, "the name is none of DNS", &instead);
        }
    }
}
