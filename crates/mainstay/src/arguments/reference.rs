//! `docs/cli.md` is the help of every command, and so its golden file.
//!
//! `SNAPSHOTS=overwrite cargo test -p mainstay` brings it up to date.

use super::Cli;
use clap::{Command, CommandFactory};
use snapbox::{Data, assert_data_eq};
use std::fmt::Write as _;
use std::path::Path;

const MARK: &str = "<!-- From here on: the help of each command, kept true by a test. -->\n";

#[test]
fn the_reference_page_has_the_help_of_every_command() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (introduction, _) = text.split_once(MARK).expect("the mark stands in the page");
    let mut expected = format!("{introduction}{MARK}");
    let mut cli = Cli::command().term_width(90);
    cli.build();
    describe(&mut expected, &mut cli, 0);
    assert_data_eq!(expected, Data::read_from(&page, None).raw());
}

fn describe(text: &mut String, command: &mut Command, depth: usize) {
    if command.is_hide_set() {
        return;
    }
    let name = command.get_bin_name().unwrap_or("mainstay").to_owned();
    let help = command.render_help().to_string();
    let heading = "#".repeat(depth.min(1) + 2);
    let _ = write!(
        text,
        "\n{heading} {name}\n\n```text\n{}\n```\n",
        help.trim_end()
    );
    for subcommand in command.get_subcommands_mut() {
        describe(text, subcommand, depth + 1);
    }
}

#[test]
fn every_command_has_examples() {
    for command in Cli::command()
        .get_subcommands()
        .filter(|c| !c.is_hide_set())
    {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let example = format!("mainstay {}", command.get_name());
        assert!(
            help.contains(&example),
            "{} has no example",
            command.get_name()
        );
    }
}
