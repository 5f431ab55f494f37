//! What is wrong with a template, and where: one error, because the first one ends the work.

/// A template that cannot be parsed or rendered. Lines and columns count from 1, columns count
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{template}:{line}:{column}: {message}")]
pub struct TemplateError {
    /// The name of the text it stands in.
    pub template: String,
    pub line: u32,
    pub column: u32,
    pub message: String,
    pub hint: Option<String>,
}

/// A text and its name, for as long as something parsed from it lives.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Source {
    /// An error at a byte of this text.
    pub(crate) fn error(&self, at: usize, message: impl Into<String>) -> TemplateError {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        TemplateError {
            template: self.name.clone(),
            line: line as u32,
            column: before[start..].chars().count() as u32 + 1,
            message: message.into(),
            hint: None,
        }
    }

    /// The same, with what to do about it.
    pub(crate) fn hinted(
        &self,
        at: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> TemplateError {
        TemplateError {
            hint: Some(hint.into()),
            ..self.error(at, message)
        }
    }
}
