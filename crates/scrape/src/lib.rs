//! Collecting metrics: targets are found, asked on time, and their samples handed on.
//!
//! A [`Scraper`] is given [`Job`](mainstay_targets::Job)s and a [`Sink`]. Each job looks for its
//! targets; each target has a task of its own with a moment of its own in the interval, one
//! connection, and a memory of its series. So a target that sends garbage, a gigabyte or a byte a
//! second costs itself and nobody else: its answer is bounded in bytes and time, what all answers
//! take together is bounded too, and bodies are read off the runtime's threads, a few at once.
//!
//! **Invariant:** every wait has a deadline and every queue a bound; a failed scrape stores nothing
//! of its body; a series that is not scraped any more gets a stale marker, unless the server stops.
//!
//! It does not know where samples go: the server joins a [`Sink`] to it.

mod alerts;
mod client;
mod discovery;
mod fetch;
mod forward;
mod pool;
mod scraper;
mod sink;
mod state;
mod task;

pub use alerts::{AlertSender, AlertsSent, OutgoingAlert, QUEUE_ALERTS};
pub use client::ClientError;
pub use discovery::{DockerTargets, LookUp};
pub use forward::{ForwardError, Forwarded, Forwarder, QUEUE_BYTES};
pub use scraper::{Clock, Counted, Scraper, Settings};
pub use sink::{Appended, Sink, SinkError};
pub use state::{ActiveTarget, DiscoveryTrouble, DroppedTarget, Health, Snapshot};
