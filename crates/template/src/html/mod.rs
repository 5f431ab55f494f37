//! Escaping for HTML by the place at which a value stands: as text, in an attribute, in the
//! address of a link, in a style.
//!
//! Go's `html/template` finds the places before anything is rendered. Here they are followed while
//! literal text goes out, which gives the same places and needs no second pass; a value never
//! changes the place. What an e-mail has no use for (values in scripts, in names of attributes)
//! is refused.

mod attribute;
mod escape;

use crate::builtin;
use crate::value::{Safe, Value};
use attribute::Kind;
pub(crate) use escape::text as text_escape;

/// Where the output stands.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    Text,
    /// `<!-- … -->`, which is left out of the output.
    Comment,
    /// Inside of a tag, between attributes.
    Tag,
    /// In the name of an attribute.
    Name(String),
    /// Behind the name, before `=`.
    AfterName(String),
    /// Behind `=`.
    BeforeValue(String),
    /// In an attribute's value; without a quote it ends at white space.
    Value {
        quote: Option<u8>,
        kind: Kind,
    },
    /// In an element whose content is no markup, up to its end tag.
    Raw(&'static str),
}

/// Elements whose content is text but no markup, and those which are code.
const RAW: [&str; 4] = ["textarea", "title", "script", "style"];

#[derive(Debug)]
pub(crate) struct Html {
    place: Place,
    /// The element whose tag is open, if it is a raw one.
    element: Option<&'static str>,
}

impl Default for Html {
    fn default() -> Self {
        Self {
            place: Place::Text,
            element: None,
        }
    }
}

impl Html {
    /// Text of the template itself.
    pub(crate) fn literal(&mut self, text: &str, out: &mut String) {
        let mut rest = text;
        while !rest.is_empty() {
            let length = self.advance(rest, out);
            rest = &rest[length..];
        }
    }

    /// Takes one piece of a text; how long it was.
    fn advance(&mut self, rest: &str, out: &mut String) -> usize {
        let place = std::mem::replace(&mut self.place, Place::Text);
        let (length, next) = match place {
            Place::Text => return self.in_text(rest, out),
            Place::Comment => {
                let (length, next) = match rest.find("-->") {
                    Some(end) => (end + 3, Place::Text),
                    None => (rest.len(), Place::Comment),
                };
                self.place = next;
                return length;
            }
            Place::Raw(element) => end_of_raw(rest, element),
            Place::Tag => self.in_tag(rest),
            Place::Name(mut name) => {
                let end = rest
                    .find(|c: char| c.is_ascii_whitespace() || "=>/".contains(c))
                    .unwrap_or(rest.len());
                name.push_str(&rest[..end]);
                let more = end == rest.len();
                (
                    end,
                    if more {
                        Place::Name(name)
                    } else {
                        Place::AfterName(name)
                    },
                )
            }
            Place::AfterName(name) => {
                let spaces = rest.len() - rest.trim_ascii_start().len();
                match rest.as_bytes().get(spaces) {
                    None => (rest.len(), Place::AfterName(name)),
                    Some(b'=') => (spaces + 1, Place::BeforeValue(name)),
                    Some(_) => (spaces, Place::Tag),
                }
            }
            Place::BeforeValue(name) => before_value(rest, name),
            Place::Value { quote, kind } => in_value(rest, quote, kind),
        };
        self.place = next;
        out.push_str(&rest[..length]);
        length
    }

    fn in_text(&mut self, rest: &str, out: &mut String) -> usize {
        let Some(open) = rest.find('<') else {
            out.push_str(rest);
            return rest.len();
        };
        out.push_str(&rest[..open]);
        let tag = &rest[open..];
        if tag.starts_with("<!--") {
            self.place = Place::Comment;
            return open + 4;
        }
        let slash = usize::from(tag[1..].starts_with('/'));
        let name = &tag[1 + slash..];
        let length = name
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '-'))
            .unwrap_or(name.len());
        let name = &name[..length];
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // No tag begins here, and none shall seem to.
            let is_doctype = tag
                .get(..9)
                .is_some_and(|tag| tag.eq_ignore_ascii_case("<!doctype"));
            out.push_str(if is_doctype { "<" } else { "&lt;" });
            return open + 1;
        }
        self.element = RAW
            .into_iter()
            .find(|raw| slash == 0 && raw.eq_ignore_ascii_case(name));
        self.place = Place::Tag;
        let length = 1 + slash + length;
        out.push_str(&tag[..length]);
        open + length
    }

    fn in_tag(&mut self, rest: &str) -> (usize, Place) {
        let spaces = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/')
                .len();
        match rest.as_bytes().get(spaces) {
            None => (rest.len(), Place::Tag),
            Some(b'>') => {
                let next = self.element.take().map_or(Place::Text, Place::Raw);
                (spaces + 1, next)
            }
            Some(_) => (spaces, Place::Name(String::new())),
        }
    }

    /// A value of the template's data. `by` is the function that its pipeline ends with: `urlquery`
    /// has escaped it for the query of a URL already, `html` asks for HTML's plain escapes.
    pub(crate) fn value(
        &mut self,
        value: &Value,
        by: &str,
        out: &mut String,
    ) -> Result<(), String> {
        let safe = match value {
            Value::Safe(kind, _) => Some(*kind),
            _ => None,
        };
        let text = match value {
            Value::Nil => String::new(),
            value => builtin::printed(value),
        };
        let escaped = |text: &str| {
            if by == "html" {
                escape::text(text)
            } else {
                escape::element(text)
            }
        };
        if let Place::BeforeValue(name) = &self.place {
            self.place = Place::Value {
                quote: None,
                kind: Kind::of(name),
            };
        }
        match &mut self.place {
            Place::Text | Place::Raw("textarea" | "title") if safe != Some(Safe::Html) => {
                out.push_str(&escaped(&text));
            }
            Place::Text => out.push_str(&text),
            Place::Comment => {}
            Place::Raw("textarea" | "title") => out.push_str(&escape::normal(&text)),
            Place::Raw(element) => {
                return Err(format!("a value inside of <{element}> is not supported"));
            }
            Place::Value { quote: None, .. } if by == "html" => {
                return Err("`html` in an attribute without quotes is not supported".to_owned());
            }
            Place::Value { quote, kind } => {
                let text = kind.value(&text, safe, by == "urlquery")?;
                let text = match (safe, *kind == Kind::Plain) {
                    (Some(Safe::Html), true) => escape::normal(&escape::without_tags(&text)),
                    _ => escaped(&text),
                };
                match quote {
                    Some(_) => out.push_str(&text),
                    None => out.push_str(&escape::unquoted(&text)),
                }
            }
            Place::Tag | Place::Name(_) | Place::AfterName(_) | Place::BeforeValue(_) => {
                return Err("a value as the name of an attribute is not supported".to_owned());
            }
        }
        Ok(())
    }

    /// Whether the output may end here.
    pub(crate) fn end(&self) -> Result<(), String> {
        match &self.place {
            Place::Text => Ok(()),
            Place::Comment => Err("the HTML ends inside of a comment".to_owned()),
            Place::Raw(element) => Err(format!("the HTML ends inside of <{element}>")),
            _ => Err("the HTML ends inside of a tag".to_owned()),
        }
    }
}

fn end_of_raw(rest: &str, element: &'static str) -> (usize, Place) {
    let lower = rest.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find("</") {
        let at = from + at;
        let behind = &lower[at + 2..];
        if let Some(after) = behind.strip_prefix(element)
            && !after.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return (at + 2 + element.len(), Place::Tag);
        }
        from = at + 2;
    }
    (rest.len(), Place::Raw(element))
}

fn before_value(rest: &str, name: String) -> (usize, Place) {
    let spaces = rest.len() - rest.trim_ascii_start().len();
    let kind = Kind::of(&name);
    match rest.as_bytes().get(spaces) {
        None => (rest.len(), Place::BeforeValue(name)),
        Some(b'>') => (spaces, Place::Tag),
        Some(quote @ (b'"' | b'\'')) => (
            spaces + 1,
            Place::Value {
                quote: Some(*quote),
                kind,
            },
        ),
        Some(_) => (spaces, Place::Value { quote: None, kind }),
    }
}

fn in_value(rest: &str, quote: Option<u8>, mut kind: Kind) -> (usize, Place) {
    let end = match quote {
        Some(quote) => rest.find(char::from(quote)),
        None => rest.find(|c: char| c.is_ascii_whitespace() || c == '>'),
    };
    if let Some(end) = end {
        return (end + usize::from(quote.is_some()), Place::Tag);
    }
    kind.literal(rest);
    (rest.len(), Place::Value { quote, kind })
}
