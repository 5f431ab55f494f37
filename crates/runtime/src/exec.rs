//! What runs beside an instance: command probes and `exec`, in its environment, directory and user.
//!
//! They start through the stage (`mainstay_wire::stage`), as the instance itself did, and so see
//! the same user, groups and limits. They are children of the control plane and end with it.

use crate::group::Group;
use crate::spec::InstanceSpec;
use crate::target::TargetError;
use mainstay_model::Secret;
use mainstay_wire::shim::Limits;
use mainstay_wire::stage::{self, Input, Order};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

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
        spec: &InstanceSpec,
        environment: BTreeMap<String, Secret<String>>,
    ) -> Self {
        Self {
            shim: shim.to_vec(),
            environment,
            working_directory: spec.working_directory.clone(),
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
#[derive(Debug)]
pub struct Exec {
    group: Group,
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    pub stderr: Option<ChildStderr>,
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
        Ok(Self {
            stdin: group.child.stdin.take(),
            stdout: group.child.stdout.take(),
            stderr: group.child.stderr.take(),
            group,
        })
    }

    /// 125 to 127 are also what says that the command could not be started (see standard error).
    /// What the command leaves behind in its session is ended with it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.group.wait().await
    }

    /// Ends it and all in its session.
    pub fn kill(&mut self) {
        self.group.kill();
    }
}
