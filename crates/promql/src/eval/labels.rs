//! `label_replace` and `label_join`: they change labels and look at no value.

use mainstay_series::{Labels, METRIC_NAME, from_re2};
use regex::Regex;

use super::{Done, Evaluator, Grid, Row, Sink, string};
use crate::ast::{Call, Expr};
use crate::error::QueryError;

fn refused(message: String) -> QueryError {
    QueryError::Execution(message)
}

/// The whole value must match.
fn compile(pattern: &str) -> Option<Regex> {
    let translated = from_re2(pattern).ok()?;
    Regex::new(&translated).ok()?;
    Regex::new(&format!("^(?s:{translated})$")).ok()
}

impl Evaluator<'_> {
    /// Sets a label to a template of what a pattern found in another.
    pub(super) fn label_replace(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let [vector, to, template, from, pattern] = call.args.as_slice() else {
            return Ok(());
        };
        let [to, template, from, pattern] = [to, template, from, pattern].map(string);
        let regex = compile(pattern).ok_or_else(|| {
            refused(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        })?;
        if to.is_empty() {
            let message = format!("invalid destination label name in label_replace(): {to}");
            return Err(refused(message));
        }
        self.relabelled(vector, to, grid, sink, &|labels| {
            let captures = regex.captures(labels.get(from).unwrap_or_default())?;
            let mut value = String::new();
            captures.expand(template, &mut value);
            Some(value)
        })
    }

    /// Sets a label to other labels' values, joined.
    pub(super) fn label_join(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let [vector, to, separator, from @ ..] = call.args.as_slice() else {
            return Ok(());
        };
        let (to, separator) = (string(to), string(separator));
        let from: Vec<&str> = from.iter().map(string).collect();
        if from.contains(&"") {
            let message = "invalid source label name in label_join(): ".to_owned();
            return Err(refused(message));
        }
        if to.is_empty() {
            let message = format!("invalid destination label name in label_join(): {to}");
            return Err(refused(message));
        }
        self.relabelled(vector, to, grid, sink, &|labels| {
            let values = from.iter().map(|name| labels.get(name).unwrap_or_default());
            Some(values.collect::<Vec<_>>().join(separator))
        })
    }

    /// Sets the label `to` of every row to what `value` makes of the others, or leaves it.
    fn relabelled(
        &self,
        vector: &Expr,
        to: &str,
        grid: Grid,
        sink: Sink<'_>,
        value: &dyn Fn(&Labels) -> Option<String>,
    ) -> Done {
        let mut rows: Vec<Row> = self.rows(vector, grid)?;
        for row in &mut rows {
            let Some(value) = value(&row.labels) else {
                continue;
            };
            row.labels = row.labels.to_builder().set(to, value).build();
            // A name that was just given stays.
            row.drop_name &= to != METRIC_NAME;
        }
        super::names::merged(rows, super::names::Same::Merges)?
            .into_iter()
            .try_for_each(sink)
    }
}
