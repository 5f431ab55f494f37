//! What a template is once it was read.

use crate::error::Source;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One parsed text: what stands outside of any `define`, and the templates it defines.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) root: Arc<Body>,
    pub(crate) defined: BTreeMap<String, Arc<Body>>,
}

/// A template's nodes and the text they were read from.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) source: Arc<Source>,
    pub(crate) nodes: Vec<Node>,
}

impl Body {
    /// Nothing but white space: such a definition never replaces another.
    pub(crate) fn is_blank(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }
}

#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template {
        at: usize,
        name: String,
        pipe: Option<Pipe>,
    },
    Break,
    Continue,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) then: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) at: usize,
    /// With `=` instead of `:=`.
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<String>,
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Operand>,
}

#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) at: usize,
    pub(crate) term: Term,
    /// `.a.b` behind a variable or a parenthesis.
    pub(crate) fields: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Term {
    /// `.`, or with fields a field of it.
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
}
