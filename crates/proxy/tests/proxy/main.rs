//! The proxy as a process of its own, between real clients and real endpoints on loopback.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

mod balance;
mod challenges;
mod drain;
mod forwarding;
mod health;
mod http2;
mod limits;
mod observation;
mod process;
mod redirect;
mod routing;
mod secure;
mod smuggling;
mod support;
mod tcp;
mod tls;
mod websocket;
