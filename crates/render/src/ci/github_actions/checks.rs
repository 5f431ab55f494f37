//! `ci.yml`: the files, the code, what is known against it, the images, and a short load.

use super::actions::LOCUST;
use super::images;
use super::steps::{checkout, expression, job, kept, mainstay, rights, run, sarif, trivy, used};
use crate::names::dns;
use crate::project::Project;
use mainstay_stack::{Language, Purpose};
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeMap;

/// Run for pull requests, and by the workflows that deploy: what is deployed has passed.
pub(super) fn workflow(project: &Project, called: bool, bare: bool) -> Map {
    let branch = project.main().render.ci.branch.as_str();
    let mut on = Map::new().set("pull_request", Map::new().set("branches", [branch]));
    if called {
        on.insert("workflow_call", Map::new());
    } else {
        on.insert("push", Map::new().set("branches", [branch]));
    }
    on.insert("workflow_dispatch", Map::new());
    let mut jobs = Map::new().set("files", files(project));
    if !bare {
        for (name, command) in commands(project) {
            jobs.insert(
                format!("check-{}", dns(&name)),
                check(project, &name, &command),
            );
        }
    }
    jobs.insert("security", security());
    if let Some(job) = images::checked(project) {
        jobs.insert("images", job);
    }
    if let Some(job) = load(project) {
        jobs.insert("load", job);
    }
    let group = format!(
        "{}-{}",
        expression("github.workflow"),
        expression("github.ref")
    );
    Map::new()
        .set("name", "CI")
        .set("on", on)
        .comment("Each job says what it may do.")
        .set("permissions", Map::new())
        .set(
            "concurrency",
            Map::new().set("group", format!("ci-{group}")).set(
                "cancel-in-progress",
                expression("github.event_name == 'pull_request'"),
            ),
        )
        .set("jobs", jobs)
}

/// The language that the checks are run with: that of the first service that says one.
fn language(project: &Project) -> Option<Language> {
    let mut said = project.main().render.services.values();
    said.find_map(|service| service.language)
}

/// What is said, else what is usual for the language.
pub(super) fn commands(project: &Project) -> BTreeMap<String, String> {
    let said = &project.main().render.ci.checks;
    if !said.is_empty() {
        return said.clone();
    }
    let usual: &[(&str, &str)] = match language(project) {
        Some(Language::Rust) => &[
            (
                "lint",
                "cargo fmt --all --check && cargo clippy --all-targets --locked -- --deny warnings",
            ),
            ("test", "cargo test --locked"),
        ],
        Some(Language::Python) => &[
            (
                "lint",
                "pip install --requirement requirements.txt && python -m compileall -q .",
            ),
            (
                "test",
                "pip install --requirement requirements.txt && python -m pytest",
            ),
        ],
        Some(Language::Node) => &[
            ("lint", "npm ci && npm run lint --if-present"),
            ("test", "npm ci && npm test"),
        ],
        None => &[],
    };
    let usual = usual.iter();
    usual
        .map(|(name, command)| ((*name).to_owned(), (*command).to_owned()))
        .collect()
}

fn files(project: &Project) -> Map {
    // Other environments need secrets, which a check of somebody's code is not given.
    let developed = project
        .environments
        .values()
        .filter(|stack| stack.purpose == Purpose::Development);
    let mut lines: Vec<String> = developed
        .map(|stack| {
            format!(
                "\"$RUNNER_TEMP/mainstay\" check --env {}",
                stack.environment
            )
        })
        .collect();
    if lines.is_empty() {
        lines.push("\"$RUNNER_TEMP/mainstay\" check".to_owned());
    }
    let script = format!("{}\n", lines.join("\n"));
    job("The stack's files", 10, rights(&[("contents", "read")])).set(
        "steps",
        vec![
            checkout(),
            mainstay(),
            run("Check them", Map::new(), &script),
        ],
    )
}

fn check(project: &Project, name: &str, command: &str) -> Map {
    let versions = &project.main().render.ci.versions;
    let version = versions.first().map(|_| expression("matrix.version"));
    let mut steps = vec![checkout()];
    steps.extend(set_up(language(project), version.as_deref()));
    steps.push(run(name, Map::new(), &format!("{command}\n")));
    let label = match &version {
        Some(version) => format!("{name} ({version})"),
        None => name.to_owned(),
    };
    let mut map = job(&label, 30, rights(&[("contents", "read")]));
    if version.is_some() {
        let matrix = Map::new().set("version", versions.as_slice());
        let strategy = Map::new().set("fail-fast", false).set("matrix", matrix);
        map.insert("strategy", strategy);
    }
    map.set("steps", steps)
}

fn set_up(language: Option<Language>, version: Option<&str>) -> Option<Doc> {
    Some(match language? {
        Language::Rust => {
            let env = Map::new().set("TOOLCHAIN", version.unwrap_or("stable"));
            let script = "rustup toolchain install \"$TOOLCHAIN\" --profile minimal --component clippy,rustfmt\nrustup default \"$TOOLCHAIN\"\n";
            run("Install Rust", env, script)
        }
        Language::Python => {
            let with = Map::new().set("python-version", version.unwrap_or("3.13"));
            used("Install Python", "actions/setup-python", with)
        }
        Language::Node => {
            let with = Map::new()
                .set("node-version", version.unwrap_or("24"))
                // What a pull request put into a cache is not taken over.
                .set("package-manager-cache", false);
            used("Install Node.js", "actions/setup-node", with)
        }
    })
}

/// Dependencies with known weaknesses, and secrets that were committed.
fn security() -> Map {
    let rights = rights(&[("contents", "read"), ("security-events", "write")]);
    job("Dependencies and secrets", 15, rights).set(
        "steps",
        vec![
            checkout(),
            trivy(
                "Look through them",
                "filesystem --scanners vuln,secret --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1 --format sarif --output trivy.sarif .",
            ),
            sarif("trivy.sarif", "dependencies"),
        ],
    )
}

/// The stack as it is developed, on the runner, under a few users for a minute.
fn load(project: &Project) -> Option<Map> {
    let stacks = project.environments.values();
    let mut developed = stacks.filter(|stack| stack.purpose == Purpose::Development);
    let stack = developed.next()?;
    let mut routes = stack.routes.iter();
    let port = routes.find_map(|route| {
        let service = stack.services.get(&route.service)?;
        service.ports.iter().find_map(|port| port.published)
    })?;
    let address = format!("http://127.0.0.1:{port}");
    Some(
        job("A short load", 30, rights(&[("contents", "read")])).set(
            "steps",
            vec![
                checkout(),
                run("Start the stack", Map::new(), "docker compose up --detach --wait --wait-timeout 300\n"),
                mainstay(),
                used(
                    "Install Python",
                    "actions/setup-python",
                    Map::new().set("python-version", "3.13"),
                ),
                run(
                    "Ask it for a minute",
                    Map::new().set("TARGET", address).set("LOCUST", LOCUST),
                    "\"$RUNNER_TEMP/mainstay\" render locust --out \"$RUNNER_TEMP/load\"\n\
                     pip install \"$LOCUST\"\n\
                     locust --locustfile \"$RUNNER_TEMP/load/locustfile.py\" --headless --host \"$TARGET\" \\\n  \
                     --users 10 --spawn-rate 2 --run-time 1m --csv load --only-summary\n",
                ),
                kept("load", "load_*.csv"),
                Map::new()
                    .set("name", "Stop the stack")
                    .set("if", "always()")
                    .set("run", "docker compose logs --no-color --tail 50\ndocker compose down --volumes\n")
                    .into(),
            ],
        ),
    )
}
