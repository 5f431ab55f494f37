//! The service as others meet it: a real process, real sockets, real databases.

// A test may fail where it stands.
#![allow(clippy::unwrap_used)]

mod access;
mod databases;
mod durability;
mod faults;
mod harness;
mod progress;
mod stop;
mod uploads;
