//! Workflows for GitHub Actions: checks, staging, production, rollback. They deploy with `mainstay`, which talks to a
//! server; what a runner knows of it are two variables and a token.
//!
//! Every action is named by the digest of its commit, every tool by the digest of its image or its version. A job has
//! the rights it needs and no others; nothing that a person typed is pasted into a script.
//!
//! Source: the workflow syntax of GitHub Actions.

mod actions;
mod checks;
mod deploys;
mod images;
mod steps;

use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Purpose, Stack};
use mainstay_yaml::write::{Doc, Map};

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let staging = of_purpose(project, Purpose::Staging);
    let production = of_purpose(project, Purpose::Production);
    put(
        out,
        "ci",
        checks::workflow(project, staging.is_some(), out_lost(project)),
    );
    for (there, what, file) in [
        (staging.is_some(), "staging", "deploy-staging.yml"),
        (production.is_some(), "production", "deploy-production.yml"),
    ] {
        if !there {
            out.lost(
                &format!("environments.{what}"),
                "no environment has that purpose",
                &format!("`{file}` is not written"),
            );
        }
    }
    if let Some(stack) = staging {
        put(out, "deploy-staging", deploys::staging(project, stack));
    }
    if let Some(stack) = production {
        put(
            out,
            "deploy-production",
            deploys::production(project, stack),
        );
    }
    if !project.hosted().is_empty() {
        put(out, "rollback", deploys::rollback(project));
    }
    told(project, out);
}

fn of_purpose(project: &Project, purpose: Purpose) -> Option<&Stack> {
    let mut hosted = project.hosted().into_iter();
    hosted.find(|stack| stack.purpose == purpose)
}

fn out_lost(project: &Project) -> bool {
    checks::commands(project).is_empty()
}

/// A workflow file. Versions stand behind the digests: a comment of the same line, where tools that renew them look.
fn put(out: &mut Rendering, name: &str, workflow: Map) {
    let body = actions::with_versions(&Doc::from(workflow).text());
    out.text(
        format!(".github/workflows/{name}.yml"),
        "#",
        &format!("---\n{body}"),
    );
}

/// What of the environments is GitHub's to be set up.
fn told(project: &Project, out: &mut Rendering) {
    if out_lost(project) {
        out.lost(
            "render.ci.checks",
            "none is said, and no service says its `language`",
            "`ci.yml` checks the stack's files and images alone",
        );
    }
    for stack in project.hosted() {
        let name = &stack.environment;
        if stack.policy.approval.is_some() {
            out.lost(
                &format!("environments.{name}.policy.approval"),
                "a workflow cannot say who has to agree",
                &format!(
                    "set required reviewers for the environment `{name}` in GitHub; the server asks for its own approval besides"
                ),
            );
        }
        if !stack.policy.windows.is_empty() {
            out.lost(
                &format!("environments.{name}.policy.windows"),
                "a workflow runs when its event comes",
                "the server refuses what comes outside of them, where `deploys` says so",
            );
        }
    }
}
