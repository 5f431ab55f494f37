//! Where batches go. The trait is this crate's own: a store does not know it, the server joins them.

use mainstay_exposition::Batch;

/// What a sink made of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Indices of rows whose number the sink does not know (any more). They come again at once, by
    /// their labels.
    pub forgotten: Vec<u32>,
    /// Rows that were older than what their series may still take.
    pub out_of_order: u64,
    /// Rows with a time that their series has already, and another value.
    pub duplicates: u64,
    /// Rows that lie outside of what the sink takes at all (too old, too far in the future, limits).
    pub refused: u64,
}

/// Why a batch was not taken, none of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// Takes batches.
pub trait Sink: Send + Sync + 'static {
    /// Takes a batch, and puts its numbers into the rows that [`Batch::new`] names (0 where it takes
    /// none). It is called on a blocking thread and may wait for a disk; what is called together
    /// belongs together.
    fn append(&self, batch: &mut Batch) -> Result<Appended, SinkError>;
}
