//! Metrics as they go over the wire: the Prometheus text format, OpenMetrics, Prometheus's protobuf,
//! remote write and remote read.
//!
//! [`parse`] reads a body and shows every sample to a [`Visit`]or, without allocating: a sample
//! names its series by the very text that stood there, so that who has seen it before need not look
//! into it again. [`Cycle`] is that memory, for one target: it makes a [`Batch`] of every scrape,
//! with stale markers for series that went away.
//!
//! **Invariant:** bytes in, values out: no IO, no clock. A line that is not right fails the whole
//! body, with its number and the reason, as in Prometheus. Sizes and counts are bounded.
//!
//! ```
//! use mainstay_exposition::{Format, Limits, Point, Reason, Visit, parse};
//!
//! #[derive(Default)]
//! struct Sum(f64);
//! impl Visit for Sum {
//!     fn sample(&mut self, point: Point<'_>) -> Result<(), Reason> {
//!         assert_eq!(point.labels()?.get("code"), Some("200"));
//!         self.0 += point.value;
//!         Ok(())
//!     }
//! }
//! let mut sum = Sum::default();
//! parse(b"# TYPE hits counter\nhits{code=\"200\"} 3\n", Format::Text, &Limits::default(), &mut sum).unwrap();
//! assert_eq!(sum.0, 3.0);
//! ```

mod backfill;
mod batch;
mod cycle;
mod entry;
mod families;
mod line;
mod negotiate;
mod number;
mod openmetrics;
pub mod remote;
mod scan;
mod series;
mod text;
mod wire;
mod write;

#[cfg(test)]
mod tests;

pub use backfill::backfill;
pub use batch::{Batch, Exemplar, Metadata, Row};
pub use cycle::{Cycle, CycleError, Mutate, Reading, Tally, Times};
pub use entry::{
    Limits, Meta, MetaKind, MetricType, ParseError, Point, Reason, SeenExemplar, Visit,
};
pub use negotiate::{Format, FormatError, accept};
pub use series::{scraped_labels, series_labels};
pub use write::{Family, Writer};

/// Reads a whole body. The first thing that is wrong ends it: what was shown before must be
/// forgotten then.
pub fn parse(
    body: &[u8],
    format: Format,
    limits: &Limits,
    visit: &mut impl Visit,
) -> Result<(), ParseError> {
    match format {
        Format::Text => text::read(line::utf8(body)?, limits, visit),
        Format::OpenMetrics => openmetrics::read(line::utf8(body)?, limits, visit),
        Format::Protobuf => families::read(body, limits, visit),
    }
}
