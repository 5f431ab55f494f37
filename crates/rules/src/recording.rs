//! Recording rules: what an expression gives, under another name.

use std::collections::BTreeSet;

use mainstay_series::{Labels, METRIC_NAME, Sample};

use crate::evaluation::NewSample;
use crate::file::Rule;

/// The samples that a rule records of what its expression gave, at `time_ms`.
pub(crate) fn record(
    rule: &Rule,
    found: Vec<(Labels, f64)>,
    time_ms: i64,
    limit: usize,
) -> Result<Vec<NewSample>, String> {
    let mut seen: BTreeSet<Labels> = BTreeSet::new();
    let mut samples = Vec::with_capacity(found.len());
    for (labels, value) in found {
        let mut builder = labels.to_builder();
        builder.set(METRIC_NAME, rule.name.as_str());
        for (name, value) in &rule.labels {
            builder.set(name, value);
        }
        for name in &rule.removed {
            builder.delete(name);
        }
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            let message =
                "vector contains metrics with the same labelset after applying rule labels";
            return Err(message.to_owned());
        }
        let sample = Sample { time_ms, value };
        samples.push(NewSample { labels, sample });
    }
    if limit > 0 && samples.len() > limit {
        let count = samples.len();
        return Err(format!("exceeded limit of {limit} with {count} series"));
    }
    Ok(samples)
}
