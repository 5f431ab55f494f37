//! `cargo xtask promqltest DIR`: Prometheus's own scripts, or anybody's, against our engine.
//!
//! The scripts are not ours and are not in the repository; those that are ours run with the tests.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use mainstay_promql::promqltest::{Outcome, Report, run as run_script};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A folder with `*.test` files
    directory: PathBuf,
    /// Say of each case that was refused why
    #[arg(long)]
    refused: bool,
}

/// Runs every script and prints what came of it, per file and in all.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut total = (0, 0, 0);
    for file in scripts(&options.directory)? {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let report = run_script(&text).with_context(|| name.clone().into_owned())?;
        print_cases(&name, &report, options.refused);
        let (passed, failed, refused) = report.counts();
        println!("{name}: {passed} passed, {failed} failed, {refused} refused");
        total = (total.0 + passed, total.1 + failed, total.2 + refused);
    }
    let (passed, failed, refused) = total;
    println!("in all: {passed} passed, {failed} failed, {refused} refused");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn scripts(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "test")
        })
        .collect();
    files.sort();
    anyhow::ensure!(
        !files.is_empty(),
        "no *.test files in {}",
        directory.display()
    );
    Ok(files)
}

fn print_cases(name: &str, report: &Report, refused: bool) {
    for case in &report.cases {
        match &case.outcome {
            Outcome::Failed(why) => println!("{name}:{}: {}\n    {why}", case.line, case.expr),
            Outcome::Refused(why) if refused => {
                println!("{name}:{}: {}\n    refused: {why}", case.line, case.expr);
            }
            _ => {}
        }
    }
}
