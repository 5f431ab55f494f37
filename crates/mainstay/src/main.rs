//! `mainstay`: the one binary.
//!
//! A thin client of the API: parse, request, render. It resolves the user's files itself and
//! uploads the result; the server never reads them. Three other processes are this binary too:
//! the control plane (`serve`), the data plane (`proxy`) and the parent of each instance (`shim`).
//!
//! Tour: `arguments` (what can be typed), `locate` (which server and environment are meant),
//! `client` (how it is asked), `commands` (what each verb does), `render` (how answers read),
//! `output` (the only place that prints).

#![expect(
    unreachable_pub,
    reason = "a binary has no outside: `pub` marks what a module offers to the others"
)]

mod arguments;
mod artifacts;
mod background;
mod build_context;
mod building;
mod client;
mod commands;
mod diagnose;
mod failure;
mod interrupt;
mod locate;
mod look;
mod making;
mod notes;
mod operation;
mod output;
mod paths;
mod progress;
mod project;
mod prompt;
mod render;
mod rendered;
mod repository;
mod settings;
mod tool;
mod unit;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: a shim stays below 4 MB and must be single-threaded.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|verb| verb == "shim")
    {
        return mainstay_shim::run();
    }
    // It has nothing to do with a command line: its job comes over standard input.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|verb| verb == "backup-worker")
    {
        return mainstay_backup::worker();
    }
    let cli = arguments::Cli::parse();
    let output = output::Output::new(cli.global.json);
    match commands::run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
