//! What runs beside an instance: command probes and `exec`, in its environment, directory and user.
//!
//! They start through the stage (`mainstay_wire::stage`), as the instance itself did, and so see
//! the same user, groups and limits. They are children of the control plane and end with it.

use crate::group::Group;
use crate::spec::{InstanceSpec, ProcessRun};
use crate::target::TargetError;
use mainstay_model::Secret;
use mainstay_wire::shim::Limits;
use mainstay_wire::stage::{self, Input, Order};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Command;

/// What a failed probe says of its output.
const MAX_SAID: u64 = 200;

/// Where and as whom something runs.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) shim: Vec<OsString>,
    pub(crate) environment: BTreeMap<String, Secret<String>>,
    pub(crate) working_directory: PathBuf,
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) limits: Limits,
}

impl Surroundings {
    pub(crate) fn new(
        shim: &[OsString],
        spec: &InstanceSpec<ProcessRun>,
        environment: BTreeMap<String, Secret<String>>,
    ) -> Self {
        Self {
            shim: shim.to_vec(),
            environment,
            working_directory: spec.run.working_directory.clone(),
            user: spec.user.clone(),
            group: spec.group.clone(),
            limits: spec.limits.clone(),
        }
    }

    /// Starts `command` here; its standard input follows the order that was written.
    async fn spawn(&self, command: &[String]) -> io::Result<Group> {
        let order = Order {
            command: command.to_vec(),
            environment: self.environment.clone(),
            working_directory: self.working_directory.clone(),
            user: self.user.clone(),
            group: self.group.clone(),
            limits: self.limits.clone(),
            input: Input::Pass,
        };
        let bytes = stage::encode(&order)?;
        let (program, arguments) = self
            .shim
            .split_first()
            .ok_or_else(|| io::Error::other("the shim command is empty"))?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env(stage::VARIABLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut group = Group::new(child)?;
        if let Some(stdin) = &mut group.child.stdin {
            stdin.write_all(bytes.expose()).await?;
        }
        Ok(group)
    }
}

/// Passes where the command ends with 0. The caller sets the deadline by dropping this.
pub(crate) async fn probe(
    command: &[String],
    surroundings: Option<&Surroundings>,
) -> Result<(), String> {
    let surroundings = surroundings.ok_or("the instance was not given to this server yet")?;
    let mut group = surroundings
        .spawn(command)
        .await
        .map_err(|error| error.to_string())?;
    drop(group.child.stdin.take());
    let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
    let (_, said, status) = tokio::join!(first_bytes(stdout), first_bytes(stderr), group.wait());
    let status = status.map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    let last = said.trim();
    Err(match status.code() {
        Some(code) if last.is_empty() => format!("exit code {code}"),
        Some(code) => format!("exit code {code}: {last}"),
        None => status.to_string(),
    })
}

/// Reads to the end, keeps the beginning.
async fn first_bytes(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut kept = Vec::new();
    let _ = (&mut stream).take(MAX_SAID).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).into_owned()
}

/// A command that runs beside an instance.
pub struct Exec {
    pub stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pub stdout: Option<Box<dyn AsyncRead + Send + Unpin>>,
    pub stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
    running: Running,
}

enum Running {
    Process(Box<Group>),
    Container(Box<dyn Remote>),
}

/// A command that somebody else is the parent of.
pub(crate) trait Remote: Send + Sync {
    fn wait(&mut self) -> Pin<Box<dyn Future<Output = io::Result<ExitStatus>> + Send + '_>>;

    fn kill(&mut self);
}

impl std::fmt::Debug for Exec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exec").finish_non_exhaustive()
    }
}

impl Exec {
    pub(crate) async fn start(
        surroundings: &Surroundings,
        command: &[String],
    ) -> Result<Self, TargetError> {
        let mut group = surroundings
            .spawn(command)
            .await
            .map_err(|error| TargetError::new(format!("cannot run the command: {error}")))?;
        let (stdin, child) = (group.child.stdin.take(), &mut group.child);
        Ok(Self {
            stdin: stdin.map(|stream| Box::new(stream) as _),
            stdout: child.stdout.take().map(|stream| Box::new(stream) as _),
            stderr: child.stderr.take().map(|stream| Box::new(stream) as _),
            running: Running::Process(Box::new(group)),
        })
    }

    pub(crate) fn remote(
        stdin: Box<dyn AsyncWrite + Send + Unpin>,
        stdout: Box<dyn AsyncRead + Send + Unpin>,
        stderr: Box<dyn AsyncRead + Send + Unpin>,
        running: Box<dyn Remote>,
    ) -> Self {
        Self {
            stdin: Some(stdin),
            stdout: Some(stdout),
            stderr: Some(stderr),
            running: Running::Container(running),
        }
    }

    /// 125 to 127 are also what says that the command could not be started (see standard error).
    /// What the command leaves behind in its session is ended with it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.running {
            Running::Process(group) => group.wait().await,
            Running::Container(command) => command.wait().await,
        }
    }

    /// Ends it and all in its session.
    pub fn kill(&mut self) {
        match &mut self.running {
            Running::Process(group) => group.kill(),
            Running::Container(command) => command.kill(),
        }
    }
}
