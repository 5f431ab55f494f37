//! `cargo xtask bench <name>`: figures beside those of a peer in the same run.

mod proxy;

use clap::Subcommand;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The proxy beside nginx and HAProxy: requests/s, p50, p99, CPU per request
    Proxy(proxy::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<ExitCode> {
    match bench {
        Bench::Proxy(options) => proxy::run(options),
    }
}
