//! Chunks: at most 120 samples of one series, compressed as Prometheus compresses them.
//!
//! A chunk's bytes are what stands in memory, in blocks, and in a Prometheus: two bytes of count,
//! then the first sample in full, then differences. Whoever reads one checks everything: the bytes
//! may be foreign.

mod bits;
mod xor;

pub(crate) use xor::{Corrupt, XorAppender, XorReader, count};

use mainstay_series::{Sample, Samples, Window};

/// Prometheus's own bound, so that what reads its blocks reads ours at the same price.
pub(crate) const MAX_SAMPLES: usize = 120;

/// The one encoding there is here; histograms would be 2 and 3.
pub(crate) const ENCODING_XOR: u8 = 1;

/// Appends a sample of foreign bytes: they may go backwards, which the reader of all parts checks.
pub(crate) fn put(into: &mut Samples, time_ms: i64, value: f64) {
    into.times.push(time_ms);
    into.values.push(value);
}

/// Appends the samples of a chunk that lie in a window, in the order in which they stand there.
pub(crate) fn decode(bytes: &[u8], window: Window, into: &mut Samples) -> Result<(), Corrupt> {
    let mut reader = XorReader::new(bytes)?;
    // A foreign chunk can say more than it has, but not more than two bytes can.
    into.times.reserve(count(bytes).min(MAX_SAMPLES));
    into.values.reserve(count(bytes).min(MAX_SAMPLES));
    while let Some(Sample { time_ms, value }) = reader.next()? {
        if time_ms > window.end_ms {
            break;
        }
        if time_ms >= window.start_ms {
            put(into, time_ms, value);
        }
    }
    Ok(())
}

/// A finished chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) bytes: std::sync::Arc<[u8]>,
}

impl Chunk {
    pub(crate) fn window(&self) -> Window {
        Window {
            start_ms: self.min_ms,
            end_ms: self.max_ms,
        }
    }
}

/// Samples in order as chunks of at most [`MAX_SAMPLES`], none across a multiple of `range_ms`.
pub(crate) fn encode(samples: impl IntoIterator<Item = Sample>, range_ms: i64) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut open: Option<XorAppender> = None;
    for sample in samples {
        let full = open.as_ref().is_some_and(|chunk| {
            chunk.count() >= MAX_SAMPLES
                || chunk.last().time_ms.div_euclid(range_ms) != sample.time_ms.div_euclid(range_ms)
        });
        if full && let Some(chunk) = open.take() {
            chunks.push(chunk.finish());
        }
        match &mut open {
            Some(chunk) => chunk.append(sample),
            None => open = Some(XorAppender::new(sample)),
        }
    }
    chunks.extend(open.map(XorAppender::finish));
    chunks
}
