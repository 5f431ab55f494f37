//! The data plane: an HTTP proxy with weights, health checks and drain, in a process of its own.

pub mod config;
