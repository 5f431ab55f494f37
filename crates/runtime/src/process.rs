//! The process target: instances as processes of this machine, each below a shim of its own.
//!
//! The target can be dropped, killed and opened again at any moment: instances run on below their
//! shims, and what was intended stands in each instance's directory
//! (`docs/formats/instance-directory.md`). How a run ends, which ports are given and how often it
//! was restarted survives that; the specs do not, because they hold secrets, and are given again
//! through [`Target::start`]. `docs/process-target.md` tells all of it for people.
//!
//! **Invariants:** one shim for an instance at a time, by a lock that the kernel lets go. Nothing
//! is signalled but what is below one of our shims or bears our directory's mark.

mod beside;
mod client;
pub(crate) mod directory;
mod memory;
mod ports;
mod remains;
mod shared;
mod shown;
pub(crate) mod state;
pub(crate) mod supervisor;
mod table;

pub use beside::Orphan;
pub use memory::memory_directory;
pub(crate) use supervisor::implied_check;

use crate::exec::Exec;
use crate::logs::{LogLine, LogQuery};
use crate::spec::{InstanceSpec, ProcessRun, Run};
use crate::status::{InstanceStatus, Phase, Resources};
use crate::target::{Target, TargetError};
use mainstay_model::{InstanceId, Scope};
use mainstay_wire::shim::Process;
use ports::Ports;
use shared::Shared;
use shown::Shown;
use state::State;
use std::collections::BTreeMap;
use std::ffi::OsString;
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

/// For a supervisor to take a stop: it may be starting a shim.
const STOP_TAKEN: Duration = Duration::from_secs(30);

/// A socket's path is shorter than this (unix(7)).
const SOCKET_PATH: usize = 108;

/// Where the target keeps what, and how it starts a shim.
#[derive(Debug, Clone)]
pub struct Options {
    /// The instances directory; made (0700) where it is missing.
    pub directory: PathBuf,
    /// For the shims' sockets (20 characters each); made (0700) where it is missing.
    pub socket_directory: PathBuf,
    /// For secret files, on a file system in memory (see [`memory_directory`]); made (0711) where
    /// one is wanted. `None`: an instance with secret files does not start.
    pub memory_directory: Option<PathBuf>,
    /// Program and arguments that run a shim: the path of this executable, and `shim`.
    pub shim_command: Vec<OsString>,
}

type Key = (Scope, InstanceId);

#[derive(Debug)]
struct Entry {
    shown: Arc<Mutex<Shown>>,
    commands: mpsc::Sender<Command>,
    port: Option<u16>,
    directory: PathBuf,
    socket: PathBuf,
}

/// See the module.
#[derive(Debug)]
pub struct ProcessTarget {
    shared: Arc<Shared>,
    instances: Mutex<BTreeMap<Key, Entry>>,
    ports: Mutex<Ports>,
    /// Held while an instance is made or removed, across awaits. Taken before `instances` and
    /// `ports`, which are never held across an await nor within each other.
    making: tokio::sync::Mutex<()>,
    damaged: Vec<PathBuf>,
}

impl ProcessTarget {
    /// Reads all instance directories and goes on watching what is there. Must be called within a
    /// tokio runtime. One target at a time may have a directory open; the caller sees to that (it
    /// holds the lock of the data directory).
    pub fn open(options: Options) -> Result<Self, TargetError> {
        let options = prepare(options)?;
        let root = options.directory.clone();
        let digest = directory::digest(&root);
        let seed = u64::from_be_bytes(digest[..8].try_into().unwrap_or_default());
        let mut target = Self {
            shared: Arc::new(Shared {
                options,
                changes: watch::Sender::new(0),
                tasks: TaskTracker::new(),
                cancel: CancellationToken::new(),
            }),
            instances: Mutex::default(),
            ports: Mutex::new(Ports::new(seed)),
            making: tokio::sync::Mutex::default(),
            damaged: Vec::new(),
        };
        let mut with_files = Vec::new();
        for directory in directory::all(&root).map_err(|error| cannot("read", &root, &error))? {
            match State::read(&directory) {
                Ok(state) => {
                    if let Some(memory) = &target.shared.options.memory_directory
                        && state.outcome.is_none()
                    {
                        with_files.push(memory::of(memory, &state.scope, &state.id));
                    }
                    let key = (state.scope.clone(), state.id.clone());
                    let entry = target.supervise(directory, state, None);
                    lock(&target.instances).insert(key, entry);
                }
                Err(error) => {
                    let path = directory.display();
                    tracing::error!(directory = %path, %error, "an instance directory cannot be read");
                    target.damaged.push(directory);
                }
            }
        }
        // A directory that cannot be read may belong to one that runs.
        if let Some(memory) = &target.shared.options.memory_directory
            && target.damaged.is_empty()
        {
            memory::sweep(memory, &with_files);
        }
        Ok(target)
    }

    /// Ends the watching, and returns when nothing of it is left; the instances run on. Dropping
    /// does the same without waiting.
    pub async fn close(self) {
        self.shared.cancel.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    fn supervise(
        &self,
        directory: PathBuf,
        state: State,
        spec: Option<InstanceSpec<ProcessRun>>,
    ) -> Entry {
        if let Some(port) = state.port {
            lock(&self.ports).keep(port);
        }
        let (sender, commands) = mpsc::channel(COMMANDS);
        let shown = Arc::new(Mutex::new(Shown::from_disk(&directory, &state)));
        let entry = Entry {
            shown: shown.clone(),
            commands: sender,
            port: state.port,
            directory: directory.clone(),
            socket: state.socket.clone(),
        };
        let shared = self.shared.clone();
        let mut supervisor = Supervisor::new(shared, shown, directory, state, commands);
        if let Some(spec) = spec {
            supervisor.take_spec(Box::new(spec));
        }
        self.shared.tasks.spawn(supervisor.run());
        entry
    }

    /// Makes the directory and writes the intent. Where that was done before, by a start that was
    /// given up half way, it goes on from there.
    async fn create(&self, spec: InstanceSpec<ProcessRun>) -> Result<Entry, TargetError> {
        let options = &self.shared.options;
        let directory = directory::of(&options.directory, &spec.scope, &spec.id);
        let port = spec.run.wants_port.then(|| lock(&self.ports).take());
        let port = port
            .transpose()
            .map_err(|error| TargetError::new(format!("no port for {}: {error}", spec.id)))?;
        let socket = options
            .socket_directory
            .join(directory::socket_name(&directory));
        let state = State::new(&spec, port, socket, supervisor::now());
        let made = {
            let directory = directory.clone();
            blocking(move || state.create(&directory)).await
        };
        let kept = made.as_ref().ok().and_then(|state| state.port);
        if let Some(port) = port.filter(|port| kept != Some(*port)) {
            lock(&self.ports).give_back(port);
        }
        let state = made.map_err(|error| cannot("write", &directory, &error))?;
        Ok(self.supervise(directory, state, Some(spec)))
    }

    fn commands(&self, key: &Key) -> Option<mpsc::Sender<Command>> {
        let instances = lock(&self.instances);
        instances.get(key).map(|entry| entry.commands.clone())
    }

    /// Takes an instance that has ended out of what is known.
    fn forget(&self, key: &Key) -> Result<Option<Entry>, TargetError> {
        let mut instances = lock(&self.instances);
        let Some(entry) = instances.get(key) else {
            return Ok(None);
        };
        let ended = matches!(
            lock(&entry.shown).status.phase,
            Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. }
        );
        if ended {
            Ok(instances.remove(key))
        } else {
            Err(TargetError::new(format!("{} has not ended", key.1)).hint("stop it first"))
        }
    }
}

impl Entry {
    fn shim(&self) -> Option<Process> {
        lock(&self.shown).record.as_ref().map(|record| record.shim)
    }
}

impl Drop for ProcessTarget {
    /// Ends the watching; the instances run on.
    fn drop(&mut self) {
        self.shared.cancel.cancel();
        self.shared.tasks.close();
    }
}

impl Target for ProcessTarget {
    async fn start(&self, spec: InstanceSpec) -> Result<(), TargetError> {
        let key = (spec.scope.clone(), spec.id.clone());
        let spec = for_processes(spec)?;
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
                .hint("ask again; its shim may still be starting")),
        }
    }

    async fn remove(&self, scope: &Scope, id: &InstanceId) -> Result<(), TargetError> {
        let _making = self.making.lock().await;
        let Some(entry) = self.forget(&(scope.clone(), id.clone()))? else {
            return Ok(());
        };
        if let Some(port) = entry.port {
            lock(&self.ports).give_back(port);
        }
        let (directory, socket) = (entry.directory.clone(), entry.socket.clone());
        drop(entry);
        self.shared.changed();
        if let Some(memory) = &self.shared.options.memory_directory {
            memory::remove(memory, &memory::of(memory, scope, id));
        }
        let path = directory.clone();
        blocking(move || directory::remove(&directory, &socket))
            .await
            .map_err(|error| cannot("remove", &path, &error))
    }

    fn observe(&self) -> Vec<InstanceStatus> {
        let instances = lock(&self.instances);
        let statuses = instances.values();
        statuses
            .map(|entry| lock(&entry.shown).status.clone())
            .collect()
    }

    fn read_logs(
        &self,
        scope: &Scope,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<mpsc::Receiver<LogLine>, TargetError> {
        self.lines(scope, id, query)
    }

    async fn exec(
        &self,
        scope: &Scope,
        id: &InstanceId,
        command: &[String],
        tty: bool,
    ) -> Result<Exec, TargetError> {
        self.beside(scope, id, command, tty).await
    }

    async fn resources(&self) -> Vec<(Scope, InstanceId, Resources)> {
        self.usage().await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

fn for_processes(spec: InstanceSpec) -> Result<InstanceSpec<ProcessRun>, TargetError> {
    let (spec, run) = spec.with_run(());
    match run {
        Run::Process(run) => Ok(spec.with_run(run).0),
        Run::Container(_) => {
            let error = format!("{} is a container, and this target runs processes", spec.id);
            Err(TargetError::new(error))
        }
    }
}

/// Makes the directories, and makes their paths absolute.
fn prepare(mut options: Options) -> Result<Options, TargetError> {
    for path in [&mut options.directory, &mut options.socket_directory] {
        *path = directory::make(path)
            .and_then(|()| path.canonicalize())
            .map_err(|error| cannot("make", path, &error))?;
    }
    let socket = options
        .socket_directory
        .join(directory::socket_name(&options.directory));
    if socket.as_os_str().len() >= SOCKET_PATH {
        let path = options.socket_directory.display();
        return Err(TargetError::new(format!(
            "the socket directory `{path}` has too long a path: sockets in it would exceed {SOCKET_PATH} bytes"
        ))
        .hint("choose a shorter runtime directory"));
    }
    Ok(options)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
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
