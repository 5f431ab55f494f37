//! A page to try a JSON endpoint on: a text, a button, the answer.

use axum::response::Html;

/// What to send where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) title: &'static str,
    /// What it does and what it does not, in a sentence.
    pub(crate) note: &'static str,
    /// Takes `POST`.
    pub(crate) path: &'static str,
    /// The text's name in the JSON.
    pub(crate) field: &'static str,
    pub(crate) example: &'static str,
    pub(crate) button: &'static str,
}

impl Form {
    /// `base`: where the API is, empty for the page's own origin.
    pub(crate) fn html(&self, base: &str) -> Html<String> {
        Html(
            include_str!("form.html")
                .replace("{{title}}", self.title)
                .replace("{{note}}", self.note)
                .replace("{{path}}", &format!("{base}{}", self.path))
                .replace("{{field}}", self.field)
                .replace("{{example}}", self.example)
                .replace("{{button}}", self.button),
        )
    }
}
