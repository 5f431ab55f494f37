//! The page an exporter answers with: families, each with its samples.

use std::collections::BTreeMap;

use mainstay_exposition::{Family, Format, MetricType, Writer};

/// What one look came to: a page in any case, and what kept the thing from being read.
#[derive(Debug, Default)]
pub struct Told {
    pub page: Page,
    /// For people; no secret stands in it.
    pub trouble: Option<String>,
}

/// An error with what is behind it, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// Families in the making, sorted by name as every exporter in Go sorts them.
#[derive(Debug, Default)]
pub struct Page {
    families: BTreeMap<String, Samples>,
}

#[derive(Debug)]
struct Samples {
    kind: MetricType,
    help: String,
    rows: Vec<(Vec<(String, String)>, f64)>,
}

impl Page {
    /// Adds one sample. Type and help are those of the first of its family.
    pub fn add(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        if !self.families.contains_key(name) {
            let samples = Samples {
                kind,
                help: help.to_owned(),
                rows: Vec::new(),
            };
            self.families.insert(name.to_owned(), samples);
        }
        if let Some(samples) = self.families.get_mut(name) {
            let owned = labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            samples.rows.push((owned.collect(), value));
        }
    }

    /// A gauge.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Gauge, help, labels, value);
    }

    /// A counter.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Counter, help, labels, value);
    }

    /// As a body in the text format.
    pub fn text(&self) -> String {
        let mut writer = Writer::new(Format::Text);
        for (name, samples) in &self.families {
            writer.family(Family {
                name,
                kind: samples.kind,
                help: &samples.help,
                unit: "",
            });
            for (labels, value) in &samples.rows {
                let labels: Vec<(&str, &str)> = labels
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                writer.pairs(name, &labels, *value);
            }
        }
        writer.finish()
    }
}
