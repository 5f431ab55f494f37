//! Physical lines to logical ones: directives, comments, continuations, here-documents.

use super::{Comment, Mistake};

/// Text that may have stood on several lines, and on which.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    pub text: String,
    /// Offset in `text` → line, ascending; the first offset is 0 wherever there is text.
    marks: Vec<(usize, u32)>,
}

impl Text {
    /// All of it on one line.
    pub fn on(line: u32, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            marks: vec![(0, line)],
        }
    }

    fn push(&mut self, line: u32, text: &str) {
        self.marks.push((self.text.len(), line));
        self.text.push_str(text);
    }

    /// The line on which this offset stood; 0 for text that stood nowhere.
    pub fn line_at(&self, offset: usize) -> u32 {
        let behind = self.marks.partition_point(|(start, _)| *start <= offset);
        self.marks
            .get(behind.saturating_sub(1))
            .map_or(0, |(_, line)| *line)
    }

    /// What is left from this offset on, which must be the start of a character.
    pub(crate) fn from(&self, offset: usize) -> Self {
        let mut rest = Self {
            text: self.text.get(offset..).unwrap_or("").to_owned(),
            marks: vec![(0, self.line_at(offset))],
        };
        rest.marks.extend(
            self.marks
                .iter()
                .filter(|(start, _)| *start > offset)
                .map(|(start, line)| (start - offset, *line)),
        );
        rest
    }
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    pub name: String,
    /// Its name was quoted: variables stay as they are.
    pub quoted: bool,
    pub body: Text,
}

/// One instruction with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logical {
    pub(super) text: Text,
    pub(super) heredocs: Vec<Heredoc>,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The escape character: `` ` `` after the directive that says so, else `\`.
pub(super) fn escape(text: &str) -> char {
    for line in text.trim_start_matches('\u{feff}').lines() {
        let Some(comment) = line.trim().strip_prefix('#') else {
            break;
        };
        let Some((name, value)) = comment.split_once('=') else {
            break;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" if value.trim() == "`" => return '`',
            "escape" | "syntax" | "check" => {}
            _ => break,
        }
    }
    '\\'
}

/// Joins lines. Comments and empty lines within a continuation are left out, as Docker does.
pub(super) fn logical(
    text: &str,
    escape: char,
    comments: &mut Vec<Comment>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Logical> {
    let mut all = Vec::new();
    let mut physical = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    let mut open: Option<Logical> = None;
    while let Some((number, line)) = physical.next() {
        let trimmed = line.trim_start();
        if let Some(comment) = trimmed.strip_prefix('#') {
            comments.push(Comment {
                line: number,
                text: comment.trim().to_owned(),
            });
            continue;
        }
        if trimmed.trim_end().is_empty() {
            continue;
        }
        let (content, goes_on) = continued(line, escape);
        let mut logical = open.take().unwrap_or_else(|| Logical {
            text: Text::default(),
            heredocs: Vec::new(),
            start: number,
            end: number,
        });
        let content = if logical.text.text.is_empty() {
            content.trim_start()
        } else {
            content
        };
        logical.text.push(number, content);
        logical.end = number;
        if goes_on {
            open = Some(logical);
            continue;
        }
        for (name, quoted, strip) in heredoc_names(&logical.text.text) {
            let (body, end) = heredoc(&name, strip, &mut physical);
            if end.is_none() {
                let message = format!("here-document `{name}` does not end");
                let fix = format!("write `{name}` alone on a line behind it");
                mistakes.push(Mistake::new(number, message).fix(fix));
            }
            logical.end = end.unwrap_or(logical.end);
            logical.heredocs.push(Heredoc { name, quoted, body });
        }
        all.push(logical);
    }
    all.extend(open);
    all
}

/// The line without its escape character at the end, and whether there was one. Two of them are
/// none.
fn continued(line: &str, escape: char) -> (&str, bool) {
    let end = line.trim_end_matches([' ', '\t', '\r']);
    match end.strip_suffix(escape) {
        Some(rest) if !rest.ends_with(escape) => (rest, true),
        _ => (end, false),
    }
}

/// Here-documents that begin in a `RUN`, `COPY` or `ADD`: name, quoted, whether tabs are stripped.
fn heredoc_names(text: &str) -> Vec<(String, bool, bool)> {
    let mut words = text.split_whitespace();
    let mut keyword = words.next().unwrap_or("").to_ascii_uppercase();
    if keyword == "ONBUILD" {
        keyword = words.next().unwrap_or("").to_ascii_uppercase();
    }
    if !matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    words_outside_quotes(text)
        .into_iter()
        .filter_map(|word| {
            let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
            let rest = word.strip_prefix("<<")?;
            let (rest, strip) = rest.strip_prefix('-').map_or((rest, false), |r| (r, true));
            let name = rest.trim_matches(['"', '\'']);
            let plain = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            plain.then(|| (name.to_owned(), name.len() != rest.len(), strip))
        })
        .collect()
}

/// Words with their quotes, cut at blanks that stand outside of quotes.
fn words_outside_quotes(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(q) if q == c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c.is_whitespace() => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words
}

/// Takes lines until the name; its last line, or `None` where the file ends first.
fn heredoc<'a>(
    name: &str,
    strip: bool,
    physical: &mut impl Iterator<Item = (u32, &'a str)>,
) -> (Text, Option<u32>) {
    let mut body = Text::default();
    for (number, line) in physical {
        let line = if strip {
            line.trim_start_matches('\t')
        } else {
            line
        };
        if line == name {
            return (body, Some(number));
        }
        body.push(number, line);
        body.text.push('\n');
    }
    (body, None)
}
