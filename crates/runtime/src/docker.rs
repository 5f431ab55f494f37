//! The Docker target: instances as containers of an engine, by its API. Podman's engine will do too.
//!
//! Restarts, back-off and health are Mainstay's own, by the same rules as for processes; the engine
//! starts, isolates and keeps the logs. Everything of ours bears labels (`labels`), so that a
//! control plane that begins adopts what runs; what the engine cannot remember stands beside, in
//! `instance.json` (`docs/formats/instance-directory.md`). `docs/docker-target.md` tells all of it
//! for people; decisions 0010 and 0011 say why.
//!
//! **Invariants:** nothing without our labels and our server's id is touched. An engine that does
//! not answer changes nothing that is known. A volume that only one may have is never given to two.

mod address;
mod archive;
mod body;
mod engine;
mod exec;
pub(crate) mod failure;
mod files;
mod filled;
mod ground;
mod labels;
mod logs;
mod others;
mod shared;
mod state;
mod supervisor;
mod usage;

pub use address::{EngineAddress, Tls};
pub use archive::Archive;
pub use filled::filled_volume;
pub use ground::NetworkSeen;
pub use others::{Attached, OtherContainer, OtherNetwork, OtherPort, others};

use crate::exec::Exec;
use crate::images::{self, ImageRecord};
use crate::logs::{LogLine, LogQuery};
use crate::process::directory;
use crate::spec::{ContainerRun, InstanceSpec, Network, Run};
use crate::status::{InstanceStatus, Phase, Resources};
use crate::target::{Target, TargetError};
use engine::Engine;
use files::Files;
use labels::Kept;
use mainstay_model::{InstanceId, Scope};
use shared::{Shared, Shown};
use state::State;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use supervisor::{Command, Supervisor};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Commands that may wait for a supervisor.
const COMMANDS: usize = 16;

/// Log lines that may wait for whoever reads; then the reader waits.
const LINES: usize = 1024;

/// For a supervisor to take a stop: it may be creating a container.
const STOP_TAKEN: Duration = Duration::from_secs(60);

/// Between questions to an engine that does not say yet what of ours it has.
const DISCOVERY: Duration = Duration::from_secs(1);

/// Which engine, and where the target keeps what.
#[derive(Debug, Clone)]
pub struct Options {
    pub engine: EngineAddress,
    /// Stands in the labels of everything that this server makes; another server's is left alone.
    pub server: String,
    /// The directory of the containers' notes; made (0700) where it is missing.
    pub directory: PathBuf,
    /// For what may be in memory only; `/dev/shm` is taken where this is on a disk.
    pub runtime_directory: PathBuf,
}

type Key = (Scope, InstanceId);

#[derive(Debug)]
struct Entry {
    shown: Arc<Shown>,
    commands: mpsc::Sender<Command>,
    directory: PathBuf,
    gone: CancellationToken,
}

type Instances = Mutex<BTreeMap<Key, Entry>>;

/// See the module.
#[derive(Debug)]
pub struct DockerTarget {
    shared: Arc<Shared>,
    root: PathBuf,
    instances: Arc<Instances>,
    /// Held while an instance is made or removed, across awaits. Taken before `instances`, which is
    /// never held across an await.
    making: tokio::sync::Mutex<()>,
    damaged: Vec<PathBuf>,
}

impl DockerTarget {
    /// Reads what was noted, goes on watching it, and asks the engine for the rest. The engine need
    /// not run: what was known last is shown until it does. Must be called within a tokio runtime.
    pub fn open(options: Options) -> Result<Self, TargetError> {
        let root = options.directory;
        directory::make(&root).map_err(|error| cannot("make", &root, &error))?;
        let root = root
            .canonicalize()
            .map_err(|error| cannot("find", &root, &error))?;
        let mut target = Self {
            shared: Arc::new(Shared {
                engine: Engine::new(options.engine, options.server),
                files: Files::new(&options.runtime_directory),
                changes: watch::Sender::new(0),
                tasks: TaskTracker::new(),
                cancel: CancellationToken::new(),
                ground: tokio::sync::Mutex::default(),
                volumes: tokio::sync::Mutex::default(),
            }),
            root: root.clone(),
            instances: Arc::default(),
            making: tokio::sync::Mutex::default(),
            damaged: Vec::new(),
        };
        for path in directory::all(&root).map_err(|error| cannot("read", &root, &error))? {
            match State::read(&path) {
                Ok(state) => {
                    let key = (state.scope.clone(), state.id.clone());
                    let entry = supervise(&target.shared, path, state, None);
                    lock(&target.instances).insert(key, entry);
                }
                Err(error) => {
                    tracing::error!(directory = %path.display(), %error, "the notes of a container cannot be read");
                    target.damaged.push(path);
                }
            }
        }
        let discovery = discover(
            Arc::clone(&target.shared),
            Arc::clone(&target.instances),
            root,
        );
        let cancel = target.shared.cancel.clone();
        target.shared.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = discovery => {}
            }
        });
        Ok(target)
    }

    /// Ends the watching, and returns when nothing of it is left; the containers run on. Dropping
    /// does the same without waiting.
    pub async fn close(self) {
        self.shared.cancel.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    pub fn address(&self) -> &EngineAddress {
        &self.shared.engine.address
    }

    pub fn knows(&self, scope: &Scope, id: &InstanceId) -> bool {
        self.with(scope, id, |_| ()).is_ok()
    }

    /// Whether the engine answers, and if not what to do.
    pub async fn check(&self) -> Result<(), TargetError> {
        Ok(self.shared.engine.hello().await?)
    }

    /// Whether containers' own addresses can be dialled from this machine, and the other way round.
    pub async fn is_bridged(&self) -> Result<bool, TargetError> {
        Ok(self.shared.engine.is_bridged().await?)
    }

    /// A client of the engine, for what this target does not do itself: images.
    pub async fn client(&self) -> Result<bollard::Docker, TargetError> {
        Ok(self.shared.engine.api().await?.clone())
    }

    /// What exactly an image is that the engine has, by any of its names; `reference` is what its
    /// record calls it. `None`: the engine has no such image.
    pub async fn image(
        &self,
        image: &str,
        reference: &str,
    ) -> Result<Option<ImageRecord>, TargetError> {
        let engine = &self.shared.engine;
        let found = engine.api().await?.inspect_image(image).await;
        match found.map_err(engine.failed()) {
            Ok(found) => Ok(images::record(found, reference)),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Makes a network of an environment where it is missing.
    pub async fn network(
        &self,
        scope: &Scope,
        network: &Network,
    ) -> Result<NetworkSeen, TargetError> {
        let _making = self.shared.ground.lock().await;
        Ok(self.shared.engine.ensure_network(scope, network).await?)
    }

    /// Removes the networks of an environment that nobody is in any more; the names of the others.
    pub async fn remove_networks(&self, scope: &Scope) -> Result<Vec<String>, TargetError> {
        let _making = self.shared.ground.lock().await;
        Ok(self.shared.engine.remove_networks(scope).await?)
    }

    /// Removes one network of an environment, by its name; false: somebody is still in it. One that is not there,
    /// or is not of this environment, is left as it is.
    pub async fn remove_network(&self, scope: &Scope, name: &str) -> Result<bool, TargetError> {
        let _making = self.shared.ground.lock().await;
        Ok(self.shared.engine.remove_network(scope, name).await?)
    }

    /// Notes that could not be read; each stands in the server's log with its reason.
    pub fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    /// Writes the intent; where that was done before, it goes on from there.
    async fn create(&self, spec: InstanceSpec<ContainerRun>) -> Result<Entry, TargetError> {
        let path = directory::of(&self.root, &spec.scope, &spec.id);
        let kept = Kept::of(&spec, spec.health.clone());
        let new = State::new(spec.scope.clone(), spec.id.clone(), kept, supervisor::now());
        let place = path.clone();
        let write = move || match State::read(&place) {
            Ok(state) => Ok(state),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                new.write(&place)?;
                Ok(new)
            }
            Err(error) => Err(error),
        };
        let state = tokio::task::spawn_blocking(write)
            .await
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| cannot("write", &path, &error))?;
        Ok(supervise(&self.shared, path, state, Some(Box::new(spec))))
    }

    fn commands(&self, key: &Key) -> Option<mpsc::Sender<Command>> {
        let instances = lock(&self.instances);
        instances.get(key).map(|entry| entry.commands.clone())
    }

    fn with<T>(
        &self,
        scope: &Scope,
        id: &InstanceId,
        look: impl FnOnce(&Entry) -> T,
    ) -> Result<T, TargetError> {
        let instances = lock(&self.instances);
        let entry = instances.get(&(scope.clone(), id.clone()));
        entry.map(look).ok_or_else(|| {
            TargetError::new(format!("there is no instance {id} in {scope}"))
                .hint("`mainstay ps` lists them")
        })
    }

    /// True where it has ended; refused where it runs.
    fn has_ended(&self, key: &Key) -> Result<bool, TargetError> {
        let instances = lock(&self.instances);
        let Some(entry) = instances.get(key) else {
            return Ok(false);
        };
        let phase = entry.shown.lock().phase.clone();
        match phase {
            Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. } => Ok(true),
            _ => Err(TargetError::new(format!("{} has not ended", key.1)).hint("stop it first")),
        }
    }
}

impl Drop for DockerTarget {
    /// Ends the watching; the containers run on.
    fn drop(&mut self) {
        self.shared.cancel.cancel();
        self.shared.tasks.close();
    }
}

impl Target for DockerTarget {
    async fn start(&self, spec: InstanceSpec) -> Result<(), TargetError> {
        let spec = for_containers(spec)?;
        let key = (spec.scope.clone(), spec.id.clone());
        let mut commands = self.commands(&key);
        if commands.is_none() {
            // Two starts of one instance at the same time must not both find it missing.
            let _making = self.making.lock().await;
            commands = self.commands(&key);
            if commands.is_none() {
                let entry = self.create(spec).await?;
                lock(&self.instances).insert(key, entry);
                self.shared.changed();
                return Ok(());
            }
        }
        let commands = commands.ok_or_else(going)?;
        let command = Command::Spec(Box::new(spec));
        commands.send(command).await.map_err(|_| going())
    }

    async fn stop(
        &self,
        scope: &Scope,
        id: &InstanceId,
        grace: Duration,
    ) -> Result<(), TargetError> {
        let Some(commands) = self.commands(&(scope.clone(), id.clone())) else {
            return Ok(());
        };
        let (done, answer) = oneshot::channel();
        let command = Command::Stop { grace, done };
        commands.send(command).await.map_err(|_| going())?;
        match tokio::time::timeout(STOP_TAKEN, answer).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => {
                // The stop itself goes on; it is only not safe against a crash.
                tracing::error!(instance = %id, %error, "cannot write down that a stop was asked for");
                Ok(())
            }
            Ok(Err(_)) => Err(going()),
            Err(_) => Err(TargetError::new(format!("{id} does not take the stop"))
                .hint("ask again; its engine may be busy: `docker info`")),
        }
    }

    async fn remove(&self, scope: &Scope, id: &InstanceId) -> Result<(), TargetError> {
        let _making = self.making.lock().await;
        let key = (scope.clone(), id.clone());
        if !self.has_ended(&key)? {
            return Ok(());
        }
        let engine = &self.shared.engine;
        // One of that name that is not ours stays.
        match engine.look(scope, id).await {
            Ok(Some(_)) => engine.remove(&scope.instance_name(id)).await?,
            Err(failure) if failure.is_unreachable() => return Err(failure.into()),
            Ok(None) | Err(_) => {}
        }
        let Some(entry) = lock(&self.instances).remove(&key) else {
            return Ok(());
        };
        entry.gone.cancel();
        let path = entry.directory.clone();
        drop(entry);
        self.shared.changed();
        let (files, scope, id) = (self.shared.files.clone(), scope.clone(), id.clone());
        let place = path.clone();
        tokio::task::spawn_blocking(move || {
            files.remove(&scope, &id);
            directory::remove(&place, &place.join("no-socket"))
        })
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(|error| cannot("remove", &path, &error))
    }

    fn observe(&self) -> Vec<InstanceStatus> {
        let instances = lock(&self.instances);
        let statuses = instances.values();
        statuses.map(|entry| entry.shown.lock().clone()).collect()
    }

    fn read_logs(
        &self,
        scope: &Scope,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<mpsc::Receiver<LogLine>, TargetError> {
        let gone = self.with(scope, id, |entry| entry.gone.clone())?;
        let (sender, receiver) = mpsc::channel(LINES);
        let reading = logs::Reading {
            shared: Arc::clone(&self.shared),
            scope: scope.clone(),
            id: id.clone(),
            query,
            gone,
            sender,
        };
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = reading.run() => {}
            }
        });
        Ok(receiver)
    }

    async fn exec(
        &self,
        scope: &Scope,
        id: &InstanceId,
        command: &[String],
        tty: bool,
    ) -> Result<Exec, TargetError> {
        if tty {
            let error = "the docker target has no terminal for a command yet";
            return Err(TargetError::new(error.into()).hint("run it without a terminal"));
        }
        if command.is_empty() {
            return Err(TargetError::new("there is no command to run".into()));
        }
        self.with(scope, id, |_| ())?;
        let found = self.shared.engine.look(scope, id).await?;
        let running = found.filter(|container| container.running);
        let container = running.ok_or_else(|| {
            TargetError::new(format!("{id} does not run")).hint("`mainstay ps` says why")
        })?;
        exec::run(&self.shared, &container.id, command).await
    }

    async fn resources(&self) -> Vec<(Scope, InstanceId, Resources)> {
        let running: Vec<Key> = {
            let instances = lock(&self.instances);
            let running = instances
                .iter()
                .filter(|(_, entry)| entry.shown.lock().pid.is_some());
            running.map(|(key, _)| key.clone()).collect()
        };
        usage::of(&self.shared.engine, running).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

fn supervise(
    shared: &Arc<Shared>,
    path: PathBuf,
    state: State,
    spec: Option<Box<InstanceSpec<ContainerRun>>>,
) -> Entry {
    let (sender, commands) = mpsc::channel(COMMANDS);
    let shown = Arc::new(Shown::from_disk(&state));
    let entry = Entry {
        shown: Arc::clone(&shown),
        commands: sender,
        directory: path.clone(),
        gone: CancellationToken::new(),
    };
    let supervisor = Supervisor::new(Arc::clone(shared), shown, path, state, spec, commands);
    shared.tasks.spawn(supervisor.run());
    entry
}

/// Takes up containers of ours that there are no notes about, once the engine tells of them.
async fn discover(shared: Arc<Shared>, instances: Arc<Instances>, root: PathBuf) {
    let found = loop {
        match shared.engine.ours().await {
            Ok(found) => break found,
            Err(_) => tokio::time::sleep(DISCOVERY).await,
        }
    };
    for (scope, id, labels) in found {
        let Some(kept) = labels::kept(&labels) else {
            continue;
        };
        let path = directory::of(&root, &scope, &id);
        let mut state = State::new(scope.clone(), id.clone(), kept, supervisor::now());
        state.created = true;
        let mut instances = lock(&instances);
        let entry = instances.entry((scope, id));
        entry.or_insert_with(|| supervise(&shared, path, state, None));
    }
    shared.changed();
}

fn for_containers(spec: InstanceSpec) -> Result<InstanceSpec<ContainerRun>, TargetError> {
    let (spec, run) = spec.with_run(());
    match run {
        Run::Container(run) => Ok(spec.with_run(*run).0),
        Run::Process(_) => {
            let error = format!("{} is a process, and this target runs containers", spec.id);
            Err(TargetError::new(error))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> TargetError {
    let error = TargetError::new(format!("cannot {verb} `{}`: {error}", path.display()));
    error.hint("is the disk full, and may this user write there?")
}

fn going() -> TargetError {
    TargetError::new("the target is shutting down".into())
}
