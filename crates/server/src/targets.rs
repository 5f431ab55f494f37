//! The targets of one server: processes always, and every container engine that an environment
//! asked for.
//!
//! An engine is opened when a stack names it, and again at the start of a server where it still
//! has instances of ours: what stands in its directory says where it is. Who is asked about an
//! instance is the one that knows it, so that a stack can move from one target to another.

use crate::paths::DataDirectory;
use crate::tokens::hex;
use crate::versioned::{self, VersionedError};
use mainstay_model::{InstanceId, Scope};
use mainstay_runtime::docker::{Archive, DockerTarget, EngineAddress, Options, Tls};
use mainstay_runtime::exec::Exec;
use mainstay_runtime::logs::{LogLine, LogQuery};
use mainstay_runtime::process::ProcessTarget;
use mainstay_runtime::spec::{InstanceSpec, Run};
use mainstay_runtime::status::{InstanceStatus, Resources};
use mainstay_runtime::target::{Target, TargetError};
use mainstay_stack::{Engine, Stack, TargetKind};
use ring::digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Where an engine is, in the directory of what runs on it.
const ADDRESS: &str = "engine.json";

/// See the module.
#[derive(Debug)]
pub struct Targets {
    process: Arc<ProcessTarget>,
    engines: Mutex<BTreeMap<EngineAddress, Arc<DockerTarget>>>,
    /// Stands in the labels of all containers of this server.
    server: String,
    directory: PathBuf,
    runtime: PathBuf,
    changes: watch::Sender<u64>,
}

/// The target that knows an instance.
enum Knows {
    Process(Arc<ProcessTarget>),
    Docker(Arc<DockerTarget>),
}

impl Targets {
    /// Opens every engine that has instances of ours. Must be called within a tokio runtime.
    pub fn open(
        process: ProcessTarget,
        data: &DataDirectory,
        server: String,
    ) -> Result<Arc<Self>, TargetError> {
        let targets = Arc::new(Self {
            process: Arc::new(process),
            engines: Mutex::default(),
            server,
            directory: data.containers(),
            runtime: data.runtime().to_owned(),
            changes: watch::Sender::new(0),
        });
        targets.forward(targets.process.changes());
        for directory in used_engines(&targets.directory) {
            match read_address(&directory) {
                Ok(Some(address)) => {
                    targets.engine(&address)?;
                }
                Ok(None) => {}
                Err(error) => {
                    let path = directory.display();
                    tracing::error!(directory = %path, %error, "where an engine is cannot be read");
                }
            }
        }
        Ok(targets)
    }

    pub fn process(&self) -> &Arc<ProcessTarget> {
        &self.process
    }

    /// The engine that a stack runs on; `None` on the process target.
    pub fn engine_of(&self, stack: &Stack) -> Result<Option<Arc<DockerTarget>>, TargetError> {
        match stack.target {
            TargetKind::Process => Ok(None),
            TargetKind::Docker => self.engine_at(stack.engine.as_ref()).map(Some),
            other => {
                let name = format!("{other:?}").to_lowercase();
                let error = TargetError::new(format!("target `{name}` is not supported yet"));
                Err(error.hint("use `target: process` or `target: docker`"))
            }
        }
    }

    /// The engine at this place; `None`: the one that `DOCKER_HOST` names, or the usual one.
    pub fn engine_at(&self, engine: Option<&Engine>) -> Result<Arc<DockerTarget>, TargetError> {
        self.engine(&address_of(engine)?)
    }

    /// Every engine that is open.
    pub fn engines(&self) -> Vec<Arc<DockerTarget>> {
        self.locked().values().cloned().collect()
    }

    fn engine(&self, address: &EngineAddress) -> Result<Arc<DockerTarget>, TargetError> {
        let mut engines = self.locked();
        if let Some(engine) = engines.get(address) {
            return Ok(Arc::clone(engine));
        }
        let directory = self.directory.join(directory_name(address));
        let engine = Arc::new(DockerTarget::open(Options {
            engine: address.clone(),
            server: self.server.clone(),
            directory: directory.clone(),
            runtime_directory: self.runtime.clone(),
        })?);
        write_address(&directory, address)?;
        self.forward(engine.changes());
        engines.insert(address.clone(), Arc::clone(&engine));
        Ok(engine)
    }

    /// Passes the changes of one target on, as long as both live.
    fn forward(&self, mut from: watch::Receiver<u64>) {
        let to = self.changes.clone();
        tokio::spawn(async move {
            while from.changed().await.is_ok() {
                to.send_modify(|count| *count += 1);
            }
        });
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<EngineAddress, Arc<DockerTarget>>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An engine's where it knows the instance; else the process target, which says so.
    fn who_knows(&self, scope: &Scope, id: &InstanceId) -> Knows {
        let engines = self.engines();
        let knows = |engine: &&Arc<DockerTarget>| engine.knows(scope, id);
        match engines.iter().find(knows) {
            Some(engine) => Knows::Docker(Arc::clone(engine)),
            None => Knows::Process(Arc::clone(&self.process)),
        }
    }

    /// On the engine of its stack, or as a process.
    pub async fn start(&self, stack: &Stack, spec: InstanceSpec) -> Result<(), TargetError> {
        match (&spec.run, self.engine_of(stack)?) {
            (Run::Container(_), Some(engine)) => engine.start(spec).await,
            _ => self.process.start(spec).await,
        }
    }

    pub async fn stop(
        &self,
        scope: &Scope,
        id: &InstanceId,
        grace: Duration,
    ) -> Result<(), TargetError> {
        match self.who_knows(scope, id) {
            Knows::Process(target) => target.stop(scope, id, grace).await,
            Knows::Docker(target) => target.stop(scope, id, grace).await,
        }
    }

    pub async fn remove(&self, scope: &Scope, id: &InstanceId) -> Result<(), TargetError> {
        match self.who_knows(scope, id) {
            Knows::Process(target) => target.remove(scope, id).await,
            Knows::Docker(target) => target.remove(scope, id).await,
        }
    }

    pub fn observe(&self) -> Vec<InstanceStatus> {
        let mut all = self.process.observe();
        for engine in self.engines() {
            all.extend(engine.observe());
        }
        all
    }

    pub fn read_logs(
        &self,
        scope: &Scope,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<mpsc::Receiver<LogLine>, TargetError> {
        match self.who_knows(scope, id) {
            Knows::Process(target) => target.read_logs(scope, id, query),
            Knows::Docker(target) => target.read_logs(scope, id, query),
        }
    }

    pub async fn exec(
        &self,
        scope: &Scope,
        id: &InstanceId,
        command: &[String],
        tty: bool,
    ) -> Result<Exec, TargetError> {
        match self.who_knows(scope, id) {
            Knows::Process(target) => target.exec(scope, id, command, tty).await,
            Knows::Docker(target) => target.exec(scope, id, command, tty).await,
        }
    }

    /// Files of a container as tar, as its engine packs them; processes have theirs on this machine.
    pub async fn read_files(
        &self,
        scope: &Scope,
        id: &InstanceId,
        path: &str,
    ) -> Result<Archive, TargetError> {
        match self.who_knows(scope, id) {
            Knows::Docker(target) => target.read_files(scope, id, path).await,
            Knows::Process(_) => Err(TargetError::new(format!("{id} is no container"))
                .hint("back up the directory instead: `kind: directory`")),
        }
    }

    pub async fn resources(&self) -> Vec<(Scope, InstanceId, Resources)> {
        let mut all = self.process.resources().await;
        for engine in self.engines() {
            all.extend(engine.resources().await);
        }
        all
    }

    /// Counts up at every change of any target.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// As the stack says, or as `DOCKER_HOST` does.
fn address_of(engine: Option<&Engine>) -> Result<EngineAddress, TargetError> {
    let Some(engine) = engine else {
        return EngineAddress::from_environment();
    };
    let address: EngineAddress = engine.address.parse()?;
    Ok(address.with_tls(engine.tls.as_ref().map(|tls| Tls {
        ca: tls.ca.clone(),
        cert: tls.cert.clone(),
        key: tls.key.clone(),
    })))
}

/// Short, and the same for the same engine.
fn directory_name(address: &EngineAddress) -> String {
    let text = address.to_string();
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hex(&hash.as_ref()[..8])
}

/// Directories of engines that have a stack in them.
fn used_engines(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let directories = entries.map(|entry| entry.path());
    let used = |path: &PathBuf| {
        let mut entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.any(|entry| entry.path().is_dir())
    };
    directories.filter(used).collect()
}

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    engine: EngineAddress,
}

fn read_address(directory: &Path) -> Result<Option<EngineAddress>, VersionedError> {
    let place: Option<Place> = versioned::read(&directory.join(ADDRESS))?;
    Ok(place.map(|place| place.engine))
}

fn write_address(directory: &Path, address: &EngineAddress) -> Result<(), TargetError> {
    if read_address(directory).is_ok_and(|before| before.as_ref() == Some(address)) {
        return Ok(());
    }
    let engine = address.clone();
    versioned::write(&directory.join(ADDRESS), &Place { engine }).map_err(|error| {
        TargetError::new(format!("cannot write where an engine is: {error}"))
            .hint("is the disk full, and may this user write there?")
    })
}
