//! `cargo xtask bench <name>`: figures beside those of a peer in the same run.

mod alerts;
mod backup;
mod cli;
mod deploy;
mod idle;
mod metrics;
mod proxy;
mod render;
mod site;

use clap::Subcommand;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The proxy beside nginx and HAProxy: requests/s, p50, p99, CPU per request
    Proxy(proxy::Options),
    /// Memory and CPU of each part while nothing happens
    Idle(idle::Options),
    /// How long it takes from a cause to the message of its alert
    Alerts(alerts::Options),
    /// Backups beside restic: first, second, restore, a stream; seconds and peak memory
    Backup(backup::Options),
    /// How long the everyday commands take
    Cli(cli::Options),
    /// A changed deploy on containers, beside docker-compose (the engine at DOCKER_HOST)
    Deploy(deploy::Options),
    /// Scraping, remote writes and queries beside Prometheus: CPU, memory, bytes per sample
    Metrics(metrics::Options),
    /// Every target of each example, beside docker-compose reading the same files
    Render(render::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<ExitCode> {
    match bench {
        Bench::Proxy(options) => proxy::run(options),
        Bench::Idle(options) => idle::run(options),
        Bench::Alerts(options) => alerts::run(options),
        Bench::Backup(options) => backup::run(options),
        Bench::Cli(options) => cli::run(options),
        Bench::Deploy(options) => deploy::run(options),
        Bench::Metrics(options) => metrics::run(options),
        Bench::Render(options) => render::run(options),
    }
}
