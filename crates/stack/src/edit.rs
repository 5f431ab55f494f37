//! Entries of `environments`, put into a `mainstay.yaml` that a person wrote, and taken out.
//!
//! The text is changed in one place and left alone everywhere else: comments, order and quotes
//! stay. What came of it is read again and compared: it must say what the file said before, and
//! the one entry more or less. Where that does not hold — flow style, anchors, several documents —
//! the edit is refused, and the caller prints what to write by hand.

use crate::source::Source;
use crate::tree::{Kind, Node};
use crate::yaml;
use mainstay_model::Problems;
use std::sync::Arc;

const SECTION: &str = "environments";

/// Why a file is not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it does not read as YAML: {0}")]
    Unreadable(String),
    #[error("it has several documents")]
    Documents,
    #[error("an environment `{0}` stands there already")]
    Exists(String),
    #[error("no environment `{0}` stands there")]
    Missing(String),
    #[error("its `environments` are not written one key a line")]
    Style,
    #[error("the change would have changed more than the environment `{0}`")]
    Unsafe(String),
}

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The whole text afterwards.
    pub text: String,
    /// The lines that came or went.
    pub lines: String,
    /// The first of them, from 1.
    pub line: usize,
}

/// Adds the environment; `body` are the lines of its entry, indented by two spaces a level as
/// they would stand below the name.
pub fn add_environment(text: &str, name: &str, body: &str) -> Result<Edit, EditError> {
    let before = read(text)?;
    let section = before.get(SECTION);
    if section.is_some_and(|section| section.entry(name).is_some()) {
        return Err(EditError::Exists(name.to_owned()));
    }
    let lines: Vec<&str> = text.lines().collect();
    let (at, indent, heading) = match before.entry(SECTION) {
        None => (lines.len(), 2, true),
        Some(entry) if entry.value.is_null() => (entry.at.line as usize, 2, false),
        Some(entry) => {
            let entries = entry.value.entries();
            let first = entries.first().ok_or(EditError::Style)?;
            if first.at.line == entry.at.line {
                return Err(EditError::Style);
            }
            let end = end_of(&lines, entry.at.line as usize, 0);
            (end, first.at.column as usize - 1, false)
        }
    };
    let mut added: Vec<String> = Vec::new();
    if heading {
        if lines.last().is_some_and(|line| !line.trim().is_empty()) {
            added.push(String::new());
        }
        added.push(format!("{SECTION}:"));
    }
    let pad = " ".repeat(indent);
    added.push(format!("{pad}{name}:"));
    added.extend(body.lines().map(|line| match line.trim() {
        "" => String::new(),
        _ => format!("{pad}  {line}"),
    }));
    let edit = splice(&lines, at, 0, &added);
    let after = read(&edit.text)?;
    let other = without(&after, name);
    let alone = before.get(SECTION).is_none();
    let same = same(&other, &without(&before, name), alone);
    if same && after.get(SECTION).is_some_and(|s| s.entry(name).is_some()) {
        Ok(edit)
    } else {
        Err(EditError::Unsafe(name.to_owned()))
    }
}

/// Takes the environment out, with the comment that stands right above it.
pub fn remove_environment(text: &str, name: &str) -> Result<Edit, EditError> {
    let before = read(text)?;
    let section = before.entry(SECTION);
    let missing = || EditError::Missing(name.to_owned());
    let section = section.ok_or_else(missing)?;
    let entry = section.value.entry(name).ok_or_else(missing)?;
    let indent = entry.at.column as usize - 1;
    let lines: Vec<&str> = text.lines().collect();
    let start = entry.at.line as usize - 1;
    if start < section.at.line as usize || indent == 0 {
        return Err(EditError::Style);
    }
    let end = end_of(&lines, start + 1, indent);
    let above = lines[..start]
        .iter()
        .rev()
        .take_while(|line| {
            let comment = line.trim_start();
            comment.starts_with('#') && line.len() - comment.len() == indent
        })
        .count();
    let edit = splice(&lines, start - above, end - (start - above), &[]);
    let after = read(&edit.text)?;
    let left = section.value.entries().len() == 1;
    if same(&after, &without(&before, name), left) {
        Ok(edit)
    } else {
        Err(EditError::Unsafe(name.to_owned()))
    }
}

/// The number of lines up to the end of what begins at `line` (from 1) with this indentation:
/// blank lines and comments that belong to what follows are not part of it.
fn end_of(lines: &[&str], line: usize, indent: usize) -> usize {
    let outdented = |text: &&str| {
        let trimmed = text.trim_start();
        !trimmed.is_empty() && text.len() - trimmed.len() <= indent
    };
    let next = lines[line..]
        .iter()
        .position(|text| outdented(text) && !text.trim_start().starts_with('#'))
        .map_or(lines.len(), |offset| line + offset);
    let tail = lines[line..next]
        .iter()
        .rev()
        .take_while(|text| text.trim().is_empty() || outdented(text))
        .count();
    next - tail
}

/// Puts `added` in the place of `count` lines from `at` on.
fn splice(lines: &[&str], at: usize, count: usize, added: &[String]) -> Edit {
    let gone = &lines[at..at + count];
    let all = lines[..at]
        .iter()
        .copied()
        .chain(added.iter().map(String::as_str))
        .chain(lines[at + count..].iter().copied());
    let mut text = String::new();
    for line in all {
        text.push_str(line);
        text.push('\n');
    }
    let lines = if count > 0 {
        gone.join("\n")
    } else {
        added.join("\n")
    };
    Edit {
        text,
        lines: lines.trim_matches('\n').to_owned(),
        line: at + 1,
    }
}

/// The one document of the text.
fn read(text: &str) -> Result<Node, EditError> {
    let source = Arc::new(Source {
        display: "mainstay.yaml".to_owned(),
        path: "/mainstay.yaml".into(),
        base: "/".into(),
    });
    let mut problems = Problems::default();
    let mut documents = yaml::parse(text, &source, &mut problems);
    if let Some(problem) = problems.iter().next() {
        return Err(EditError::Unreadable(problem.message.clone()));
    }
    if documents.len() > 1 {
        return Err(EditError::Documents);
    }
    let whole = documents.pop().filter(|node| !node.is_null());
    let whole = whole.unwrap_or_else(|| Node::empty_map(crate::source::At::whole(&source)));
    match whole.kind {
        Kind::Map(_) => Ok(whole),
        _ => Err(EditError::Style),
    }
}

/// The tree without the one environment.
fn without(whole: &Node, name: &str) -> Node {
    let mut whole = whole.clone();
    if let Some(section) = whole.get_mut(SECTION) {
        section.remove(name);
    }
    whole
}

/// Whether two trees say the same, wherever it stands. `empty`: an empty section is none.
fn same(a: &Node, b: &Node, empty: bool) -> bool {
    let strip = |node: &Node| {
        let mut node = node.clone();
        let nothing = node.get(SECTION).is_none_or(
            |section| matches!(&section.kind, Kind::Map(entries) if entries.is_empty()),
        );
        if empty && nothing {
            node.remove(SECTION);
        }
        node
    };
    equal(&strip(a), &strip(b))
}

fn equal(a: &Node, b: &Node) -> bool {
    a.tag == b.tag
        && match (&a.kind, &b.kind) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Scalar(a), Kind::Scalar(b)) => a == b,
            (Kind::List(a), Kind::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
            }
            (Kind::Map(a), Kind::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|(a, b)| a.key == b.key && equal(&a.value, &b.value))
            }
            _ => false,
        }
}

#[cfg(test)]
mod tests;
