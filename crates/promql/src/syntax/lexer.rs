//! Text to tokens.
//!
//! One token at a time, without allocation; the first character that fits nowhere ends it with an
//! error and its place. What is a keyword elsewhere is a plain name inside braces.

use super::token::{Kind, Token, word};
use crate::ast::{BinaryOp, Span};

/// What went wrong, and from where on.
pub(crate) type LexError = (Span, String);

/// A cursor over the text.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    in_braces: bool,
    in_brackets: bool,
    parens: usize,
    /// The token after the next `}` is the end.
    ends_after_brace: bool,
    ended: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            in_braces: false,
            in_brackets: false,
            parens: 0,
            ends_after_brace: false,
            ended: false,
        }
    }

    /// Makes the token behind the next right brace the end.
    pub(crate) fn stop_after_brace(&mut self) {
        self.ends_after_brace = true;
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes the next character if it is this one.
    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_while(&mut self, mut belongs: impl FnMut(char) -> bool) {
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            self.at += c.len_utf8();
        }
    }

    fn skip_space_and_comments(&mut self) {
        loop {
            self.skip_while(is_space);
            if !self.rest().starts_with('#') {
                return;
            }
            self.skip_while(|c| c != '\n' && c != '\r');
        }
    }

    fn error(&self, start: usize, message: String) -> LexError {
        let end = self.text.len().max(start);
        (Span { start, end }, message)
    }

    fn token(&self, start: usize, kind: Kind) -> Token {
        let end = self.at;
        Token {
            kind,
            span: Span { start, end },
        }
    }

    /// The next token; at the end [`Kind::End`], again and again.
    pub(crate) fn next(&mut self) -> Result<Token, LexError> {
        if self.ended {
            return Ok(self.token(self.at, Kind::End));
        }
        self.skip_space_and_comments();
        let start = self.at;
        let Some(first) = self.peek() else {
            return self.end(start);
        };
        let kind = if self.in_braces {
            self.inside_braces(first, start)?
        } else if self.in_brackets {
            self.inside_brackets(first, start)?
        } else {
            self.outside(first, start)?
        };
        Ok(self.token(start, kind))
    }

    fn end(&self, start: usize) -> Result<Token, LexError> {
        let message = if self.in_braces {
            "unexpected end of input inside braces"
        } else if self.in_brackets {
            "unexpected end of input in duration expression"
        } else if self.parens > 0 {
            "unclosed left parenthesis"
        } else {
            return Ok(self.token(start, Kind::End));
        };
        Err(self.error(start, message.to_owned()))
    }

    fn outside(&mut self, first: char, start: usize) -> Result<Kind, LexError> {
        if first.is_ascii_digit() || first == '.' && self.second_is_digit() {
            return self.number_or_duration(start);
        }
        if is_alpha(first) || first == ':' {
            self.skip_while(|c| is_alphanumeric(c) || c == ':');
            return Ok(self.word(start));
        }
        if matches!(first, '"' | '\'' | '`') {
            return self.string(first, start);
        }
        self.at += first.len_utf8();
        match first {
            '(' => self.parens += 1,
            ')' => {
                let open = self.parens.checked_sub(1);
                self.parens = open.ok_or_else(|| {
                    self.error(self.at, "unexpected right parenthesis ')'".into())
                })?;
            }
            '{' => self.in_braces = true,
            '[' => self.in_brackets = true,
            ']' => return Err(self.error(start, "unexpected right bracket ']'".into())),
            _ => {}
        }
        self.symbol(first, start)
    }

    /// A keyword or a name. `fill` is a keyword only before a parenthesis, so that metrics of that
    /// name go on working.
    fn word(&self, start: usize) -> Kind {
        let text = self.text.get(start..self.at).unwrap_or_default();
        let kind = word(text);
        let called = self.rest().trim_start_matches(is_space).starts_with('(');
        if kind == Kind::Keyword(super::token::Keyword::Fill) && !called {
            return Kind::Identifier;
        }
        kind
    }

    fn symbol(&mut self, first: char, start: usize) -> Result<Kind, LexError> {
        Ok(match first {
            '(' => Kind::LeftParen,
            ')' => Kind::RightParen,
            '{' => Kind::LeftBrace,
            '[' => Kind::LeftBracket,
            ',' => Kind::Comma,
            '@' => Kind::At,
            '*' => Kind::Op(BinaryOp::Mul),
            '/' => Kind::Op(BinaryOp::Div),
            '%' => Kind::Op(BinaryOp::Mod),
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            '^' => Kind::Op(BinaryOp::Pow),
            '=' if self.eat('=') => Kind::Op(BinaryOp::Equal),
            '=' if self.peek() == Some('~') => {
                return Err(self.error(start, "unexpected character after '=': '~'".into()));
            }
            '=' => Kind::Equal,
            '!' if self.eat('=') => Kind::Op(BinaryOp::NotEqual),
            '!' => {
                let next = self
                    .peek()
                    .map_or_else(|| "end of input".into(), |c| format!("{c:?}"));
                let message = format!("unexpected character after '!': {next}");
                return Err(self.error(start, message));
            }
            '<' if self.eat('=') => Kind::Op(BinaryOp::LessOrEqual),
            '>' if self.eat('=') => Kind::Op(BinaryOp::GreaterOrEqual),
            '<' | '>' if self.eat('/') => Kind::Trim,
            '<' => Kind::Op(BinaryOp::Less),
            '>' => Kind::Op(BinaryOp::Greater),
            other => return Err(self.error(start, format!("unexpected character: {other:?}"))),
        })
    }

    fn inside_braces(&mut self, first: char, start: usize) -> Result<Kind, LexError> {
        if is_alpha(first) {
            self.skip_while(is_alphanumeric);
            return Ok(Kind::Identifier);
        }
        if matches!(first, '"' | '\'' | '`') {
            return self.string(first, start);
        }
        self.at += first.len_utf8();
        Ok(match first {
            ',' => Kind::Comma,
            '=' if self.eat('~') => Kind::EqualRegex,
            '=' => Kind::Equal,
            '!' if self.eat('~') => Kind::NotRegex,
            '!' if self.eat('=') => Kind::Op(BinaryOp::NotEqual),
            '}' => {
                self.in_braces = false;
                self.ended = self.ends_after_brace;
                Kind::RightBrace
            }
            '{' => return Err(self.error(start, "unexpected left brace '{'".into())),
            '!' => {
                let message = "unexpected character after '!' inside braces".into();
                return Err(self.error(start, message));
            }
            other => {
                let message = format!("unexpected character inside braces: {other:?}");
                return Err(self.error(start, message));
            }
        })
    }

    /// Between `[` and `]`: durations, a colon, and what duration expressions are made of.
    fn inside_brackets(&mut self, first: char, start: usize) -> Result<Kind, LexError> {
        if first.is_ascii_digit() || first == '.' && self.second_is_digit() {
            return self.number_or_duration(start);
        }
        if is_alpha(first) {
            self.skip_while(is_alphanumeric);
            return Ok(word(self.text.get(start..self.at).unwrap_or_default()));
        }
        self.at += first.len_utf8();
        match first {
            ':' => Ok(Kind::Colon),
            ']' => {
                self.in_brackets = false;
                Ok(Kind::RightBracket)
            }
            '(' | ')' | ',' | '+' | '-' | '*' | '/' | '%' | '^' => self.symbol(first, start),
            other => {
                let message = format!("unexpected character in duration expression: {other:?}");
                Err(self.error(start, message))
            }
        }
    }

    fn second_is_digit(&self) -> bool {
        self.rest()
            .chars()
            .nth(1)
            .is_some_and(|c| c.is_ascii_digit())
    }

    /// Up to the closing quote; what the escapes mean is looked at later.
    fn string(&mut self, quote: char, start: usize) -> Result<Kind, LexError> {
        self.at += quote.len_utf8();
        loop {
            let Some(c) = self.peek() else {
                let kind = if quote == '`' { "raw" } else { "quoted" };
                return Err(self.error(start, format!("unterminated {kind} string")));
            };
            self.at += c.len_utf8();
            match c {
                c if c == quote => return Ok(Kind::String),
                '\n' if quote != '`' => {
                    return Err(self.error(start, "unterminated quoted string".into()));
                }
                '\\' if quote != '`' => self.at += self.peek().map_or(0, char::len_utf8),
                _ => {}
            }
        }
    }

    /// A number in any of Go's forms, or a duration like `1h30m`.
    fn number_or_duration(&mut self, start: usize) -> Result<Kind, LexError> {
        self.skip_while(is_alphanumeric_or_dot);
        let exponent = |text: &str| {
            let hex = text.starts_with("0x") || text.starts_with("0X");
            !hex && text.ends_with(['e', 'E'])
        };
        let text = |lexer: &Self| lexer.text.get(start..lexer.at).unwrap_or_default();
        if exponent(text(self)) && matches!(self.peek(), Some('+' | '-')) {
            self.at += 1;
            self.skip_while(is_alphanumeric_or_dot);
        }
        let text = text(self);
        if super::number::number(text).is_some() {
            return Ok(Kind::Number);
        }
        if super::number::looks_like_duration(text) {
            return Ok(Kind::Duration);
        }
        let message = format!("bad number or duration syntax: {text:?}");
        Err(self.error(start, message))
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}

fn is_alphanumeric_or_dot(c: char) -> bool {
    is_alphanumeric(c) || c == '.'
}
