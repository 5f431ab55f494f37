//! The control plane's state, and the small verbs that everything else is made of.

use crate::alerts::Alerts;
use crate::api::types::ApiError;
use crate::api::{Actor, types};
use crate::backups::Backups;
use crate::certificates::Certificates;
use crate::environment::Environment;
use crate::keeper::phase_word;
use crate::metrics::Metrics;
use crate::paths::DataDirectory;
use crate::proxy_link::ProxyLink;
use crate::rules::Rules;
use crate::seal::{HostKey, SealError};
use crate::specs::{Bundle, instance_spec};
use crate::store::Store;
use crate::targets::Targets;
use crate::tokens::Tokens;
use axum::body::Body;
use futures_util::StreamExt;
use mainstay_journal::NewEvent;
use mainstay_model::{InstanceId, ReleaseNumber, Scope, Timestamp};
use mainstay_runtime::artifacts::ArtifactStore;
use mainstay_runtime::status::InstanceStatus;
use mainstay_runtime::target::TargetError;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio_util::io::{StreamReader, SyncIoBridge};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Largest artifact that is taken: 2 GiB.
const MAX_ARTIFACT: u64 = 2 << 30;

/// How long the end of the proxy is waited for.
const PROXY_END: Duration = Duration::from_secs(5);

/// Everything one server owns.
#[derive(Debug)]
pub struct Control {
    pub(crate) started_at: Timestamp,
    pub(crate) background: bool,
    pub(crate) store: Store,
    pub(crate) key: HostKey,
    /// How long events are kept.
    pub(crate) retention: Duration,
    /// Those of an authority; `None`: none is asked.
    pub(crate) certificates: Option<Certificates>,
    /// What is collected; `None`: it is off, or its store could not be opened.
    pub(crate) collected: Option<Arc<Metrics>>,
    /// What is evaluated over them; `None`: there are none, or it is off.
    pub(crate) rules: Option<Arc<Rules>>,
    /// Who is told; `None`: it is off, or its configuration is wrong.
    pub(crate) alerts: Option<Arc<Alerts>>,
    /// Restore points, and jobs about them.
    pub(crate) backups: Backups,
    /// As `server.yaml` says it.
    public_url: Option<String>,
    data: DataDirectory,
    program: PathBuf,
    targets: Arc<Targets>,
    artifacts: ArtifactStore,
    proxy: ProxyLink,
    tokens: Arc<Tokens>,
    api: Mutex<Option<SocketAddr>>,
    environments: Mutex<BTreeMap<Scope, Arc<Environment>>>,
    changed: Notify,
    rollouts: TaskTracker,
    stop: CancellationToken,
    ends_proxy: AtomicBool,
}

/// What [`Control`] is made of.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub key: HostKey,
    pub data: DataDirectory,
    pub program: PathBuf,
    pub targets: Arc<Targets>,
    pub artifacts: ArtifactStore,
    pub proxy: ProxyLink,
    pub tokens: Tokens,
    pub retention: Duration,
    pub certificates: Option<Certificates>,
    pub(crate) metrics: Option<Arc<Metrics>>,
    pub(crate) rules: Option<Arc<Rules>>,
    pub(crate) alerts: Option<Arc<Alerts>>,
    pub public_url: Option<String>,
    pub background: bool,
    pub stop: CancellationToken,
}

impl Control {
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            started_at: now(),
            background: parts.background,
            store: parts.store,
            key: parts.key,
            retention: parts.retention,
            certificates: parts.certificates,
            collected: parts.metrics,
            rules: parts.rules,
            alerts: parts.alerts,
            backups: Backups::new(&parts.program, parts.data.runtime().join("locks")),
            public_url: parts.public_url,
            data: parts.data,
            program: parts.program,
            targets: parts.targets,
            artifacts: parts.artifacts,
            proxy: parts.proxy,
            tokens: Arc::new(parts.tokens),
            api: Mutex::new(None),
            environments: Mutex::new(BTreeMap::new()),
            changed: Notify::new(),
            rollouts: TaskTracker::new(),
            stop: parts.stop,
            ends_proxy: AtomicBool::new(false),
        })
    }

    pub fn data(&self) -> &DataDirectory {
        &self.data
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    pub fn targets(&self) -> &Arc<Targets> {
        &self.targets
    }

    pub fn proxy(&self) -> &ProxyLink {
        &self.proxy
    }

    pub fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    pub fn api_address(&self) -> Option<SocketAddr> {
        *self.api.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How people reach this server, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        let here = self.api_address().map(|api| format!("http://{api}"));
        let url = self.public_url.clone().or(here).unwrap_or_default();
        url.trim_end_matches('/').to_owned()
    }

    pub fn set_api_address(&self, address: SocketAddr) {
        *self.api.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    /// Resolves when the server is to end.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The tasks that drive rollouts.
    pub(crate) fn rollouts(&self) -> &TaskTracker {
        &self.rollouts
    }

    /// Ends the server, and after it the proxy where that is wanted.
    pub(crate) fn stop(&self, proxy: bool) {
        self.ends_proxy.store(proxy, Ordering::Relaxed);
        self.stop.cancel();
    }

    /// Ends the proxy where that was asked for. Called when the keeper has ended: before that it
    /// would start the proxy again.
    pub(crate) async fn end_proxy(&self) {
        if !self.ends_proxy.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.proxy().client().shutdown().await {
            tracing::warn!(%error, "the proxy was not told to end");
            return;
        }
        // Its socket goes last. One that still drains is left to itself.
        let socket = self.data.proxy_socket();
        let deadline = tokio::time::Instant::now() + PROXY_END;
        while socket.exists() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn environments(&self) -> Vec<Arc<Environment>> {
        let environments = self
            .environments
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        environments.values().cloned().collect()
    }

    pub fn find(&self, scope: &Scope) -> Option<Arc<Environment>> {
        let environments = self
            .environments
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        environments.get(scope).cloned()
    }

    pub fn environment(&self, scope: &Scope) -> Result<Arc<Environment>, ApiError> {
        self.find(scope).ok_or_else(|| {
            ApiError::not_found(format!("{scope} is not known to this server"))
                .hint("deploy it first: `mainstay up` or `mainstay deploy`")
        })
    }

    /// Adds the environment, or gives the one that is there.
    pub(crate) fn add(&self, environment: Environment) -> Arc<Environment> {
        let mut environments = self
            .environments
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let scope = environment.scope.clone();
        let entry = environments.entry(scope);
        Arc::clone(entry.or_insert_with(|| Arc::new(environment)))
    }

    pub(crate) fn remove(&self, scope: &Scope) {
        let mut environments = self
            .environments
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        environments.remove(scope);
    }

    /// Wakes the keeper: an environment's wishes changed.
    pub(crate) fn wake_keeper(&self) {
        self.changed.notify_one();
    }

    pub(crate) async fn environment_changed(&self) {
        self.changed.notified().await;
    }

    /// What the targets know in this scope.
    pub fn observe(&self, scope: &Scope) -> Vec<InstanceStatus> {
        let mut statuses = self.targets.observe();
        statuses.retain(|status| status.scope == *scope);
        statuses
    }

    /// Makes an instance run by the definition of the release that it belongs to.
    pub(crate) async fn start_instance(
        &self,
        environment: &Environment,
        id: &InstanceId,
    ) -> Result<(), TargetError> {
        let trouble = |error: &dyn std::fmt::Display| TargetError {
            message: error.to_string(),
            hint: None,
        };
        let bundle = self
            .bundle(environment, id.release)
            .map_err(|error| trouble(&error))?;
        let ways = environment.inner().kept.ways();
        let spec = instance_spec(&bundle, id, &ways, |hash| self.artifacts.path(hash))
            .map_err(|error| trouble(&error))?;
        self.targets.start(&bundle.stack, spec).await
    }

    /// Makes a command run once beside the instances of a service; started twice is started once.
    pub(crate) async fn start_one_shot(
        &self,
        environment: &Environment,
        id: &InstanceId,
        stack: &mainstay_stack::Stack,
        spec: impl FnOnce(
            &crate::ways::Ways,
            &dyn Fn(&str) -> Option<PathBuf>,
        )
            -> Result<mainstay_runtime::spec::InstanceSpec, crate::specs::SpecError>,
    ) -> Result<(), TargetError> {
        let ways = environment.inner().kept.ways();
        let spec = spec(&ways, &|hash| self.artifacts.path(hash));
        let spec = spec.map_err(|error| TargetError::new(format!("{id}: {error}")))?;
        self.targets.start(stack, spec).await
    }

    pub(crate) async fn stop_instance(
        &self,
        scope: &Scope,
        id: &InstanceId,
        grace: Duration,
    ) -> Result<(), TargetError> {
        self.targets.stop(scope, id, grace).await
    }

    pub(crate) fn read_instance_log(
        &self,
        scope: &Scope,
        id: &InstanceId,
        query: mainstay_runtime::logs::LogQuery,
    ) -> Result<tokio::sync::mpsc::Receiver<mainstay_runtime::logs::LogLine>, TargetError> {
        self.targets.read_logs(scope, id, query)
    }

    /// What a release needs and is not kept any more, in words.
    pub(crate) fn missing_parts(&self, bundle: &Bundle) -> Vec<String> {
        let gone = bundle
            .artifacts
            .iter()
            .filter(|(_, hash)| !self.has_artifact(hash));
        gone.map(|(path, _)| format!("{} is not kept any more", path.display()))
            .collect()
    }

    /// The bundle of a release, from memory or from its sealed file.
    pub(crate) fn bundle(
        &self,
        environment: &Environment,
        release: ReleaseNumber,
    ) -> Result<Arc<Bundle>, SealError> {
        if let Some(bundle) = environment.inner().bundles.get(&release) {
            return Ok(Arc::clone(bundle));
        }
        let (path, name) = self.bundle_place(&environment.scope, release);
        let bytes = self.key.open_sealed(&path, &name)?;
        let bundle: Bundle =
            serde_json::from_slice(&bytes).map_err(|_| SealError::NotOurs { path })?;
        let bundle = Arc::new(bundle);
        let mut inner = environment.inner();
        inner.bundles.insert(release, Arc::clone(&bundle));
        Ok(bundle)
    }

    /// Writes a release's bundle; it is on disk when this returns.
    pub(crate) fn keep_bundle(
        &self,
        scope: &Scope,
        release: ReleaseNumber,
        bundle: &Bundle,
    ) -> Result<(), ApiError> {
        let (path, name) = self.bundle_place(scope, release);
        let bytes = serde_json::to_vec(bundle)
            .map_err(|error| ApiError::new(types::ErrorCode::Internal, error.to_string()))?;
        self.key
            .seal(&path, &name, &bytes)
            .map_err(|error| ApiError::unavailable(error).hint("see that the disk has room"))
    }

    pub(crate) fn bundle_place(&self, scope: &Scope, release: ReleaseNumber) -> (PathBuf, String) {
        let directory = self.data.bundles();
        let path = directory
            .join(scope.stack.as_str())
            .join(scope.environment.as_str())
            .join(format!("{release}.sealed"));
        (path, format!("{scope}/{release}"))
    }

    pub fn has_artifact(&self, sha256: &str) -> bool {
        self.artifacts.has(sha256)
    }

    pub(crate) fn artifact_store(&self) -> &ArtifactStore {
        &self.artifacts
    }

    /// Streams an artifact to disk; kept only if it is what its name says.
    pub async fn put_artifact(self: &Arc<Self>, sha256: &str, body: Body) -> Result<(), ApiError> {
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ApiError::invalid(format!("`{sha256}` is not a SHA-256")));
        }
        let stream = body
            .into_data_stream()
            .map(|chunk| chunk.map_err(std::io::Error::other));
        let bounded = StreamReader::new(Box::pin(stream)).take(MAX_ARTIFACT + 1);
        let control = Arc::clone(self);
        let reader = SyncIoBridge::new(bounded);
        let kept = tokio::task::spawn_blocking(move || control.artifacts.put(reader))
            .await
            .map_err(ApiError::unavailable)?
            .map_err(|error| {
                ApiError::unavailable(format!("upload: {error}")).hint("see that the disk has room")
            })?;
        if kept == sha256 {
            return Ok(());
        }
        // Under its own name it is nobody's, and goes with the next release that is forgotten.
        Err(ApiError::invalid(format!(
            "what was uploaded is {kept} and not {sha256}"
        )))
    }

    pub(crate) async fn record_machine_event(
        &self,
        kind: &str,
        subject: &str,
        message: String,
        actor: &Actor,
    ) -> Result<(), ApiError> {
        let event = NewEvent {
            subject: Some(subject.to_owned()),
            actor: Some(actor.name.clone()),
            ..NewEvent::new(now(), kind, message)
        };
        self.store.record(event).await
    }

    pub(crate) async fn record_instance_event(
        &self,
        environment: &Environment,
        status: &InstanceStatus,
        word: &str,
    ) {
        let detail = detail(status).map_or_else(String::new, |detail| format!(": {detail}"));
        let kind = format!("instance.{}", word.replace(' ', "-"));
        let message = format!("{} is {word}{detail}", status.id);
        let event = NewEvent {
            scope: Some(environment.scope.clone()),
            release: Some(status.id.release),
            subject: Some(status.id.to_string()),
            ..NewEvent::new(now(), kind, message)
        };
        if let Err(error) = self.store.record(event).await {
            tracing::warn!(%error, "event not recorded");
        }
    }
}

/// Why an instance is not well, in words: its exit, its probe, its reason.
pub(crate) fn detail(status: &InstanceStatus) -> Option<String> {
    use mainstay_runtime::status::Phase;
    match &status.phase {
        Phase::Exited { exit, .. } | Phase::Restarting { exit } | Phase::CrashLoop { exit } => {
            Some(exit.to_string())
        }
        Phase::NotStarted { reason } => Some(reason.clone()),
        // That it starts again says less than how it ended before.
        Phase::Starting if status.restarts > 0 => {
            let exit = status.last_exit.as_ref().map(ToString::to_string);
            exit.or_else(|| status.last_probe.clone())
        }
        Phase::Unhealthy | Phase::Starting => status.last_probe.clone(),
        Phase::Healthy | Phase::Stopping => None,
    }
    .or_else(|| (phase_word(&status.phase) == "restarting").then(|| "restarting".to_owned()))
}

/// The clock of the wall, read here only.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
