//! What Alertmanager gives to the templates of notifications: its data and its functions.
//!
//! Source: Alertmanager's notification template reference. [`Renderer`] renders one notification's
//! texts: from the same data at the same time, as texts or as HTML.

mod data;
mod functions;
mod json;

pub use data::{Alert, Data, LabelMap, Status};
pub use functions::NAMES;

use crate::exec::Escape;
use crate::value::Value;
use crate::{TemplateError, Templates, Time};
use functions::At;

/// An empty set of templates with Alertmanager's functions.
pub fn templates() -> Templates {
    Templates::new(NAMES)
}

/// Renders the texts of one notification.
#[derive(Debug)]
pub struct Renderer<'a> {
    templates: &'a Templates,
    data: Value,
    now: Time,
}

impl<'a> Renderer<'a> {
    /// `now_ms` is what `now` and `since` go by, in milliseconds since 1970.
    pub fn new(templates: &'a Templates, data: &Data, now_ms: i64) -> Self {
        Self {
            templates,
            data: data.value(),
            now: Time::from_millis(now_ms).unwrap_or_else(Time::zero),
        }
    }

    /// A text: nothing is escaped. `name` is what errors call it.
    pub fn text(&self, name: &str, text: &str) -> Result<String, TemplateError> {
        self.render(name, text, Escape::Text)
    }

    /// The same as HTML: values are escaped by where they stand.
    pub fn html(&self, name: &str, text: &str) -> Result<String, TemplateError> {
        self.render(name, text, Escape::Html)
    }

    fn render(&self, name: &str, text: &str, escape: Escape) -> Result<String, TemplateError> {
        if !text.contains("{{") && escape == Escape::Text {
            return Ok(text.to_owned());
        }
        let template = self.templates.parse(name, text, &[])?;
        let functions = At(&self.now);
        self.templates
            .render(&template, &self.data, &[], &functions, escape)
    }
}
