//! Commands beside a container, run by its engine: `exec` and command probes.
//!
//! The engine has no verb that ends such a command. On this machine it is ended by its pid, and
//! only where `/proc` says that it belongs to the container; on another engine it runs to its end.

use super::failure::Failure;
use super::shared::Shared;
use crate::exec::{Exec, Remote};
use crate::target::TargetError;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Output that may wait for whoever reads; then the command waits.
const BUFFER: usize = 64 << 10;

/// What a failed probe says of its output.
const MAX_SAID: usize = 200;

/// Between looks whether a command has ended: often at first, then less.
const LOOKS: [u64; 5] = [5, 10, 20, 50, 100];

/// Why a command probe has not passed.
#[derive(Debug)]
pub(crate) enum ProbeFailure {
    Said(String),
    /// The engine did not answer, which says nothing about the container.
    NotAsked,
}

/// A command that the engine runs; ended when dropped before its end was seen.
struct Started {
    shared: Arc<Shared>,
    /// The engine's id of it, and its container's.
    id: String,
    container: String,
    ended: bool,
    /// The engine's answer broke off: what was read is not all that the command wrote.
    broken: Arc<OnceLock<String>>,
}

impl Started {
    /// Its exit code, once it has ended.
    async fn code(&mut self) -> Result<i64, Failure> {
        let engine = &self.shared.engine;
        let mut looks = LOOKS
            .iter()
            .chain(std::iter::repeat(&LOOKS[LOOKS.len() - 1]));
        loop {
            let docker = engine.api().await?;
            let seen = docker
                .inspect_exec(&self.id)
                .await
                .map_err(engine.failed())?;
            if seen.running == Some(false) {
                self.ended = true;
                return Ok(seen.exit_code.unwrap_or_default());
            }
            let pause = looks.next().copied().unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    fn end(&mut self) {
        if self.ended || !self.shared.engine.address.is_local() {
            return;
        }
        self.ended = true;
        let (shared, id) = (Arc::clone(&self.shared), self.id.clone());
        let container = self.container.clone();
        self.shared.tasks.spawn(async move {
            let Ok(docker) = shared.engine.api().await else {
                return;
            };
            let Ok(seen) = docker.inspect_exec(&id).await else {
                return;
            };
            let pid = seen.pid.and_then(|pid| Pid::from_raw(pid as i32));
            if let Some(pid) = pid.filter(|_| seen.running == Some(true)) {
                kill(pid, &container);
            }
        });
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.end();
    }
}

/// Kills what leads its session in the container, and its group with it.
fn kill(pid: Pid, container: &str) {
    // Taken first: from here on the number cannot come to mean another process.
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    let raw = pid.as_raw_nonzero();
    let groups = std::fs::read_to_string(format!("/proc/{raw}/cgroup")).unwrap_or_default();
    if container.is_empty() || !groups.contains(container) {
        return;
    }
    let _ = kill_process_group(pid, Signal::KILL);
    let _ = pidfd_send_signal(handle, Signal::KILL);
}

type Output =
    Pin<Box<dyn futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;
type Input = Pin<Box<dyn tokio::io::AsyncWrite + Send>>;

async fn start(
    shared: &Arc<Shared>,
    container: &str,
    command: &[String],
    input: bool,
) -> Result<(Started, Output, Input), Failure> {
    let engine = &shared.engine;
    let docker = engine.api().await?;
    let options = CreateExecOptions {
        attach_stdin: Some(input),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.to_vec()),
        ..CreateExecOptions::default()
    };
    let made = docker.create_exec(container, options).await;
    let id = made.map_err(engine.failed())?.id;
    let started = docker
        .start_exec(&id, None)
        .await
        .map_err(engine.failed())?;
    let StartExecResults::Attached { output, input } = started else {
        return Err(Failure::new(
            "the engine runs the command detached",
            "this is a bug",
        ));
    };
    let started = Started {
        shared: Arc::clone(shared),
        id,
        container: container.to_owned(),
        ended: false,
        broken: Arc::default(),
    };
    Ok((started, output, input))
}

/// Passes where the command ends with 0; `asked` is set once the engine has begun it. The caller
/// sets the deadline by dropping this, which ends the command.
pub(crate) async fn probe(
    shared: &Arc<Shared>,
    container: &str,
    command: &[String],
) -> Result<(), ProbeFailure> {
    let failed = |failure: Failure| {
        if failure.is_unreachable() {
            ProbeFailure::NotAsked
        } else {
            ProbeFailure::Said(failure.line())
        }
    };
    let started = start(shared, container, command, false).await;
    let (mut started, mut output, _input) = started.map_err(failed)?;
    let mut said = Vec::new();
    while let Some(piece) = output.next().await {
        if let Ok(LogOutput::StdErr { message }) = piece {
            let room = MAX_SAID.saturating_sub(said.len());
            said.extend_from_slice(&message[..message.len().min(room)]);
        }
    }
    let code = started.code().await.map_err(failed)?;
    let said = String::from_utf8_lossy(&said);
    match (code, said.trim()) {
        (0, _) => Ok(()),
        (code, "") => Err(ProbeFailure::Said(format!("exit code {code}"))),
        (code, said) => Err(ProbeFailure::Said(format!("exit code {code}: {said}"))),
    }
}

impl Remote for Started {
    fn wait(&mut self) -> Pin<Box<dyn Future<Output = io::Result<ExitStatus>> + Send + '_>> {
        Box::pin(async move {
            let code = self.code().await;
            let code = code.map_err(|failure| io::Error::other(failure.line()))?;
            // The command knows nothing of it, and may well have ended with 0.
            if let Some(reason) = self.broken.get() {
                return Err(io::Error::other(reason.clone()));
            }
            // The exit code stands in the second byte (wait(2)).
            Ok(ExitStatus::from_raw((code as i32 & 0xff) << 8))
        })
    }

    fn kill(&mut self) {
        self.end();
    }
}

/// Runs a command with its three streams.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    container: &str,
    command: &[String],
) -> Result<Exec, TargetError> {
    let (started, mut output, mut input) = start(shared, container, command, true).await?;
    let (stdin, mut from_stdin) = tokio::io::duplex(BUFFER);
    let (mut to_stdout, stdout) = tokio::io::duplex(BUFFER);
    let (mut to_stderr, stderr) = tokio::io::duplex(BUFFER);
    let cancel = shared.cancel.clone();
    let broken = Arc::clone(&started.broken);
    shared.tasks.spawn(async move {
        let write = async move {
            let _ = tokio::io::copy(&mut from_stdin, &mut input).await;
            let _ = input.shutdown().await;
            // Kept: the engine takes the end of it for the end of the whole connection.
            std::future::pending::<()>().await;
        };
        let read = async move {
            while let Some(piece) = output.next().await {
                let piece = match piece {
                    Ok(piece) => piece,
                    Err(error) => {
                        let reason = format!("the engine's answer broke off: {error}");
                        let _ = broken.set(reason);
                        return;
                    }
                };
                // Whoever does not read one stream may still read the other.
                let _ = match piece {
                    LogOutput::StdErr { message } => to_stderr.write_all(&message).await,
                    other => to_stdout.write_all(&other.into_bytes()).await,
                };
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = write => {}
            () = read => {}
        }
    });
    Ok(Exec::remote(
        Box::new(stdin),
        Box::new(stdout),
        Box::new(stderr),
        Box::new(started),
    ))
}
