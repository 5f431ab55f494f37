//! Findings as other programs read them: SARIF 2.1.0 and Markdown.

mod markdown;
mod sarif;

pub use markdown::markdown;
pub use sarif::sarif;
