//! How long the commands take that people type all day.

use super::site::{Programs, Site};
use anyhow::Result;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Runs of each command
    #[arg(long, default_value_t = 50)]
    runs: usize,
    #[command(flatten)]
    programs: Programs,
}

const COMMANDS: [&[&str]; 5] = [
    &["--version"],
    &["check"],
    &["status"],
    &["ps"],
    &["events"],
];

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let site = Site::prepare(&options.programs)?;
    println!("up --detach: {:.2} s", site.up()?.as_secs_f64());
    println!(
        "{:<12} {:>10} {:>10} {:>10}",
        "", "median ms", "p95 ms", "worst ms"
    );
    for command in COMMANDS {
        let mut times = Vec::with_capacity(options.runs);
        for _ in 0..options.runs.max(1) {
            let started = Instant::now();
            site.run(command)?;
            times.push(started.elapsed());
        }
        times.sort();
        println!(
            "{:<12} {:>10.1} {:>10.1} {:>10.1}",
            command.join(" "),
            millis(at(&times, 0.5)),
            millis(at(&times, 0.95)),
            millis(at(&times, 1.0)),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The value that a share of the sorted times does not exceed.
fn at(sorted: &[Duration], share: f64) -> Duration {
    let index = (sorted.len() as f64 * share).ceil() as usize;
    sorted[index.clamp(1, sorted.len()) - 1]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
