//! What was typed becomes what is meant.

use super::*;
use clap::CommandFactory;

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[test]
fn the_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_stand_before_or_behind_the_verb() {
    for line in [
        "mainstay --json -C x --env staging status",
        "mainstay status --json -C x --env staging",
    ] {
        let cli = parse(line);
        assert!(cli.global.json, "{line}");
        assert_eq!(
            cli.global.directory.as_deref(),
            Some("x".as_ref()),
            "{line}"
        );
        assert_eq!(cli.global.env.map(String::from).as_deref(), Some("staging"));
    }
}

#[test]
fn what_follows_the_dashes_belongs_to_the_command() {
    let Command::Exec(exec) = parse("mainstay exec app -- ls -l --json").command else {
        panic!("not exec")
    };
    assert_eq!((exec.subject.as_str(), exec.command.len()), ("app", 3));
}

#[test]
fn wrong_words_are_refused_and_near_ones_suggested() {
    for (line, expected) in [
        ("mainstay statsu", "'status'"),
        ("mainstay scale app", "`app` is not SERVICE=N"),
        ("mainstay scale app=x", "`app=x` is not SERVICE=N"),
        ("mainstay deploy --set app", "`app` has no `=`"),
        (
            "mainstay deploy --strategy canary",
            "rolling, blue-green, stop-first",
        ),
        ("mainstay releases show x1", "expected a release number"),
        ("mainstay exec app ls", "unexpected argument 'ls'"),
        ("mainstay port-forward app x:1", "`x:1` is not [LOCAL:]PORT"),
        ("mainstay --env Prod status", "`Prod` is not a name"),
    ] {
        let error = Cli::try_parse_from(line.split(' '))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
}
