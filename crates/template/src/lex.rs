//! Templates into tokens: text outside of `{{ }}`, words inside.
//!
//! White space separates operands, so it is a token; comments and trim markers are gone
//! afterwards.

use crate::error::{Source, TemplateError};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Between actions.
    Text(String),
    Open,
    Close,
    Space,
    /// `.`
    Dot,
    /// `.name`
    Field(String),
    /// `$` or `$name`
    Variable(String),
    Word(String),
    Literal(Arc<str>),
    Int(i64),
    Float(f64),
    Declare,
    Assign,
    Pipe,
    Comma,
    LeftParen,
    RightParen,
}

/// Where a token begins, and what it is.
pub(crate) type Placed = (usize, Token);

/// What may stand around a trim marker.
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// The tokens of a text.
pub(crate) fn tokens(source: &Source) -> Result<Vec<Placed>, TemplateError> {
    let mut lexer = Lexer {
        source,
        text: &source.text,
        at: 0,
        out: Vec::new(),
        trim_next: false,
    };
    lexer.run()?;
    Ok(lexer.out)
}

struct Lexer<'a> {
    source: &'a Source,
    text: &'a str,
    at: usize,
    out: Vec<Placed>,
    /// The action before ended with `-}}`.
    trim_next: bool,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), TemplateError> {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let Some(open) = rest.find("{{") else {
                self.plain(rest, false);
                break;
            };
            let inside = &rest[open + 2..];
            let trims = inside.starts_with('-') && inside[1..].starts_with(SPACES);
            self.plain(&rest[..open], trims);
            self.at += open;
            self.action(trims)?;
        }
        Ok(())
    }

    fn plain(&mut self, text: &str, trim_end: bool) {
        let start = self.at;
        let mut text = text;
        if self.trim_next {
            text = text.trim_start_matches(SPACES);
        }
        if trim_end {
            text = text.trim_end_matches(SPACES);
        }
        self.trim_next = false;
        if !text.is_empty() {
            self.out.push((start, Token::Text(text.to_owned())));
        }
    }

    /// From `{{` to `}}`.
    fn action(&mut self, trims: bool) -> Result<(), TemplateError> {
        let open = self.at;
        self.at += if trims { 3 } else { 2 };
        let rest = &self.text[self.at..];
        let inside = if trims {
            rest.trim_start_matches(SPACES)
        } else {
            rest
        };
        if inside.starts_with("/*") {
            self.at += rest.len() - inside.len();
            return self.comment(open);
        }
        self.out.push((open, Token::Open));
        loop {
            let rest = &self.text[self.at..];
            if let Some((length, trims)) = closes(rest) {
                self.out.push((self.at, Token::Close));
                self.at += length;
                self.trim_next = trims;
                return Ok(());
            }
            if rest.is_empty() {
                return Err(self
                    .source
                    .hinted(open, "unclosed action", "close it with `}}`"));
            }
            self.word(rest)?;
        }
    }

    fn comment(&mut self, open: usize) -> Result<(), TemplateError> {
        let rest = &self.text[self.at..];
        let Some(end) = rest[2..].find("*/") else {
            return Err(self.source.error(open, "unclosed comment"));
        };
        self.at += end + 4;
        let rest = &self.text[self.at..];
        let Some((length, trims)) = closes(rest) else {
            return Err(self.source.hinted(
                self.at,
                "a comment ends before its action does",
                "nothing but `*/}}` or `*/ -}}` may end it",
            ));
        };
        self.at += length;
        self.trim_next = trims;
        Ok(())
    }

    fn push(&mut self, token: Token, length: usize) {
        self.out.push((self.at, token));
        self.at += length;
    }

    fn word(&mut self, rest: &str) -> Result<(), TemplateError> {
        let first = rest.chars().next().unwrap_or(' ');
        let second = rest[first.len_utf8()..].chars().next().unwrap_or(' ');
        match first {
            c if SPACES.contains(&c) => {
                let length = rest.len() - rest.trim_start_matches(SPACES).len();
                // The space before `-}}` belongs to it.
                let length = if closes(&rest[length - 1..]).is_some() {
                    length - 1
                } else {
                    length
                };
                self.push(Token::Space, length);
            }
            ':' if second == '=' => self.push(Token::Declare, 2),
            '=' => self.push(Token::Assign, 1),
            '|' => self.push(Token::Pipe, 1),
            ',' => self.push(Token::Comma, 1),
            '(' => self.push(Token::LeftParen, 1),
            ')' => self.push(Token::RightParen, 1),
            '"' => return self.quoted(rest),
            '`' => {
                let Some(end) = rest[1..].find('`') else {
                    return Err(self.source.error(self.at, "unterminated raw quoted string"));
                };
                self.push(
                    Token::Literal(Arc::from(rest[1..=end].replace('\r', ""))),
                    end + 2,
                );
            }
            '\'' => return self.character(rest),
            '.' if !second.is_ascii_digit() => {
                let name = name(&rest[1..]);
                let token = if name.is_empty() {
                    Token::Dot
                } else {
                    Token::Field(name.to_owned())
                };
                self.push(token, 1 + name.len());
            }
            '$' => {
                let name = name(&rest[1..]);
                self.push(
                    Token::Variable(rest[..=name.len()].to_owned()),
                    1 + name.len(),
                );
            }
            '+' | '-' | '.' | '0'..='9' => return self.number(rest),
            c if is_name(c) => {
                let name = name(rest);
                self.push(Token::Word(name.to_owned()), name.len());
            }
            c => {
                return Err(self
                    .source
                    .error(self.at, format!("unexpected {c:?} in an action")));
            }
        }
        self.terminated()
    }

    /// Words end where something else than a word begins: `a"b"` is no two operands.
    fn terminated(&self) -> Result<(), TemplateError> {
        let Some((_, Token::Word(_) | Token::Field(_) | Token::Variable(_))) = self.out.last()
        else {
            return Ok(());
        };
        let rest = &self.text[self.at..];
        let fine = rest.is_empty()
            || rest.starts_with(SPACES)
            || rest.starts_with(['.', ',', '|', ':', '=', ')', '('])
            || rest.starts_with("}}");
        if fine {
            return Ok(());
        }
        let c = rest.chars().next().unwrap_or(' ');
        Err(self.source.error(self.at, format!("bad character {c:?}")))
    }

    fn quoted(&mut self, rest: &str) -> Result<(), TemplateError> {
        let mut escaped = false;
        for (index, c) in rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    let text = crate::quote::unquote(&rest[1..index], '"')
                        .map_err(|why| self.source.error(self.at, why))?;
                    self.push(Token::Literal(Arc::from(text)), index + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(self.source.error(self.at, "unterminated quoted string"))
    }

    fn character(&mut self, rest: &str) -> Result<(), TemplateError> {
        let mut escaped = false;
        for (index, c) in rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' => {
                    let text = crate::quote::unquote(&rest[1..index], '\'')
                        .map_err(|why| self.source.error(self.at, why))?;
                    let mut chars = text.chars();
                    let (Some(c), None) = (chars.next(), chars.next()) else {
                        return Err(self.source.error(
                            self.at,
                            format!("malformed character constant {}", &rest[..=index]),
                        ));
                    };
                    self.push(Token::Int(i64::from(u32::from(c))), index + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(self
            .source
            .error(self.at, "unterminated character constant"))
    }

    fn number(&mut self, rest: &str) -> Result<(), TemplateError> {
        let (length, number) =
            crate::number::scan(rest).map_err(|why| self.source.error(self.at, why))?;
        let token = match number {
            crate::number::Number::Int(value) => Token::Int(value),
            crate::number::Number::Float(value) => Token::Float(value),
        };
        self.push(token, length);
        Ok(())
    }
}

/// How long the end of an action is that stands here, and whether it trims.
fn closes(rest: &str) -> Option<(usize, bool)> {
    if rest.starts_with("}}") {
        return Some((2, false));
    }
    let spaced = rest.strip_prefix(SPACES)?;
    spaced.starts_with("-}}").then_some((4, true))
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn name(text: &str) -> &str {
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    &text[..end]
}
