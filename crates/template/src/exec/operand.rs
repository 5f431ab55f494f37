//! Pipelines, commands and operands: what gives a value.

use super::{Rendering, Run};
use crate::ast::{Command, Operand, Pipe, Term};
use crate::builtin;
use crate::limits;
use crate::parse::BUILTINS;
use crate::value::Value;

impl Run<'_> {
    /// The value of a pipeline; it is bound to the variables that the pipeline declares, unless
    /// a `range` does that turn by turn.
    pub(super) fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Rendering<Value> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        Ok(value.unwrap_or(Value::Nil))
    }

    pub(super) fn command(
        &mut self,
        command: &Command,
        dot: &Value,
        piped: Option<Value>,
    ) -> Rendering<Value> {
        let Some(first) = command.operands.first() else {
            return Ok(Value::Nil);
        };
        self.step(first.at)?;
        let rest = &command.operands[1..];
        if let Term::Function(name) = &first.term {
            let value = self.function(first.at, name, rest, dot, piped)?;
            return self.fields(first, value);
        }
        if let Some((last, before)) = first.fields.split_last() {
            let mut receiver = self.term(first, dot)?;
            if matches!(receiver, Value::Nil) {
                // What a pipeline gave is no value, and neither is a field of it.
                return Ok(Value::Nil);
            }
            for name in before {
                receiver = self.field(first.at, &receiver, name, None)?;
            }
            let arguments = self.arguments(rest, dot, piped)?;
            return self.field(first.at, &receiver, last, Some(arguments));
        }
        if !rest.is_empty() || piped.is_some() {
            return self.error(first.at, "can't give an argument to what is no function");
        }
        if matches!(first.term, Term::Nil) {
            return self.error(first.at, "nil is not a command");
        }
        self.term(first, dot)
    }

    pub(super) fn arguments(
        &mut self,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Rendering<Vec<Value>> {
        let mut values = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            values.push(self.operand(operand, dot)?);
        }
        values.extend(piped);
        Ok(values)
    }

    /// An argument.
    fn operand(&mut self, operand: &Operand, dot: &Value) -> Rendering<Value> {
        self.step(operand.at)?;
        let value = match &operand.term {
            Term::Function(name) => self.function(operand.at, name, &[], dot, None)?,
            _ => self.term(operand, dot)?,
        };
        self.fields(operand, value)
    }

    fn fields(&mut self, operand: &Operand, value: Value) -> Rendering<Value> {
        let mut value = value;
        if matches!(value, Value::Nil) {
            return Ok(value);
        }
        for name in &operand.fields {
            value = self.field(operand.at, &value, name, None)?;
        }
        Ok(value)
    }

    /// A term without its fields.
    fn term(&mut self, operand: &Operand, dot: &Value) -> Rendering<Value> {
        Ok(match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil => Value::Nil,
            Term::Bool(value) => Value::Bool(*value),
            Term::Int(value) => Value::Int(*value),
            Term::Float(value) => Value::Float(*value),
            Term::Text(text) => Value::Text(text.clone()),
            Term::Variable(name) => return self.variable(operand.at, name),
            Term::Function(name) => return self.function(operand.at, name, &[], dot, None),
            Term::Pipe(pipe) => {
                self.deeper(pipe.at)?;
                let scope = self.frame.variables.len();
                let value = self.declaring(pipe, dot)?;
                self.frame.variables.truncate(scope);
                self.depth -= 1;
                value
            }
        })
    }

    fn variable(&self, at: usize, name: &str) -> Rendering<Value> {
        if name == "$" {
            return Ok(self.frame.data.clone());
        }
        let mut known = self.frame.variables.iter().rev();
        match known.find(|(known, _)| known == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(at, format!("undefined variable {name:?}")),
        }
    }

    /// A method's result, a field, or a key's value. `arguments` are there where it may be called.
    fn field(
        &mut self,
        at: usize,
        receiver: &Value,
        name: &str,
        arguments: Option<Vec<Value>>,
    ) -> Rendering<Value> {
        self.step(at)?;
        let arguments = arguments.unwrap_or_default();
        if let Some(result) = builtin::method(receiver, name, &arguments) {
            return result.or_else(|why| self.error(at, format!("error calling {name}: {why}")));
        }
        if let Value::Object(object) = receiver {
            let fields = object.fields();
            if let Some((_, value)) = fields.into_iter().find(|(field, _)| *field == name) {
                if !arguments.is_empty() {
                    return self.error(at, format!("{name} has arguments but is no method"));
                }
                return Ok(value);
            }
        }
        match receiver.plain() {
            Value::Map(_) if !arguments.is_empty() => {
                self.error(at, format!("{name} is not a method but has arguments"))
            }
            Value::Map(map) => Ok(map.get(name)),
            Value::Nil => self.error(at, format!("no value; it has no field {name}")),
            _ => {
                let kind = receiver.type_name();
                self.error(at, format!("can't evaluate field {name} in type {kind}"))
            }
        }
    }

    fn function(
        &mut self,
        at: usize,
        name: &str,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Rendering<Value> {
        if name == "and" || name == "or" {
            return self.short_circuit(at, name, operands, dot, piped);
        }
        let arguments = self.arguments(operands, dot, piped)?;
        self.afford(at, name, &arguments)?;
        let result = if BUILTINS.contains(&name) && !self.job.functions.names().contains(&name) {
            builtin::call(name, &arguments)
        } else {
            self.job.functions.call(name, &arguments)
        };
        let value = result.or_else(|why| self.error(at, format!("error calling {name}: {why}")))?;
        self.steps_of(at, 4 * value.cost())?;
        let shape = value.shape();
        if shape.weight > limits::OUTPUT_BYTES as u64 || shape.depth > limits::VALUE_DEPTH {
            return self.error(at, format!("{name} gives a value that is too large"));
        }
        Ok(value)
    }

    /// Counts what a call looks at, before it does.
    fn afford(&mut self, at: usize, name: &str, arguments: &[Value]) -> Rendering<()> {
        let weights = arguments.iter().map(|value| value.shape().weight);
        if weights.fold(0, u64::saturating_add) > limits::OUTPUT_BYTES as u64 {
            return self.error(at, format!("the arguments of {name} are too large"));
        }
        let dear = matches!(name, "match" | "reReplaceAll" | "query");
        let cost: usize = arguments.iter().map(Value::cost).sum();
        self.steps_of(at, cost + if dear { limits::DEAR_STEPS } else { 0 })
    }

    /// The first argument that decides; those behind it are not evaluated.
    fn short_circuit(
        &mut self,
        at: usize,
        name: &str,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Rendering<Value> {
        let mut last = None;
        for operand in operands {
            let value = self.operand(operand, dot)?;
            if value.truth() == (name == "or") {
                return Ok(value);
            }
            last = Some(value);
        }
        match piped.or(last) {
            Some(value) => Ok(value),
            None => self.error(
                at,
                format!("wrong number of args for {name}: want at least 1 got 0"),
            ),
        }
    }

    /// A pipeline with its declarations.
    pub(super) fn declaring(&mut self, pipe: &Pipe, dot: &Value) -> Rendering<Value> {
        let value = self.pipe(pipe, dot)?;
        for name in &pipe.variables {
            self.bind(pipe, name, value.clone())?;
        }
        Ok(value)
    }
}
