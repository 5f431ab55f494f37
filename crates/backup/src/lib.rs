//! A repository of snapshots: restic's format, in a directory or in S3.
//!
//! The work is done in a process of its own, so that its memory goes back to the
//! machine, and whatever it meets costs only itself. [`Client`] starts that process and speaks with it over its
//! pipes; [`worker`] is what runs in it.
//!
//! **Invariant:** always encrypted and authenticated; a snapshot whose source failed is never listed; what
//! was whole stays whole, whatever is cut; no key in an argument list or an error.

mod api;
mod client;
mod failure;
mod location;
mod repository;
pub mod store;
mod worker;

pub use api::{
    Checked, Copied, Entry, EntryKind, KeyRow, Loaded, NewSnapshot, Opened, Progress, Pruned,
    ReadData, Row, Saved, Tree, Watch,
};
pub use client::Client;
pub use failure::{Failure, FailureKind};
pub use location::{Location, S3, StoreAt};
pub use worker::worker;
