//! The data plane: an HTTP proxy with weights, health checks and drain, in a process of its own.
//!
//! The control plane may be killed, upgraded or stuck while traffic flows: all it does is to put
//! a whole [`config::Config`] in force through a [`Client`]. `docs/proxy.md` describes what can
//! be seen from outside.
//!
//! Tour, along the way of a request: `listener` accepts and hands over to a `worker`; there
//! `connection` drives hyper's server over a `socket` that watches `framing` and time, after `tls`
//! has shaken hands where the listener is encrypted, and hands over to `http2` where the client
//! speaks it; `exchange` reads the `target`, finds a route in the listener's `table`, picks an
//! endpoint from its `pool` through the endpoint's `gate`, sends through `upstream`, and passes
//! `body` on; `record` writes the line of the access log and counts. Beside it: `own` answers
//! challenges and redirects, `proxy` holds the state and applies configurations, `control` serves
//! the socket, `health` ejects, `store` keeps the file.
//!
//! **Invariant:** once a configuration is in force, an endpoint that it leaves out and whose count
//! was read as zero gets no request any more. **Invariant:** a request of which a byte may have
//! been sent is not sent again. **Invariant:** nothing that can fail happens after a
//! configuration has begun to come into force. Endpoints are spoken to in plain HTTP/1.1.
//!
//! ```no_run
//! # async fn example() -> Result<(), mainstay_proxy::ClientError> {
//! let client = mainstay_proxy::Client::new("/run/mainstay/proxy.sock");
//! for endpoint in client.status().await?.endpoints {
//!     let drained = endpoint.weight.is_none() && endpoint.in_flight == 0;
//!     println!("{}: {}", endpoint.instance, if drained { "can be stopped" } else { "serving" });
//! }
//! # Ok(())
//! # }
//! ```

mod access_log;
mod answer;
mod body;
mod client;
mod coalesce;
pub mod config;
mod connection;
mod control;
mod endpoint;
mod exchange;
mod farewell;
mod framing;
mod gate;
mod hash;
mod headers;
mod health;
mod http2;
mod listener;
mod metrics;
mod own;
mod patience;
mod pool;
mod process;
mod proxy;
mod record;
mod request_id;
mod shared;
mod socket;
mod store;
mod subnet;
mod table;
mod target;
mod tcp;
mod tls;
mod upgrade;
mod upstream;
mod validate;
mod worker;

pub use client::{Client, ClientError};
pub use control::ControlError;
pub use process::{Options, ProxyError, run};
pub use store::StoreError;
