//! `rules`: rule files of Prometheus, checked and tested without a server; what a server evaluates; the
//! packs that come along.

use super::Context;
use crate::arguments::RulesCommand;
use crate::failure::{Failure, Outcome};
use crate::paths;
use crate::render::metrics::Envelope;
use crate::render::rules::{self, Checked, CheckedFile, Tested};
use mainstay_model::{Problem, Problems};
use mainstay_rules::RuleFile;
use mainstay_rules::unit::TestFile;
use mainstay_server::rules::packs::{self, PACKS};
use serde::Serialize;
use std::path::{Path, PathBuf};

pub async fn rules(context: &Context, command: &RulesCommand) -> Outcome {
    match command {
        RulesCommand::Check { files } => check(context, files),
        RulesCommand::Test { files } => test(context, files),
        RulesCommand::List { failed } => list(context, *failed).await,
        RulesCommand::Packs { name } => packs(context, name.as_deref()),
    }
}

async fn list(context: &Context, failed: bool) -> Outcome {
    let client = context.place(None)?.client()?;
    let found: Envelope<rules::Groups> = client.ask("/prometheus/api/v1/rules").await?;
    let mut groups = found.data.groups;
    if failed {
        for group in &mut groups {
            group.rules.retain(|rule| rule.health == "err");
        }
        groups.retain(|group| !group.rules.is_empty());
    }
    let any = !groups.is_empty();
    context
        .output
        .either(&groups, |look| rules::groups(&groups, failed, look))?;
    if failed && any {
        return Err(Failure::quiet(1));
    }
    Ok(())
}

/// One file of a pack.
#[derive(Debug, Serialize)]
struct PackText {
    name: &'static str,
    text: &'static str,
}

fn packs(context: &Context, name: Option<&str>) -> Outcome {
    let Some(name) = name else {
        let all = PACKS.map(|pack| (pack.name, pack.about));
        return context.output.either(&all, |look| rules::packs(&all, look));
    };
    let pack = packs::find(name).ok_or_else(|| {
        Failure::input(format!("there is no rule pack `{name}`")).hint(packs::hint(name))
    })?;
    let files = pack.files.iter().map(|file| PackText {
        name: file.name,
        text: file.text,
    });
    let files: Vec<PackText> = files.collect();
    context.output.either(&files, |_| {
        let texts: Vec<&str> = files.iter().map(|file| file.text.trim_end()).collect();
        texts.join("\n---\n")
    })
}

fn check(context: &Context, files: &[PathBuf]) -> Outcome {
    let mut checked = Checked::default();
    for path in files {
        let (file, problems) = read(context, path, RuleFile::read)?;
        checked.files.push(CheckedFile {
            file: path.display().to_string(),
            usable: !problems.has_errors(),
            groups: file.groups.len(),
            rules: file.groups.iter().map(|group| group.rules.len()).sum(),
        });
        checked.problems.extend(problems);
    }
    checked.usable = !checked.problems.has_errors();
    let usable = checked.usable;
    context
        .output
        .either(&checked, |look| rules::checked(&checked, look))?;
    if usable {
        Ok(())
    } else {
        Err(Failure::quiet(2))
    }
}

fn test(context: &Context, files: &[PathBuf]) -> Outcome {
    let mut all = Vec::new();
    for path in files {
        all.push(test_file(context, path)?);
    }
    context
        .output
        .either(&all, |look| rules::tested(&all, look))?;
    if all.iter().any(|file| file.problems.has_errors()) {
        return Err(Failure::quiet(2));
    }
    if all.iter().any(|file| !file.passed) {
        return Err(Failure::quiet(1));
    }
    Ok(())
}

/// Runs the tests of one file; where it or a rule file has errors there are problems instead.
fn test_file(context: &Context, path: &Path) -> Outcome<Tested> {
    let (tests, mut problems) = read(context, path, TestFile::read)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let mut rule_files: Vec<RuleFile> = Vec::new();
    for (pattern, place) in &tests.rule_files {
        let found = paths::matching(&in_directory(context, base), pattern);
        if found.is_empty() {
            let message = format!("no file matches `{pattern}`");
            let problem = Problem::warning("rule-test/no-file", message).at(place.clone());
            problems.push(problem.hint("a path is meant from where the file of tests is"));
        }
        for shown in found {
            let (file, found) = read(context, &base.join(shown), RuleFile::read)?;
            problems.extend(found);
            rule_files.push(file);
        }
    }
    let mut tested = Tested {
        file: path.display().to_string(),
        ..Tested::default()
    };
    if !problems.has_errors() {
        let report = tests.run(&rule_files);
        tested.passed = report.passed();
        tested.tests = report.tests.into_iter().map(rules::Test::from).collect();
    }
    tested.problems = problems;
    Ok(tested)
}

/// Where a path of the command line is meant from.
fn in_directory(context: &Context, path: &Path) -> PathBuf {
    match &context.global.directory {
        Some(directory) => directory.join(path),
        None => path.to_owned(),
    }
}

/// Reads a file and what is in it. Its name in messages is the one that was typed.
fn read<T>(
    context: &Context,
    path: &Path,
    parse: impl FnOnce(&str, &Path, &str) -> (T, Problems),
) -> Outcome<(T, Problems)> {
    let there = in_directory(context, path);
    let bytes = std::fs::read(&there).map_err(|error| {
        Failure::input(format!("cannot read `{}`", path.display())).because(&error)
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::input(format!("`{}` is not UTF-8", path.display())))?;
    let there = std::path::absolute(&there).unwrap_or(there);
    Ok(parse(&text, &there, &path.display().to_string()))
}
