//! Go's `text/template` as Prometheus and Alertmanager use it: annotations of alerts, texts of
//! notifications, bodies of e-mails.
//!
//! [`Templates`] is a set of named templates with the names of the functions they may call. A text
//! is parsed ([`Templates::parse`]) and rendered ([`Templates::render`]) with data
//! ([`Value`]) and [`Functions`]. [`prometheus`] and [`alertmanager`] bring the functions and the
//! data that each of them documents; most callers want nothing else.
//!
//! Read `parse/mod.rs` and `exec/mod.rs` first.
//!
//! **Invariants:** no IO, no clock: what asks for either asks its caller. What is not known is
//! refused by name and place. Text, output, depth and steps are bounded (see [`limits`]); no text
//! panics.
//!
//! ```
//! use mainstay_template::prometheus::Annotation;
//! use mainstay_template::prometheus::{Expansion, NoQueries};
//!
//! let annotation = Annotation::parse("summary", "{{ $labels.job }} is down for {{ humanizeDuration $value }}")?;
//! let expansion = Expansion {
//!     labels: [("job".to_owned(), "web".to_owned())].into(),
//!     value: 90.0,
//!     ..Expansion::new(&NoQueries)
//! };
//! assert_eq!(annotation.expand(&expansion)?, "web is down for 1m 30s");
//! # Ok::<(), mainstay_template::TemplateError>(())
//! ```

pub mod alertmanager;
mod arguments;
mod ast;
mod builtin;
mod error;
mod escape;
mod exec;
mod float;
mod format;
mod html;
mod humanize;
mod lex;
pub mod limits;
mod number;
mod parse;
mod pattern;
mod printf;
pub mod prometheus;
mod quote;
mod time;
mod title;
mod value;

pub use error::TemplateError;
pub use exec::Escape;
pub use time::Time;
pub use value::{Elements, List, Map, Object, Safe, Value};

use ast::{Body, Parsed};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The functions a template may call beside those of the language.
pub trait Functions {
    /// Their names: what is not among them is refused when a text is parsed.
    fn names(&self) -> &'static [&'static str];

    /// Calls one. An error is what the user reads behind the function's name.
    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String>;
}

/// A set of named templates.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    functions: &'static [&'static str],
    named: BTreeMap<String, Arc<Body>>,
}

/// A text, parsed.
#[derive(Debug, Clone)]
pub struct Template(Arc<Parsed>);

impl Templates {
    /// An empty set whose templates may call these functions.
    pub fn new(functions: &'static [&'static str]) -> Self {
        Self {
            functions,
            named: BTreeMap::new(),
        }
    }

    /// Adds what a file defines, and the file itself under its name. A later definition of a name
    /// takes the place of an earlier one, unless it is blank.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        let parsed = parse::parse(name, text, self.functions, &[])?;
        let root = Arc::clone(&parsed.root);
        let named = parsed.defined.into_iter().chain([(name.to_owned(), root)]);
        for (name, body) in named {
            if !body.is_blank() || !self.named.contains_key(&name) {
                self.named.insert(name, body);
            }
        }
        Ok(())
    }

    /// The names of all templates.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// Parses a text that may call the templates of this set. `variables` are those which stand
    /// before it begins.
    pub fn parse(
        &self,
        name: &str,
        text: &str,
        variables: &[&str],
    ) -> Result<Template, TemplateError> {
        let parsed = parse::parse(name, text, self.functions, variables)?;
        Ok(Template(Arc::new(parsed)))
    }

    /// Renders a parsed text. `variables` give values to those it was parsed with.
    pub fn render(
        &self,
        template: &Template,
        data: &Value,
        variables: &[(&str, Value)],
        functions: &dyn Functions,
        escape: Escape,
    ) -> Result<String, TemplateError> {
        exec::render(&exec::Job {
            parsed: &template.0,
            shared: &self.named,
            data,
            variables,
            functions,
            escape,
        })
    }
}
