//! Tokens into nodes. What a template calls and which variables it uses is checked here, so that a
//! mistake shows when a file is read and not when an alert fires.

mod pipe;

use crate::ast::{Body, Branch, Node, Parsed};
use crate::error::{Source, TemplateError};
use crate::lex::{Placed, Token, tokens};
use crate::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

use pipe::Until;

/// Names that are built into the language.
pub(crate) const BUILTINS: [&str; 19] = [
    "and", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print",
    "printf", "println", "slice", "urlquery", "call",
];

/// Reads a text. `functions` are the names it may call beside those of the language, `variables`
/// what is defined before it begins (`$labels`).
pub(crate) fn parse(
    name: &str,
    text: &str,
    functions: &[&str],
    variables: &[&str],
) -> Result<Parsed, TemplateError> {
    let kept = if text.len() > limits::TEXT_BYTES {
        ""
    } else {
        text
    };
    let source = Arc::new(Source {
        name: name.to_owned(),
        text: kept.to_owned(),
    });
    if text.len() > limits::TEXT_BYTES {
        return Err(source.error(
            0,
            format!(
                "a template of {} bytes, more than {}",
                text.len(),
                limits::TEXT_BYTES
            ),
        ));
    }
    let tokens = tokens(&source)?;
    let mut parser = Parser {
        source: Arc::clone(&source),
        tokens,
        at: 0,
        functions,
        variables: variables.iter().map(|name| (*name).to_owned()).collect(),
        loops: 0,
        depth: 0,
        defined: BTreeMap::new(),
    };
    let (nodes, end) = parser.nodes(true)?;
    if let End::Of(at, word) = end {
        return Err(source.error(at, format!("unexpected {{{{{word}}}}}")));
    }
    Ok(Parsed {
        root: Arc::new(Body { source, nodes }),
        defined: parser.defined,
    })
}

/// What ended a list of nodes.
enum End {
    Text,
    /// `end` or `else`, behind which the parser stands.
    Of(usize, &'static str),
}

struct Parser<'a> {
    source: Arc<Source>,
    tokens: Vec<Placed>,
    at: usize,
    functions: &'a [&'a str],
    variables: Vec<String>,
    /// How many `range` stand around.
    loops: usize,
    depth: usize,
    defined: BTreeMap<String, Arc<Body>>,
}

type Parsing<T> = Result<T, TemplateError>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    /// The byte at which the next token begins.
    fn place(&self) -> usize {
        self.tokens
            .get(self.at)
            .map_or(self.source.text.len(), |(at, _)| *at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsing<T> {
        Err(self.source.error(self.place(), message))
    }

    fn deeper(&mut self) -> Parsing<()> {
        self.depth += 1;
        if self.depth > limits::NESTING {
            return self.error(format!("nested deeper than {} levels", limits::NESTING));
        }
        Ok(())
    }

    fn nodes(&mut self, top: bool) -> Parsing<(Vec<Node>, End)> {
        let mut nodes = Vec::new();
        loop {
            let at = self.place();
            match self.next() {
                None => return Ok((nodes, End::Text)),
                Some(Token::Text(text)) => nodes.push(Node::Text(text)),
                Some(_) => {
                    self.skip_space();
                    let word = match self.peek() {
                        Some(Token::Word(word)) => word.clone(),
                        _ => String::new(),
                    };
                    if let Some(end) = self.ends(&word, at) {
                        return Ok((nodes, end));
                    }
                    if let Some(node) = self.action(&word, at, top)? {
                        nodes.push(node);
                    }
                }
            }
        }
    }

    fn ends(&mut self, word: &str, at: usize) -> Option<End> {
        let word = match word {
            "end" => "end",
            "else" => "else",
            _ => return None,
        };
        self.at += 1;
        Some(End::Of(at, word))
    }

    /// Behind `{{` and its white space, in front of a word.
    fn action(&mut self, word: &str, at: usize, top: bool) -> Parsing<Option<Node>> {
        match word {
            "if" | "with" | "range" => {
                self.at += 1;
                self.branch(word).map(Some)
            }
            "define" => {
                if !top {
                    return Err(self.source.hinted(
                        at,
                        "a definition inside of a block",
                        "move `define` out of every if, with, range and define",
                    ));
                }
                self.at += 1;
                self.define()?;
                Ok(None)
            }
            "block" => {
                self.at += 1;
                self.block(at).map(Some)
            }
            "template" => {
                self.at += 1;
                self.template(at).map(Some)
            }
            "break" | "continue" => {
                if self.loops == 0 {
                    return Err(self
                        .source
                        .error(at, format!("{{{{{word}}}}} outside {{{{range}}}}")));
                }
                self.at += 1;
                self.close(word)?;
                Ok(Some(if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                }))
            }
            _ => {
                let pipe = self.pipe(Until::Close, "command")?;
                Ok(Some(Node::Action(pipe)))
            }
        }
    }

    fn close(&mut self, context: &str) -> Parsing<()> {
        self.skip_space();
        if self.peek() == Some(&Token::Close) {
            self.at += 1;
            return Ok(());
        }
        self.error(format!("unexpected {} in {context}", self.shown()))
    }

    fn shown(&self) -> String {
        match self.peek() {
            None => "end of text".to_owned(),
            Some(Token::Text(_)) => "text".to_owned(),
            Some(Token::Open) => "{{".to_owned(),
            Some(Token::Close) => "}}".to_owned(),
            Some(Token::Space) => "space".to_owned(),
            Some(Token::Dot) => ".".to_owned(),
            Some(Token::Field(name)) => format!(".{name}"),
            Some(Token::Variable(name) | Token::Word(name)) => name.clone(),
            Some(Token::Literal(text)) => format!("{text:?}"),
            Some(Token::Int(value)) => value.to_string(),
            Some(Token::Float(value)) => value.to_string(),
            Some(Token::Declare) => ":=".to_owned(),
            Some(Token::Assign) => "=".to_owned(),
            Some(Token::Pipe) => "|".to_owned(),
            Some(Token::Comma) => ",".to_owned(),
            Some(Token::LeftParen) => "(".to_owned(),
            Some(Token::RightParen) => ")".to_owned(),
        }
    }

    /// `if`, `with` or `range`, behind the word, to behind its `end`.
    fn branch(&mut self, word: &str) -> Parsing<Node> {
        self.deeper()?;
        let scope = self.variables.len();
        let pipe = self.pipe(Until::Close, word)?;
        let is_loop = word == "range";
        self.loops += usize::from(is_loop);
        let (then, end) = self.nodes(false)?;
        self.loops -= usize::from(is_loop);
        let mut otherwise = Vec::new();
        match end {
            End::Text => return self.error(format!("a {word} without {{{{end}}}}")),
            End::Of(_, "else") => otherwise = self.otherwise(word)?,
            End::Of(..) => self.close("end")?,
        }
        self.variables.truncate(scope);
        self.depth -= 1;
        let branch = Branch {
            pipe,
            then,
            otherwise,
        };
        Ok(match word {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// Behind `else`: another `if` or `with` in the same breath, or nodes up to `end`.
    fn otherwise(&mut self, word: &str) -> Parsing<Vec<Node>> {
        self.skip_space();
        if word != "range" && self.peek() == Some(&Token::Word(word.to_owned())) {
            self.at += 1;
            // Its `end` is the end of all of them.
            return Ok(vec![self.branch(word)?]);
        }
        self.close("else")?;
        let (nodes, end) = self.nodes(false)?;
        match end {
            End::Of(_, "end") => self.close("end")?,
            End::Of(at, _) => return Err(self.source.error(at, "a second {{else}}")),
            End::Text => return self.error(format!("a {word} without {{{{end}}}}")),
        }
        Ok(nodes)
    }

    /// The name behind `define`, `block` or `template`.
    fn name(&mut self, context: &str) -> Parsing<String> {
        self.skip_space();
        match self.peek() {
            Some(Token::Literal(name)) => {
                let name = name.to_string();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.source.hinted(
                self.place(),
                format!("unexpected {} in {context}", self.shown()),
                format!("write {{{{{context} \"name\"}}}}: a name is a constant in quotes"),
            )),
        }
    }

    fn define(&mut self) -> Parsing<()> {
        let at = self.place();
        let name = self.name("define")?;
        self.close("define")?;
        self.body(name, at)
    }

    /// The nodes of a definition, to behind its `end`. Its variables are its own.
    fn body(&mut self, name: String, at: usize) -> Parsing<()> {
        self.deeper()?;
        let variables = std::mem::take(&mut self.variables);
        let loops = std::mem::take(&mut self.loops);
        let (nodes, end) = self.nodes(false)?;
        self.variables = variables;
        self.loops = loops;
        self.depth -= 1;
        match end {
            End::Of(_, "end") => self.close("end")?,
            End::Of(at, _) => return Err(self.source.error(at, "unexpected {{else}}")),
            End::Text => return self.error(format!("template {name:?} without {{{{end}}}}")),
        }
        let body = Body {
            source: Arc::clone(&self.source),
            nodes,
        };
        if let Some(there) = self.defined.get(&name) {
            if body.is_blank() {
                return Ok(());
            }
            if !there.is_blank() {
                return Err(self.source.error(
                    at,
                    format!("template {name:?} is defined twice in one text"),
                ));
            }
        }
        self.defined.insert(name, Arc::new(body));
        Ok(())
    }

    fn block(&mut self, at: usize) -> Parsing<Node> {
        let name = self.name("block")?;
        self.skip_space();
        let pipe = self.pipe(Until::Close, "block")?;
        self.body(name.clone(), at)?;
        Ok(Node::Template {
            at,
            name,
            pipe: Some(pipe),
        })
    }

    fn template(&mut self, at: usize) -> Parsing<Node> {
        let name = self.name("template")?;
        self.skip_space();
        let pipe = if self.peek() == Some(&Token::Close) {
            self.at += 1;
            None
        } else {
            Some(self.pipe(Until::Close, "template")?)
        };
        Ok(Node::Template { at, name, pipe })
    }
}
