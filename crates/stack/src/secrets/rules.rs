//! What must hold of a secret's value. A broken rule is told by the rule, never by the value.

use regex_lite::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take.
const LIMIT_PATTERN_BYTES: usize = 256 * 1024;
/// Below this many bits a value can be guessed: the caller warns.
const GUESSABLE_BITS: f64 = 50.0;

/// How a value must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Alphanumeric,
    Base64,
    Email,
    Hex,
    Url,
    Uuid,
}

/// The rules of one secret.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub min_length: Option<u32>,
    pub max_length: Option<u32>,
    pub format: Option<Format>,
    pub pattern: Option<Regex>,
    /// What the documentation shows, and so everybody knows.
    pub example: Option<String>,
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        let pattern = |rules: &Self| rules.pattern.as_ref().map(Regex::to_string);
        self.min_length == other.min_length
            && self.max_length == other.max_length
            && self.format == other.format
            && pattern(self) == pattern(other)
            && self.example == other.example
    }
}

impl Format {
    pub const ALL: [Self; 6] = [
        Self::Alphanumeric,
        Self::Base64,
        Self::Email,
        Self::Hex,
        Self::Url,
        Self::Uuid,
    ];

    /// As mainstay.yaml writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alphanumeric => "alphanumeric",
            Self::Base64 => "base64",
            Self::Email => "email",
            Self::Hex => "hex",
            Self::Url => "url",
            Self::Uuid => "uuid",
        }
    }

    pub fn matches(self, text: &str) -> bool {
        match self {
            Self::Alphanumeric => is_of(text, u8::is_ascii_alphanumeric),
            Self::Base64 => is_base64(text),
            Self::Email => is_email(text),
            Self::Hex => is_of(text, u8::is_ascii_hexdigit),
            Self::Url => is_url(text),
            Self::Uuid => is_uuid(text),
        }
    }
}

/// The pattern, compiled; the error says what is wrong with it.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(LIMIT_PATTERN_BYTES)
        .build()
        .map_err(|error| error.to_string())
}

impl Rules {
    /// Every rule that the value breaks, as the end of a sentence: `is shorter than 16 characters`.
    pub fn broken(&self, value: &str) -> Vec<String> {
        let length = value.chars().count();
        let mut broken = Vec::new();
        if value.is_empty() {
            return vec!["is empty".to_owned()];
        }
        if let Some(least) = self.min_length.filter(|least| length < *least as usize) {
            broken.push(format!(
                "has {length} characters, and `min_length` is {least}"
            ));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most as usize) {
            broken.push(format!(
                "has {length} characters, and `max_length` is {most}"
            ));
        }
        if let Some(format) = self.format.filter(|format| !format.matches(value)) {
            broken.push(format!("is not written as `{}`", format.word()));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|p| !p.is_match(value)) {
            broken.push(format!("does not fit the pattern `{pattern}`"));
        }
        if self.example.as_deref() == Some(value) {
            broken.push("is the example that the documentation shows".to_owned());
        }
        broken
    }

    /// How hard the value is to guess, in bits, where that is little. A URL or an address is not
    /// measured: it is not made to be hard.
    pub fn guessable_bits(&self, value: &str) -> Option<u32> {
        if matches!(self.format, Some(Format::Url | Format::Email)) || value.contains("://") {
            return None;
        }
        let bits = bits(value);
        (bits < GUESSABLE_BITS).then_some(bits as u32)
    }
}

/// At most this many bits: the length times what each character can tell, seen from the different
/// ones that are there.
fn bits(value: &str) -> f64 {
    let different: std::collections::BTreeSet<char> = value.chars().collect();
    value.chars().count() as f64 * (different.len().max(1) as f64).log2()
}

fn is_of(text: &str, fits: impl Fn(&u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(|byte| fits(&byte))
}

/// Standard or URL-safe alphabet, padding where it belongs or left out (RFC 4648).
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let standard = is_of(body, |b| b.is_ascii_alphanumeric() || b"+/".contains(b));
    let safe = is_of(body, |b| b.is_ascii_alphanumeric() || b"-_".contains(b));
    let whole = match padding {
        0 => body.len() % 4 != 1,
        1 | 2 => text.len().is_multiple_of(4),
        _ => false,
    };
    (standard || safe) && whole
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else {
        return false;
    };
    let clean = |part: &str| !part.is_empty() && !part.contains([' ', '\t', '@', '<', '>']);
    clean(name) && clean(host) && host.split('.').count() > 1 && host.split('.').all(clean)
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && is_of(scheme, |b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        && (!host.is_empty() || scheme == "file")
        && !text.contains(char::is_whitespace)
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && is_of(text, |b| b.is_ascii_hexdigit() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_fit_what_they_say() {
        for (format, good, bad) in [
            (
                Format::Hex,
                &["00ff", "DEADBEEF"][..],
                &["", "0x12", "fg"][..],
            ),
            (
                Format::Base64,
                &["aGk=", "aGk", "-_-_", "ab+/"],
                &["a", "aGk==", "ab+_", "", "a b="],
            ),
            (
                Format::Uuid,
                &["3f2504e0-4f89-11d3-9a0c-0305e82c3301"],
                &["3f2504e04f8911d39a0c0305e82c3301"],
            ),
            (
                Format::Url,
                &["postgres://u:p@h/d", "https://h", "file:///x"],
                &["h:80", "://h", "https://", "http://a b"],
            ),
            (
                Format::Email,
                &["a@b.org"],
                &["a@b", "@b.org", "a b@c.org", "a@b..c"],
            ),
            (Format::Alphanumeric, &["aZ09"], &["a-b", "ä"]),
        ] {
            for text in good {
                assert!(format.matches(text), "{format:?} {text}");
            }
            for text in bad {
                assert!(!format.matches(text), "{format:?} {text}");
            }
        }
    }

    #[test]
    fn every_broken_rule_is_told_and_no_value() {
        let rules = Rules {
            min_length: Some(16),
            max_length: Some(3),
            format: Some(Format::Hex),
            pattern: Some(pattern("^sk-").unwrap()),
            example: Some("hunter2".to_owned()),
        };
        let broken = rules.broken("hunter2");
        assert_eq!(broken.len(), 5, "{broken:?}");
        assert!(!broken.join(" ").contains("hunter2"), "{broken:?}");
        assert!(Rules::default().broken("x").is_empty());
        assert_eq!(Rules::default().broken(""), ["is empty"]);
    }

    #[test]
    fn what_can_be_guessed_is_noticed() {
        let rules = Rules::default();
        assert_eq!(rules.guessable_bits("aaaaaaaaaaaaaaaaaaaaaaa"), Some(0));
        assert!(rules.guessable_bits("hunter2").is_some());
        assert_eq!(rules.guessable_bits("f3b1c2d49e8a7706f3b1"), None);
        assert_eq!(rules.guessable_bits("postgres://a:b@c/d"), None);
    }

    #[test]
    fn a_pattern_that_is_none_or_too_large_is_refused() {
        assert!(pattern("(").is_err());
        assert!(pattern("((a{1000}){1000}){1000}").is_err());
    }
}
