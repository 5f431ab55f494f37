//! Dockerfiles, judged by hadolint and by our own rules, and built.

mod bases;
mod built;

use crate::load::Server;
use crate::peers::{find, peer, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_audit::{Surroundings, dockerfile, dockerfile_findings};
use mainstay_render::{Project, Rendering, Target, render};
use mainstay_stack::{Language, Probe};
use snapbox::{assert_data_eq, str};
use std::process::Command;

const LANGUAGES: [Language; 3] = [Language::Rust, Language::Python, Language::Node];

/// The project, with every service that is built here in this language.
fn spoken(mut project: Project, language: Language) -> Project {
    for stack in project.environments.values_mut() {
        let built = stack.services.values();
        let built =
            built.filter(|service| service.process.is_some() || service.container.build.is_some());
        let names: Vec<_> = built.map(|service| service.name.clone()).collect();
        for name in names {
            stack.render.services.entry(name).or_default().language = Some(language);
        }
    }
    project
}

fn renderings() -> Vec<(String, Rendering)> {
    let mut all = Vec::new();
    for name in EXAMPLES {
        for language in LANGUAGES {
            let project = spoken(example(name), language);
            for environment in project.environments.keys() {
                let seen = project.seen_from(environment).expect("an environment");
                let rendering = render(Target::Dockerfile, &seen);
                let label = format!(
                    "{name}-{environment}-{}",
                    Language::WORDS[language as usize]
                );
                all.push((label, rendering));
            }
        }
    }
    all
}

fn dockerfiles(rendering: &Rendering) -> impl Iterator<Item = (&String, &str)> {
    let files = rendering.files.iter();
    let files = files.filter(|(path, _)| path.starts_with("Dockerfile"));
    files.map(|(path, file)| (path, file.text.as_str()))
}

#[test]
fn every_rule_of_ours_is_quiet() {
    let around = Surroundings {
        has_ignore_file: Some(true),
        ..Surroundings::default()
    };
    for (label, rendering) in renderings() {
        assert!(rendering.files.contains_key(".dockerignore"), "{label}");
        assert!(dockerfiles(&rendering).count() > 0, "{label}");
        for (path, text) in dockerfiles(&rendering) {
            let findings = dockerfile_findings(&dockerfile::parse(path, text), &around);
            assert!(findings.is_empty(), "{label}/{path}: {findings:#?}\n{text}");
        }
    }
}

#[test]
fn hadolint_is_quiet() {
    let Some(hadolint) = peer("hadolint", "hadolint_is_quiet") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(hadolint);
    for (label, rendering) in renderings() {
        write(&rendering, &folder.path().join(&label));
        for (path, _) in dockerfiles(&rendering) {
            command.arg(folder.path().join(&label).join(path));
        }
    }
    quiet(&mut command);
}

#[test]
fn a_probe_is_asked_by_the_languages_own_means() {
    for language in LANGUAGES {
        let mut project = spoken(example("rag-admin"), language);
        for probe in [
            Probe::Tcp,
            Probe::Http {
                path: "/health".to_owned(),
            },
        ] {
            for stack in project.environments.values_mut() {
                for service in stack.services.values_mut() {
                    let health = service.health.as_mut().expect("a health check");
                    health.probe = probe.clone();
                }
            }
            let rendering = render(Target::Dockerfile, &project);
            for (path, text) in dockerfiles(&rendering) {
                assert!(text.contains("HEALTHCHECK --interval"), "{path}: {text}");
                assert!(!text.contains("curl") && !text.contains("wget"), "{path}");
            }
        }
    }
}

/// The words of the health check, asking another port.
fn check(language: Language, probe: &Probe, port: &str) -> Vec<String> {
    let mut project = spoken(example("whisper-transcriber"), language);
    for stack in project.environments.values_mut() {
        for service in stack.services.values_mut() {
            service.health.as_mut().expect("a check").probe = probe.clone();
        }
    }
    let rendering = render(Target::Dockerfile, &project);
    let text = &rendering.files["Dockerfile"].text;
    let check = text.split("HEALTHCHECK").nth(1).expect("a check");
    let words = check.split("CMD ").nth(1).expect("its words");
    let words = words.lines().next().expect("a line").replace("8000", port);
    serde_json::from_str(&words).expect("JSON")
}

#[test]
fn the_checks_tell_what_is_well_from_what_is_not() {
    let good = Server::start("200 OK");
    let bad = Server::start("503 Service Unavailable");
    let port = |server: &Server| server.address.rsplit(':').next().unwrap_or("").to_owned();
    let (good, bad, nobody) = (port(&good), port(&bad), "1".to_owned());
    let http = Probe::Http {
        path: "/health".to_owned(),
    };
    for language in LANGUAGES {
        let program = check(language, &http, "1")[0].replace("python", "python3");
        let Some(program) = find(&program) else {
            let test = "the_checks_tell_what_is_well_from_what_is_not";
            eprintln!("skipped for want of {program}: {test}");
            continue;
        };
        for (probe, port, well) in [
            (&http, &good, true),
            (&http, &bad, false),
            (&http, &nobody, false),
            (&Probe::Tcp, &good, true),
            (&Probe::Tcp, &nobody, false),
        ] {
            let words = check(language, probe, port);
            let said = Command::new(&program).args(&words[1..]).output();
            let said = said.expect("it starts");
            assert_eq!(said.status.success(), well, "{words:?}: {said:?}");
        }
    }
}

#[test]
fn without_a_language_there_is_no_dockerfile_and_it_says_why() {
    let rendering = render(
        Target::Dockerfile,
        &project(
            "services: {app: {image: a, build: ., ports: ['80:80']}}",
            "",
        ),
    );
    assert!(rendering.files.is_empty());
    assert_data_eq!(
        rendering.problems.to_string(),
        str![[r"
error: `render.services` cannot be expressed: no service says in which `language` it is written
  hint: say it in mainstay.yaml: `render: {services: {NAME: {language: python}}}` (or rust, node)
"]]
    );
}

#[test]
fn no_secret_stands_in_it() {
    let compose = "services: {app: {image: a, build: {context: ., args: {API_TOKEN: hunter22hunter}}, environment: {PASSWORD: hunter22hunter}, ports: ['80:80']}}";
    let project = spoken(project(compose, ""), Language::Python);
    let rendering = render(Target::Dockerfile, &project);
    assert!(!rendering.files.is_empty());
    for (path, file) in &rendering.files {
        assert!(!file.text.contains("hunter22"), "{path}");
    }
}
