//! Variables in words: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`; quotes go away.
//!
//! Source: the Dockerfile reference, "Environment replacement". The patterns of `${NAME#…}` and
//! `${NAME/…/…}` are not worked out: the word counts as unknown.

use std::collections::BTreeMap;

/// A word after expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// No variable in it was without a value that stands in the file.
    pub known: bool,
}

/// Name → value; `None`: it is set, but the file does not say to what.
pub(super) type Variables = BTreeMap<String, Option<Word>>;

/// Two layers of variables; the upper one wins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) upper: &'a Variables,
    pub(super) lower: &'a Variables,
}

impl<'a> Layers<'a> {
    fn get(self, name: &str) -> Option<&'a Option<Word>> {
        self.upper.get(name).or_else(|| self.lower.get(name))
    }
}

/// A value that grows beyond this by naming others is cut and counts as unknown.
const LIMIT: usize = 1 << 10;

/// How deep a default may hold another.
const DEPTH: u32 = 8;

pub(super) fn expand(text: &str, variables: Layers<'_>, escape: char) -> Word {
    let mut out = Word {
        text: String::new(),
        known: true,
    };
    into(&mut out, text, variables, escape, DEPTH);
    if out.text.len() > LIMIT.max(text.len()) {
        let end = out.text.floor_char_boundary(LIMIT);
        out.text.truncate(end);
        out.known = false;
    }
    out
}

fn into(out: &mut Word, text: &str, variables: Layers<'_>, escape: char, depth: u32) {
    let mut rest = text;
    let mut double = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\'' if !double => {
                let end = rest.find('\'').unwrap_or(rest.len());
                out.text.push_str(&rest[..end]);
                rest = rest.get(end + 1..).unwrap_or("");
            }
            '"' => double = !double,
            '$' => rest = variable(out, rest, variables, escape, depth),
            c if c == escape => {
                if let Some(next) = rest.chars().next() {
                    if double && !matches!(next, '"' | '$') && next != escape {
                        out.text.push(escape);
                    }
                    out.text.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
            c => out.text.push(c),
        }
    }
}

/// What stands behind a `$`; answers the rest of the text.
fn variable<'a>(
    out: &mut Word,
    rest: &'a str,
    variables: Layers<'_>,
    escape: char,
    depth: u32,
) -> &'a str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let Some(braced) = rest.strip_prefix('{') else {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if end == 0 {
            out.text.push('$');
        } else {
            put(out, variables.get(&rest[..end]));
        }
        return &rest[end..];
    };
    let Some(end) = closing(braced) else {
        out.text.push_str("${");
        out.known = false;
        return braced;
    };
    let (inside, behind) = (&braced[..end], &braced[end + 1..]);
    let name_end = inside.find(|c| !is_name(c)).unwrap_or(inside.len());
    let (name, operator) = inside.split_at(name_end);
    let value = variables.get(name);
    let empty_counts = operator.starts_with(':');
    let operator = operator.strip_prefix(':').unwrap_or(operator);
    // Whether it is set to something is not known where its value is not.
    let set = value.is_some_and(|value| {
        value
            .as_ref()
            .is_none_or(|word| !(empty_counts && word.text.is_empty()))
    });
    match operator.chars().next() {
        None | Some('?') => put(out, value),
        Some('-') if set => put(out, value),
        Some('-') if depth > 0 => into(out, &operator[1..], variables, escape, depth - 1),
        Some('+') if set && depth > 0 => into(out, &operator[1..], variables, escape, depth - 1),
        Some('+') if !set => {}
        Some(_) => out.known = false,
    }
    behind
}

/// Index of the `}` that belongs to the one that is open.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    for (index, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(index);
        }
    }
    None
}

fn put(out: &mut Word, value: Option<&Option<Word>>) {
    match value {
        Some(Some(word)) if out.text.len() <= LIMIT => {
            out.text.push_str(&word.text);
            out.known &= word.known;
        }
        // Unset variables are empty to Docker, but a build argument may be given to a build.
        _ => out.known = false,
    }
}
