//! A repository of snapshots: restic's format, in a directory or in S3.
//!
//! The work is done in a process of its own, so that its memory goes back to the
//! machine, and whatever it meets costs only itself.
//!
//! **Invariant:** always encrypted and authenticated; a snapshot whose source failed is never listed; what
//! was whole stays whole, whatever is cut; no key in an argument list or an error.

mod failure;
mod location;
pub mod store;

pub use failure::{Failure, FailureKind};
pub use location::{Location, S3, StoreAt};
