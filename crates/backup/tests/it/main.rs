//! Repositories through real workers, judged by restic. This executable is also the worker.

mod restic;
mod streams;
mod support;

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
    let trials: Vec<Trial> = [streams::trials(), restic::trials()]
        .into_iter()
        .flatten()
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
