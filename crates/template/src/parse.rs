//! Tokens into nodes. What a template calls and which variables it uses is checked here, so that a
//! mistake shows when a file is read and not when an alert fires.

use crate::ast::{Body, Branch, Command, Node, Operand, Parsed, Pipe, Term};
use crate::error::{Source, TemplateError};
use crate::lex::{Placed, Token, tokens};
use crate::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

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

    /// A pipeline and what closes it.
    fn pipe(&mut self, until: Until, context: &str) -> Parsing<Pipe> {
        self.deeper()?;
        self.skip_space();
        let at = self.place();
        let (variables, assigns) = self.declaration(context)?;
        let mut commands = Vec::new();
        loop {
            self.skip_space();
            let place = self.place();
            match self.peek() {
                Some(token) if until.is(token) => {
                    if commands.is_empty() {
                        return self.error(format!("missing value for {context}"));
                    }
                    self.at += 1;
                    break;
                }
                _ => {
                    let command = self.command()?;
                    self.check_stage(&command, commands.is_empty(), place)?;
                    commands.push(command);
                }
            }
        }
        // A variable is there only behind what it is made of.
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        self.depth -= 1;
        Ok(Pipe {
            at,
            assigns,
            variables,
            commands,
        })
    }

    /// `$x :=`, `$x =`, or for a `range` `$i, $x :=`.
    fn declaration(&mut self, context: &str) -> Parsing<(Vec<String>, bool)> {
        let start = self.at;
        let mut variables = Vec::new();
        while let Some(Token::Variable(name)) = self.peek() {
            variables.push(name.clone());
            self.at += 1;
            self.skip_space();
            match self.peek() {
                Some(Token::Declare) => {
                    self.at += 1;
                    return Ok((variables, false));
                }
                Some(Token::Assign) => {
                    for name in &variables {
                        self.known(name, start)?;
                    }
                    self.at += 1;
                    return Ok((variables, true));
                }
                Some(Token::Comma) if context == "range" && variables.len() < 2 => {
                    self.at += 1;
                    self.skip_space();
                }
                Some(Token::Comma) => {
                    return self.error(format!("too many declarations in {context}"));
                }
                _ => break,
            }
        }
        if variables.len() > 1 {
            return self.error("range can only initialize variables");
        }
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn known(&self, name: &str, token: usize) -> Parsing<()> {
        if name == "$" || self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        let at = self.tokens.get(token).map_or(0, |(at, _)| *at);
        Err(self
            .source
            .error(at, format!("undefined variable {name:?}")))
    }

    /// Only functions, fields and variables take what a pipeline hands on.
    fn check_stage(&self, command: &Command, first: bool, at: usize) -> Parsing<()> {
        if first {
            return Ok(());
        }
        let fine = command.operands.first().is_some_and(|operand| {
            !operand.fields.is_empty()
                || matches!(
                    operand.term,
                    Term::Function(_) | Term::Variable(_) | Term::Pipe(_)
                )
        });
        if fine {
            return Ok(());
        }
        Err(self.source.error(
            at,
            "non executable command in a pipeline behind its first stage",
        ))
    }

    /// Operands up to `|`, or to what closes the pipeline (which stays).
    fn command(&mut self) -> Parsing<Command> {
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(Token::Pipe) => {
                    self.at += 1;
                    break;
                }
                Some(Token::Close | Token::RightParen) => break,
                _ => operands.push(self.operand()?),
            }
            // Operands stand apart.
            match self.peek() {
                Some(Token::Space | Token::Pipe | Token::Close | Token::RightParen) => {}
                _ => return self.error(format!("unexpected {} in operand", self.shown())),
            }
        }
        if operands.is_empty() {
            return self.error("empty command");
        }
        Ok(Command { operands })
    }

    fn operand(&mut self) -> Parsing<Operand> {
        let at = self.place();
        let index = self.at;
        let constant = !matches!(
            self.peek(),
            Some(
                Token::Dot
                    | Token::Field(_)
                    | Token::Variable(_)
                    | Token::LeftParen
                    | Token::Word(_)
            )
        );
        let term = match self.next() {
            Some(Token::Dot) => Term::Dot,
            Some(Token::Field(_)) => {
                self.at -= 1;
                Term::Dot
            }
            Some(Token::Variable(name)) => {
                self.known(&name, index)?;
                Term::Variable(name)
            }
            Some(Token::Literal(text)) => Term::Text(text),
            Some(Token::Int(value)) => Term::Int(value),
            Some(Token::Float(value)) => Term::Float(value),
            Some(Token::Word(word)) => self.word(word, at)?,
            Some(Token::LeftParen) => {
                Term::Pipe(Box::new(self.pipe(Until::Paren, "parenthesized pipeline")?))
            }
            _ => {
                self.at = index;
                return self.error(format!("unexpected {} in operand", self.shown()));
            }
        };
        let mut fields = Vec::new();
        while let Some(Token::Field(name)) = self.peek() {
            if constant || matches!(term, Term::Nil | Term::Bool(_)) {
                return self.error("a constant has no fields");
            }
            fields.push(name.clone());
            self.at += 1;
        }
        Ok(Operand { at, term, fields })
    }

    fn word(&self, word: String, at: usize) -> Parsing<Term> {
        match word.as_str() {
            "true" => return Ok(Term::Bool(true)),
            "false" => return Ok(Term::Bool(false)),
            "nil" => return Ok(Term::Nil),
            "if" | "with" | "range" | "define" | "block" | "template" | "else" | "end"
            | "break" | "continue" => {
                return Err(self
                    .source
                    .error(at, format!("unexpected <{word}> in operand")));
            }
            "call" => {
                return Err(self.source.error(
                    at,
                    "function \"call\" is not supported: no value here is a function",
                ));
            }
            "tmpl" if !self.functions.contains(&"tmpl") => {
                return Err(self.source.error(
                    at,
                    "function \"tmpl\" is not supported: it is there in console templates only",
                ));
            }
            _ => {}
        }
        if BUILTINS.contains(&word.as_str()) || self.functions.contains(&word.as_str()) {
            return Ok(Term::Function(word));
        }
        let known = BUILTINS.iter().chain(self.functions).copied();
        let mut error = self
            .source
            .error(at, format!("function {word:?} not defined"));
        error.hint = mainstay_model::did_you_mean(&word, known)
            .map(|near| format!("did you mean {near:?}?"));
        Err(error)
    }
}

/// What closes a pipeline.
#[derive(Clone, Copy)]
enum Until {
    Close,
    Paren,
}

impl Until {
    fn is(self, token: &Token) -> bool {
        match self {
            Self::Close => *token == Token::Close,
            Self::Paren => *token == Token::RightParen,
        }
    }
}
