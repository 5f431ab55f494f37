//! Annotations and labels with templates in them. The one module that knows the template engine.

use mainstay_series::Labels;
use mainstay_template::prometheus::{Annotation, Expansion, LabelMap, Query};

/// Answers a query with its vector.
pub(crate) type Ask<'a> = &'a dyn Fn(&str) -> Result<Vec<(Labels, f64)>, String>;

/// A text with templates, parsed once.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    text: String,
    /// `None`: there is nothing in it to expand.
    parsed: Option<Annotation>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Why a text is no template.
#[derive(Debug)]
pub(crate) struct Unparsable {
    /// The byte of the text that is wrong.
    pub(crate) offset: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What the templates of one alert are shown.
pub(crate) struct Scene<'a>(Expansion<'a>);

/// How templates ask.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a>(pub(crate) Ask<'a>);

impl Query for Asking<'_> {
    fn query(&self, expression: &str) -> Result<Vec<(LabelMap, f64)>, String> {
        let found = (self.0)(expression)?.into_iter();
        Ok(found
            .map(|(labels, value)| (map_of(&labels), value))
            .collect())
    }
}

fn map_of(labels: &Labels) -> LabelMap {
    let pairs = labels.iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl<'a> Scene<'a> {
    /// The scene of a series that an expression gave, its name among its labels, at a time.
    pub(crate) fn new(
        series: (&Labels, f64),
        external: (&Labels, &str),
        now_ms: i64,
        query: &'a Asking<'a>,
    ) -> Self {
        Self(Expansion {
            labels: map_of(series.0),
            value: series.1,
            external_labels: map_of(external.0),
            external_url: external.1.to_owned(),
            now_ms,
            query,
        })
    }
}

impl Template {
    /// Parses a text of the alert `alert`.
    pub(crate) fn parse(alert: &str, text: &str) -> Result<Self, Unparsable> {
        let parsed = if text.contains("{{") {
            // As Prometheus calls it in its errors.
            let name = format!("__alert_{alert}");
            let parsed = Annotation::parse(&name, text);
            Some(parsed.map_err(|error| Unparsable {
                offset: offset(text, error.line, error.column),
                message: error.message,
                hint: error.hint,
            })?)
        } else {
            None
        };
        let text = text.to_owned();
        Ok(Self { text, parsed })
    }

    pub(crate) fn expand(&self, scene: &Scene<'_>) -> Result<String, String> {
        match &self.parsed {
            Some(parsed) => parsed.expand(&scene.0).map_err(|error| error.to_string()),
            None => Ok(self.text.clone()),
        }
    }

    /// A text that is taken as it is.
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            parsed: None,
        }
    }
}

/// The byte at a line and column, both from 1.
fn offset(text: &str, line: u32, column: u32) -> usize {
    let lines = text.split_inclusive('\n');
    let before: usize = lines
        .take(line.saturating_sub(1) as usize)
        .map(str::len)
        .sum();
    let rest = text.get(before..).unwrap_or_default();
    let within = rest.char_indices().nth(column.saturating_sub(1) as usize);
    before + within.map_or(rest.len(), |(at, _)| at)
}
