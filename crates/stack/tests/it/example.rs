//! The example stack of the repository resolves without a problem.

use crate::disk;
use mainstay_stack::{Request, resolve};

#[test]
fn the_whisper_transcriber_resolves_without_a_problem() {
    let directory = disk::repository().join("examples/whisper-transcriber");
    let request = Request {
        directory,
        ..Request::default()
    };
    let resolution = resolve(&disk::Disk, &request);
    // In development its administrator has a password that everybody knows; elsewhere it is refused.
    let known = ["secret/default-password"];
    let problems = resolution.problems.iter();
    let others: Vec<_> = problems.filter(|p| !known.contains(&&*p.code)).collect();
    assert!(others.is_empty(), "{}", resolution.problems);
    let stack = resolution.stack.expect("a stack without problems");
    assert_eq!(stack.name.as_str(), "whisper-transcriber");
    let app = stack.services.get("app").expect("its one service");
    assert_eq!(app.replicas, 2);
    assert!(stack.volumes["data"].shared);
    assert_eq!(stack.routes.len(), 1);
}

/// Every example, in every environment: what is backed up of it is right, or nothing is.
#[test]
fn each_example_is_backed_up_in_production_and_not_on_a_laptop() {
    for (name, sources) in [
        ("whisper-transcriber", "postgres redis"),
        ("deep-echo", "postgres"),
        ("whisperengine", "postgres redis"),
        ("whispercache", "postgres redis"),
        ("rag-admin", "postgres redis"),
    ] {
        for environment in ["dev", "staging", "production", "dr"] {
            let request = Request {
                directory: disk::repository().join("examples").join(name),
                environment: Some(environment.to_owned()),
                ..Request::default()
            };
            let resolution = resolve(&disk::Disk, &request);
            let wrong = |problem: &&mainstay_model::Problem| {
                problem.code.starts_with("backups/") || problem.code.starts_with("mainstay/")
            };
            let wrong: Vec<_> = resolution.problems.iter().filter(wrong).collect();
            assert!(wrong.is_empty(), "{name} {environment}: {wrong:#?}");
            let stack = resolution.stack.expect("a stack without errors");
            let active: Vec<&str> = stack
                .backups
                .active()
                .map(|(name, _)| name.as_str())
                .collect();
            let expected: Vec<&str> = match environment {
                "dev" => continue,
                _ => sources.split(' ').collect(),
            };
            assert_eq!(active, expected, "{name} {environment}");
            assert!(stack.backups.enabled && !stack.backups.schedules.is_empty());
        }
    }
}
