//! The process target: instances as processes of this machine, each below a shim of its own.
//!
//! The target can be dropped, killed and opened again at any moment: instances run on below their
//! shims, and what was intended stands in each instance's directory
//! (`docs/formats/instance-directory.md`). How a run ends, which ports are given and how often it
//! was restarted survives that; the specs do not, because they hold secrets, and are given again
//! through [`Target::start`].
//!
//! **Invariants:** one shim for an instance at a time, by a lock that the kernel lets go. Nothing
//! is signalled but what is below one of our shims or bears our directory's mark.

mod client;
mod ports;
mod remains;
mod shared;
mod state;
mod supervisor;
mod table;

pub use remains::Orphan;

use crate::exec::{Exec, Surroundings};
use crate::spec::InstanceSpec;
use crate::status::{InstanceStatus, Phase};
use crate::target::{Target, TargetError};
use mainstay_model::{InstanceId, Scope};
use mainstay_wire::shim::Process;
use ports::Ports;
use shared::Shared;
use state::State;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use supervisor::{Command, Shown, Supervisor};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Commands that may wait for a supervisor.
const COMMANDS: usize = 16;

/// For a supervisor to take a stop: it may be starting a shim.
const STOP_TAKEN: Duration = Duration::from_secs(30);

/// Where the target keeps what, and how it starts a shim.
#[derive(Debug, Clone)]
pub struct Options {
    /// The instances directory, absolute; made (0700) where it is missing.
    pub directory: PathBuf,
    /// For the shims' sockets, whose paths are bounded by 108 bytes.
    pub socket_directory: PathBuf,
    /// Program and arguments that run a shim: `mainstay shim`.
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
    /// Held while an instance is made, across awaits; taken before `instances`, never within.
    creating: tokio::sync::Mutex<()>,
    damaged: Vec<PathBuf>,
}

impl ProcessTarget {
    /// Reads all instance directories and goes on watching what is there. Must be called within a
    /// tokio runtime. One target at a time may have a directory open; the caller sees to that (it
    /// holds the lock of the data directory).
    pub fn open(options: Options) -> Result<Self, TargetError> {
        let failed = |what: &Path, error: &std::io::Error| {
            TargetError::new(format!("cannot open `{}`: {error}", what.display()))
        };
        for directory in [&options.directory, &options.socket_directory] {
            make_directory(directory).map_err(|error| failed(directory, &error))?;
        }
        let directory = options
            .directory
            .canonicalize()
            .map_err(|error| failed(&options.directory, &error))?;
        let seed = digest(directory.as_os_str().as_encoded_bytes());
        let target = Self {
            shared: Arc::new(Shared {
                options: Options {
                    directory,
                    ..options
                },
                changes: watch::Sender::new(0),
                tasks: TaskTracker::new(),
                cancel: CancellationToken::new(),
            }),
            instances: Mutex::default(),
            ports: Mutex::new(Ports::new(u64::from_be_bytes(
                seed[..8].try_into().unwrap_or_default(),
            ))),
            creating: tokio::sync::Mutex::default(),
            damaged: Vec::new(),
        };
        target.read_all()
    }

    fn read_all(mut self) -> Result<Self, TargetError> {
        let found = instance_directories(&self.shared.options.directory).map_err(|error| {
            TargetError::new(format!("cannot read the instances directory: {error}"))
        })?;
        for directory in found {
            match State::read(&directory) {
                Ok(state) => self.adopt(directory, state),
                Err(error) => {
                    tracing::error!(directory = %directory.display(), %error, "an instance directory cannot be read");
                    self.damaged.push(directory);
                }
            }
        }
        Ok(self)
    }

    fn adopt(&self, directory: PathBuf, state: State) {
        if let Some(port) = state.port {
            lock(&self.ports).keep(port);
        }
        let key = (state.scope.clone(), state.id.clone());
        let entry = self.supervise(directory, state, None);
        lock(&self.instances).insert(key, entry);
    }

    fn supervise(&self, directory: PathBuf, state: State, spec: Option<InstanceSpec>) -> Entry {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let shown = Arc::new(Mutex::new(Shown {
            status: first_status(&directory, &state),
            surroundings: None,
            record: state::read_record(&directory).ok().flatten(),
        }));
        let entry = Entry {
            shown: shown.clone(),
            commands: sender,
            port: state.port,
            directory: directory.clone(),
            socket: state.socket.clone(),
        };
        let mut supervisor = Supervisor {
            shared: self.shared.clone(),
            shown,
            directory,
            state,
            spec: None,
            commands,
        };
        if let Some(spec) = spec {
            supervisor.take_spec(Box::new(spec));
        }
        self.shared.tasks.spawn(supervisor.run());
        entry
    }

    /// Makes the directory and writes the intent.
    async fn create(&self, spec: InstanceSpec) -> Result<Entry, TargetError> {
        let options = &self.shared.options;
        let directory = state::directory_of(&options.directory, &spec.scope, &spec.id);
        let port =
            match spec.wants_port {
                true => Some(lock(&self.ports).take().map_err(|error| {
                    TargetError::new(format!("no port for {}: {error}", spec.id))
                })?),
                false => None,
            };
        let socket = options.socket_directory.join(socket_name(&directory));
        let state = State::new(&spec, port, socket, supervisor::now());
        let written = {
            let (state, directory) = (state.clone(), directory.clone());
            tokio::task::spawn_blocking(move || state.create(&directory))
                .await
                .map_err(std::io::Error::other)
                .flatten()
        };
        if let Err(error) = written {
            if let Some(port) = port {
                lock(&self.ports).give_back(port);
            }
            return Err(TargetError::new(format!(
                "cannot write `{}`: {error}",
                directory.display()
            ))
            .hint("see whether the disk is full"));
        }
        Ok(self.supervise(directory, state, Some(spec)))
    }

    /// Instance directories that could not be read; each stands in the log with its reason.
    pub fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    /// Processes of ours that no shim looks after. Blocking: reads `/proc`.
    pub fn orphans(&self) -> Vec<Orphan> {
        let mut keepers = remains::own_process();
        keepers.extend(lock(&self.instances).values().filter_map(Entry::shim));
        remains::orphans(&self.shared.options.directory, &keepers)
    }

    /// Runs a command beside an instance, in its environment, directory and user.
    pub async fn exec(
        &self,
        scope: &Scope,
        id: &InstanceId,
        command: &[String],
        tty: bool,
    ) -> Result<Exec, TargetError> {
        if tty {
            return Err(TargetError::new(
                "the process target has no terminal for `exec` yet".into(),
            )
            .hint("run it without a terminal"));
        }
        let surroundings = self.surroundings(scope, id)?;
        Exec::start(&surroundings, command).await
    }

    fn surroundings(&self, scope: &Scope, id: &InstanceId) -> Result<Surroundings, TargetError> {
        let instances = lock(&self.instances);
        let entry = instances
            .get(&(scope.clone(), id.clone()))
            .ok_or_else(|| unknown(scope, id))?;
        lock(&entry.shown).surroundings.clone().ok_or_else(|| {
            TargetError::new(format!("{id} was not handed to this server yet"))
                .hint("try again once the server has resumed its deployments")
        })
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
        let known = |key: &Key| {
            let instances = lock(&self.instances);
            instances.get(key).map(|entry| entry.commands.clone())
        };
        let commands = match known(&key) {
            Some(commands) => commands,
            None => {
                // Two starts of one instance at the same time must not both find it missing.
                let _creating = self.creating.lock().await;
                match known(&key) {
                    Some(commands) => commands,
                    None => {
                        let entry = self.create(spec).await?;
                        lock(&self.instances).insert(key, entry);
                        self.shared.changed();
                        return Ok(());
                    }
                }
            }
        };
        commands
            .send(Command::Spec(Box::new(spec)))
            .await
            .map_err(|_| going())
    }

    async fn stop(
        &self,
        scope: &Scope,
        id: &InstanceId,
        grace: Duration,
    ) -> Result<(), TargetError> {
        let commands = {
            let instances = lock(&self.instances);
            match instances.get(&(scope.clone(), id.clone())) {
                Some(entry) => entry.commands.clone(),
                None => return Ok(()),
            }
        };
        let (done, answer) = oneshot::channel();
        commands
            .send(Command::Stop { grace, done })
            .await
            .map_err(|_| going())?;
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
        let key = (scope.clone(), id.clone());
        let entry = {
            let mut instances = lock(&self.instances);
            let Some(entry) = instances.get(&key) else {
                return Ok(());
            };
            let phase = lock(&entry.shown).status.phase.clone();
            if !matches!(
                phase,
                Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. }
            ) {
                return Err(TargetError::new(format!("{id} runs")).hint("stop it first"));
            }
            let Some(entry) = instances.remove(&key) else {
                return Ok(());
            };
            entry
        };
        let (directory, socket) = (entry.directory.clone(), entry.socket.clone());
        if let Some(port) = entry.port {
            lock(&self.ports).give_back(port);
        }
        drop(entry);
        self.shared.changed();
        tokio::task::spawn_blocking(move || remove_directory(&directory, &socket))
            .await
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|error| TargetError::new(format!("cannot remove the files of {id}: {error}")))
    }

    fn observe(&self) -> Vec<InstanceStatus> {
        lock(&self.instances)
            .values()
            .map(|entry| lock(&entry.shown).status.clone())
            .collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn going() -> TargetError {
    TargetError::new("the target is shutting down".into())
}

fn unknown(scope: &Scope, id: &InstanceId) -> TargetError {
    TargetError::new(format!("there is no instance {id} in {scope}"))
        .hint("`mainstay ps` lists them")
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// First away under another name, so that a crash on the way leaves no half of an instance.
fn remove_directory(directory: &Path, socket: &Path) -> std::io::Result<()> {
    let name = directory
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let away = directory.with_file_name(format!(".removed-{name}"));
    let _ = std::fs::remove_dir_all(&away);
    std::fs::rename(directory, &away)?;
    let _ = std::fs::remove_file(socket);
    std::fs::remove_dir_all(&away)
}

/// `ROOT/STACK/ENVIRONMENT/INSTANCE`; what was being removed is removed.
fn instance_directories(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut level = vec![root.to_owned()];
    for _ in 0..3 {
        let mut next = Vec::new();
        for directory in level {
            for entry in std::fs::read_dir(directory)? {
                let path = entry?.path();
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                if name.starts_with(".removed-") {
                    let _ = std::fs::remove_dir_all(&path);
                } else if path.is_dir() {
                    next.push(path);
                }
            }
        }
        level = next;
    }
    level.retain(|directory| directory.join("instance.json").exists());
    level.sort();
    Ok(level)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

/// Short, because a socket's path is bounded; one for one instance directory.
fn socket_name(directory: &Path) -> String {
    use std::fmt::Write;
    let digest = digest(directory.as_os_str().as_encoded_bytes());
    let mut name = String::new();
    for byte in &digest[..8] {
        let _ = write!(name, "{byte:02x}");
    }
    name + ".sock"
}

/// What is shown until the supervisor has looked.
fn first_status(directory: &Path, state: &State) -> InstanceStatus {
    let record = state::read_record(directory).ok().flatten();
    let (phase, since) = supervisor::phase_on_disk(state, record.as_ref());
    InstanceStatus {
        scope: state.scope.clone(),
        id: state.id.clone(),
        phase,
        since,
        started_at: record.as_ref().map(|record| record.started_at),
        address: state
            .port
            .map(|port| std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port))),
        pid: record
            .as_ref()
            .filter(|record| record.attempt == state.attempt)
            .and_then(|record| record.instance)
            .map(|process| process.pid),
        restarts: state.restarts(),
        last_exit: state.last_exit.clone(),
        last_probe: None,
        warnings: record.map(|record| record.warnings).unwrap_or_default(),
    }
}
