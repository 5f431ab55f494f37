//! The service as others meet it: a real process, real sockets, real databases.

// A test may fail where it stands.
#![allow(clippy::unwrap_used)]

mod access;
mod databases;
mod deep_echo;
mod durability;
mod faults;
mod harness;
mod packs;
mod profiles;
mod progress;
mod rag_admin;
mod stop;
mod uploads;
mod whispercache;
mod whisperengine;
