//! Annotations and labels with templates in them. The one module that knows the template engine.

use mainstay_series::Labels;

/// Answers a query with its vector.
pub(crate) type Ask<'a> = &'a dyn Fn(&str) -> Result<Vec<(Labels, f64)>, String>;

/// A text with templates, parsed once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    text: String,
}

/// What a template is shown.
pub(crate) struct Scene<'a> {
    /// Of the alert's rule, for errors.
    pub(crate) name: &'a str,
    /// Of the series that the expression gave, its name among them.
    pub(crate) labels: &'a Labels,
    pub(crate) value: f64,
    pub(crate) external_labels: &'a Labels,
    pub(crate) external_url: &'a str,
    pub(crate) now_ms: i64,
    /// What `query` asks.
    pub(crate) query: Ask<'a>,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.matches("{{").count() > text.matches("}}").count() {
            return Err("unclosed action".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }

    pub(crate) fn expand(&self, scene: &Scene<'_>) -> Result<String, String> {
        if self.text.contains("{{") {
            let _ = (scene.labels, scene.value, scene.query, scene.now_ms);
            let _ = (scene.external_labels, scene.external_url);
            return Err(format!("template {} is not expanded yet", scene.name));
        }
        Ok(self.text.clone())
    }
}
