//! Workflows that change what runs: staging by a push, production by a version tag, both back by hand.

use super::images;
use super::steps::{checkout, expression, job, mainstay, rights, run};
use crate::project::Project;
use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeSet;

/// In the GitHub environment of the same name: its reviewers, its secrets, its variables. One at a time, and none is
/// broken off: a rollout that nobody follows goes on all the same.
fn environment(map: Map, name: &str, group: &str) -> Map {
    map.set("environment", Map::new().set("name", name)).set(
        "concurrency",
        Map::new()
            .set("group", format!("{group}-{name}"))
            .set("cancel-in-progress", false),
    )
}

/// Where the server is, and who asks.
fn server() -> Map {
    Map::new()
        .set("MAINSTAY_SERVER", expression("vars.MAINSTAY_SERVER"))
        .set("MAINSTAY_TOKEN", expression("secrets.MAINSTAY_TOKEN"))
}

/// The stack's secrets that come from variables of whoever deploys.
fn secrets(stack: &Stack, mut env: Map) -> Map {
    let sources = stack.secrets.values().map(|secret| secret.source.as_str());
    let variables = sources.filter_map(|source| source.strip_prefix("variable "));
    let variables: BTreeSet<&str> = variables
        .filter_map(|rest| rest.split(',').next())
        .collect();
    for variable in variables {
        env.insert(variable, expression(&format!("secrets.{variable}")));
    }
    env
}

fn deploying(stack: &Stack, arguments: &str) -> Doc {
    let script = format!(
        "\"$RUNNER_TEMP/mainstay\" check --env {name}\n\
         \"$RUNNER_TEMP/mainstay\" deploy --env {name} --server \"$MAINSTAY_SERVER\" --wait {arguments}\n",
        name = stack.environment
    );
    run("Deploy", secrets(stack, server()), &script)
}

fn seen(name: &str) -> Doc {
    let script = format!(
        "\"$RUNNER_TEMP/mainstay\" status --env {name} --server \"$MAINSTAY_SERVER\"\n\
         {{\n  echo '```'\n  \"$RUNNER_TEMP/mainstay\" releases --env {name} --server \"$MAINSTAY_SERVER\"\n  echo '```'\n}} >> \"$GITHUB_STEP_SUMMARY\"\n"
    );
    run("See what runs now", server(), &script)
}

/// What `ci.yml` does may be done by it when it is called.
fn ci() -> Map {
    Map::new()
        .set("name", "CI")
        .set("uses", "./.github/workflows/ci.yml")
        .set(
            "permissions",
            rights(&[("contents", "read"), ("security-events", "write")]),
        )
}

pub(super) fn staging(project: &Project, stack: &Stack) -> Map {
    let automatic = stack.policy.auto_deploy.as_ref();
    let mut branches: Vec<String> = automatic
        .map(|policy| policy.branches.iter().map(ToString::to_string).collect())
        .unwrap_or_default();
    if branches.is_empty() {
        branches.push(project.main().render.ci.branch.clone());
    }
    let mut jobs = Map::new().set("ci", ci());
    let mut before = "ci";
    if let Some(job) = images::pushed(stack, "ci", "github.sha") {
        jobs.insert("images", job);
        before = "images";
    }
    let arguments = match automatic {
        Some(_) => "--commit \"$GITHUB_SHA\" --automatic --branch \"$GITHUB_REF_NAME\"",
        None => "--commit \"$GITHUB_SHA\"",
    };
    let name = stack.environment.as_str();
    let deploy =
        job("Deploy to staging", 60, rights(&[("contents", "read")])).set("needs", [before]);
    let deploy = environment(deploy, name, "deploy").set(
        "steps",
        vec![
            checkout(),
            mainstay(),
            deploying(stack, arguments),
            seen(name),
        ],
    );
    jobs.insert("deploy", deploy);
    Map::new()
        .set("name", "Deploy to staging")
        .set(
            "on",
            Map::new().set("push", Map::new().set("branches", branches)),
        )
        .set("permissions", Map::new())
        .set(
            "concurrency",
            Map::new()
                .set("group", "deploy-to-staging")
                .set("cancel-in-progress", false),
        )
        .set("jobs", jobs)
}

pub(super) fn production(project: &Project, stack: &Stack) -> Map {
    let tags = stack.policy.tags_only.as_ref();
    let tags = tags.map_or("v*", |pattern| pattern.as_str());
    let branch = project.main().render.ci.branch.as_str();
    let verify = job("The tag", 10, rights(&[("contents", "read")])).set(
        "steps",
        vec![
            checkout(),
            run(
                "It is on the branch that is released",
                Map::new().set("BRANCH", branch),
                "git merge-base --is-ancestor \"$GITHUB_SHA\" \"origin/$BRANCH\"\n",
            ),
        ],
    );
    let called = super::of_purpose(project, mainstay_stack::Purpose::Staging).is_some();
    let mut jobs = Map::new().set("tag", verify);
    let mut before = "tag";
    if called {
        jobs.insert("ci", ci().set("needs", ["tag"]));
        before = "ci";
    }
    if let Some(job) = images::pushed(stack, before, "github.ref_name") {
        jobs.insert("images", job);
        before = "images";
    }
    let name = stack.environment.as_str();
    // GitHub's own reviewers agree before it begins; the server's approval is waited for while it runs.
    let deploy =
        job("Deploy to production", 350, rights(&[("contents", "read")])).set("needs", [before]);
    let arguments = "--tag \"$GITHUB_REF_NAME\" --commit \"$GITHUB_SHA\"";
    let deploy = environment(deploy, name, "deploy").set(
        "steps",
        vec![
            checkout(),
            mainstay(),
            deploying(stack, arguments),
            seen(name),
        ],
    );
    jobs.insert("deploy", deploy);
    Map::new()
        .set("name", "Deploy to production")
        .comment("A version tag and nothing else; who has to agree is set up for the environment in GitHub.")
        .set("on", Map::new().set("push", Map::new().set("tags", [tags])))
        .set("permissions", Map::new())
        .set(
            "concurrency",
            Map::new()
                .set("group", "deploy-to-production")
                .set("cancel-in-progress", false),
        )
        .set("jobs", jobs)
}

pub(super) fn rollback(project: &Project) -> Map {
    let names: Vec<String> = project
        .hosted()
        .iter()
        .map(|stack| stack.environment.to_string())
        .collect();
    let input = |about: &str, kind: &str| {
        Map::new()
            .set("description", about)
            .set("required", true)
            .set("type", kind)
    };
    let inputs = Map::new()
        .set(
            "environment",
            input("Where", "choice").set("options", names),
        )
        .set(
            "version",
            input(
                "To which release: its number, its tag, or the beginning of its commit",
                "string",
            ),
        )
        .set("reason", input("Why; it stands in the journal", "string"));
    let chosen = expression("inputs.environment");
    let env = server()
        .set("ENVIRONMENT", chosen.as_str())
        .set("RELEASE", expression("inputs.version"))
        .set("REASON", expression("inputs.reason"));
    // What was typed reaches the script as variables, and is looked at before it is used.
    let script = "case \"$RELEASE\" in\n  -* | *[!A-Za-z0-9._+-]*) echo \"not a release: $RELEASE\" >&2; exit 2 ;;\nesac\n\
         \"$RUNNER_TEMP/mainstay\" rollback \"$RELEASE\" --env \"$ENVIRONMENT\" --server \"$MAINSTAY_SERVER\" --reason \"$REASON\"\n";
    let verify = "\"$RUNNER_TEMP/mainstay\" status --env \"$ENVIRONMENT\" --server \"$MAINSTAY_SERVER\"\n\
         {\n  echo \"## Rollback of $ENVIRONMENT to $RELEASE\"\n  echo\n  echo \"Asked for by $GITHUB_ACTOR. Why: $REASON\"\n  echo\n  echo '```'\n  \
         \"$RUNNER_TEMP/mainstay\" releases --env \"$ENVIRONMENT\" --server \"$MAINSTAY_SERVER\"\n  echo '```'\n} >> \"$GITHUB_STEP_SUMMARY\"\n";
    // Not behind a deploy that waits for somebody: the server takes one at a time by itself.
    let job = job("Roll back", 60, rights(&[("contents", "read")]));
    let job = environment(job, &chosen, "rollback").set(
        "steps",
        vec![
            checkout(),
            mainstay(),
            run("Roll back", env.clone(), script),
            run("See what runs now, and write it down", env, verify),
        ],
    );
    Map::new()
        .set("name", "Rollback")
        .set(
            "run-name",
            format!("Rollback of {}", expression("inputs.environment")),
        )
        .set(
            "on",
            Map::new().set("workflow_dispatch", Map::new().set("inputs", inputs)),
        )
        .set("permissions", Map::new())
        .set("jobs", Map::new().set("rollback", job))
}
