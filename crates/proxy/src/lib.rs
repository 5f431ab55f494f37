//! The data plane: an HTTP proxy with weights, health checks and drain, in a process of its own.

mod access_log;
mod answer;
mod body;
mod client;
pub mod config;
mod connection;
mod control;
mod endpoint;
mod exchange;
mod framing;
mod gate;
mod hash;
mod headers;
mod health;
mod listener;
mod metrics;
mod pool;
mod process;
mod proxy;
mod record;
mod request_id;
mod shared;
mod socket;
mod store;
mod table;
mod target;
mod tcp;
mod upgrade;
mod upstream;
mod validate;
mod worker;

pub use client::{Client, ClientError};
pub use control::ControlError;
pub use process::{Options, ProxyError, run};
pub use store::StoreError;
