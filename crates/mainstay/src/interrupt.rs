//! Ctrl-C and SIGTERM, where a command has something to tidy up.

use crate::failure::{Failure, Outcome};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code after an interrupt, as shells expect it: 128 + SIGINT.
pub const CODE: u8 = 130;

/// Catches both signals from now on. SIGHUP keeps its effect: it ends us and stops nothing.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub fn catch() -> Outcome<Self> {
        let error = |error| Failure::environment("cannot catch signals").because(&error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(error)?,
            terminate: signal(SignalKind::terminate()).map_err(error)?,
        })
    }

    /// The next one. Cancellation safe.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
