//! Tokens to a tree, by precedence.
//!
//! Ranges, `offset` and `@` stand in `time`, selectors in `selector`. The rules are those of Prometheus's grammar: unary minus binds like `*`, `^` to the right,
//! and ranges, `offset` and `@` closer than any operator.

use super::lexer::{LexError, Lexer};
use super::token::{Keyword, Kind, Token};
use super::{MAX_DEPTH, number, text};
use crate::ast::{
    Aggregate, Aggregation, Binary, BinaryOp, Call, Cardinality, Expr, Matching, Number, Paren,
    Selector, Span, StringLiteral, Unary,
};
use crate::functions;

/// An error is a place and a message.
pub(crate) type Parsed<T> = Result<T, LexError>;

/// What binds at least as strongly as this is taken into an operand.
const LOWEST: u8 = 1;

/// A lexer, and the token that comes next.
pub(crate) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    pub(super) next: Token,
    /// The end of the token before.
    pub(super) last_end: usize,
    depth: usize,
    /// Functions that are experimental in Prometheus may be called.
    experimental: bool,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str, experimental: bool) -> Parsed<Self> {
        let mut lexer = Lexer::new(text);
        let next = lexer.next()?;
        Ok(Self {
            text,
            lexer,
            next,
            last_end: 0,
            depth: 0,
            experimental,
        })
    }

    /// The whole text as one expression.
    pub(crate) fn whole(mut self) -> Parsed<Expr> {
        if self.next.kind == Kind::End {
            let message = "no expression found in input".to_owned();
            return Err((Span::default(), message));
        }
        let expr = self.expression(LOWEST)?;
        if self.next.kind != Kind::End {
            return Err(self.unexpected("", ""));
        }
        Ok(expr)
    }

    /// The whole text as one selector, without a range, `offset` or `@`.
    pub(super) fn whole_selector(mut self) -> Parsed<Selector> {
        let name = match self.next.kind {
            Kind::LeftBrace => None,
            kind if kind.names_metric() => Some(self.advance()?),
            _ => return Err(self.unexpected("", "")),
        };
        let selector = self.selector(name)?;
        if self.next.kind != Kind::End {
            return Err(self.unexpected("", ""));
        }
        Ok(selector)
    }

    /// A selector, whatever follows it: what follows is not even looked at.
    pub(super) fn selector_only(&mut self) -> Parsed<Selector> {
        self.lexer.stop_after_brace();
        self.selector(None)
    }

    pub(super) fn text_of(&self, token: Token) -> &'a str {
        self.text
            .get(token.span.start..token.span.end)
            .unwrap_or_default()
    }

    /// Takes the next token.
    pub(super) fn advance(&mut self) -> Parsed<Token> {
        let taken = self.next;
        self.last_end = taken.span.end;
        self.next = self.lexer.next()?;
        Ok(taken)
    }

    /// Takes the next token if it is of this kind.
    pub(super) fn eat(&mut self, kind: Kind) -> Parsed<bool> {
        let found = self.next.kind == kind;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn eat_keyword(&mut self, keyword: Keyword) -> Parsed<bool> {
        self.eat(Kind::Keyword(keyword))
    }

    /// The next token fits nowhere.
    pub(super) fn unexpected(&self, context: &str, expected: &str) -> LexError {
        use std::fmt::Write as _;
        let token = self.next.kind.describe(self.text_of(self.next));
        let mut message = format!("unexpected {token}");
        if !context.is_empty() {
            let _ = write!(message, " in {context}");
        }
        if !expected.is_empty() {
            let _ = write!(message, ", expected {expected}");
        }
        (self.next.span, message)
    }

    pub(super) fn deeper(&mut self, by: usize) -> Parsed<()> {
        self.depth += by;
        if self.depth > MAX_DEPTH {
            let message = format!("expression is nested more than {} deep", MAX_DEPTH / 2);
            return Err((self.next.span, message));
        }
        Ok(())
    }

    fn expression(&mut self, lowest: u8) -> Parsed<Expr> {
        let before = self.depth;
        self.deeper(2)?;
        let mut left = self.operand()?;
        while let Kind::Op(op) = self.next.kind {
            if op.precedence() < lowest {
                break;
            }
            self.deeper(1)?;
            self.advance()?;
            let (matching, return_bool) = self.binary_modifiers()?;
            // `^` takes everything to its right that binds like it, the others leave it.
            let right_from = op.precedence() + u8::from(op != BinaryOp::Pow);
            let right = self.expression(right_from)?;
            left = Expr::Binary(Box::new(Binary {
                op,
                left,
                right,
                matching: Some(matching),
                return_bool,
            }));
        }
        if self.next.kind == Kind::Trim {
            let op = self.text_of(self.next);
            let message = format!("operator {op:?} is experimental and not supported");
            return Err((self.next.span, message));
        }
        self.depth = before;
        Ok(left)
    }

    /// What stands between two operators, with what belongs to it on the right.
    fn operand(&mut self) -> Parsed<Expr> {
        if let Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.next.kind {
            return self.unary(op == BinaryOp::Sub);
        }
        let mut expr = self.primary()?;
        loop {
            expr = match self.next.kind {
                Kind::LeftBracket => self.range(expr)?,
                Kind::Keyword(Keyword::Offset) => self.offset(expr)?,
                Kind::At => self.at(expr)?,
                Kind::Keyword(Keyword::Anchored | Keyword::Smoothed) => {
                    let word = self.text_of(self.next);
                    let message = format!("{word} modifier is experimental and not supported");
                    return Err((self.next.span, message));
                }
                _ => return Ok(expr),
            };
        }
    }

    fn unary(&mut self, negative: bool) -> Parsed<Expr> {
        let start = self.advance()?.span.start;
        let expr = self.expression(BinaryOp::Pow.precedence())?;
        if let Expr::Number(mut number) = expr {
            number.value = if negative {
                -number.value
            } else {
                number.value
            };
            number.span.start = start;
            return Ok(Expr::Number(number));
        }
        Ok(Expr::Unary(Box::new(Unary {
            negative,
            expr,
            start,
        })))
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.next;
        match token.kind {
            Kind::LeftParen => {
                self.advance()?;
                let expr = self.expression(LOWEST)?;
                if self.next.kind != Kind::RightParen {
                    return Err(self.unexpected("", ""));
                }
                let end = self.advance()?.span;
                let span = token.span.to(end);
                Ok(Expr::Paren(Box::new(Paren { expr, span })))
            }
            Kind::Number | Kind::Duration => self.number().map(Expr::Number),
            Kind::String => {
                self.advance()?;
                let span = token.span;
                let text = text::unquote(self.text_of(token)).map_err(|e| (span, e))?;
                let is_text = text.is_ok();
                let value = text.unwrap_or_else(|escaped| escaped);
                Ok(Expr::String(StringLiteral {
                    value,
                    is_text,
                    span,
                }))
            }
            Kind::LeftBrace => self.selector(None).map(Expr::Selector),
            kind if kind.names_metric() => self.named(),
            _ => Err(self.unexpected("", "")),
        }
    }

    /// A name begins an aggregation, a function or a selector: what follows tells.
    fn named(&mut self) -> Parsed<Expr> {
        let name = self.advance()?;
        let called = self.next.kind == Kind::LeftParen;
        let grouped = matches!(
            self.next.kind,
            Kind::Keyword(Keyword::By | Keyword::Without)
        );
        match name.kind {
            Kind::Aggregation(op) if called || grouped => self.aggregate(op, name.span),
            Kind::ExperimentalAggregation if called || grouped => {
                let message = format!("{}() is experimental and not supported", self.text_of(name));
                Err((name.span, message))
            }
            Kind::Identifier | Kind::Keyword(_) if called => self.call(name),
            _ => self.selector(Some(name)).map(Expr::Selector),
        }
    }

    /// A number or a duration, which is a number of seconds.
    pub(super) fn number(&mut self) -> Parsed<Number> {
        let token = self.advance()?;
        let written = self.text_of(token);
        let duration = token.kind == Kind::Duration;
        let value = if duration {
            number::duration_ms(written).map(|ms| ms as f64 / 1000.0)
        } else {
            number::number(written).ok_or_else(|| format!("error parsing number: {written:?}"))
        };
        Ok(Number {
            value: value.map_err(|message| (token.span, message))?,
            duration,
            span: token.span,
        })
    }

    fn call(&mut self, name: Token) -> Parsed<Expr> {
        let found = functions::find(self.text_of(name), self.experimental);
        let args = self.arguments()?;
        let function = found.map_err(|message| (name.span, message))?;
        let span = Span {
            start: name.span.start,
            end: self.last_end,
        };
        Ok(Expr::Call(Call {
            function,
            args,
            span,
        }))
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        if self.next.kind != Kind::LeftParen {
            return Err(self.unexpected("aggregation", ""));
        }
        self.advance()?;
        let mut args = Vec::new();
        if self.eat(Kind::RightParen)? {
            return Ok(args);
        }
        loop {
            args.push(self.expression(LOWEST)?);
            let separator = self.next;
            if self.eat(Kind::RightParen)? {
                return Ok(args);
            }
            if !self.eat(Kind::Comma)? {
                return Err(self.unexpected("", ""));
            }
            if self.next.kind == Kind::RightParen {
                let message = "trailing commas not allowed in function call args".to_owned();
                return Err((separator.span, message));
            }
        }
    }

    fn aggregate(&mut self, op: Aggregation, start: Span) -> Parsed<Expr> {
        let mut modifier = self.aggregate_modifier()?;
        let mut args = self.arguments()?;
        if modifier.is_none() {
            modifier = self.aggregate_modifier()?;
        }
        let (without, grouping) = modifier.unwrap_or_default();
        let span = Span {
            start: start.start,
            end: self.last_end,
        };
        let wanted = 1 + usize::from(op.param().is_some());
        let found = args.len();
        let expr = args.pop();
        let (Some(expr), true) = (expr, found == wanted) else {
            let message = if found == 0 {
                "no arguments for aggregate expression provided".to_owned()
            } else {
                format!(
                    "wrong number of arguments for aggregate expression provided, expected \
                     {wanted}, got {found}"
                )
            };
            return Err((span, message));
        };
        Ok(Expr::Aggregate(Box::new(Aggregate {
            op,
            expr,
            param: args.pop(),
            grouping,
            without,
            span,
        })))
    }

    /// `by (…)` or `without (…)`; of the latter `true`.
    fn aggregate_modifier(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = match self.next.kind {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some((without, self.grouping_labels()?)))
    }

    /// `bool`, `on` or `ignoring`, `group_left` or `group_right`.
    fn binary_modifiers(&mut self) -> Parsed<(Matching, bool)> {
        let mut matching = Matching {
            cardinality: Cardinality::OneToOne,
            labels: Vec::new(),
            on: false,
            include: Vec::new(),
        };
        let return_bool = self.eat_keyword(Keyword::Bool)?;
        matching.on = self.next.kind == Kind::Keyword(Keyword::On);
        if matching.on || self.next.kind == Kind::Keyword(Keyword::Ignoring) {
            self.advance()?;
            matching.labels = self.grouping_labels()?;
            matching.cardinality = match self.next.kind {
                Kind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
                Kind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
                _ => Cardinality::OneToOne,
            };
            if matching.cardinality != Cardinality::OneToOne {
                self.advance()?;
                if self.next.kind == Kind::LeftParen {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        if self.next.kind == Kind::Keyword(Keyword::Fill) {
            let message = "binop fill modifiers are experimental and not supported".to_owned();
            return Err((self.next.span, message));
        }
        Ok((matching, return_bool))
    }
}
