//! Each kind of receiver by its vendor's reference, over real sockets, and beside a real Alertmanager.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what fails"
)]

mod alertmanager;
mod defaults;
mod hostile;
mod mail;
mod payloads;
mod sending;
mod support;
