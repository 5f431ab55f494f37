//! The listener, from bind to the last request.
//!
//! On SIGTERM the service goes on for a short lame-duck time (whoever routes to it may not have
//! heard yet), then takes no more connections, closes idle ones, lets requests in flight finish
//! within a deadline, and returns.

use crate::faults::{FaultSwitch, StartFault};
use crate::settings::Settings;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What is served where.
#[derive(Debug)]
pub(crate) struct Routers {
    pub(crate) main: axum::Router,
    /// At the metrics port, where there is one.
    pub(crate) metrics: axum::Router,
}

/// Serves until SIGTERM or SIGINT, then winds down. `stopping` is cancelled at the signal, for
/// everything that has to end of itself (workers, open WebSockets).
pub(crate) async fn serve(
    settings: &Settings,
    faults: Arc<FaultSwitch>,
    routers: Routers,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    // Before anybody can know that we listen: from then on a signal may come.
    let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [terminate, interrupt] = signals;
    let stop = Stop {
        terminate: terminate?,
        interrupt: interrupt?,
        faults,
        lame_duck: settings.lame_duck,
    };
    let closing = CancellationToken::new();
    let wind_down = tokio::spawn(stop.run(stopping.clone(), closing.clone()));
    let bound = async { tokio::try_join!(bind_metrics(settings), bind(settings)) };
    let Some(bound) = stopping.run_until_cancelled(bound).await else {
        return Ok(());
    };
    let (for_metrics, listener) = bound?;
    let until_closing = || {
        let closing = closing.clone();
        async move { closing.cancelled().await }
    };
    let serving = axum::serve(listener, routers.main).with_graceful_shutdown(until_closing());
    if let Some(listener) = for_metrics {
        // Ends with the runtime: nobody misses a scrape of a process that ends.
        let scrapes = axum::serve(listener, routers.metrics);
        tokio::spawn(
            scrapes
                .with_graceful_shutdown(until_closing())
                .into_future(),
        );
    }
    let deadline = async {
        closing.cancelled().await;
        tokio::time::sleep(settings.shutdown_deadline).await;
    };
    tokio::select! {
        served = async { serving.await } => served.context("the listener failed")?,
        () = deadline => tracing::warn!("requests were still in flight at the deadline"),
    }
    wind_down.abort();
    Ok(())
}

/// Lets the start go wrong as `FAULT_START` asks; comes before anything else.
pub(crate) async fn start_fault(settings: &Settings) -> anyhow::Result<()> {
    match settings.start_fault {
        Some(StartFault::Crash) => anyhow::bail!("crashing at the start, as FAULT_START asks"),
        Some(StartFault::NeverBind) => {
            tracing::warn!("never binding, as FAULT_START asks");
            std::future::pending::<()>().await;
        }
        Some(StartFault::Slow(wait)) => {
            tracing::warn!(?wait, "starting late, as FAULT_START asks");
            tokio::time::sleep(wait).await;
        }
        Some(StartFault::Hang) | None => {}
    }
    Ok(())
}

async fn bind(settings: &Settings) -> anyhow::Result<TcpListener> {
    let listener = listen(settings.listen, "PORT").await?;
    tracing::info!(address = %listener.local_addr()?, release = settings.release, "listening");
    if settings.start_fault == Some(StartFault::Hang) {
        tracing::warn!("answering nobody, as FAULT_START asks");
        std::future::pending::<()>().await;
    }
    Ok(listener)
}

async fn bind_metrics(settings: &Settings) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = settings.metrics_listen.filter(|_| settings.metrics_enabled) else {
        return Ok(None);
    };
    let listener = listen(address, "METRICS_PORT").await?;
    tracing::info!(address = %listener.local_addr()?, "listening for scrapes");
    Ok(Some(listener))
}

async fn listen(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}\n  hint: set {variable} to a free port")
    })
}

/// How the end comes about.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    faults: Arc<FaultSwitch>,
    lame_duck: Duration,
}

impl Stop {
    /// Waits for a stop signal: `stopping` is cancelled at once, `closing` after the lame-duck time.
    async fn run(mut self, stopping: CancellationToken, closing: CancellationToken) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            if !self.faults.get().refuse_stop {
                break;
            }
            tracing::warn!("not stopping, as the fault asks");
        }
        tracing::info!("stopping");
        stopping.cancel();
        tokio::time::sleep(self.lame_duck).await;
        closing.cancel();
    }
}
