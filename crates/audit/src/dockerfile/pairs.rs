//! Words and `name=value` pairs, as `ENV`, `ARG` and `LABEL` have them.

use super::instruction::{Instruction, Keyword};

/// One variable that an instruction sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    /// As written, with quotes and variables; `None`: an `ARG` without default.
    pub value: Option<String>,
}

/// Cut at blanks outside of quotes; quotes and escapes stay.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            (None | Some('"'), '\\') => {
                word.push(c);
                word.extend(chars.next());
                continue;
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What an `ENV`, `ARG` or `LABEL` sets, also in the old form `ENV name value`.
pub(super) fn read(instruction: &Instruction) -> Vec<Pair> {
    let words = words(&instruction.text.text);
    let old_form = instruction.keyword != Keyword::Arg
        && words.first().is_some_and(|word| !word.contains('='));
    if old_form {
        let text = instruction.text.text.trim();
        let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        return vec![Pair {
            name: name.to_owned(),
            value: Some(value.trim().to_owned()),
        }];
    }
    words
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => Pair {
                name: name.to_owned(),
                value: Some(value.to_owned()),
            },
            None => Pair {
                name: word,
                value: None,
            },
        })
        .collect()
}

impl Instruction {
    /// What an `ENV`, `ARG` or `LABEL` sets; empty for any other.
    pub fn pairs(&self) -> Vec<Pair> {
        match self.keyword {
            Keyword::Env | Keyword::Arg | Keyword::Label => read(self),
            _ => Vec::new(),
        }
    }
}
