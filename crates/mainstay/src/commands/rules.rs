//! `rules check`, `rules test`: rule files of Prometheus, without a server.

use super::Context;
use crate::arguments::RulesCommand;
use crate::failure::{Failure, Outcome};
use crate::paths;
use crate::render::rules::{self, Checked, CheckedFile, Tested};
use mainstay_model::{Problem, Problems};
use mainstay_rules::RuleFile;
use mainstay_rules::unit::TestFile;
use std::path::{Path, PathBuf};

pub fn rules(context: &Context, command: &RulesCommand) -> Outcome {
    match command {
        RulesCommand::Check { files } => check(context, files),
        RulesCommand::Test { files } => test(context, files),
    }
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
