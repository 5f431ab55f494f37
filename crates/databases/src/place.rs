//! Where an engine's programs are run: beside an instance, in a container, on this machine.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::ExitStatus;
use tokio::io::{AsyncRead, AsyncWrite};

/// A future that a trait object can answer.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs commands in the environment, directory and user of an instance.
pub trait Place: Send + Sync + 'static {
    /// Starts `command` (its first word is the program; no shell unless it is one). Arguments are visible to
    /// everybody on the machine: a secret goes over standard input.
    fn run<'a>(&'a self, command: &'a [String]) -> Answer<'a, io::Result<Running>>;
}

/// Where nothing can be run: for what is done by this process itself.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Place for Nowhere {
    fn run<'a>(&'a self, command: &'a [String]) -> Answer<'a, io::Result<Running>> {
        let program = command.first().map_or("", String::as_str);
        let error = io::Error::other(format!("`{program}` has no place to be run in"));
        Box::pin(async move { Err(error) })
    }
}

/// A command that runs. Dropping it ends the command.
pub struct Running {
    pub stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// How it ended; read both streams beside it.
    pub end: Answer<'static, io::Result<ExitStatus>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
