//! The runbooks in `docs/runbooks`: a page for each alert and none besides, each with the same parts, and no command
//! that `docs/cli.md` does not know.

use super::packs::{PACKS, rules};
use super::{assert_none, files, text};
use mainstay_promql::Query;
use std::collections::BTreeSet;
use std::path::Path;

const FOLDER: &str = "docs/runbooks";

/// In this order.
const PARTS: [&str; 6] = [
    "## What it means",
    "## What users notice",
    "## First look",
    "## Causes",
    "## Mend",
    "## Escalate",
];

fn pages() -> BTreeSet<String> {
    let pages = files().into_iter();
    let pages = pages.filter(|path| path.parent() == Some(Path::new(FOLDER)));
    pages
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .filter(|name| name != "README")
        .collect()
}

fn page(name: &str) -> String {
    text(Path::new(&format!("{FOLDER}/{name}.md"))).expect("a page is text")
}

#[test]
fn each_page_is_of_an_alert_and_in_the_index() {
    let alerts: BTreeSet<String> = rules().into_iter().filter_map(|rule| rule.alert).collect();
    assert_eq!(pages(), alerts);
    let index = page("README");
    let mistakes: Vec<String> = alerts
        .iter()
        .filter(|alert| !index.contains(&format!("]({alert}.md)")))
        .map(|alert| format!("{FOLDER}/README.md does not lead to {alert}.md"))
        .collect();
    assert_none(&mistakes);
}

#[test]
fn each_page_has_its_parts_and_names_its_packs() {
    let rules = rules();
    let mut mistakes = Vec::new();
    for name in pages() {
        let page = page(&name);
        let parts: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        if parts != PARTS {
            mistakes.push(format!(
                "{FOLDER}/{name}.md: the parts are {parts:?}\n  mend: {PARTS:?}"
            ));
        }
        for pack in PACKS {
            let is_in = rules
                .iter()
                .any(|rule| rule.pack == pack && rule.alert.as_ref() == Some(&name));
            if is_in != page.contains(&format!("rules/{pack}/")) {
                mistakes.push(format!(
                    "{FOLDER}/{name}.md: {pack} {} this alert",
                    if is_in { "has" } else { "does not have" }
                ));
            }
        }
    }
    assert_none(&mistakes);
}

/// Lines of code blocks, and code spans.
fn code(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            found.push(line.trim_start_matches("$ ").to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The verbs of a command line: `mainstay rollout pause --reason x` is `["rollout", "pause"]`.
fn verbs(command: &str) -> Option<Vec<&str>> {
    let rest = command.strip_prefix("mainstay ")?;
    let words = rest.split_whitespace();
    let is_verb = |word: &&str| {
        word.chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '-')
    };
    Some(
        words
            .take_while(is_verb)
            .take_while(|word| !word.starts_with('-'))
            .collect(),
    )
}

#[test]
fn each_command_and_its_options_are_in_the_reference() {
    let reference = text(Path::new("docs/cli.md")).expect("docs/cli.md is text");
    let mut mistakes = Vec::new();
    let mut seen = 0;
    for name in pages().into_iter().chain(["README".to_owned()]) {
        for command in code(&page(&name)) {
            let Some(verbs) = verbs(&command) else {
                continue;
            };
            seen += 1;
            // The longest heading that fits: what follows are names of services.
            let heading = (1..=verbs.len())
                .rev()
                .map(|count| verbs[..count].join(" "));
            let heading = heading.map(|verb| format!("\n### mainstay {verb}\n"));
            let Some(at) = heading
                .into_iter()
                .find_map(|heading| reference.find(&heading))
            else {
                mistakes.push(format!("{FOLDER}/{name}.md: no such command: {command}"));
                continue;
            };
            let section = &reference[at + 1..];
            let section = &section[..section.find("\n### ").unwrap_or(section.len())];
            let options = command.split_whitespace().take_while(|word| *word != "--");
            for option in options.filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap_or(option);
                if !section.contains(option) {
                    mistakes.push(format!("{FOLDER}/{name}.md: {command}: no option {option}"));
                }
            }
        }
    }
    assert_none(&mistakes);
    assert!(seen > 50, "only {seen} commands were found");
}

#[test]
fn each_query_parses() {
    let mut mistakes = Vec::new();
    for name in pages() {
        for command in code(&page(&name)) {
            let is_query = command.starts_with("mainstay query ");
            let Some(query) = command.split('\'').nth(1).filter(|_| is_query) else {
                continue;
            };
            if let Err(error) = Query::parse(query) {
                mistakes.push(format!("{FOLDER}/{name}.md: {query}: {error}"));
            }
        }
    }
    assert_none(&mistakes);
}
