//! The replication protocol over any stream: the log as it is written, and base backups.
//!
//! <https://www.postgresql.org/docs/15/protocol-replication.html>. Messages and log-in are those of the crate
//! `postgres-protocol`, which knows no replication.

mod base;
mod client;
mod connect;
mod connection;
mod streaming;

pub use base::{Base, BaseBackup};
pub use client::{History, Replication, System};
pub use connect::{Connect, Stream, Tcp, Through};
pub use connection::Broken;
pub(crate) use streaming::{Event, Streaming};
