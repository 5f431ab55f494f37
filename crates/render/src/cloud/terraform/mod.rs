//! Modules for AWS, and each environment made of them.
//!
//! The modules are the same for every stack and lie in `modules` as they are written. What an environment is
//! made of comes from the stack: databases and caches become RDS and `ElastiCache`, routes a load balancer,
//! backups buckets and retention. Services run on EKS (and then the target `kubernetes` writes them) or on ECS.
//!
//! **Invariant:** no secret's value is in a file, and none but RDS's own in Terraform's state.

mod data;
mod environment;
mod files;
mod hcl;
mod lost;
mod modules;
mod plan;
mod service;
mod traffic;

use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::Stack;
use plan::Plan;
use std::collections::BTreeSet;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let mut used = BTreeSet::new();
    for stack in project.environments.values() {
        let plan = Plan::of(stack);
        lost::say(&plan, out);
        used.extend(environment::write(project, &plan, out));
    }
    for module in &modules::MODULES {
        let needed = |name: &&str| modules::needs(name).contains(&module.name);
        if used.contains(module.name) || used.iter().any(needed) {
            for (file, text) in module.files {
                out.text(format!("modules/{}/{file}", module.name), "#", text);
            }
        }
    }
}

/// The network of an environment: its own /16, so that any two of them can be joined.
fn cidr(project: &Project, stack: &Stack) -> String {
    let mut names = project.environments.keys();
    let at = names.position(|name| *name == stack.environment);
    format!("10.{}.0.0/16", 10 + at.unwrap_or_default())
}
