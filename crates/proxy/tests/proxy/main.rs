//! The proxy as a process of its own, between real clients and real endpoints on loopback.

mod drain;
mod forwarding;
mod support;
