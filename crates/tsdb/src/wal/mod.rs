//! The write-ahead log, in Prometheus's own format: numbered segments of pages of framed records.
//!
//! `frame` cuts records into pages and puts them together again, `record` says what stands in one,
//! `segments` names files, `writer` is the one thread that writes and makes durable, `replay` reads
//! all of it after a start and cuts what was torn, `checkpoint` shortens it. The format stands in
//! `docs/formats/tsdb.md`.

pub(crate) mod checkpoint;
pub(crate) mod frame;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod segments;
pub(crate) mod writer;

pub(crate) use writer::{Settings, Wal};
