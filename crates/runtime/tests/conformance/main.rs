//! What every target must keep, run against the process target with real shims and processes.
//!
//! This executable is three things, told apart by its first argument: `shim` is the shim that the
//! targets under test start (the real one is `mainstay shim`), `control-plane` is a process that
//! holds a target and waits to be killed, and without either it is the test.

mod fixture;
mod lifecycle;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("shim") => mainstay_shim::run(),
        _ => {
            let trials: Vec<Trial> = lifecycle::trials();
            libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
        }
    }
}
