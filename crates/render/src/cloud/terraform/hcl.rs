//! HCL as `terraform fmt` writes it: two blanks a level, `=` in one column for lines that stand together.

use std::fmt::Write as _;

/// What stands behind a `=`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// As it is: `module.vpc.vpc_id`, `null`, `3`.
    Raw(String),
    /// A string; nothing in it is taken for a template.
    Text(String),
    /// A string with `${…}` in it that mean something.
    Template(String),
    List(Vec<Expr>),
    /// Keys are written as they are where they are names, else in quotes.
    Map(Vec<(String, Expr)>),
}

impl Expr {
    pub(super) fn raw(text: impl Into<String>) -> Self {
        Self::Raw(text.into())
    }

    pub(super) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts = texts.into_iter();
        Self::List(texts.map(|text| Self::from(text.as_ref())).collect())
    }

    /// An object with these keys, in order.
    pub(super) fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Expr)>) -> Self {
        let entries = entries.into_iter();
        Self::Map(entries.map(|(key, value)| (key.into(), value)).collect())
    }

    fn text(&self, indent: usize) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Text(text) => quoted(text),
            Self::Template(text) => format!("\"{text}\""),
            Self::List(items) => list(items, indent),
            Self::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Map(entries) => {
                let mut body = Body::default();
                for (key, value) in entries {
                    let key = if is_name(key) {
                        key.clone()
                    } else {
                        quoted(key)
                    };
                    body.items.push(Item::Attribute(key, value.clone()));
                }
                format!("{{\n{}{}}}", body.text(indent + 2), " ".repeat(indent))
            }
        }
    }
}

impl From<&str> for Expr {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Expr {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Expr {
    fn from(value: bool) -> Self {
        Self::Raw(value.to_string())
    }
}

macro_rules! from_numbers {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Expr {
            fn from(number: $kind) -> Self {
                Self::Raw(number.to_string())
            }
        })*
    };
}
from_numbers!(u8, u16, u32, u64);

/// One line where it fits in one, else an item a line.
fn list(items: &[Expr], indent: usize) -> String {
    const WIDTH: usize = 100;
    let texts: Vec<String> = items.iter().map(|item| item.text(indent + 2)).collect();
    let line = format!("[{}]", texts.join(", "));
    if line.len() <= WIDTH && !line.contains('\n') {
        return line;
    }
    let margin = " ".repeat(indent + 2);
    let lines: String = texts.iter().fold(String::new(), |mut lines, text| {
        let _ = writeln!(lines, "{margin}{text},");
        lines
    });
    format!("[\n{lines}{}]", " ".repeat(indent))
}

fn is_name(key: &str) -> bool {
    let start = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    start
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// A string in which nothing is a template.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// What is to stand between quotes as it is.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// Lines between two braces, or of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Body {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Attribute(String, Expr),
    Block(String, Body),
    Comment(String),
    /// A block with nothing in it.
    Empty(String),
    Blank,
}

impl Body {
    pub(super) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(super) fn set(mut self, name: &str, value: impl Into<Expr>) -> Self {
        let attribute = Item::Attribute(name.to_owned(), value.into());
        self.items.push(attribute);
        self
    }

    /// `name = reference`
    #[must_use]
    pub(super) fn of(self, name: &str, reference: impl Into<String>) -> Self {
        self.set(name, Expr::raw(reference))
    }

    /// Nothing where there is none.
    #[must_use]
    pub(super) fn maybe(self, name: &str, value: Option<impl Into<Expr>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    #[must_use]
    pub(super) fn block(mut self, header: &str, body: Body) -> Self {
        self.items.push(Item::Block(header.to_owned(), body));
        self
    }

    #[must_use]
    pub(super) fn comment(mut self, text: &str) -> Self {
        let lines = text.lines().map(|line| Item::Comment(line.to_owned()));
        self.items.extend(lines);
        self
    }

    /// A block with nothing in it.
    #[must_use]
    pub(super) fn empty(mut self, header: &str) -> Self {
        self.items.push(Item::Empty(header.to_owned()));
        self
    }

    /// This, and then that.
    #[must_use]
    pub(super) fn then(mut self, other: Body) -> Self {
        self.items.extend(other.items);
        self
    }

    /// An empty line, never two.
    #[must_use]
    pub(super) fn blank(mut self) -> Self {
        if !self.items.is_empty() && self.items.last() != Some(&Item::Blank) {
            self.items.push(Item::Blank);
        }
        self
    }

    /// A block of its own: with an empty line before it.
    #[must_use]
    pub(super) fn section(self, header: &str, body: Body) -> Self {
        self.blank().block(header, body)
    }

    /// The whole of a file.
    pub(super) fn file(&self) -> String {
        self.text(0)
    }

    fn text(&self, indent: usize) -> String {
        let margin = " ".repeat(indent);
        let values: Vec<Option<String>> = self
            .items
            .iter()
            .map(|item| match item {
                Item::Attribute(_, value) => Some(value.text(indent)),
                _ => None,
            })
            .collect();
        let mut text = String::new();
        for (index, item) in self.items.iter().enumerate() {
            let _ = match item {
                Item::Attribute(name, _) => {
                    let value = values[index].clone().unwrap_or_default();
                    let width = self.width(&values, index);
                    writeln!(text, "{margin}{name:width$} = {value}")
                }
                Item::Block(header, body) => {
                    let body = body.text(indent + 2);
                    writeln!(text, "{margin}{header} {{\n{body}{margin}}}")
                }
                Item::Comment(line) => writeln!(text, "{}", format!("{margin}# {line}").trim_end()),
                Item::Empty(header) => writeln!(text, "{margin}{header} {{}}"),
                Item::Blank => writeln!(text),
            };
        }
        text
    }

    /// How wide names are where this line stands: the widest of the lines around it that are one line each.
    /// One that goes on over several lines stands for itself.
    fn width(&self, values: &[Option<String>], index: usize) -> usize {
        let name = |at: usize| match (&self.items[at], &values[at]) {
            (Item::Attribute(name, _), Some(value)) if !value.contains('\n') => Some(name.len()),
            _ => None,
        };
        if name(index).is_none() {
            return 0;
        }
        let before = (0..index).rev().map_while(name);
        let after = (index..self.items.len()).map_while(name);
        before.chain(after).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn lines_that_stand_together_have_one_column() {
        let body = Body::new().block(
            "module \"app\"",
            Body::new()
                .set("source", "../../modules/app")
                .blank()
                .set("name", "a")
                .of("vpc_id", "module.vpc.vpc_id")
                .set(
                    "targets",
                    Expr::map([("x.y", Expr::from(1_u16)), ("long_name", true.into())]),
                )
                .set("b", Expr::texts(["c", "d"])),
        );
        assert_data_eq!(
            body.file(),
            str![[r#"
module "app" {
  source = "../../modules/app"

  name   = "a"
  vpc_id = module.vpc.vpc_id
  targets = {
    "x.y"     = 1
    long_name = true
  }
  b = ["c", "d"]
}

"#]]
        );
    }

    #[test]
    fn a_text_is_no_template() {
        let text = Expr::from("a \"b\" ${c} %{d} \\ $e\n").text(0);
        assert_eq!(text, r#""a \"b\" $${c} %%{d} \\ $e\n""#);
    }
}
