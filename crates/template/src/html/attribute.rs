//! Attributes by what their values mean: a link, a style, code, or nothing special.

use super::escape;
use crate::value::Safe;

/// What stands for a value that is not let through, as Go has it.
const REFUSED: &str = "ZgotmplZ";

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Plain,
    Url(Part),
    Style {
        /// In a string or in parentheses.
        inside: bool,
    },
    Code,
    /// A list of addresses.
    Sources,
}

/// How far a URL has got.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Start,
    Path,
    Query,
}

/// Attributes that are URLs.
const URLS: [&str; 19] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
    "ping",
    "dynsrc",
];

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let name = if let Some(custom) = name.strip_prefix("data-") {
            custom
        } else if let Some((space, local)) = name.split_once(':') {
            if space == "xmlns" {
                return Self::Url(Part::Start);
            }
            local
        } else {
            &name
        };
        if URLS.contains(&name) {
            return Self::Url(Part::Start);
        }
        match name {
            "style" => Self::Style { inside: false },
            "srcset" => Self::Sources,
            "srcdoc" => Self::Plain,
            name if name.starts_with("on") => Self::Code,
            name if ["src", "uri", "url"].iter().any(|part| name.contains(part)) => {
                Self::Url(Part::Start)
            }
            _ => Self::Plain,
        }
    }

    /// Literal text inside of the value.
    pub(super) fn literal(&mut self, text: &str) {
        match self {
            Self::Url(part) if text.contains(['?', '#']) => *part = Part::Query,
            Self::Url(part) if *part == Part::Start && !text.trim().is_empty() => {
                *part = Part::Path;
            }
            Self::Style { inside } => {
                for c in text.chars() {
                    match c {
                        '"' | '\'' => *inside = !*inside,
                        '(' => *inside = true,
                        ')' => *inside = false,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// A value, before it is escaped for HTML.
    pub(super) fn value(
        &self,
        text: &str,
        safe: Option<Safe>,
        queried: bool,
    ) -> Result<String, String> {
        match self {
            Self::Plain => Ok(text.to_owned()),
            Self::Url(part) => Ok(url(text, *part, safe == Some(Safe::Url), queried)),
            Self::Style { inside: false } => Ok(style(text).to_owned()),
            Self::Style { inside: true } => Err(
                "a value inside of quotes or parentheses of a style is not supported".to_owned(),
            ),
            Self::Code => Err("a value inside of a script is not supported".to_owned()),
            Self::Sources => Err("a value inside of srcset is not supported".to_owned()),
        }
    }
}

fn url(text: &str, part: Part, safe: bool, queried: bool) -> String {
    match part {
        Part::Start if !safe && !is_safe_url(text) => format!("#{REFUSED}"),
        Part::Start | Part::Path => escape::url(text, true),
        Part::Query if queried => text.to_owned(),
        Part::Query => escape::url(text, safe),
    }
}

/// Relative, or of a scheme that runs nothing.
fn is_safe_url(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => ["http", "https", "mailto"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known)),
        _ => true,
    }
}

/// A value of a style, if nothing can be hidden in it.
fn style(text: &str) -> &str {
    let forbidden =
        text.contains(|c: char| "\0\"'()/;@[\\]`{}<>".contains(c)) || text.contains("--");
    let letters: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if forbidden || letters.contains("expression") || letters.contains("mozbinding") {
        return REFUSED;
    }
    text
}
