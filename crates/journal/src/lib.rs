//! The append-only, hash-chained record of releases, rollouts, environments and events.
//!
//! One SQLite file per server, written by one thread and fsynced at each commit; its format is
//! `docs/formats/journal.md`. [`Journal`] is the synchronous core, used as it is by tests and by
//! the simulation. [`JournalHandle`] puts it behind a writer thread with a bounded queue, and
//! reads through a second connection.
//!
//! **Invariants:**
//! - what a method said it wrote survives a power cut;
//! - events are never changed; each one's hash covers all before it, and [`Journal::verify`] names
//!   the first that does not fit;
//! - at most one rollout per scope is running: its row is the lease;
//! - no secret values: callers give redacted ones, and nothing here could tell.
//!
//! It holds no clock: every time is the caller's.
//!
//! ```
//! use mainstay_journal::{EventFilter, Journal, NewEvent};
//! use mainstay_model::Timestamp;
//!
//! let mut journal = Journal::in_memory()?;
//! let event = NewEvent::new(Timestamp::from_millis(0), "server.started", "the server started");
//! assert_eq!(journal.append(&event)?, 1);
//! assert_eq!(journal.rows().events(&EventFilter::default())?.len(), 1);
//! assert!(journal.verify()?.broken.is_none());
//! # Ok::<(), mainstay_journal::JournalError>(())
//! ```

mod alerting;
mod backup;
mod chain;
mod environment;
mod error;
mod event;
mod handle;
mod idempotency;
mod journal;
mod pipeline;
mod release;
mod request;
mod retention;
mod rollout;
mod row;
mod schema;

#[cfg(test)]
mod tests;

pub use backup::{JobRow, JobState, PointRow};
pub use chain::{Broken, Head, Verdict};
pub use environment::EnvironmentRow;
pub use error::JournalError;
pub use event::{Event, EventFilter, NewEvent};
pub use handle::JournalHandle;
pub use idempotency::Claim;
pub use journal::{Journal, Rows, Writer};
pub use pipeline::PipelineRow;
pub use release::{NewRelease, Release, ReleaseStatus, ServiceGeneration};
pub use request::{RequestRow, RequestState};
pub use rollout::{
    FinishRollout, NewRollout, RolloutKind, RolloutOutcome, RolloutPhase, RolloutRow,
};
