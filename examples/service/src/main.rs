//! The sample service of the example stacks.
//!
//! A small honest web service with the shape the guides describe: it has something to deploy, to
//! watch, to back up and to break. It holds no model; what it says about a recording it measured.

mod faults;
mod serve;
mod settings;
mod web;

use settings::Settings;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stdout)
        .init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Both for who reads the log and for who reads the terminal.
            tracing::error!(error = format!("{error:#}"), "ending");
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(start(settings))
}

async fn start(settings: Settings) -> anyhow::Result<()> {
    let faults = Arc::new(faults::FaultSwitch::new(settings.faults.clone()));
    let app = Arc::new(web::App {
        settings: settings.clone(),
        faults: faults.clone(),
    });
    let router = web::router(app);
    serve::serve(&settings, faults, router, CancellationToken::new()).await
}
