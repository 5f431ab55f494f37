//! What becomes of the labels of a scraped series.
//!
//! The target's labels join it: theirs win and the scraped ones are kept as `exported_…`, or the
//! other way round with `honor_labels`. Then the metric's relabelling, then the limits.

use mainstay_series::{Builder, Labels, METRIC_NAME};

use crate::config::{Job, ScrapeLimits};
use crate::relabel::{Rule, relabel};

/// What one target does to labels.
#[derive(Debug, Clone)]
pub struct SampleLabels {
    target: Labels,
    honor: bool,
    rules: Vec<Rule>,
    limits: ScrapeLimits,
}

impl SampleLabels {
    /// For a target of a job, `target` being [`crate::Target::labels`].
    pub fn new(job: &Job, target: Labels) -> Self {
        Self {
            target,
            honor: job.honor_labels,
            rules: job.metric_relabel.clone(),
            limits: job.limits,
        }
    }

    /// The final labels of a scraped series; `None`: it is dropped. `empty` are names that stood there
    /// with an empty value. An error, a limit, fails the whole scrape.
    pub fn of(&self, scraped: &Labels, empty: &[String]) -> Result<Option<Labels>, String> {
        let mut labels = scraped.to_builder();
        if self.honor {
            for (name, value) in &self.target {
                if scraped.get(name).is_none() && !empty.iter().any(|other| other == name) {
                    labels.set(name, value);
                }
            }
        } else {
            self.join(scraped, &mut labels);
        }
        if !relabel(&self.rules, &mut labels) {
            return Ok(None);
        }
        let labels = labels.build();
        self.check(&labels)?;
        Ok(Some(labels))
    }

    /// The labels of a series about the scrape itself.
    pub fn of_report(&self, name: &str) -> Labels {
        let mut labels = self.target.to_builder();
        labels.set(METRIC_NAME, name);
        labels.build()
    }

    fn join(&self, scraped: &Labels, labels: &mut Builder) {
        let mut conflicts: Vec<(&str, &str)> = Vec::new();
        for (name, value) in &self.target {
            if let Some(theirs) = scraped.get(name) {
                conflicts.push((name, theirs));
            }
            labels.set(name, value);
        }
        // Prometheus begins with the shortest name.
        conflicts.sort_by_key(|(name, _)| name.len());
        for (name, theirs) in conflicts {
            let mut exported = format!("exported_{name}");
            while labels.get(&exported).is_some() {
                exported.insert_str(0, "exported_");
            }
            labels.set(exported, theirs);
        }
    }

    fn check(&self, labels: &Labels) -> Result<(), String> {
        let limits = &self.limits;
        let metric: String = labels
            .metric()
            .unwrap_or_default()
            .chars()
            .take(50)
            .collect();
        let count = labels.len() as u64;
        if limits.labels > 0 && count > limits.labels {
            return Err(format!(
                "label_limit exceeded (metric: {metric}, number of labels: {count}, limit: {})",
                limits.labels
            ));
        }
        for (name, value) in labels {
            for (what, text, limit) in [
                ("label_name_length_limit", name, limits.label_name_bytes),
                ("label_value_length_limit", value, limits.label_value_bytes),
            ] {
                if limit > 0 && text.len() as u64 > limit {
                    return Err(format!(
                        "{what} exceeded (metric: {metric}, label: {name}, length: {}, limit: {limit})",
                        text.len()
                    ));
                }
            }
        }
        Ok(())
    }
}
