//! `printf`: Go's format language. What does not fit is written into the output, as Go does it
//! (`%!d(string=hi)`); an error there is none but for a width out of all reason.

mod verb;

use crate::format;
use crate::limits;
use crate::value::Value;
use std::fmt::Write as _;

/// What stands between `%` and its verb.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flags {
    pub(crate) sharp: bool,
    pub(crate) zero: bool,
    pub(crate) plus: bool,
    pub(crate) minus: bool,
    pub(crate) space: bool,
    /// `%+v`: structures show the names of their fields.
    pub(crate) names: bool,
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
}

impl Flags {
    /// Text to the width, with spaces; with zeros where they were asked for and no sign matters.
    pub(crate) fn pad(self, text: &str) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        let fill = if self.zero && !self.minus { "0" } else { " " };
        let padding = fill.repeat(missing);
        if self.minus {
            format!("{text}{padding}")
        } else {
            format!("{padding}{text}")
        }
    }
}

/// `printf FORMAT ARGUMENT…`
pub(crate) fn printf(arguments: &[Value]) -> Result<String, String> {
    let Some((layout, arguments)) = arguments.split_first() else {
        return Err("wrong number of args: want at least 1 got 0".to_owned());
    };
    let layout = layout
        .as_text()
        .ok_or_else(|| crate::arguments::wrong(layout, "string"))?;
    let mut printer = Printer {
        rest: layout,
        arguments,
        next: 0,
        reordered: false,
        good: true,
        out: String::new(),
    };
    printer.run()?;
    Ok(printer.out)
}

struct Printer<'a> {
    rest: &'a str,
    arguments: &'a [Value],
    next: usize,
    /// An index was used: nobody counts arguments then.
    reordered: bool,
    /// The index of this verb is one there is.
    good: bool,
    out: String,
}

impl Printer<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(at) = self.rest.find('%') {
            self.out.push_str(&self.rest[..at]);
            self.rest = &self.rest[at + 1..];
            self.verb()?;
            if self.out.len() > limits::OUTPUT_BYTES {
                return Err(format!("more than {} bytes", limits::OUTPUT_BYTES));
            }
        }
        self.out.push_str(self.rest);
        self.extra();
        Ok(())
    }

    /// Arguments that no verb took.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.arguments.len() {
            return;
        }
        let extra: Vec<_> = self.arguments[self.next..]
            .iter()
            .map(|value| match value {
                Value::Nil => "<nil>".to_owned(),
                value => format!("{}={}", value.type_name(), format::display(value)),
            })
            .collect();
        let _ = write!(self.out, "%!(EXTRA {})", extra.join(", "));
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Behind `%`.
    fn verb(&mut self) -> Result<(), String> {
        self.good = true;
        let mut flags = self.flags();
        let mut indexed = self.index();
        if self.take('*') {
            let (width, good) = self.number_argument();
            if !good {
                self.out.push_str("%!(BADWIDTH)");
            }
            if let Some(width) = width {
                flags.minus |= width < 0;
                flags.width = Some(width.unsigned_abs() as usize);
            }
            indexed = false;
        } else if let Some(width) = self.number() {
            flags.width = Some(width);
            self.good &= !indexed;
        }
        if self.take('.') {
            self.good &= !indexed;
            indexed = self.index();
            if self.take('*') {
                let (precision, good) = self.number_argument();
                if !good || precision.is_some_and(|precision| precision < 0) {
                    self.out.push_str("%!(BADPREC)");
                } else {
                    flags.precision = precision.map(|precision| precision as usize);
                }
                indexed = false;
            } else {
                flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !indexed {
            self.index();
        }
        let widest = flags.width.max(flags.precision).unwrap_or(0);
        if widest > limits::WIDTH {
            return Err(format!("width {widest} is over {}", limits::WIDTH));
        }
        self.finish(flags);
        Ok(())
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        loop {
            if self.take('#') {
                flags.sharp = true;
            } else if self.take('0') {
                flags.zero = true;
            } else if self.take('+') {
                flags.plus = true;
            } else if self.take('-') {
                flags.minus = true;
            } else if self.take(' ') {
                flags.space = true;
            } else {
                return flags;
            }
        }
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        if digits == 0 {
            return None;
        }
        self.rest = rest;
        // What overflows is beyond every bound.
        Some(number.parse().unwrap_or(usize::MAX))
    }

    /// `[2]`: which argument comes next.
    fn index(&mut self) -> bool {
        if !self.rest.starts_with('[') {
            return false;
        }
        self.reordered = true;
        let Some(end) = self.rest.find(']') else {
            self.good = false;
            self.rest = &self.rest[1..];
            return false;
        };
        let inside = &self.rest[1..end];
        self.rest = &self.rest[end + 1..];
        let index = inside
            .parse::<usize>()
            .ok()
            .and_then(|at| at.checked_sub(1));
        match index.filter(|index| *index < self.arguments.len()) {
            Some(index) => self.next = index,
            None => self.good = false,
        }
        true
    }

    /// For `*`.
    fn number_argument(&mut self) -> (Option<i64>, bool) {
        let Some(value) = self.arguments.get(self.next) else {
            return (None, false);
        };
        self.next += 1;
        match value.plain() {
            Value::Int(value) if value.unsigned_abs() <= 1_000_000 => (Some(value), true),
            _ => (None, false),
        }
    }

    fn finish(&mut self, flags: Flags) {
        let Some(verb) = self.rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return;
        };
        self.rest = &self.rest[verb.len_utf8()..];
        if verb == '%' {
            self.out.push('%');
        } else if !self.good {
            let _ = write!(self.out, "%!{verb}(BADINDEX)");
        } else if let Some(value) = self.arguments.get(self.next) {
            self.next += 1;
            self.out.push_str(&verb::write(value, verb, flags));
        } else {
            let _ = write!(self.out, "%!{verb}(MISSING)");
        }
    }
}
