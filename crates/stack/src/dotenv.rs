//! `.env` and `env_file`: `KEY=value` lines by Compose's rules.
//!
//! Source: the Docker documentation, "Interpolation: .env file syntax". Single quotes keep all as
//! it is; double quotes know `\n`, `\r`, `\t`, `\"`, `\\` and variables, and span lines; without
//! quotes ` #` begins a comment. A name without `=` takes the variable over from outside.

use crate::interpolate::{Lookup, Variables, expand};
use crate::source::{At, Source};
use mainstay_model::{Problem, Problems};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Compose,
    /// `format: raw`: everything after `=` is the value.
    Raw,
}

/// One line's meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) at: At,
    /// The variables that went into it.
    pub(crate) used: Vec<String>,
}

/// Reads all of it. Variables may name what `outside` has, and what stands further up.
pub(crate) fn parse(
    text: &str,
    source: &Arc<Source>,
    format: Format,
    outside: &Variables,
    problems: &mut Problems,
) -> Vec<Variable> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        source,
        format,
        outside,
        seen: BTreeMap::new(),
        out: Vec::new(),
        problems,
    };
    while !reader.rest.is_empty() {
        reader.statement();
    }
    reader.out
}

/// As a layer of variables.
pub(crate) fn layer(variables: Vec<Variable>) -> BTreeMap<String, String> {
    variables
        .into_iter()
        .map(|variable| (variable.name, variable.value))
        .collect()
}

/// Outside wins over what stands further up, as in Compose.
struct Layered<'a> {
    outside: &'a Variables,
    seen: &'a BTreeMap<String, String>,
}

impl Lookup for Layered<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.outside
            .get(name)
            .or_else(|| self.seen.get(name).map(String::as_str))
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    source: &'a Arc<Source>,
    format: Format,
    outside: &'a Variables,
    seen: BTreeMap<String, String>,
    out: Vec<Variable>,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn statement(&mut self) {
        let line = self.line;
        let text = self.take_line();
        let statement = text.trim_start();
        if statement.trim_end().is_empty() || statement.starts_with('#') {
            return;
        }
        let statement = match statement.strip_prefix("export") {
            Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
            _ => statement,
        };
        let at = At {
            source: Arc::clone(self.source),
            line,
            column: (text.chars().count() - statement.chars().count()) as u32 + 1,
        };
        let separators: &[char] = match self.format {
            Format::Compose => &['=', ':'],
            Format::Raw => &['='],
        };
        let Some(end) = statement.find(separators) else {
            return self.inherited(statement.trim_end(), at);
        };
        let name = statement[..end].trim_end();
        if self.check_name(name, &at) {
            self.value(name, &statement[end + 1..], at);
        }
    }

    /// The line without its end; the rest goes on after it.
    fn take_line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line += 1;
        line.strip_suffix('\r').unwrap_or(line)
    }

    fn check_name(&mut self, name: &str, at: &At) -> bool {
        let good = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']'));
        if !good {
            self.problems.push(
                // Not the text itself: it may be the rest of a secret.
                Problem::error("env/name", "this line is not `NAME=value`")
                    .at(at.place())
                    .hint("a value of several lines stands in quotes; a comment begins with `#`"),
            );
        }
        good
    }

    fn inherited(&mut self, name: &str, at: At) {
        if !self.check_name(name, &at) {
            return;
        }
        if let Some(value) = self.outside.get(name).map(str::to_owned) {
            let used = vec![name.to_owned()];
            self.give(name, value, used, at);
        }
    }

    fn value(&mut self, name: &str, text: &'a str, at: At) {
        if self.format == Format::Raw {
            return self.give(name, text.to_owned(), Vec::new(), at);
        }
        let text = text.trim_start_matches([' ', '\t']);
        match text.chars().next() {
            Some('\'') => {
                if let Some(value) = self.quoted('\'', &text[1..], &at) {
                    self.give(name, value, Vec::new(), at);
                }
            }
            Some('"') => {
                if let Some(value) = self.quoted('"', &text[1..], &at) {
                    self.expanded(name, &value, at);
                }
            }
            _ => {
                let end = comment(text).unwrap_or(text.len());
                self.expanded(name, text[..end].trim_end(), at);
            }
        }
    }

    /// What stands until the closing quote, over as many lines as it takes.
    fn quoted(&mut self, quote: char, first: &'a str, at: &At) -> Option<String> {
        let mut value = String::new();
        let mut line = first;
        loop {
            let mut characters = line.char_indices();
            while let Some((index, c)) = characters.next() {
                if c == quote {
                    self.check_tail(line[index + 1..].trim_start(), at);
                    return Some(value);
                }
                match (c, quote) {
                    ('\\', '"') => escape(&mut value, characters.next().map(|(_, c)| c)),
                    ('\\', _) if line[index + 1..].starts_with('\'') => {
                        characters.next();
                        value.push('\'');
                    }
                    _ => value.push(c),
                }
            }
            if self.rest.is_empty() {
                self.problems.push(
                    Problem::error("env/quote", format!("no closing {quote} for this value"))
                        .at(at.place()),
                );
                return None;
            }
            value.push('\n');
            line = self.take_line();
        }
    }

    fn check_tail(&mut self, tail: &str, at: &At) {
        if !tail.trim_end().is_empty() && !tail.starts_with('#') {
            self.problems.push(
                Problem::error("env/after-quote", "text after the closing quote")
                    .at(at.place())
                    .hint("put all of the value between the quotes"),
            );
        }
    }

    fn expanded(&mut self, name: &str, text: &str, at: At) {
        let variables = Layered {
            outside: self.outside,
            seen: &self.seen,
        };
        match expand(text, &variables) {
            Ok(expanded) => self.give(name, expanded.text, expanded.used, at),
            Err(error) => self.problems.push(
                Problem::error("variable/form", error.to_string())
                    .at(at.place())
                    .hint("single quotes keep a value as it is"),
            ),
        }
    }

    fn give(&mut self, name: &str, value: String, used: Vec<String>, at: At) {
        self.seen.insert(name.to_owned(), value.clone());
        self.out.push(Variable {
            name: name.to_owned(),
            value,
            at,
            used,
        });
    }
}

/// Where an inline comment begins: a `#` after white space, or at once.
fn comment(text: &str) -> Option<usize> {
    text.char_indices()
        .find(|&(index, c)| c == '#' && (index == 0 || text[..index].ends_with([' ', '\t'])))
        .map(|(index, _)| index)
}

fn escape(value: &mut String, c: Option<char>) {
    match c {
        Some('n') => value.push('\n'),
        Some('r') => value.push('\r'),
        Some('t') => value.push('\t'),
        // An escaped dollar sign stays one: `$$` is its form for what reads variables next.
        Some('$') => value.push_str("$$"),
        Some(c @ ('"' | '\\')) => value.push(c),
        Some(other) => {
            value.push('\\');
            value.push(other);
        }
        None => value.push('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: Format) -> (BTreeMap<String, String>, Problems) {
        let source = Arc::new(Source {
            display: ".env".into(),
            path: "/p/.env".into(),
            base: "/p".into(),
        });
        let mut outside = Variables::default();
        outside.push(BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]));
        let mut problems = Problems::default();
        let variables = parse(text, &source, format, &outside, &mut problems);
        (layer(variables), problems)
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        for (text, value) in [
            ("A=b", "b"),
            ("A = b ", "b"),
            ("export A=b", "b"),
            ("A: b", "b"),
            ("A=", ""),
            ("A=b # comment", "b"),
            ("A=b#c", "b#c"),
            ("A='$HOME # b'", "$HOME # b"),
            ("A=\"$HOME # b\" # c", "/root # b"),
            ("A=${NONE:-d}", "d"),
            ("A=\"x\\ny\\\"\"", "x\ny\""),
            ("A='x\ny'", "x\ny"),
            ("B=1\nA=${B}2", "12"),
            ("A=b\r\n", "b"),
            ("# c\n\n  A=b", "b"),
            ("HOME\nA=$HOME", "/root"),
            ("A='it\\'s'", "it's"),
            ("A=a=b", "a=b"),
        ] {
            let (variables, problems) = read(text, Format::Compose);
            assert!(problems.is_empty(), "{text:?}: {problems}");
            assert_eq!(
                variables.get("A").map(String::as_str),
                Some(value),
                "{text:?}"
            );
        }
    }

    #[test]
    fn raw_keeps_all_of_it() {
        let (variables, _) = read("A='$HOME' # c", Format::Raw);
        assert_eq!(variables["A"], "'$HOME' # c");
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, message) in [
            (
                "B=1\na b=c",
                "error: .env:2:1: this line is not `NAME=value`",
            ),
            ("A='x\ny", "error: .env:1:1: no closing ' for this value"),
            ("A='x'y", "error: .env:1:1: text after the closing quote"),
            ("  A=${B", "error: .env:1:3: `${` without its `}`"),
        ] {
            let (_, problems) = read(text, Format::Compose);
            let first = problems.to_string();
            assert_eq!(first.lines().next(), Some(message), "{text:?}");
        }
    }
}
