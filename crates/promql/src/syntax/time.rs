//! What says at which time a selector looks: ranges, subqueries, `offset`, `@`.

use super::lexer::LexError;
use super::number;
use super::parser::{Parsed, Parser};
use super::token::{Keyword, Kind};
use crate::ast::{At, BinaryOp, Expr, Matrix, Span, Subquery, TimeShift};

impl Parser<'_> {
    /// `[5m]` or `[5m:1m]` behind an expression.
    pub(super) fn range(&mut self, expr: Expr) -> Parsed<Expr> {
        self.deeper(1)?;
        let open = self.advance()?.span;
        let range_ms = self.bracket_duration("subquery or range selector")?;
        if self.eat(Kind::Colon)? {
            let step_ms = match self.next.kind {
                Kind::RightBracket => None,
                _ => Some(self.bracket_duration("subquery selector")?),
            };
            if !self.eat(Kind::RightBracket)? {
                return Err(self.duration_ended_badly("subquery selector", "\"]\""));
            }
            return Ok(Expr::Subquery(Box::new(Subquery {
                expr,
                range_ms,
                step_ms,
                time: TimeShift::default(),
                end: self.last_end,
            })));
        }
        if !self.eat(Kind::RightBracket)? {
            return Err(self.duration_ended_badly("subquery or range", "\":\" or \"]\""));
        }
        let end = Span {
            start: open.start,
            end: self.last_end,
        };
        let refused = |message: &str| Err((end, message.to_owned()));
        match expr {
            Expr::Selector(selector) if selector.time.offset_ms != 0 => {
                refused("no offset modifiers allowed before range")
            }
            Expr::Selector(selector) if selector.time.at.is_some() => {
                refused("no @ modifiers allowed before range")
            }
            Expr::Selector(selector) => {
                let span = selector.span.to(end);
                Ok(Expr::Matrix(Matrix {
                    selector,
                    range_ms,
                    span,
                }))
            }
            _ => refused("ranges only allowed for vector selectors"),
        }
    }

    /// A positive number or duration between brackets, in milliseconds.
    fn bracket_duration(&mut self, context: &str) -> Parsed<i64> {
        let start = self.next.span;
        let mut negative = false;
        while let Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.next.kind {
            negative ^= op == BinaryOp::Sub;
            self.advance()?;
        }
        if !matches!(self.next.kind, Kind::Number | Kind::Duration) {
            return Err(self.duration_ended_badly(context, "number or duration"));
        }
        let number = self.number()?;
        if matches!(self.next.kind, Kind::Op(_)) {
            return Err(self.duration_ended_badly(context, ""));
        }
        let span = start.to(number.span);
        if negative || number.value.is_nan() || number.value <= 0.0 {
            return Err((span, "duration must be greater than 0".to_owned()));
        }
        number::seconds_to_ms(number.value)
            .filter(|ms| *ms > 0)
            .ok_or_else(|| (span, "duration out of range".to_owned()))
    }

    /// What is no duration may be the beginning of a duration expression: refused by name.
    fn duration_ended_badly(&self, context: &str, expected: &str) -> LexError {
        let arithmetic = matches!(
            self.next.kind,
            Kind::Op(_) | Kind::LeftParen | Kind::Keyword(Keyword::Context)
        );
        if arithmetic {
            let message = "duration expressions are experimental and not supported".to_owned();
            return (self.next.span, message);
        }
        self.unexpected(context, expected)
    }

    pub(super) fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.advance()?;
        let start = self.next.span;
        let mut negative = false;
        if let Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.next.kind {
            negative = op == BinaryOp::Sub;
            self.advance()?;
        }
        if !matches!(self.next.kind, Kind::Number | Kind::Duration) {
            return Err(self.duration_ended_badly("offset", "number or duration"));
        }
        let number = self.number()?;
        let value = if negative {
            -number.value
        } else {
            number.value
        };
        let ms = number::seconds_to_ms(value)
            .ok_or_else(|| (start.to(number.span), "duration out of range".to_owned()))?;
        let span = expr.span();
        let end = self.last_end;
        let Some(time) = time_of(&mut expr, end) else {
            let message = "offset modifier must be preceded by an instant vector selector or \
                           range vector selector or a subquery";
            return Err((span, message.to_owned()));
        };
        if time.offset_ms != 0 {
            return Err((span, "offset may not be set multiple times".to_owned()));
        }
        time.offset_ms = ms;
        Ok(expr)
    }

    pub(super) fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.advance()?;
        let span = expr.span();
        let at = self.at_time(span)?;
        let end = self.last_end;
        let Some(time) = time_of(&mut expr, end) else {
            let message = "@ modifier must be preceded by an instant vector selector or range \
                           vector selector or a subquery";
            return Err((span, message.to_owned()));
        };
        if time.at.is_some() {
            let message = "@ <timestamp> may not be set multiple times".to_owned();
            return Err((span, message));
        }
        time.at = Some(at);
        Ok(expr)
    }

    fn at_time(&mut self, span: Span) -> Parsed<At> {
        if let Kind::Keyword(keyword @ (Keyword::Start | Keyword::End)) = self.next.kind {
            self.advance()?;
            if !self.eat(Kind::LeftParen)? || !self.eat(Kind::RightParen)? {
                return Err(self.unexpected("@", "timestamp"));
            }
            return Ok(match keyword {
                Keyword::Start => At::Start,
                _ => At::End,
            });
        }
        let mut sign = 1.0;
        if let Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.next.kind {
            sign = if op == BinaryOp::Sub { -1.0 } else { 1.0 };
            self.advance()?;
        }
        if !matches!(self.next.kind, Kind::Number | Kind::Duration) {
            return Err(self.unexpected("@", "timestamp"));
        }
        let seconds = sign * self.number()?.value;
        if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 / 1000.0 {
            let message = format!("timestamp out of bounds for @ modifier: {seconds:.6}");
            return Err((span, message));
        }
        Ok(At::TimeMs((seconds * 1000.0).round() as i64))
    }
}

/// Where `offset` and `@` of an expression are kept; its end moves to `end`.
fn time_of(expr: &mut Expr, end: usize) -> Option<&mut TimeShift> {
    match expr {
        Expr::Selector(selector) => {
            selector.span.end = end;
            Some(&mut selector.time)
        }
        Expr::Matrix(matrix) => {
            matrix.span.end = end;
            Some(&mut matrix.selector.time)
        }
        Expr::Subquery(subquery) => {
            subquery.end = end;
            Some(&mut subquery.time)
        }
        _ => None,
    }
}
