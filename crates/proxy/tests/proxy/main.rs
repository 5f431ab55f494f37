//! The proxy as a process of its own, between real clients and real endpoints on loopback.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

mod balance;
mod drain;
mod forwarding;
mod health;
mod limits;
mod observation;
mod process;
mod routing;
mod smuggling;
mod support;
mod tcp;
mod websocket;
