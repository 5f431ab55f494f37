//! Project chores: `cargo xtask test`, `cargo xtask bench`.
//!
//! Small on purpose. It starts cargo and Debian's package tools and reads what they print; what a
//! test or a benchmark means stands with the test or the benchmark.

// A command-line tool: its output is its purpose.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod guides;
mod promqltest;
mod sim;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Project chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run every test, and say which were skipped for want of which peer
    Test(test::Options),
    /// Measure beside peers, in the same run
    #[command(subcommand)]
    Bench(bench::Bench),
    /// What the guides hold, for the pages about them
    #[command(subcommand)]
    Guides(guides::Guides),
    /// Run scripts of Prometheus's test language against our engine
    Promqltest(promqltest::Options),
    /// Simulate rollouts by seed, or replay one seed
    Sim(sim::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Bench(bench) => bench::run(&bench),
        Chore::Guides(guides) => guides::run(&guides),
        Chore::Promqltest(options) => promqltest::run(&options),
        Chore::Sim(options) => sim::run(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
