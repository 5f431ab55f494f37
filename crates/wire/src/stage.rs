//! The last step before a program: an [`Order`] to the process that is about to become it.
//!
//! Session, limits, user and directory can only be set from within the process they are for, and
//! after the fork no code of ours may run there. So the binary is executed once more in place of
//! the program (environment variable [`VARIABLE`]), reads an order from its standard input, does
//! what the order says and becomes the program. The shim starts its instance this way, and the
//! control plane starts what must run beside an instance: command probes and `exec`.

use crate::shim::Limits;
use mainstay_model::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Set (to [`crate::shim::PROTOCOL`]) in a process that is to read an [`Order`].
pub const VARIABLE: &str = "MAINSTAY_STAGE";

/// Digits of the length that precedes an order: lower-case hexadecimal, then that many bytes of
/// JSON. What follows on standard input belongs to the program.
pub const LENGTH_DIGITS: usize = 8;

/// An order is never longer than this.
pub const MAX_ORDER: usize = 4 << 20;

/// Exit code where the order could not be carried out, but for the two below.
pub const FAILED: u8 = 125;
/// Exit code where the program cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// Exit code where the program was not found; these three are a shell's.
pub const NOT_FOUND: u8 = 127;

/// What a process is to become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub command: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub environment: BTreeMap<String, Secret<String>>,
    pub working_directory: PathBuf,
    pub user: Option<String>,
    pub group: Option<String>,
    pub limits: Limits,
    pub input: Input,
}

/// What becomes of standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// It is a socket: why the order failed is written there, and nothing when it did not. The
    /// program gets `/dev/null`, and dies with its parent.
    Report,
    /// The program reads it. Why the order failed stands on standard error.
    Pass,
}

/// The bytes of an order, as they stand on standard input.
pub fn encode(order: &Order) -> Result<Secret<Vec<u8>>, serde_json::Error> {
    let json = serde_json::to_vec(order)?;
    let mut bytes = format!("{:0width$x}", json.len(), width = LENGTH_DIGITS).into_bytes();
    bytes.extend_from_slice(&json);
    Ok(Secret::new(bytes))
}
