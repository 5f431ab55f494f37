//! The words of metrics: labels, matchers, samples, and where series are read from.
//!
//! The store writes them, the query engine reads them, parsers make them, scrapers and receivers
//! pass them on. None of those knows another; they all know these.
//!
//! Time is in integer milliseconds since the epoch, values are IEEE 754 doubles. A *stale marker* is
//! one NaN by its bits ([`STALE`]), as Prometheus writes it.
//!
//! **Invariant:** no IO, no clock. [`Labels`] are sorted by name, each name there once, no value
//! empty.
//!
//! ```
//! use mainstay_series::{Labels, Matcher};
//!
//! let labels = Labels::from_pairs([("job", "api"), ("__name__", "up")]);
//! assert_eq!(labels.get("job"), Some("api"));
//! assert_eq!(labels.to_string(), r#"up{job="api"}"#);
//! assert!(Matcher::regex("job", "a.*").unwrap().matches(labels.get("job").unwrap_or("")));
//! ```

mod duration;
mod labels;
mod matcher;
mod order;
mod re2;
mod sample;
mod storage;

pub use duration::{format_duration, parse_duration};
pub use labels::{
    Builder, Labels, METRIC_NAME, is_legacy_label_name, is_legacy_metric_name, quote,
};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use order::sort_by_labels;
pub use re2::from_re2;
pub use sample::{STALE, Sample, Samples, is_stale};
pub use storage::{LabelQuery, Selection, Series, Storage, StorageError, Window};
