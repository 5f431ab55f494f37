//! A repository of snapshots: restic's format, in a directory or in S3.
//!
//! The work is done in a process of its own, so that its memory goes back to the
//! machine, and whatever it meets costs only itself. [`Client`] starts that process and speaks with it over its
//! pipes; [`worker`] is what runs in it.
//!
//! **Invariant:** always encrypted and authenticated; a snapshot whose source failed is never listed; what
//! was whole stays whole, whatever is cut; no key in an argument list or an error.
//!
//! ```no_run
//! use mainstay_backup::{Client, Location, NewSnapshot, StoreAt};
//! use mainstay_model::{Secret, Timestamp};
//!
//! # async fn backup(dump: tokio::fs::File) -> Result<(), mainstay_backup::Failure> {
//! let client = Client::new(vec!["mainstay".into(), "backup-worker".into()], "/run/mainstay".into());
//! let at = Location {
//!     store: StoreAt::Directory("/srv/backups".into()),
//!     key: Secret::new("correct horse battery staple".to_owned()),
//!     compression: None,
//!     bandwidth: None,
//! };
//! client.open(&at, true).await?;
//! let new = NewSnapshot {
//!     host: "web-1".to_owned(),
//!     tags: vec!["orders".to_owned()],
//!     path: "/databases/orders.sql".to_owned(),
//!     time: Timestamp::from_millis(1_790_000_000_000),
//! };
//! // Whether the program that wrote the dump ended well is known only after its last byte.
//! let whole = async { Ok::<_, String>(()) };
//! let (saved, ()) = client.save_stream(&at, &new, dump, whole, &|_| ()).await?;
//! println!("{} bytes as {}", saved.bytes, saved.snapshot);
//! # Ok(())
//! # }
//! ```

mod api;
mod client;
mod failure;
mod leave_out;
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
pub use leave_out::LeaveOut;
pub use location::{Location, S3, StoreAt};
pub use worker::worker;
