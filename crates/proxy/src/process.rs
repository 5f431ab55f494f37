//! The proxy's process: one at a time in a directory, serving at once, ending when told to.

use crate::access_log::AccessLog;
use crate::control::{self, ControlError};
use crate::proxy::Proxy;
use crate::shared::Shared;
use crate::store::{Store, StoreError};
use crate::worker::Workers;
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// How long connections may take to end once the proxy was told to end.
const DRAIN: Duration = Duration::from_secs(30);
/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);
/// How often certificates are looked at; SIGHUP asks for it at once.
const CERTIFICATES: Duration = Duration::from_secs(5);
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Where the proxy keeps its state and where it is spoken to.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's data directory; the proxy's own files stand in `proxy/` below it.
    pub directory: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

/// Why the proxy did not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("cannot use the directory {path}: {source}")]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "another proxy runs on the directory {0}\nhint: end it first, or use another directory"
    )]
    Locked(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

/// Runs the proxy until it was told to end (`POST /v1/shutdown` or SIGTERM) and has drained.
/// SIGHUP reads certificates again and SIGINT is ignored: the proxy outlives the terminal it was
/// started from.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the process has no further use of them"
)]
pub fn run(options: Options) -> Result<(), ProxyError> {
    let directory = options.directory.join("proxy");
    let _lock = lock(&directory)?;
    let store = Store::new(&directory);
    let count = Workers::count();
    let (log, writer) =
        AccessLog::open(&directory.join("access.log"), count).map_err(|source| {
            ProxyError::Directory {
                path: directory.clone(),
                source,
            }
        })?;
    let shared = Arc::new(Shared::new(log));
    let (workers, mut threads) = Workers::start(count, &shared).map_err(ProxyError::Runtime)?;
    threads.push(writer);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ProxyError::Runtime)?;
    let outcome = runtime.block_on(async {
        let proxy = Arc::new(Proxy::new(workers, count, store, shared));
        serve(&proxy, &options.socket).await
    });
    // Ends the accepting tasks, and with them the last senders to the workers.
    drop(runtime);
    for thread in threads {
        let _ = thread.join();
    }
    outcome
}

async fn serve(proxy: &Arc<Proxy>, socket: &Path) -> Result<(), ProxyError> {
    let mut signals = Signals::new().map_err(ProxyError::Runtime)?;
    let control = control::open(socket)?;
    proxy.restore()?;
    tokio::spawn(control::serve(control, Arc::clone(proxy)));
    tokio::spawn(sweep(Arc::clone(proxy)));
    tokio::spawn(watch_certificates(Arc::clone(proxy)));
    tokio::select! {
        () = signals.terminated(proxy) => proxy.end(),
        () = proxy.ending.cancelled() => {}
    }
    tracing::info!("ending: no new connections");
    drain(proxy).await;
    let _ = fs::remove_file(socket);
    Ok(())
}

async fn sweep(proxy: Arc<Proxy>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        proxy.sweep_idle();
    }
}

async fn watch_certificates(proxy: Arc<Proxy>) {
    loop {
        tokio::time::sleep(CERTIFICATES).await;
        proxy.reload_certificates().await;
    }
}

async fn drain(proxy: &Proxy) {
    let deadline = Instant::now() + DRAIN;
    while proxy.connections() > 0 {
        if Instant::now() > deadline {
            let left = proxy.connections();
            tracing::warn!(left, "connections cut off at the drain deadline");
            return;
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

/// Held for as long as the process lives; the kernel lets go of it even after `kill -9`.
fn lock(directory: &Path) -> Result<File, ProxyError> {
    let failed = |source| ProxyError::Directory {
        path: directory.to_owned(),
        source,
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let file = File::create(directory.join("lock")).map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(ProxyError::Locked(directory.to_owned())),
        Err(error) => Err(failed(error.into())),
    }
}

struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn terminated(&mut self, proxy: &Arc<Proxy>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => proxy.reload_certificates().await,
                _ = self.interrupt.recv() => {}
            }
        }
    }
}
