//! `.dockerignore`, with Docker's meaning.
//!
//! Source: the Docker documentation, ".dockerignore files", and the behaviour of moby's
//! `patternmatcher`: lines are cleaned as paths, `*` and `?` stop at `/`, `**` does not, the last
//! pattern that matches a path or one of its parents decides, `!` takes back. Matching takes time
//! in proportion to pattern × path, whatever the pattern.

use crate::finding::Finding;
use crate::rule;

/// Patterns beyond these are not read.
pub const LIMIT_PATTERNS: usize = 10_000;

/// A whole file of patterns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    text: String,
    /// `!…`: takes back.
    negative: bool,
    /// Of the pattern's path.
    depth: usize,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Segment,
    /// `**` at the end.
    Rest,
    /// `**/`
    Directories,
    Class {
        negative: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Ignore {
    /// Reads the file; what is wrong with it is found, and the rest is used.
    pub fn parse(file: &str, text: &str) -> (Self, Vec<Finding>) {
        let mut read = Self::default();
        let mut findings = Vec::new();
        for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            if text.starts_with('#') || text.trim().is_empty() {
                continue;
            }
            let found = |message: String| Finding::new(&rule::CONTEXT_IGNORE, file, line, message);
            if read.patterns.len() == LIMIT_PATTERNS {
                findings.push(found(format!("more than {LIMIT_PATTERNS} patterns")));
                break;
            }
            match Pattern::parse(text.trim()) {
                Ok(Some(pattern)) => read.patterns.push(pattern),
                Ok(None) => {}
                Err(message) => findings.push(found(message)),
            }
        }
        (read, findings)
    }

    /// Whether a path (relative to the context, `/` between its parts) is left out.
    pub fn ignores(&self, path: &str) -> bool {
        let mut ignored = false;
        for pattern in &self.patterns {
            // It would change nothing.
            if pattern.negative != ignored {
                continue;
            }
            if pattern.matches_or_parent(path) {
                ignored = !pattern.negative;
            }
        }
        ignored
    }

    /// Whether something below an ignored directory may have been taken back, so that it has to
    /// be walked.
    pub fn may_keep_below(&self, directory: &str) -> bool {
        let depth = directory.split('/').count();
        self.patterns.iter().filter(|p| p.negative).any(|pattern| {
            let fixed = pattern.fixed();
            let shared = fixed
                .iter()
                .zip(directory.split('/'))
                .all(|(own, other)| *own == other);
            shared && (fixed.len() < pattern.depth || pattern.depth > depth)
        })
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Option<Self>, String> {
        let (negative, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, text),
        };
        if rest.is_empty() {
            return Err("`!` names nothing".to_owned());
        }
        let clean = clean(rest);
        // `.` and `/` would ignore everything; Docker takes no notice of them.
        if clean.is_empty() {
            return Ok(None);
        }
        let tokens = tokens(&clean).ok_or_else(|| format!("`{text}` is no pattern"))?;
        Ok(Some(Self {
            depth: clean.split('/').count(),
            text: clean,
            negative,
            tokens,
        }))
    }

    /// The parts before the first one with a wildcard.
    fn fixed(&self) -> Vec<&str> {
        self.text
            .split('/')
            .take_while(|part| !part.contains(['*', '?', '[', '\\']))
            .collect()
    }

    fn matches_or_parent(&self, path: &str) -> bool {
        let ends = path
            .char_indices()
            .filter(|(_, c)| *c == '/')
            .map(|(index, _)| index);
        self.matches(path) || ends.into_iter().any(|end| self.matches(&path[..end]))
    }

    /// Whether the tokens match the whole path: a set of token positions is moved along it.
    fn matches(&self, path: &str) -> bool {
        let size = self.tokens.len() + 1;
        let mut entered = vec![false; size];
        entered[0] = true;
        let mut stayed = vec![false; size];
        self.pass_empty(&mut entered, &stayed, false);
        for c in path.chars() {
            let mut next_entered = vec![false; size];
            let mut next_stayed = vec![false; size];
            for (at, token) in self.tokens.iter().enumerate() {
                if !(entered[at] || stayed[at]) {
                    continue;
                }
                match token {
                    Token::Literal(own) => next_entered[at + 1] |= *own == c,
                    Token::One => next_entered[at + 1] |= c != '/',
                    Token::Class { negative, ranges } => {
                        let within = ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
                        next_entered[at + 1] |= c != '/' && within != *negative;
                    }
                    Token::Segment => next_stayed[at] = c != '/',
                    Token::Rest | Token::Directories => next_stayed[at] = true,
                }
            }
            self.pass_empty(&mut next_entered, &next_stayed, c == '/');
            (entered, stayed) = (next_entered, next_stayed);
        }
        entered[size - 1]
    }

    /// Positions that are reached without a character. `**/` is nothing at all, or ends in `/`.
    fn pass_empty(&self, entered: &mut [bool], stayed: &[bool], behind_slash: bool) {
        for (at, token) in self.tokens.iter().enumerate() {
            entered[at + 1] |= match token {
                Token::Segment | Token::Rest => entered[at] || stayed[at],
                Token::Directories => entered[at] || (stayed[at] && behind_slash),
                _ => false,
            };
        }
    }
}

/// Cleans a path by its text: no `.`, no `..`, no slash at either end.
fn clean(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `None`: a class that does not close, or an escape of nothing.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                while chars.next_if_eq(&'*').is_some() {}
                let _ = chars.next_if_eq(&'/');
                if chars.peek().is_none() {
                    Token::Rest
                } else {
                    Token::Directories
                }
            }
            '*' => Token::Segment,
            '?' => Token::One,
            '\\' => Token::Literal(chars.next()?),
            '[' => class(&mut chars)?,
            c => Token::Literal(c),
        });
    }
    Some(tokens)
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negative = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match chars.next()? {
            ']' if !ranges.is_empty() => return Some(Token::Class { negative, ranges }),
            '\\' => chars.next()?,
            c => c,
        };
        let to = if chars.next_if_eq(&'-').is_some() {
            match chars.next()? {
                '\\' => chars.next()?,
                c => c,
            }
        } else {
            from
        };
        ranges.push((from, to));
    }
}

#[cfg(test)]
mod tests;
