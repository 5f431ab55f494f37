//! A set of labels, as one string of bytes.
//!
//! A million series keep a million of these, and the query engine hashes and compares them all the
//! time; one shared buffer of length-prefixed names and values costs one allocation, and equality is
//! a comparison of bytes. Names are plain UTF-8, as Prometheus 3 allows.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// Sorted labels, each name once, no empty value (an empty value is the same as no label).
///
/// Cloning is cheap. Ordered as Prometheus orders them: label by label, name before value, and the
/// shorter set first where one is the beginning of the other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[u8]>);

impl Labels {
    /// No label at all.
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// Labels from names and values in any order. Of a name given twice the last value holds; a
    /// label whose value is empty is left out.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut builder = Builder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// Labels from pairs that are sorted by name already, each name once and no value empty: the
    /// way of the hot paths. What is not so is caught in debug builds only.
    pub fn from_sorted<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut bytes = Vec::with_capacity(128);
        let mut last: Option<&str> = None;
        for (name, value) in pairs {
            debug_assert!(last.is_none_or(|last| last < name) && !value.is_empty());
            last = Some(name);
            put(&mut bytes, name);
            put(&mut bytes, value);
        }
        Self(Arc::from(bytes))
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .take_while(|(n, _)| *n <= name)
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// The metric's name.
    pub fn metric(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The buffer itself: the same bytes for the same labels, and different ones for different
    /// labels. For hashing and for keys; what it looks like is nobody's business.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// These labels without some, or with only some.
    #[must_use]
    pub fn retain(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        Self::from_sorted(self.iter().filter(|(name, _)| keep(name)))
    }

    /// A builder that begins with these.
    pub fn to_builder(&self) -> Builder {
        Builder(
            self.iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
        )
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

/// Looks at bytes alone: queries sort tens of thousands of these. Up to the first byte that differs
/// both are the same texts; which text it lies in decides.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b): (&[u8], &[u8]) = (&self.0, &other.0);
        let Some(differs) = first_difference(a, b) else {
            // One is the beginning of the other, and whole: each text stands behind its length.
            return a.len().cmp(&b.len());
        };
        let mut at = 0;
        loop {
            let (start_a, end_a) = text_at(a, at);
            let (start_b, end_b) = text_at(b, at);
            if differs < end_a || differs < end_b {
                return a.get(start_a..end_a).cmp(&b.get(start_b..end_b));
            }
            at = end_a;
        }
    }
}

/// Where two buffers differ first; `None` where one is the beginning of the other.
pub(crate) fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    // Eight at a time, then byte by byte.
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let at = 8 * words.take_while(|(a, b)| a == b).count();
    let mut rest = a[at..].iter().zip(&b[at..]);
    Some(at + rest.position(|(a, b)| a != b)?)
}

/// Begin and end of the text whose length stands at a place.
pub(crate) fn text_at(bytes: &[u8], at: usize) -> (usize, usize) {
    let (mut length, mut shift, mut start) = (0usize, 0, at);
    while let Some(&byte) = bytes.get(start) {
        start += 1;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 || shift > 56 {
            break;
        }
    }
    (
        start,
        start.saturating_add(length).min(bytes.len()).max(start),
    )
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As Prometheus writes a series: `name{label="value"}`, names that are not of the classic form in
/// quotes.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.metric().filter(|name| is_legacy_metric_name(name));
        if let Some(name) = bare {
            f.write_str(name)?;
        }
        let mut parts: Vec<String> = Vec::new();
        if let (Some(name), None) = (self.metric(), bare) {
            parts.push(quote(name));
        }
        for (name, value) in self.iter().filter(|(name, _)| *name != METRIC_NAME) {
            let value = quote(value);
            parts.push(if is_legacy_label_name(name) {
                format!("{name}={value}")
            } else {
                format!("{}={value}", quote(name))
            });
        }
        if parts.is_empty() && bare.is_some() {
            return Ok(());
        }
        write!(f, "{{{}}}", parts.join(", "))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Names and values of [`Labels`].
#[derive(Debug, Clone)]
pub struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let name = take(&mut self.0);
        let value = take(&mut self.0);
        Some((name, value))
    }
}

/// Labels in the making: set, overwrite, delete, then [`Builder::build`].
#[derive(Debug, Clone, Default)]
pub struct Builder(Vec<(String, String)>);

impl Builder {
    /// Sets a label; an empty value deletes it.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some(label) => label.1 = value,
            None => self.0.push((name, value)),
        }
        self
    }

    /// Takes a label away.
    pub fn delete(&mut self, name: &str) -> &mut Self {
        self.0.retain(|(n, _)| n != name);
        self
    }

    /// The value a label has now; an empty one is no label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The labels there are now, in no order, those with an empty value among them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The finished labels.
    pub fn build(&self) -> Labels {
        let mut pairs: Vec<(&str, &str)> = self.iter().filter(|(_, v)| !v.is_empty()).collect();
        pairs.sort_unstable();
        Labels::from_sorted(pairs)
    }
}

/// Whether a name may stand bare as a metric's: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_legacy_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':');
    first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

/// Whether a name may stand bare as a label's: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_legacy_label_name(name: &str) -> bool {
    is_legacy_metric_name(name) && !name.contains(':')
}

/// A value in double quotes, escaped as Go's `strconv.Quote` does for what occurs in labels.
pub fn quote(value: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a length as LEB128 and then the text.
fn put(bytes: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push((length as u8) | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads what [`put`] wrote. Only [`Labels::from_sorted`] fills the buffer, so it is well formed; it
/// is checked all the same, and what does not fit is an empty text.
fn take<'a>(bytes: &mut &'a [u8]) -> &'a str {
    let (mut length, mut shift) = (0usize, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 || shift > 56 {
            break;
        }
    }
    let (text, rest) = bytes.split_at(length.min(bytes.len()));
    *bytes = rest;
    std::str::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_unique_and_never_empty() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        assert_eq!(labels, Labels::from_sorted([("a", "1"), ("b", "3")]));
        assert_eq!(
            (labels.get("b"), labels.get("c"), labels.len()),
            (Some("3"), None, 2)
        );
    }

    #[test]
    fn they_are_ordered_by_label_and_not_by_length_of_text() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let mut all = [
            of(&[("a", "z")]),
            of(&[("a", "aa")]),
            of(&[("a", "aa"), ("b", "1")]),
            of(&[]),
        ];
        all.sort();
        let text: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            ["{}", r#"{a="aa"}"#, r#"{a="aa", b="1"}"#, r#"{a="z"}"#]
        );
    }

    #[test]
    fn their_order_is_that_of_their_texts_one_by_one() {
        let texts = [
            "a",
            "aa",
            "ab",
            "b",
            "longer-than-eight-bytes",
            "longer-than-eight-bytez",
        ];
        let long = "x".repeat(200);
        let mut all = vec![Labels::empty()];
        for name in texts {
            for value in texts.into_iter().chain([long.as_str()]) {
                let one = Labels::from_pairs([(name, value)]);
                all.push(one.clone());
                let mut two = one.to_builder();
                all.push(two.set("b", value).set("c", name).build());
            }
        }
        for a in &all {
            for b in &all {
                assert_eq!(a.cmp(b), a.iter().cmp(b.iter()), "{a} {b}");
            }
        }
    }

    #[test]
    fn long_values_and_every_escape_come_back() {
        let long = "x".repeat(70_000);
        let labels = Labels::from_pairs([("a", long.as_str()), ("b", "line\n\"q\"\\ ü")]);
        assert_eq!(labels.get("a").map(str::len), Some(70_000));
        assert_eq!(quote(labels.get("b").unwrap_or("")), r#""line\n\"q\"\\ ü""#);
    }

    #[test]
    fn names_beyond_the_classic_form_are_quoted() {
        let labels = Labels::from_pairs([("__name__", "http.duration"), ("k8s.pod", "a")]);
        assert_eq!(labels.to_string(), r#"{"http.duration", "k8s.pod"="a"}"#);
    }
}
