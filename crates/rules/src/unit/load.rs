//! Series of tests, in the notation of Prometheus's test language.

use mainstay_promql::parse_series;
use mainstay_promql::promqltest::MemoryStorage;
use mainstay_series::{Labels, Samples, Selection, Storage, Window};

/// Why a series cannot be loaded.
#[derive(Debug)]
pub(super) enum Error {
    Series(String),
    Values(String),
    /// It is right, and is not supported.
    NotSupported(String),
}

/// The step of the script that is loaded, in milliseconds.
const STEP_MS: i64 = 1000;

/// The samples of one series that starts at a time and has a value each interval.
pub(super) fn series(
    series: &str,
    values: &str,
    (start_ms, interval_ms): (i64, i64),
) -> Result<(Labels, Samples), Error> {
    let (series, values) = (series.trim(), values.trim());
    let (labels, rest) = parse_series(series).map_err(|error| Error::Series(error.to_string()))?;
    if !rest.trim().is_empty() || series.is_empty() || series.contains('\n') {
        return Err(Error::Series("it is `name{label=\"value\"}`".to_owned()));
    }
    if values.contains('\n') {
        return Err(Error::Values("values stand on one line".to_owned()));
    }
    let script = format!("load 1s\n  {series} {values}\n");
    let storage = MemoryStorage::load(&script).map_err(|error| Error::Values(error.message))?;
    let all = storage
        .select(&Selection::new(&[], Window::ALL))
        .map_err(|error| Error::NotSupported(error.to_string()))?;
    let mut samples = Samples::default();
    for series in all {
        let read = series.read(Window::ALL, &mut samples);
        read.map_err(|error| Error::NotSupported(error.to_string()))?;
    }
    for time_ms in &mut samples.times {
        let steps = *time_ms / STEP_MS;
        *time_ms = start_ms.saturating_add(steps.saturating_mul(interval_ms));
    }
    Ok((labels, samples))
}
