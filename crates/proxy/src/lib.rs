//! The data plane: an HTTP proxy with weights, health checks and drain, in a process of its own.

mod answer;
mod body;
mod client;
pub mod config;
mod connection;
mod control;
mod endpoint;
mod exchange;
mod gate;
mod hash;
mod headers;
mod listener;
mod pool;
mod process;
mod proxy;
mod record;
mod request_id;
mod store;
mod table;
mod target;
mod upstream;
mod validate;
mod worker;

pub use client::{Client, ClientError};
pub use control::ControlError;
pub use process::{Options, ProxyError, run};
pub use store::StoreError;
