//! Inside of an action: pipelines, commands, operands, and the names that stand in them.

use super::{BUILTINS, Parser, Parsing};
use crate::ast::{Command, Operand, Pipe, Term};
use crate::lex::Token;

impl Parser<'_> {
    /// A pipeline and what closes it.
    pub(super) fn pipe(&mut self, until: Until, context: &str) -> Parsing<Pipe> {
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
pub(super) enum Until {
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
