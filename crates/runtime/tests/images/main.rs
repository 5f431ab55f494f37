//! Images against a real engine and a real registry, which this executable starts and ends.
//!
//! Both are peers from Debian packages (`docker.io`, `docker-registry`). Where one is missing the
//! tests that want it say so and pass; with `MAINSTAY_REQUIRE_PEERS` they fail.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "../../../../tests/support/engine.rs"]
mod engine;
mod peers;
#[path = "../../../../tests/support/registry.rs"]
mod registry;
mod scenarios;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = scenarios::ALL
        .iter()
        .map(|(name, test)| {
            Trial::test(*name, move || {
                peers::run(name, *test);
                Ok(())
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    peers::end();
    conclusion.exit_code()
}
