//! A text made of several values: `postgresql://{username}:{password|urlencode}@{host}/{dbname}`.
//!
//! `{name}` is replaced, `{name|urlencode}` with everything percent-encoded that is not unreserved
//! (RFC 3986), `{{` and `}}` are braces. A value is never read again for braces.

use std::fmt::Write as _;

/// Longer templates are refused.
const LIMIT_BYTES: usize = 4096;
/// What one may grow to.
const LIMIT_COMPOSED_BYTES: usize = 64 * 1024;

/// A template that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { name: String, encoded: bool },
}

/// What is wrong with a template, or with what it is given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("template is longer than {LIMIT_BYTES} bytes")]
    TooLong,
    #[error("template has an open `{{`: a brace itself is written twice")]
    Open,
    #[error("template has a `}}` too many: a brace itself is written twice")]
    Close,
    #[error("template has `{{}}` without a name")]
    NoName,
    #[error("template knows no filter `{0}`, only `urlencode`")]
    Filter(String),
    #[error("template names nothing: write `{{name}}`")]
    Constant,
    #[error("there is no `{0}`")]
    Missing(String),
    #[error("it would be longer than {LIMIT_COMPOSED_BYTES} bytes")]
    TooLarge,
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > LIMIT_BYTES {
            return Err(TemplateError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(index) = rest.find(['{', '}']) {
            plain.push_str(&rest[..index]);
            let (brace, after) = rest[index..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
            } else if brace == "}" {
                return Err(TemplateError::Close);
            } else {
                let (inner, after) = after.split_once('}').ok_or(TemplateError::Open)?;
                if inner.contains('{') {
                    return Err(TemplateError::Open);
                }
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(value(inner)?);
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        let template = Self(pieces);
        if template.names().next().is_none() {
            return Err(TemplateError::Constant);
        }
        Ok(template)
    }

    /// The values it is made of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Value { name, .. } => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text, with what `get` gives.
    pub fn compose(&self, get: impl Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Value { name, encoded } => {
                    let value = get(name).ok_or_else(|| TemplateError::Missing(name.clone()))?;
                    if *encoded {
                        percent_encode(&value, &mut text);
                    } else {
                        text.push_str(&value);
                    }
                }
            }
            if text.len() > LIMIT_COMPOSED_BYTES {
                return Err(TemplateError::TooLarge);
            }
        }
        Ok(text)
    }
}

fn value(inner: &str) -> Result<Piece, TemplateError> {
    let (name, filter) = match inner.split_once('|') {
        Some((name, filter)) => (name.trim(), Some(filter.trim())),
        None => (inner.trim(), None),
    };
    if name.is_empty() {
        return Err(TemplateError::NoName);
    }
    match filter {
        None | Some("urlencode") => Ok(Piece::Value {
            name: name.to_owned(),
            encoded: filter.is_some(),
        }),
        Some(other) => Err(TemplateError::Filter(crate::check::shown(other))),
    }
}

fn percent_encode(value: &str, text: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn composed(template: &str) -> Result<String, TemplateError> {
        Template::parse(template)?.compose(|name| match name {
            "user" => Some("app".to_owned()),
            "password" => Some("p@ss/w{r}d".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn values_are_put_in_and_encoded_on_request() {
        for (template, text) in [
            ("{user}", "app"),
            (
                "postgres://{user}:{password|urlencode}@db/x",
                "postgres://app:p%40ss%2Fw%7Br%7Dd@db/x",
            ),
            ("{{{user}}}", "{app}"),
            ("{ user | urlencode }!", "app!"),
            ("{password}", "p@ss/w{r}d"),
        ] {
            assert_eq!(composed(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (template, error) in [
            ("{user", TemplateError::Open),
            ("{us{er}", TemplateError::Open),
            ("user}", TemplateError::Close),
            ("{}", TemplateError::NoName),
            ("{user|upper}", TemplateError::Filter("upper".to_owned())),
            ("plain {{text}}", TemplateError::Constant),
            ("{host}", TemplateError::Missing("host".to_owned())),
        ] {
            assert_eq!(composed(template), Err(error), "{template}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in ".{0,200}") {
            let _ = Template::parse(&text);
        }

        /// Braces in values and around them never open or close anything.
        #[test]
        fn a_value_stands_whole_between_its_neighbours(
            before in "[a-z:/{}]{0,20}", value in ".{0,40}", after in "[a-z:/{}]{0,20}",
        ) {
            let doubled = |text: &str| text.replace('{', "{{").replace('}', "}}");
            let template = format!("{}{{v}}{}", doubled(&before), doubled(&after));
            let template = Template::parse(&template).unwrap();
            let text = template.compose(|_| Some(value.clone())).unwrap();
            prop_assert_eq!(text, format!("{before}{value}{after}"));
        }
    }
}
