//! YAML for people: block style, keys in the order in which they were said, quotes only where they are needed.
//!
//! Writes only; what it writes reads back as the same value in YAML 1.1 and 1.2, since every word that
//! either of them would take for something else is quoted.

use std::fmt::Write as _;

/// A value to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Doc {
    Null,
    Bool(bool),
    Int(i64),
    /// Finite.
    Float(f64),
    Text(String),
    List(Vec<Doc>),
    Map(Map),
}

/// Keys and their values, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    entries: Vec<(Vec<String>, String, Doc)>,
    pending: Vec<String>,
}

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Doc>) -> Self {
        self.insert(key, value);
        self
    }

    /// Nothing where there is none.
    #[must_use]
    pub fn maybe(self, key: impl Into<String>, value: Option<impl Into<Doc>>) -> Self {
        match value {
            Some(value) => self.set(key, value),
            None => self,
        }
    }

    /// Nothing where it is empty.
    #[must_use]
    pub fn some(self, key: impl Into<String>, value: impl Into<Doc>) -> Self {
        let value = value.into();
        if value.is_empty() {
            return self;
        }
        self.set(key, value)
    }

    /// Lines above the next key.
    #[must_use]
    pub fn comment(mut self, text: &str) -> Self {
        self.pending.extend(text.lines().map(str::to_owned));
        self
    }

    /// A key that is there already keeps its place and gets the new value.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Doc>) {
        let (key, value) = (key.into(), value.into());
        let comments = std::mem::take(&mut self.pending);
        match self.entries.iter_mut().find(|(_, name, _)| *name == key) {
            Some(entry) => entry.2 = value,
            None => self.entries.push((comments, key, value)),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Doc> {
        let found = self.entries.iter().find(|(_, name, _)| name == key);
        found.map(|(_, _, value)| value)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Doc)> {
        let entries = self.entries.iter();
        entries.map(|(_, key, value)| (key.as_str(), value))
    }
}

impl<K: Into<String>, V: Into<Doc>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

impl Doc {
    /// Whether there is nothing in it: null, no items, no keys.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            _ => false,
        }
    }

    /// The whole document, with a newline at its end.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Map(map) if !map.is_empty() => write_map(&mut text, map, 0),
            Self::List(list) if !list.is_empty() => write_list(&mut text, list, 0),
            other => write_scalar(&mut text, other, 0),
        }
        text
    }
}

/// Several documents in one file.
pub fn stream<'a>(documents: impl IntoIterator<Item = &'a Doc>) -> String {
    let texts: Vec<String> = documents.into_iter().map(Doc::text).collect();
    texts.join("---\n")
}

fn write_map(text: &mut String, map: &Map, indent: usize) {
    for (comments, key, value) in &map.entries {
        let margin = " ".repeat(indent);
        for line in comments {
            let _ = writeln!(text, "{}", format!("{margin}# {line}").trim_end());
        }
        let _ = write!(text, "{margin}{}:", string(key));
        write_value(text, value, indent + 2);
    }
}

fn write_list(text: &mut String, list: &[Doc], indent: usize) {
    for value in list {
        let _ = write!(text, "{}-", " ".repeat(indent));
        match value {
            Doc::Map(map) if !map.is_empty() && map.entries[0].0.is_empty() => {
                let mut inner = String::new();
                write_map(&mut inner, map, indent + 2);
                // The first key stands beside the dash.
                text.push(' ');
                text.push_str(inner.trim_start());
            }
            _ => write_value(text, value, indent + 2),
        }
    }
}

fn write_value(text: &mut String, value: &Doc, indent: usize) {
    match value {
        Doc::Map(map) if !map.is_empty() => {
            text.push('\n');
            write_map(text, map, indent);
        }
        Doc::List(list) if !list.is_empty() => {
            text.push('\n');
            write_list(text, list, indent);
        }
        other => {
            text.push(' ');
            write_scalar(text, other, indent);
        }
    }
}

fn write_scalar(text: &mut String, value: &Doc, indent: usize) {
    match value {
        Doc::Null => text.push_str("null"),
        Doc::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Doc::Int(number) => {
            let _ = write!(text, "{number}");
        }
        // With a point, so that it stays what it is: `{:?}` writes one.
        Doc::Float(number) => {
            let _ = write!(text, "{number:?}");
        }
        Doc::Text(value) => match block(value) {
            Some(block) => return write_block(text, block, value, indent),
            None => text.push_str(&string(value)),
        },
        Doc::List(_) => text.push_str("[]"),
        Doc::Map(_) => text.push_str("{}"),
    }
    text.push('\n');
}

/// The header of a literal block, where the text can stand in one: several lines of printable characters,
/// none of them ending in a blank, the first not beginning with one.
fn block(text: &str) -> Option<&'static str> {
    let body = text.strip_suffix('\n');
    let lines = body.unwrap_or(text);
    let printable = |c: char| {
        c == '\n'
            || c == '\t'
            || (' '..='~').contains(&c)
            || (c as u32 >= 0xa0 && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}')
    };
    let good = lines.contains('\n')
        && !lines.starts_with([' ', '\t', '\n'])
        && !lines.ends_with('\n')
        && lines.lines().all(|line| !line.ends_with([' ', '\t']))
        && lines.chars().all(printable);
    good.then(|| if body.is_some() { "|" } else { "|-" })
}

fn write_block(text: &mut String, header: &str, value: &str, indent: usize) {
    text.push_str(header);
    text.push('\n');
    // A document's own indent is none, and a block needs one.
    let margin = " ".repeat(indent.max(2));
    for line in value.lines() {
        let _ = writeln!(text, "{}", format!("{margin}{line}").trim_end());
    }
}

/// Plain where no reader of YAML could take it for anything but this string.
pub fn string(text: &str) -> String {
    const WORDS: [&str; 10] = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "~",
    ];
    let plain_start = text.starts_with(|c: char| c.is_ascii_alphabetic() || "/_".contains(c));
    let plain_start = plain_start || amount(text);
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " _-./:+=@,()".contains(c));
    let ambiguous = WORDS.contains(&text.to_ascii_lowercase().as_str())
        || text.contains(": ")
        || text.ends_with([':', ' ']);
    if plain_start && plain && !ambiguous {
        return text.to_owned();
    }
    quoted(text)
}

/// Numbers with units: `15s`, `1h30m`, `1.5Gi`. No unit has a letter with which YAML writes numbers (`0x1f`, `0o7`,
/// `0b1`, `1e5`, `1_000`), and the last stands behind the last digit, so no reader finds a number, a time (`1:30`) or
/// a date in it.
fn amount(text: &str) -> bool {
    const UNITS: [&str; 16] = [
        "ns", "us", "ms", "s", "m", "h", "d", "w", "y", "k", "K", "M", "G", "Ki", "Mi", "Gi",
    ];
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = &rest[..rest.len() - unit.len()];
        let ends = unit.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = unit.split_at(ends.unwrap_or(unit.len()));
        let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        let number = match number.split_once('.') {
            Some((whole, part)) => digits(whole) && digits(part),
            None => digits(number),
        };
        if !number || !UNITS.contains(&unit) {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

/// Double quotes, as JSON has them.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if (c as u32) < 0x20
                || ('\u{7f}'..'\u{a0}').contains(&c)
                || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') =>
            {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl From<&str> for Doc {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Doc {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Doc {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for Doc {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Doc {
    /// What is no number is null: YAML's words for it are read by few.
    fn from(number: f64) -> Self {
        if number.is_finite() {
            Self::Float(number)
        } else {
            Self::Null
        }
    }
}

macro_rules! from_integers {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Doc {
            fn from(number: $kind) -> Self {
                Self::Int(i64::from(number))
            }
        })*
    };
}
from_integers!(i32, i64, u8, u16, u32);

impl From<u64> for Doc {
    /// Beyond what fits it is said in words of its own.
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Float(number as f64), Self::Int)
    }
}

impl From<Map> for Doc {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl<T: Into<Doc>> From<Vec<T>> for Doc {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Doc> + Clone> From<&[T]> for Doc {
    fn from(list: &[T]) -> Self {
        Self::List(list.iter().cloned().map(Into::into).collect())
    }
}

impl<T: Into<Doc>, const N: usize> From<[T; N]> for Doc {
    fn from(list: [T; N]) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::tree::{Kind, Node};
    use mainstay_model::Problems;
    use proptest::prelude::*;
    use snapbox::{assert_data_eq, str};
    use std::sync::Arc;

    #[test]
    fn maps_and_lists_nest_and_keep_their_order() {
        let document = Map::new()
            .comment("What it is called.")
            .set("name", "app")
            .set(
                "ports",
                vec![
                    Doc::from(Map::new().set("target", 8000).set("published", Doc::Null)),
                    Doc::Int(5),
                ],
            )
            .set("command", ["sh", "-c", "echo: x"])
            .set("nested", vec![Doc::from([1, 2]), Doc::List(vec![])])
            .set("empty", Map::new())
            .some("nothing", Map::new())
            .set("script", "set -e\nif true; then\n  exit 1\nfi\n")
            .set("share", 0.5);
        assert_data_eq!(
            Doc::from(document).text(),
            str![[r#"
# What it is called.
name: app
ports:
  - target: 8000
    published: null
  - 5
command:
  - sh
  - "-c"
  - "echo: x"
nested:
  -
    - 1
    - 2
  - []
empty: {}
script: |
  set -e
  if true; then
    exit 1
  fi
share: 0.5

"#]]
        );
    }

    #[test]
    fn words_that_yaml_takes_for_something_else_are_quoted() {
        for word in [
            "yes",
            "NO",
            "null",
            "1.5",
            "0x1f",
            "",
            "a: b",
            "x:",
            "#x",
            "*a",
            "é",
            "a\nb",
            "-",
            "2026-01-01",
            "1:30",
            "1e5",
            "0b1",
            "0o7",
            "012",
            "1_000",
            "15",
            "15s:30",
            "1h30",
            ".5s",
            "1.2.3",
            "5E",
            "-5s",
        ] {
            assert!(string(word).starts_with('"'), "{word}");
        }
        for word in [
            "app",
            "/data",
            "http://127.0.0.1:8080/",
            "a b",
            "v1.2.3",
            "15s",
            "1h30m",
            "0.5s",
            "100ms",
            "64Mi",
            "250m",
            "30d",
        ] {
            assert_eq!(string(word), word);
        }
    }

    /// What the parser makes of it; numbers, words and null are told apart by their quotes.
    fn read(node: &Node) -> Doc {
        match &node.kind {
            Kind::Map(entries) => Doc::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), read(&entry.value)))
                    .collect(),
            ),
            Kind::List(items) => Doc::List(items.iter().map(read).collect()),
            _ if node.is_null() => Doc::Null,
            _ => Doc::Text(node.as_text().unwrap_or_default().to_owned()),
        }
    }

    fn documents() -> impl Strategy<Value = Doc> {
        let texts = prop_oneof![
            "[ -~]{0,12}",
            "\\PC{0,8}",
            "([a-z #:'\"-]{0,6}\n){1,4}[a-z]{0,3}",
            "[0-9.:_+-]{0,3}[a-zE]{0,2}[0-9:.]{0,2}[a-zi]{0,2}",
            "[\u{0}-\u{a0}\u{2028}\u{feff}]{0,4}"
        ];
        let leaf = texts.prop_map(Doc::Text);
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Doc::List),
                prop::collection::btree_map("[ -~]{1,8}", inner, 0..5)
                    .prop_map(|map| Doc::Map(map.into_iter().collect())),
            ]
        })
    }

    /// What Python's reader, whose YAML is 1.1, makes of texts that are written plain.
    const PYTHON: &str = "
import sys, yaml
for line in sys.stdin.read().splitlines():
    if yaml.safe_load(line) != line:
        sys.exit(repr(line))
";

    #[test]
    fn plain_amounts_are_texts_for_readers_of_yaml_1_1_too() {
        let python = || {
            let mut command = std::process::Command::new("python3");
            command.stdin(std::process::Stdio::piped());
            command
        };
        let there = python().args(["-c", "import yaml"]).output();
        if !there.is_ok_and(|said| said.status.success()) {
            let line =
                "skipped for want of PyYAML: plain_amounts_are_texts_for_readers_of_yaml_1_1_too\n";
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
            return;
        }
        let mut text = String::new();
        let numbers = [
            "0", "1", "01", "012", "0777", "15", "1.5", "0.0", "190", "59",
        ];
        let letters = ('a'..='z').chain('A'..='Z').map(String::from);
        let units: Vec<String> = letters
            .chain(
                [
                    "ms", "us", "ns", "Ki", "Mi", "Gi", "s1m", "e5s", "x1s", "o7s", "b1m",
                ]
                .map(str::to_owned),
            )
            .collect();
        for number in numbers {
            for unit in &units {
                let word = format!("{number}{unit}");
                if string(&word) == word {
                    let _ = writeln!(text, "{word}");
                }
            }
        }
        assert!(text.lines().count() > 100, "{text}");
        let mut child = python().args(["-c", PYTHON]).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut to, text.as_bytes()).unwrap();
        drop(to);
        assert!(child.wait().unwrap().success());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same(document in documents()) {
            let text = document.text();
            let mut problems = Problems::default();
            let parsed = crate::parse(&text, &Arc::new(Source::named("a.yaml")), &mut problems);
            prop_assert!(problems.is_empty(), "{problems}\n{text}");
            prop_assert_eq!(read(&parsed[0]), document, "{}", text);
        }
    }
}
