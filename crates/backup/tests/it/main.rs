//! Repositories through real workers, judged by restic. This executable is also the worker.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod bucket;
mod cuts;
mod damage;
mod regions;
mod restic;
mod stores;
mod streams;
mod support;
mod trees;
mod upkeep;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == support::WORKER)
    {
        return mainstay_backup::worker();
    }
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> = [
        bucket::trials(),
        cuts::trials(),
        damage::trials(),
        regions::trials(),
        restic::trials(),
        stores::trials(),
        streams::trials(),
        trees::trials(),
        upkeep::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
