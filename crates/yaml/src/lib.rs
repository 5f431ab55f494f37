//! YAML as a tree that knows the place of every value.
//!
//! Every file that a user writes is read through it: the Compose files, `mainstay.yaml`,
//! `server.yaml`, and the files of Prometheus. A scalar stays text until a decoder asks for a type;
//! what is wrong is collected with file, line and column ([`fields`]). JSON is read too, being YAML.
//! [`write`] is the way back.
//!
//! **Invariant:** no IO; size, depth and number of values are bounded whatever a text says. No key
//! is judged here: the tables are the readers'.
//!
//! ```
//! use mainstay_model::Problems;
//! use mainstay_yaml::{parse, source::Source};
//! use std::sync::Arc;
//!
//! let mut problems = Problems::default();
//! let source = Arc::new(Source::named("a.yaml"));
//! let documents = parse("a:\n  b: [1, 2]", &source, &mut problems);
//! let b = documents[0].get("a").and_then(|a| a.get("b")).unwrap();
//! assert_eq!((b.at.line, b.at.column, b.items().len()), (2, 6, 2));
//! ```

mod parse;

pub mod fields;
pub mod source;
pub mod tree;
pub mod write;

pub use parse::{
    LIMIT_DEPTH, LIMIT_FILE_BYTES, LIMIT_NODES, LIMIT_TEXT_BYTES, Limits, parse, parse_within,
};
