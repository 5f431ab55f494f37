//! Start and end of a server.
//!
//! Start-up is recovery: whatever state the last server left, also one that was killed in the
//! middle, is taken up here. The order of the end: rollouts are parked (their state is on disk),
//! the API lets its requests end, and instances and proxy go on without us.

use crate::alerts::{self, Alerts};
use crate::api;
use crate::api::types::ApiError;
use crate::backups;
use crate::certificates::{self, Certificates};
use crate::control::{Control, Parts};
use crate::front::{Front, MAIN};
use crate::keeper;
use crate::metrics::Metrics;
use crate::notify;
use crate::paths::DataDirectory;
use crate::ports;
use crate::proxy_link::ProxyLink;
use crate::retention;
use crate::rules::Rules;
use crate::seal::{HostKey, SealError};
use crate::store::Store;
use crate::targets::Targets;
use crate::tokens::{TokenError, Tokens};
use crate::versioned::{self, VersionedError};
use mainstay_journal::{JournalError, JournalHandle};
use mainstay_runtime::artifacts::ArtifactStore;
use mainstay_runtime::process::{Options as ProcessOptions, ProcessTarget, memory_directory};
use mainstay_runtime::target::TargetError;
use mainstay_stack::server_file::{AlertsSettings, MetricsSettings, ServerFile};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const API_PORT: u16 = 9900;
const PROXY_PORT: u16 = 8080;
/// How long requests may take to end at shutdown.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// How long the lock of the directory is waited for: longer than an ending server waits for its proxy.
const LOCK_PATIENCE: Duration = Duration::from_secs(6);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    pub directory: PathBuf,
    /// This binary: proxy and shims are started with it.
    pub program: PathBuf,
    /// Where the API listens over TCP; none: 127.0.0.1:9900 or the next free port.
    pub api: Option<SocketAddr>,
    /// Where the proxy listens; none: the port it had, 127.0.0.1:8080, or the next free port.
    pub proxy: Option<SocketAddr>,
    /// What stands in `server.yaml`; the addresses above win.
    pub file: ServerFile,
    /// Started by `up` for its stack, and not by a person or a service manager.
    pub background: bool,
}

/// Why a server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("data directory {path}: {source}")]
    Directory { path: PathBuf, source: io::Error },
    #[error("a server runs already in {path} (pid {pid})")]
    Running { path: PathBuf, pid: String },
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Recovery(#[from] ApiError),
    #[error(transparent)]
    Tokens(#[from] TokenError),
    #[error(transparent)]
    Versioned(#[from] VersionedError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Certificates(#[from] mainstay_certificates::StoreError),
    #[error("no free port at or above {0}")]
    NoPort(u16),
    #[error("cannot listen on {place}: {source}")]
    Listen { place: String, source: io::Error },
    #[error("the server's runtime: {0}")]
    Runtime(io::Error),
}

/// What a server gave out once and gives out again; `server.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Given {
    proxy: SocketAddr,
    /// What engines know this server by: it stands in the labels of its containers.
    #[serde(default = "Uuid::now_v7")]
    id: Uuid,
}

/// Serves until a signal or a request ends it.
pub fn serve(options: ServeOptions) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    runtime.block_on(run(options))
}

async fn run(options: ServeOptions) -> Result<(), ServeError> {
    let directory_error = |source| ServeError::Directory {
        path: options.directory.clone(),
        source,
    };
    let data = DataDirectory::new(&options.directory).map_err(directory_error)?;
    data.create().map_err(directory_error)?;
    let _lock = lock(&data).await?;
    let stop = CancellationToken::new();
    let control = build(&options, data, stop.clone()).await?;
    control.recover().await?;
    if let Err(trouble) = control.recover_backups().await {
        tracing::error!(%trouble, "jobs of backups are not taken up");
    }
    let unix = listen_unix(control.data())?;
    let tcp = listen_tcp(options.api.or(options.file.api)).await?;
    if let Ok(address) = tcp.local_addr() {
        control.set_api_address(address);
    }
    tracing::info!(
        directory = %control.data().root().display(),
        api = ?control.api_address(),
        proxy = %control.proxy().main(),
        "server is ready"
    );
    notify::tell(notify::READY);
    let tracker = tokio_util::task::TaskTracker::new();
    tracker.spawn(keeper::run(Arc::clone(&control)));
    tracker.spawn(retention::run(Arc::clone(&control)));
    tracker.spawn(backups::run(Arc::clone(&control)));
    tracker.spawn(certificates::run(Arc::clone(&control)));
    if let Some(metrics) = &control.collected {
        tracker.spawn(Arc::clone(metrics).run(Arc::clone(&control)));
    }
    if let Some(alerts) = &control.alerts {
        let journal = control.store.journal().clone();
        let run = Arc::clone(alerts).run(journal, control.url(), stop.clone());
        tracker.spawn(run);
    }
    if let Some(rules) = &control.rules {
        tracker.spawn(Arc::clone(rules).run(Arc::clone(&control)));
    }
    tracker.spawn(api::serve_unix(Arc::clone(&control), unix, stop.clone()));
    tracker.spawn(api::serve_tcp(Arc::clone(&control), tcp, stop.clone()));
    tracker.close();
    wait_for_end(&stop).await;
    notify::tell(notify::STOPPING);
    control.park().await;
    if tokio::time::timeout(END_DEADLINE, tracker.wait())
        .await
        .is_err()
    {
        tracing::warn!("requests did not end in time and are cut");
    }
    control.end_proxy().await;
    let _ = std::fs::remove_file(control.data().api_socket());
    control.data().leave_runtime();
    Ok(())
}

async fn build(
    options: &ServeOptions,
    data: DataDirectory,
    stop: CancellationToken,
) -> Result<Arc<Control>, ServeError> {
    let key = HostKey::open(&data.host_key())?;
    let store = Store::new(JournalHandle::open(&data.journal())?);
    let tokens = Tokens::open(data.root().join("tokens.json"))?;
    let artifacts =
        ArtifactStore::open(data.artifacts()).map_err(|source| ServeError::Directory {
            path: data.artifacts(),
            source,
        })?;
    let process = ProcessTarget::open(ProcessOptions {
        directory: data.instances(),
        socket_directory: data.shim_sockets(),
        memory_directory: memory_directory(&data.secret_files()),
        shim_command: vec![options.program.clone().into(), "shim".into()],
    })?;
    let certificates = options.file.tls.acme.as_ref();
    let certificates = certificates
        .map(|acme| Certificates::open(&data.certificates(), acme))
        .transpose()?;
    let client = mainstay_proxy::Client::new(data.proxy_socket());
    let given = give_out(options.proxy.or(options.file.http), &data, &client).await?;
    let targets = Targets::open(process, &data, given.id.to_string())?;
    let proxy = ProxyLink::new(client, Front::new(given.proxy, &options.file));
    if let Some(certificates) = &certificates {
        proxy.change_issued(|issued| issued.certificates = certificates.kept());
    }
    let metrics = collect(&options.file.metrics, &data, stop.clone()).await;
    let alerts = tell(&options.file.alerts).await;
    let rules = evaluate(&options.file.alerts, metrics.as_ref(), alerts.as_ref());
    Ok(Control::new(Parts {
        store,
        key,
        program: options.program.clone(),
        targets,
        artifacts,
        proxy,
        tokens,
        retention: options.file.retention,
        certificates,
        metrics,
        rules,
        alerts,
        public_url: options.file.alerts.url.clone(),
        background: options.background,
        stop,
        data,
    }))
}

/// Metrics, where they are wanted and can be had: a server without them does everything else.
async fn collect(
    settings: &MetricsSettings,
    data: &DataDirectory,
    stop: CancellationToken,
) -> Option<Arc<Metrics>> {
    if !settings.enabled {
        return None;
    }
    match Metrics::open(&data.metrics(), settings, stop).await {
        Ok(metrics) => Some(metrics),
        Err(error) => {
            tracing::error!(%error, "no metrics are collected until the server is started anew");
            None
        }
    }
}

/// Who is told of alerts, where it is wanted and the configuration is right.
async fn tell(settings: &AlertsSettings) -> Option<Arc<Alerts>> {
    if !settings.enabled {
        return None;
    }
    match Alerts::open(settings).await {
        Ok(alerts) => Some(alerts),
        Err(problems) => {
            for problem in &problems {
                tracing::error!(%problem, "nobody is told of alerts until the server is started anew");
            }
            None
        }
    }
}

/// Rules over what is collected.
fn evaluate(
    settings: &AlertsSettings,
    metrics: Option<&Arc<Metrics>>,
    alerts: Option<&Arc<Alerts>>,
) -> Option<Arc<Rules>> {
    let metrics = metrics.filter(|_| settings.enabled)?;
    let outside = metrics.alerting();
    let outlet = alerts::outlet(alerts, outside.as_ref(), metrics.external_labels());
    Some(Rules::new(Arc::clone(metrics), settings.clone(), outlet))
}

/// One server a directory. The lock goes with the process, however it ends.
async fn lock(data: &DataDirectory) -> Result<File, ServeError> {
    let path = data.lock();
    let error = |source| ServeError::Directory {
        path: path.clone(),
        source,
    };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(error)?;
    // One that is just ending lets go in a moment.
    let deadline = tokio::time::Instant::now() + LOCK_PATIENCE;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        return Err(ServeError::Running {
            path: data.root().to_owned(),
            pid: pid.trim().to_owned(),
        });
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(error)?;
    Ok(file)
}

/// Who we are, and where the proxy serves: what was asked for; else what a running proxy has; else what it had;
/// else the default or the next free port.
async fn give_out(
    wanted: Option<SocketAddr>,
    data: &DataDirectory,
    client: &mainstay_proxy::Client,
) -> Result<Given, ServeError> {
    let path = data.root().join("server.json");
    let given: Option<Given> = versioned::read(&path)?;
    let serving = client.status().await.ok().and_then(|status| {
        let main = status
            .listeners
            .into_iter()
            .find(|listener| listener.name == MAIN);
        main.map(|listener| listener.address)
    });
    let free = |given: &Given| ports::is_free(given.proxy).then_some(given.proxy);
    let proxy = match wanted.or(serving).or(given.as_ref().and_then(free)) {
        Some(address) => address,
        None => ports::next_free(Ipv4Addr::LOCALHOST.into(), PROXY_PORT)
            .ok_or(ServeError::NoPort(PROXY_PORT))?,
    };
    let id = given.map_or_else(Uuid::now_v7, |given| given.id);
    let given = Given { proxy, id };
    versioned::write(&path, &given)?;
    Ok(given)
}

/// We hold the directory's lock, so a socket that is there is nobody's.
fn listen_unix(data: &DataDirectory) -> Result<UnixListener, ServeError> {
    let path = data.api_socket();
    let error = |source| ServeError::Listen {
        place: path.display().to_string(),
        source,
    };
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(error(source)),
        _ => {}
    }
    // The directory is 0700, so there is no moment at which others could connect.
    let listener = UnixListener::bind(&path).map_err(error)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode).map_err(error)?;
    Ok(listener)
}

async fn listen_tcp(wanted: Option<SocketAddr>) -> Result<TcpListener, ServeError> {
    let error = |address: SocketAddr| {
        move |source| ServeError::Listen {
            place: address.to_string(),
            source,
        }
    };
    if let Some(address) = wanted {
        return TcpListener::bind(address).await.map_err(error(address));
    }
    // Two servers that start at once may both find a port free; the next one is tried then.
    for port in API_PORT..API_PORT + 100 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Ok(listener) = TcpListener::bind(address).await {
            return Ok(listener);
        }
    }
    Err(ServeError::NoPort(API_PORT))
}

async fn wait_for_end(stop: &CancellationToken) {
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    // Taken so that it does not end us: a closed terminal stops nothing.
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(()) = received(&mut terminate) => break,
            Some(()) = received(&mut interrupt) => break,
            Some(()) = received(&mut hangup) => {}
        }
    }
    stop.cancel();
}

async fn received(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}
