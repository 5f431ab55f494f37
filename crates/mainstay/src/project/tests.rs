//! From options to what is resolved, on real files.

use super::*;
use crate::arguments::{Cli, Command};
use clap::Parser;
use mainstay_stack::Strategy;

const COMPOSE: &str = "\
name: tiny
services:
  app:
    x-mainstay: {command: [sh]}
  extra:
    profiles: [more]
    x-mainstay: {command: [sh]}
";

/// Resolves as `mainstay deploy OPTIONS` would.
fn deploy(options: &[&str]) -> Outcome<Resolved> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("compose.yaml"), COMPOSE).unwrap();
    let other = COMPOSE.replace("tiny", "other");
    std::fs::write(directory.path().join("other.yaml"), other).unwrap();
    let line = ["mainstay", "deploy"].iter().chain(options);
    let cli = Cli::try_parse_from(line).unwrap();
    let Command::Deploy(arguments) = cli.command else {
        panic!("not deploy")
    };
    let files = arguments.stack.files.clone();
    let place = Place::new(&cli.global, Some(directory.path()), files)?;
    resolve(&place, &arguments.stack, &arguments.release)
}

#[test]
fn the_strategy_holds_for_this_release() {
    let stack = deploy(&["--strategy", "blue-green"]).unwrap().stack;
    let strategy = stack.deploy.default.strategy;
    assert!(
        matches!(strategy, Strategy::BlueGreen { .. }),
        "{strategy:?}"
    );
    let strategy = deploy(&[]).unwrap().stack.deploy.default.strategy;
    assert!(matches!(strategy, Strategy::Rolling { .. }), "{strategy:?}");
}

#[test]
fn set_values_win_over_the_files() {
    let set = [
        "--set",
        "app.environment.A=x=y",
        "--set",
        "app.deploy.replicas=3",
    ];
    let stack = deploy(&set).unwrap().stack;
    let app = stack.services.get("app").unwrap();
    assert_eq!(app.environment["A"].text.expose(), "x=y");
    assert_eq!(app.replicas, 3);
}

#[test]
fn profiles_and_files_choose_what_runs() {
    assert_eq!(deploy(&[]).unwrap().stack.services.len(), 1);
    let more = deploy(&["--profile", "more"]).unwrap().stack;
    assert_eq!(more.services.len(), 2);
    let other = deploy(&["-f", "other.yaml"]).unwrap().stack;
    assert_eq!(other.name.as_str(), "other");
}

#[test]
fn another_name_makes_another_stack_of_the_same_files() {
    let stack = deploy(&["--stack", "copy"]).unwrap().stack;
    assert_eq!(stack.scope().to_string(), "copy/dev");
}

#[test]
fn places_are_those_the_user_would_type() {
    let typed = |file: &str, directory: &str| {
        let mut place = Named {
            file: file.to_owned(),
            line: 1,
            column: 1,
        };
        as_typed(&mut place, Path::new(directory));
        place.file
    };
    assert_eq!(typed("compose.yaml", "."), "compose.yaml");
    assert_eq!(
        typed("compose.yaml", "examples/x"),
        "examples/x/compose.yaml"
    );
    assert_eq!(typed("/etc/x.yaml", "examples/x"), "/etc/x.yaml");
}
