//! What both versions of remote write do with a series once its labels are texts.

use mainstay_series::Labels;

use super::Written;
use crate::batch::Exemplar;
use crate::wire::{Fields, WireError};

/// Reasons that are told.
const REASONS: usize = 10;

/// An exemplar whose sample is not known yet.
pub(super) struct Loose {
    pub(super) labels: Labels,
    pub(super) value: f64,
    pub(super) time_ms: i64,
}

impl Written {
    /// Labels of a series; `None` and a reason where they are none.
    pub(super) fn labels(&mut self, pairs: &mut [(&str, &str)]) -> Option<Labels> {
        pairs.sort_unstable();
        let reason = if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            format!("label `{}` stands twice in a series", twice[0].0)
        } else if pairs.iter().any(|(name, _)| name.is_empty()) {
            "a label has no name".to_owned()
        } else if !pairs
            .iter()
            .any(|(name, value)| *name == "__name__" && !value.is_empty())
        {
            "a series has no metric name".to_owned()
        } else {
            let some = pairs.iter().filter(|(_, value)| !value.is_empty());
            return Some(Labels::from_sorted(some.copied()));
        };
        self.invalid += 1;
        if self.reasons.len() < REASONS {
            self.reasons.push(reason);
        }
        None
    }

    /// Adds a series.
    pub(super) fn series(
        &mut self,
        labels: &Labels,
        samples: &[(i64, f64)],
        exemplars: Vec<Loose>,
    ) {
        let first = self.batch.rows.len() as u32;
        for (time_ms, value) in samples {
            self.batch.push(labels.clone(), *time_ms, *value);
        }
        if samples.is_empty() {
            return;
        }
        self.batch
            .exemplars
            .extend(exemplars.into_iter().map(|loose| Exemplar {
                row: first,
                labels: loose.labels,
                value: loose.value,
                time_ms: loose.time_ms,
            }));
    }
}

/// `Sample`: value and time.
pub(super) fn sample(bytes: &[u8]) -> Result<(i64, f64), WireError> {
    let (mut time_ms, mut value) = (0, 0.0);
    for field in Fields(bytes) {
        match field? {
            (1, number) => value = number.double()?,
            (2, number) => time_ms = number.int() as i64,
            _ => {}
        }
    }
    Ok((time_ms, value))
}
