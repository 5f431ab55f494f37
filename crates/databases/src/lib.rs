//! Consistent copies of databases, and back: PostgreSQL, Redis, MySQL and MariaDB, SQLite.
//!
//! Each engine is spoken to by the client programs that its own image has, where it runs, so that no
//! version can mismatch. Where that is, and how a command gets there, is the caller's: [`Place`].
//!
//! **Invariant:** a copy whose source failed never counts as whole; no secret stands in an argument list
//! or an error; every wait has a deadline.

mod clock;
mod command;
mod counting;
mod database;
mod held;
pub mod mysql;
mod password;
mod place;
pub mod postgres;
pub mod redis;
mod scratch;
pub mod sqlite;
mod token;

pub use database::{Database, Dump, Dumped, Failure, Load, Undo};
pub use password::Password;
pub use place::{Answer, Nowhere, Place, Running};
