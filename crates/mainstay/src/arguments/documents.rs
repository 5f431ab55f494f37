//! Every `mainstay` command that a guide's page, an example or the README shows can be typed.
//!
//! Parsing only: nothing is run. Looked at are code spans and console blocks; a span with `…` in it
//! is a piece of a sentence.

use super::Cli;
use std::path::{Path, PathBuf};

#[test]
fn every_command_that_is_shown_can_be_typed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    for folder in ["docs/guides", "examples"] {
        markdown(&root.join(folder), &mut pages);
    }
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for command in commands(&text) {
            seen += 1;
            if let Err(error) = parse(&command) {
                let place = page.strip_prefix(&root).unwrap().display();
                mistakes.push(format!("{place}: {command}\n{error}"));
            }
        }
    }
    assert!(mistakes.is_empty(), "\n{}", mistakes.join("\n"));
    assert!(seen > 100, "only {seen} commands were found");
}

fn markdown(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            markdown(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// Command lines of a page, without what stands before and behind them.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut block = None;
    for line in page.lines() {
        let trimmed = line.trim();
        if let Some(language) = trimmed.strip_prefix("```") {
            block = match block {
                None => Some(language.to_owned()),
                Some(_) => None,
            };
        } else if let Some(language) = &block {
            if language == "console"
                && let Some(line) = trimmed.strip_prefix("$ ")
            {
                commands.extend(command(line));
            }
        } else {
            let spans = line.split('`').skip(1).step_by(2);
            commands.extend(spans.filter_map(command));
        }
    }
    commands
}

/// From `mainstay` to the comment, the pipe or the next command.
fn command(text: &str) -> Option<String> {
    let mut words = text.split_whitespace().peekable();
    // Variables of one command.
    while words.peek().is_some_and(|word| word.contains('=')) {
        words.next();
    }
    if !matches!(words.next()?, "mainstay" | "$mainstay") {
        return None;
    }
    let rest: Vec<&str> = words
        .take_while(|word| !matches!(*word, "#" | "|" | "\\|" | ">" | "&&"))
        .collect();
    let is_whole = !rest.is_empty() && !rest.iter().any(|word| word.contains(['…', '[', '<']));
    is_whole.then(|| format!("mainstay {}", rest.join(" ")))
}

/// As a shell takes it apart, as far as the documents need it.
fn parse(command: &str) -> Result<(), String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in command.chars() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ') => words.push(String::new()),
            (Some(open), close) if open == close => quote = None,
            (_, other) => words.last_mut().expect("is never empty").push(other),
        }
    }
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    // A verb that has verbs of its own may be named alone.
    match <Cli as clap::Parser>::try_parse_from(&words) {
        Ok(_) => Ok(()),
        Err(error) if is_named_alone(&words, &error) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// `mainstay scale`, in the middle of a sentence: the verb is there, what it needs is not said.
fn is_named_alone(words: &[String], error: &clap::Error) -> bool {
    use clap::error::ErrorKind::{
        DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument, MissingSubcommand,
    };
    let is_short = words.len() <= 3 && words.iter().skip(1).all(|word| !word.starts_with('-'));
    let lacks = [
        DisplayHelpOnMissingArgumentOrSubcommand,
        MissingRequiredArgument,
        MissingSubcommand,
    ];
    is_short && lacks.contains(&error.kind())
}

#[test]
fn commands_are_found_where_they_stand() {
    let page = "say `mainstay up x` or `mainstay rollout …`\n```console\n$ A=b mainstay ps | cat\n# mainstay no\n```\n";
    assert_eq!(commands(page), ["mainstay up x", "mainstay ps"]);
    assert!(parse("mainstay rollback 12 --reason \"it was better\"").is_ok());
    assert!(parse("mainstay scale").is_ok());
    assert!(parse("mainstay fly").is_err());
    assert!(parse("mainstay deploy --wings").is_err());
}
