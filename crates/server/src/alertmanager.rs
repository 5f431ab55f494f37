//! The part of the server that tells people, by itself: in the place of Alertmanager, under its flags.
//!
//! For those who keep their Prometheus. Nobody is asked for a token here, as Alertmanager asks for none:
//! who reaches the address may silence.

use crate::alerts::Alerts;
use crate::alerts::source::Answers;
use mainstay_journal::{JournalError, JournalHandle};
use mainstay_model::Problems;
use mainstay_stack::server_file::AlertsSettings;
use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long requests may take to end.
const END: Duration = Duration::from_secs(5);

/// How it is started; by Alertmanager's names.
#[derive(Debug, Clone)]
pub struct AlertmanagerOptions {
    /// `--config.file`
    pub configuration: PathBuf,
    /// `--storage.path`: the journal lies there.
    pub storage: PathBuf,
    /// `--web.listen-address`
    pub listen: SocketAddr,
    /// `--web.external-url`; its path is where the API is, unless a prefix says otherwise.
    pub external_url: Option<String>,
    /// `--web.route-prefix`
    pub prefix: Option<String>,
}

/// Why it did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AlertmanagerError {
    #[error("the configuration cannot be used: {0}")]
    Configuration(Problems),
    #[error("{path}: {source}")]
    Storage { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("the runtime: {0}")]
    Runtime(io::Error),
}

/// Serves until a signal ends it; SIGHUP reads the configuration again.
pub fn serve_alertmanager(options: AlertmanagerOptions) -> Result<(), AlertmanagerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(AlertmanagerError::Runtime)?;
    runtime.block_on(run(options))
}

async fn run(options: AlertmanagerOptions) -> Result<(), AlertmanagerError> {
    let storage = |source| AlertmanagerError::Storage {
        path: options.storage.clone(),
        source,
    };
    std::fs::create_dir_all(&options.storage).map_err(storage)?;
    let journal = JournalHandle::open(&options.storage.join("journal.db"))?;
    let settings = AlertsSettings {
        alertmanager: Some(options.configuration.clone()),
        ..AlertsSettings::default()
    };
    let alerts = Alerts::open(&settings)
        .await
        .map_err(AlertmanagerError::Configuration)?;
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|source| AlertmanagerError::Listen {
        address: options.listen,
        source,
    })?;
    let address = listener.local_addr().unwrap_or(options.listen);
    let url = options.external_url.clone();
    let url = url.unwrap_or_else(|| format!("http://{address}"));
    let stop = CancellationToken::new();
    let engine = tokio::spawn(Arc::clone(&alerts).run(
        journal,
        url.trim_end_matches('/').to_owned(),
        stop.clone(),
    ));
    let router = router(&alerts, &prefix(&options));
    let served =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let served = tokio::spawn(served.into_future());
    tracing::info!(%address, url, "Alertmanager's API is ready");
    until_ended(&alerts).await;
    stop.cancel();
    let ended = async { tokio::join!(engine, served) };
    if tokio::time::timeout(END, ended).await.is_err() {
        tracing::warn!("requests did not end in time and are cut");
    }
    Ok(())
}

/// Where the API is: the prefix, else the path of the external address, else the root.
fn prefix(options: &AlertmanagerOptions) -> String {
    let of_url = || {
        let url = options.external_url.as_deref()?;
        let (_, rest) = url.split_once("://")?;
        rest.split_once('/').map(|(_, path)| path.to_owned())
    };
    let prefix = options.prefix.clone().or_else(of_url).unwrap_or_default();
    let prefix = prefix.trim_matches('/');
    match prefix {
        "" => String::new(),
        prefix => format!("/{prefix}"),
    }
}

fn router(alerts: &Arc<Alerts>, prefix: &str) -> axum::Router {
    let answers = Answers {
        alerts: Arc::clone(alerts),
        runtime: tokio::runtime::Handle::current(),
    };
    let api = mainstay_alertmanager::router(Arc::new(answers));
    match prefix {
        "" => api,
        prefix => axum::Router::new().nest_service(prefix, api),
    }
}

/// SIGHUP reads the configuration again; what was in force stays where it is wrong.
async fn until_ended(alerts: &Alerts) {
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    loop {
        tokio::select! {
            () = received(&mut terminate) => return,
            () = received(&mut interrupt) => return,
            () = received(&mut hangup) => match alerts.reload().await {
                Ok(()) => tracing::info!("the configuration was read again"),
                Err(problems) => {
                    for problem in &problems {
                        tracing::error!(%problem, "the configuration stays as it was");
                    }
                }
            },
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
