//! What every target must keep, run against the process target with real shims and processes, and
//! against the Docker target with a real engine.
//!
//! `suite` is written over any [`fixture::Engine`]; `docker` is about what only containers have, the
//! other modules about what only processes have.
//!
//! This executable is several things, told apart by its first argument: `shim` is the shim that the
//! targets under test start (the real one is `mainstay shim`), `serve` an instance that listens,
//! `control-plane` a process that holds a target until it is killed; without any of these it is
//! the test.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "a test may say what it skips")]

mod adoption;
mod beside;
mod descendants;
mod docker;
mod files;
mod fixture;
mod logs;
mod programs;
mod shims;
mod suite;

use docker::Yard;
use fixture::Place;
use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("shim") => mainstay_shim::run(),
        Some("serve") => programs::serve(),
        Some("ask") => programs::ask(),
        Some("hello") => docker::hello(),
        Some("control-plane") => programs::control_plane(),
        _ => {
            let trials: Vec<Trial> = [
                suite::trials::<Place>(),
                suite::trials::<Yard>(),
                docker::trials(),
                adoption::trials(),
                beside::trials(),
                descendants::trials(),
                files::trials(),
                logs::trials(),
                shims::trials(),
            ]
            .into_iter()
            .flatten()
            .collect();
            libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
        }
    }
}
