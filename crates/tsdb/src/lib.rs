//! Stores time series: a head in memory, a write-ahead log, and blocks in Prometheus's own format.
//!
//! A [`Store`] takes batches ([`Store::append`]), answers the query engine (it implements
//! `mainstay_series::Storage`), and is looked after by [`Store::maintain`], which its owner calls
//! about once a minute: that cuts blocks from the head, merges them, deletes what is too old, and
//! shortens the log. Time is handed in; the store has no schedule of its own. Its one thread writes
//! the log.
//!
//! Read `head/mod.rs` first (what is in memory), then `wal/writer.rs` (what *acknowledged* means),
//! then `store/maintain.rs` (how samples go from one to the other). What is on disk stands in
//! `docs/formats/tsdb.md`.
//!
//! It holds floats. Native histograms are refused by name where they are met in foreign blocks.
//!
//! **Invariants:** a batch that was answered with [`Durability::Synced`] is there after a crash;
//! nothing damaged is deleted, it is set aside and reported; a file of a block is never changed in
//! place.
//!
//! ```
//! use mainstay_series::{Labels, Matcher, Samples, Selection, Series, Storage, Window};
//! use mainstay_tsdb::{Durability, Entry, Options, Store};
//!
//! let dir = tempfile::tempdir().unwrap();
//! let (store, report) = Store::open(dir.path(), Options::default(), 1_000).unwrap();
//! assert!(report.is_clean());
//!
//! let up = Labels::from_pairs([("__name__", "up"), ("job", "api")]);
//! let done = store.append(&[Entry::labelled(&up, 1_000, 1.0)], Durability::Synced).unwrap();
//! // From now on by reference.
//! let up_ref = done.series[0].unwrap();
//! store.append(&[Entry::cached(up_ref, &up, 16_000, 1.0)], Durability::Synced).unwrap();
//!
//! let matchers = [Matcher::equal("job", "api")];
//! let found = store.select(&Selection::new(&matchers, Window::ALL)).unwrap();
//! let mut samples = Samples::default();
//! found[0].read(Window::ALL, &mut samples).unwrap();
//! assert_eq!(samples.times, [1_000, 16_000]);
//! ```

mod aggregate;
mod append;
mod block;
mod bytes;
mod chunk;
mod compact;
mod error;
mod exemplars;
mod head;
mod metadata;
mod options;
mod postings;
mod read;
mod report;
mod storage;
mod store;
mod wal;

pub use append::{Appended, Durability, Entry};
pub use error::{Rejection, StoreError};
pub use exemplars::Exemplar;
pub use head::{Count, HeadStats, SeriesRef};
pub use metadata::Metadata;
pub use options::Options;
pub use report::{Cut, Maintenance, RecoveryReport};
pub use store::{Backfilled, BlockInfo, Stats, Store};
