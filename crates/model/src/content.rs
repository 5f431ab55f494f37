//! Bytes of a secret or of a configuration file.
//!
//! Nearly always text, and serialised as such, so that a sealed release can be read by people who
//! may open it; what is no text is a list of numbers. Nothing here hides anything: whoever holds
//! a secret holds a `Secret<Content>`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What stands in a file, or in a variable.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Content(Vec<u8>);

impl Content {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// `None` where it is no UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// As a variable or a rule sees it: without the one line end that editors and `echo` leave.
    pub fn line(&self) -> Option<&str> {
        let text = self.text()?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        Some(text.strip_suffix('\r').unwrap_or(text))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<'a> {
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match self.text() {
            Some(text) => Form::Text(text.into()),
            None => Form::Bytes(self.bytes().into()),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Form::deserialize(deserializer)? {
            Form::Text(text) => Self(text.into_owned().into_bytes()),
            Form::Bytes(bytes) => Self(bytes.into_owned()),
        })
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_readable_and_bytes_stay_whole() {
        for (content, json) in [
            (Content::new("hunter2\n"), "\"hunter2\\n\""),
            (Content::new([0xff, 0x00]), "[255,0]"),
            (Content::default(), "\"\""),
        ] {
            assert_eq!(serde_json::to_string(&content).unwrap(), json);
            let back: Content = serde_json::from_str(json).unwrap();
            assert_eq!(back, content);
        }
    }

    #[test]
    fn one_line_end_is_no_part_of_a_line() {
        for (bytes, line) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a")] {
            assert_eq!(Content::new(bytes).line(), Some(line));
        }
        assert_eq!(Content::new([0xff]).line(), None);
    }
}
