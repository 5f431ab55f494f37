//! The data plane: an HTTP proxy with weights, health checks and drain, in a process of its own.

mod client;
pub mod config;

pub use client::{Client, ClientError};

use std::path::PathBuf;

/// Where the proxy keeps its state and where it is spoken to.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's data directory; the proxy's own files stand in `proxy/` below it.
    pub directory: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

/// Why the proxy did not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {}

/// Runs the proxy until it was told to end and has drained.
pub fn run(options: Options) -> Result<(), ProxyError> {
    drop(options);
    Ok(())
}
