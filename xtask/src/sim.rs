//! `cargo xtask sim`: the seeded simulation of rollouts, with a seed and a number of one's own.
//!
//! What is simulated stands in `crates/server/tests/simulation.rs`; this only starts it.

use anyhow::{Context as _, Result};
use std::process::{Command, ExitCode};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The first seed
    #[arg(long)]
    seed: Option<u64>,
    /// How many schedules; one alone prints everything that happens in it
    #[arg(long)]
    schedules: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "-p", "mainstay-server", "--test", "simulation"]);
    command.args(["--", "--nocapture"]);
    if let Some(seed) = options.seed {
        command.env("MAINSTAY_SIM_SEED", seed.to_string());
    }
    if let Some(schedules) = options.schedules {
        command.env("MAINSTAY_SIM_SCHEDULES", schedules.to_string());
    }
    let status = command.status().context("cannot start cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
