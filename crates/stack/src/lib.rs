//! Compose files and `mainstay.yaml`, resolved into one [`Stack`].
//!
//! The way, in the order of the modules: a [`Loader`] gives texts; `mainstay-yaml` makes trees of them that
//! know the place of every value; `interpolate` puts variables in; `check` compares with the
//! [`grammar`] and brings each tree into one normal form; `project` follows `extends` and
//! `include` and merges the files; `verdict` says what the target makes of each key; `decode` and
//! `operation` read the meanings; `rules` checks what must hold between services.
//!
//! **Invariant:** problems are collected, never thrown; no key is ignored silently; nothing in a
//! [`Stack`] means "default"; sizes, depths and counts are bounded whatever a file says. No files,
//! no sockets, no clock.
//!
//! Start with [`resolve`].

pub mod edit;
pub mod grammar;
pub mod keys;
pub mod operation;
pub mod policy;
pub mod reference;
pub mod resolved;
pub mod secrets;
pub mod server_file;

mod backups;
mod check;
mod decode;
mod dotenv;
mod fingerprint;
mod init;
mod interpolate;
mod merge;
mod order;
mod project;
mod redact;
mod request;
mod resolve;
mod rules;
mod schema;
mod secrecy;
mod sets;
mod short;
mod stateful;
mod verdict;
mod words;

pub use init::init;
use mainstay_yaml::{self as yaml, source, tree};
pub use mainstay_yaml::{LIMIT_DEPTH, LIMIT_FILE_BYTES, LIMIT_NODES};
pub use order::dependency_order;
pub use redact::HIDDEN;
pub use request::{Environment, LoadError, Loader, MemoryLoader, Purpose, Request, Resolution};
pub use resolve::{environments, resolve};
pub use resolved::*;
pub use schema::schema;
pub use secrecy::{masked_line, name as is_secret_name};
