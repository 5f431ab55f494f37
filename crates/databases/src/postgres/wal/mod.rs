//! The log of a server, kept as it is written: whole segments and the one that grows.
//!
//! **Invariants:** a segment has its final name only when all of it is on disk; what is told as received is on
//! disk; a gap is never passed over: it stops the receiver with [`Stopped::Gap`].

mod archive;
mod receiver;

pub use archive::{Archive, Kept, Kind};
pub use receiver::{Received, Receiver, Stopped};
