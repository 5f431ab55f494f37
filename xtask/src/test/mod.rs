//! `cargo xtask test`: the one command that runs every test.
//!
//! It prints its plan first. A peer that is missing (a real PostgreSQL, a real Redis) makes the
//! tests that want it skip with a line that says so; with `--install` the peers are installed
//! first and a missing one is a failure. The last line is always `N passed, N failed, N skipped`.

mod packages;
mod peers;
mod run;
mod tally;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use tally::Tally;

/// Makes a missing peer a failure in the tests that want it.
const REQUIRE_PEERS: &str = "MAINSTAY_REQUIRE_PEERS";

/// The programs that the acceptance scenarios start; `cargo test` alone would not build them.
const BUILD: [&str; 5] = ["build", "-p", "mainstay", "-p", "sample-service"];

/// Test binaries whose time is shown.
const SLOWEST: usize = 4;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Install the peers that the tests want first: packages of Debian, PyPI and npm (prints them; as root)
    #[arg(long)]
    install: bool,
    /// Handed to `cargo test`: a name to filter by, `-p PACKAGE`, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the whole plan.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let started = Instant::now();
    let missing = peers::missing();
    print_plan(options, &missing);
    if options.install && !missing.is_empty() {
        packages::install(&missing)?;
        let still: Vec<_> = peers::missing().iter().map(|peer| peer.name).collect();
        if !still.is_empty() {
            bail!("installed, but still not found: {}", still.join(", "));
        }
    }
    cargo(&BUILD)?;
    let mut command = Command::new(cargo_program());
    command.args(test_arguments(options)).current_dir(root());
    if options.install {
        command.env(REQUIRE_PEERS, "1");
    }
    let tally = run::watched(command)?;
    print_summary(&tally, started);
    Ok(if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_plan(options: &Options, missing: &[&peers::Peer]) {
    println!("plan:");
    if missing.is_empty() {
        println!("  every peer is there: no test is skipped");
    }
    for peer in missing {
        if options.install {
            let with = match peer.kind {
                peers::Kind::Debian => "apt-get install",
                peers::Kind::Python | peers::Kind::PythonLibrary | peers::Kind::PythonLayer => {
                    "pip install"
                }
                peers::Kind::Node => "npm install",
            };
            println!("  {with} {} (for {})", peer.package, peer.wanted_by);
        } else {
            println!(
                "  skip {}: {} not found (`cargo xtask test --install` gets it)",
                peer.wanted_by, peer.name
            );
        }
    }
    println!("  cargo {}", BUILD.join(" "));
    println!("  cargo {}", test_arguments(options).join(" "));
}

fn test_arguments(options: &Options) -> Vec<&str> {
    let mut arguments = vec!["test", "--no-fail-fast"];
    // With `--workspace`, cargo would not heed the package asked for.
    let names_package = |word: &String| word == "-p" || word.starts_with("--package");
    if !options.arguments.iter().any(names_package) {
        arguments.push("--workspace");
    }
    arguments.extend(options.arguments.iter().map(String::as_str));
    arguments
}

fn print_summary(tally: &Tally, started: Instant) {
    println!();
    for skipped in &tally.skips {
        println!("{skipped}");
    }
    for failure in &tally.failures {
        println!("failed: {failure}");
    }
    let mut times = tally.times.clone();
    times.sort();
    let slowest = times.iter().rev().take(SLOWEST);
    let slowest: Vec<_> = slowest
        .map(|(time, name)| format!("{name} {} s", time.as_secs()))
        .collect();
    println!(
        "took {} s; longest: {}",
        started.elapsed().as_secs(),
        slowest.join(", ")
    );
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed,
        tally.failed,
        tally.skipped()
    );
}

/// Runs cargo in the workspace's directory.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    let status = Command::new(cargo_program())
        .args(arguments)
        .current_dir(root())
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("`cargo {}` ended with {status}", arguments.join(" "));
    }
    Ok(())
}

/// The cargo that runs this, so that a `+toolchain` on the command line holds below it too.
fn cargo_program() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The workspace's own directory.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}
