//! Workflows, judged by actionlint (with shellcheck for their scripts) and zizmor.

use crate::peers::{peer, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Project, Rendering, Target, render};
use mainstay_stack::Language;
use snapbox::{assert_data_eq, str};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The examples as they are, and with languages, checks and a registry of their own.
fn renderings() -> Vec<(String, Rendering)> {
    let mut all = Vec::new();
    for name in EXAMPLES {
        let plain = example(name);
        all.push((name.to_owned(), render(Target::GithubActions, &plain)));
        for language in [Language::Rust, Language::Python, Language::Node] {
            let label = format!("{name}-{}", Language::WORDS[language as usize]);
            all.push((
                label,
                render(Target::GithubActions, &told(plain.clone(), language)),
            ));
        }
    }
    all
}

fn told(mut project: Project, language: Language) -> Project {
    for stack in project.environments.values_mut() {
        let names: Vec<_> = stack.services.keys().take(1).cloned().collect();
        for name in names {
            stack.render.services.entry(name).or_default().language = Some(language);
        }
        stack.render.registry = Some("ghcr.io/example".to_owned());
        if language == Language::Python {
            stack.render.ci.versions = ["3.12", "3.13"].map(str::to_owned).to_vec();
            let check = ("Unit tests".to_owned(), "python -m pytest".to_owned());
            stack.render.ci.checks = [check].into_iter().collect();
        }
    }
    project
}

/// Each in a repository of its own, as far as the judges look.
fn written(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (label, rendering) in renderings() {
        let repository = folder.join(label);
        write(&rendering, &repository);
        std::fs::create_dir(repository.join(".git")).expect("a folder");
        files.extend(rendering.files.keys().map(|path| repository.join(path)));
    }
    files
}

#[test]
fn every_example_has_all_four_workflows() {
    for (label, rendering) in renderings() {
        let names: Vec<&str> = rendering.files.keys().map(String::as_str).collect();
        let expected = ["ci", "deploy-production", "deploy-staging", "rollback"];
        let expected = expected.map(|name| format!(".github/workflows/{name}.yml"));
        assert_eq!(names, expected, "{label}");
    }
}

#[test]
fn actionlint_is_quiet() {
    let test = "actionlint_is_quiet";
    let Some(actionlint) = peer("actionlint", test) else {
        return;
    };
    let Some(shellcheck) = peer("shellcheck", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(folder.path());
    let mut judge = Command::new(actionlint);
    judge.arg("-shellcheck").arg(shellcheck).args(files);
    quiet(&mut judge);
}

#[test]
fn zizmor_is_quiet() {
    let Some(zizmor) = peer("zizmor", "zizmor_is_quiet") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(folder.path());
    // Pedantic, and without a question to anybody.
    let mut judge = Command::new(zizmor);
    judge.args([
        "--offline",
        "--quiet",
        "--no-progress",
        "--persona",
        "pedantic",
    ]);
    // Its syntax for files of the same repository is younger than many servers of GitHub's that people run themselves.
    let config = folder.path().join("zizmor.yml");
    std::fs::write(&config, "rules: {self-repository: {disable: true}}\n").expect("a file");
    judge.arg("--config").arg(config);
    quiet(judge.args(files));
}

#[test]
fn each_action_is_named_by_its_digest_and_nothing_typed_is_pasted_into_a_script() {
    for (label, rendering) in renderings() {
        for (path, file) in &rendering.files {
            let lines = file.text.lines().map(str::trim);
            let used = lines.clone().filter_map(|line| line.strip_prefix("uses: "));
            let used = used.map(|action| action.trim_matches('"'));
            for action in used.filter(|action| !action.starts_with("./")) {
                let (name, version) = action.split_once(" # v").expect("a version behind it");
                let (_, digest) = name.split_once('@').expect("a digest");
                assert!(
                    digest.len() == 40 && !version.is_empty(),
                    "{label} {path}: {action}"
                );
            }
            let mut script = false;
            for line in file.text.lines() {
                script = line.trim_start().starts_with("run:")
                    || script && line.starts_with("          ");
                assert!(!(script && line.contains("${{")), "{label} {path}: {line}");
            }
        }
    }
}

#[test]
fn without_environments_beyond_a_laptop_there_are_checks_alone() {
    let rendering = render(
        Target::GithubActions,
        &project("services: {app: {image: 'a:1', ports: ['80:80']}}", ""),
    );
    let names: Vec<&str> = rendering.files.keys().map(String::as_str).collect();
    assert_eq!(names, [".github/workflows/ci.yml"]);
    assert_data_eq!(
        rendering.problems.to_string(),
        str![[r"
warning: `environments.staging` is lost: no environment has that purpose
  hint: `deploy-staging.yml` is not written
warning: `environments.production` is lost: no environment has that purpose
  hint: `deploy-production.yml` is not written
warning: `render.ci.checks` is lost: none is said, and no service says its `language`
  hint: `ci.yml` checks the stack's files and images alone
"]]
    );
}
