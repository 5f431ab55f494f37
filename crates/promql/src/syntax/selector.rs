//! Selectors, matchers and lists of labels.

use mainstay_series::{Labels, METRIC_NAME, MatchOp, Matcher};

use super::parser::{Parsed, Parser};
use super::text;
use super::token::{Kind, Token};
use crate::ast::{BinaryOp, Selector, Span, TimeShift};

impl Parser<'_> {
    /// `name`, `name{…}` or `{…}`; the name is taken already.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<Selector> {
        let start = name.map_or(self.next.span, |name| name.span);
        let mut matchers = Vec::new();
        if self.next.kind == Kind::LeftBrace {
            self.advance()?;
            self.matchers(&mut matchers)?;
        }
        let end = self.last_end;
        let name = name.map(|name| self.text_of(name).to_owned());
        if let Some(name) = &name {
            matchers.push(Matcher::equal(METRIC_NAME, name));
        }
        Ok(Selector {
            name,
            matchers,
            time: TimeShift::default(),
            span: Span {
                start: start.start,
                end,
            },
        })
    }

    fn matchers(&mut self, into: &mut Vec<Matcher>) -> Parsed<()> {
        if self.eat(Kind::RightBrace)? {
            return Ok(());
        }
        loop {
            into.push(self.matcher()?);
            if self.eat(Kind::RightBrace)? {
                return Ok(());
            }
            if !self.eat(Kind::Comma)? {
                return Err(self.unexpected("label matching", "\",\" or \"}\""));
            }
            if self.eat(Kind::RightBrace)? {
                return Ok(());
            }
        }
    }

    /// `label="value"`, or a metric's name in quotes.
    fn matcher(&mut self) -> Parsed<Matcher> {
        let label = self.next;
        let name = match label.kind {
            Kind::Identifier => self.text_of(label).to_owned(),
            Kind::String => self.unquoted(label)?,
            _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
        };
        self.advance()?;
        let op = match self.next.kind {
            Kind::Equal => MatchOp::Equal,
            Kind::Op(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::EqualRegex => MatchOp::Regex,
            Kind::NotRegex => MatchOp::NotRegex,
            _ if label.kind == Kind::String => return Ok(Matcher::equal(METRIC_NAME, name)),
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.advance()?;
        if self.next.kind != Kind::String {
            return Err(self.unexpected("label matching", "string"));
        }
        let literal = self.advance()?;
        let value = self.unquoted(literal)?;
        let span = label.span.to(literal.span);
        Matcher::new(op, name, value).map_err(|error| (span, error.to_string()))
    }

    fn unquoted(&self, token: Token) -> Parsed<String> {
        text::unquote_text(self.text_of(token)).map_err(|message| (token.span, message))
    }

    /// `(a, b)`, perhaps empty, perhaps with a comma at the end.
    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        let mut labels = Vec::new();
        if self.next.kind != Kind::LeftParen {
            return Err(self.unexpected("grouping opts", "\"(\""));
        }
        self.advance()?;
        while self.next.kind != Kind::RightParen {
            labels.push(self.grouping_label()?);
            if !self.eat(Kind::Comma)? && self.next.kind != Kind::RightParen {
                return Err(self.unexpected("grouping opts", "\",\" or \")\""));
            }
        }
        self.advance()?;
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.next;
        let name = match token.kind {
            Kind::String => self.unquoted(token)?,
            kind if kind.names_label() => self.text_of(token).to_owned(),
            _ => return Err(self.unexpected("grouping opts", "label")),
        };
        if name.is_empty() {
            let message = format!("invalid label name for grouping: {name:?}");
            return Err((token.span, message));
        }
        self.advance()?;
        Ok(name)
    }
}

/// `name{label="value"}` at the beginning of a text, and the text behind it.
pub(super) fn series(text: &str) -> Parsed<(Labels, &str)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let name_end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
        .unwrap_or(text.len());
    let (name, mut rest) = text.split_at(name_end);
    if !name.is_empty() {
        pairs.push((METRIC_NAME.to_owned(), name.to_owned()));
    }
    if rest.starts_with('{') && !rest.starts_with("{{") {
        let mut parser = Parser::new(rest, false)?;
        let selector = parser.selector_only()?;
        for matcher in &selector.matchers {
            if matcher.op() != MatchOp::Equal {
                let message = "unexpected operator in label set, expected \"=\"".to_owned();
                return Err((selector.span, message));
            }
            pairs.push((matcher.name().to_owned(), matcher.value().to_owned()));
        }
        rest = rest.get(selector.span.end..).unwrap_or_default();
    }
    Ok((Labels::from_pairs(pairs), rest))
}
