//! Renders nodes: control flow, variables, output.

mod compare;
mod operand;

use crate::Functions;
use crate::ast::{Body, Branch, Node, Parsed, Pipe, Term};
use crate::builtin;
use crate::error::{Source, TemplateError};
use crate::html::Html;
use crate::limits;
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use compare::{compare, equal};

/// Where values go: as they are, or escaped for the place in HTML at which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    Text,
    Html,
}

/// What one rendering needs.
pub(crate) struct Job<'a> {
    pub(crate) parsed: &'a Parsed,
    pub(crate) shared: &'a BTreeMap<String, Arc<Body>>,
    pub(crate) data: &'a Value,
    pub(crate) variables: &'a [(&'a str, Value)],
    pub(crate) functions: &'a dyn Functions,
    pub(crate) escape: Escape,
}

pub(crate) fn render(job: &Job<'_>) -> Result<String, TemplateError> {
    let mut run = Run {
        job,
        out: String::new(),
        html: (job.escape == Escape::Html).then(Html::default),
        frame: Frame {
            source: Arc::clone(&job.parsed.root.source),
            variables: job
                .variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            data: job.data.clone(),
        },
        steps: 0,
        depth: 0,
    };
    run.nodes(&job.parsed.root.nodes, job.data)?;
    if let Some(Err(why)) = run.html.as_ref().map(Html::end) {
        return run.error(job.parsed.root.source.text.len(), why);
    }
    Ok(run.out)
}

/// What a template sees that another one does not.
struct Frame {
    source: Arc<Source>,
    variables: Vec<(String, Value)>,
    /// `$`
    data: Value,
}

pub(crate) struct Run<'a> {
    job: &'a Job<'a>,
    out: String,
    html: Option<Html>,
    frame: Frame,
    steps: usize,
    depth: usize,
}

/// How a list of nodes ended.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

type Rendering<T> = Result<T, TemplateError>;

impl Run<'_> {
    fn error<T>(&self, at: usize, message: impl Into<String>) -> Rendering<T> {
        Err(self.frame.source.error(at, message))
    }

    fn step(&mut self, at: usize) -> Rendering<()> {
        self.steps_of(at, 1)
    }

    fn steps_of(&mut self, at: usize, count: usize) -> Rendering<()> {
        self.steps = self.steps.saturating_add(count);
        if self.steps > limits::STEPS {
            return self.error(at, format!("more than {} steps", limits::STEPS));
        }
        Ok(())
    }

    fn deeper(&mut self, at: usize) -> Rendering<()> {
        self.depth += 1;
        if self.depth > limits::DEPTH {
            return Err(self.frame.source.hinted(
                at,
                format!("deeper than {} blocks and templates", limits::DEPTH),
                "does a template call itself without an end?",
            ));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Rendering<Flow> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Rendering<Flow> {
        match node {
            Node::Text(text) => {
                self.steps_of(0, 1 + text.len() / 64)?;
                match &mut self.html {
                    Some(html) => html.literal(text, &mut self.out),
                    None => self.out.push_str(text),
                }
                self.bounded(0)?;
            }
            Node::Action(pipe) => {
                if pipe.variables.is_empty() {
                    let value = self.action(pipe, dot)?;
                    self.print(&value, pipe)?;
                } else {
                    self.declaring(pipe, dot)?;
                }
            }
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                self.deeper(branch.pipe.at)?;
                let scope = self.frame.variables.len();
                let flow = self.branch(node, branch, dot)?;
                self.frame.variables.truncate(scope);
                self.depth -= 1;
                return Ok(flow);
            }
            Node::Template { at, name, pipe } => self.template(*at, name, pipe.as_ref(), dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn branch(&mut self, node: &Node, branch: &Branch, dot: &Value) -> Rendering<Flow> {
        if matches!(node, Node::Range(_)) {
            return self.range(branch, dot);
        }
        let value = self.declaring(&branch.pipe, dot)?;
        if !value.truth() {
            return self.nodes(&branch.otherwise, dot);
        }
        let dot = if matches!(node, Node::With(_)) {
            &value
        } else {
            dot
        };
        self.nodes(&branch.then, dot)
    }

    /// The output has a bound; so has what is made of values on the way to it.
    fn bounded(&self, at: usize) -> Rendering<()> {
        if self.out.len() > limits::OUTPUT_BYTES {
            return self.error(
                at,
                format!("more than {} bytes of output", limits::OUTPUT_BYTES),
            );
        }
        Ok(())
    }

    /// In HTML, `html` at the end of a pipeline is the escaping that comes anyway.
    fn action(&mut self, pipe: &Pipe, dot: &Value) -> Rendering<Value> {
        let Some((last, before)) = pipe.commands.split_last() else {
            return Ok(Value::Nil);
        };
        let ends = last.operands.first().map(|first| &first.term);
        if self.html.is_none() || !matches!(ends, Some(Term::Function(name)) if name == "html") {
            return self.pipe(pipe, dot);
        }
        let mut value = None;
        for command in before {
            value = Some(self.command(command, dot, value)?);
        }
        let arguments = self.arguments(&last.operands[1..], dot, value)?;
        Ok(Value::from(builtin::joined(&arguments)))
    }

    fn print(&mut self, value: &Value, pipe: &Pipe) -> Rendering<()> {
        let at = pipe.at;
        self.step(at)?;
        let last = pipe.commands.last().and_then(|last| last.operands.first());
        self.steps_of(at, value.cost())?;
        match &mut self.html {
            None => self.out.push_str(&builtin::printed(value)),
            Some(html) => {
                if let Err(why) =
                    html_value(html, last.map(|last| &last.term), value, &mut self.out)
                {
                    return self.error(at, why);
                }
            }
        }
        self.bounded(at)
    }

    fn template(
        &mut self,
        at: usize,
        name: &str,
        pipe: Option<&Pipe>,
        dot: &Value,
    ) -> Rendering<()> {
        let data = match pipe {
            Some(pipe) => self.declaring(pipe, dot)?,
            None => Value::Nil,
        };
        let Some(body) = self.find(name) else {
            let near = mainstay_model::did_you_mean(name, self.known());
            let mut error = self
                .frame
                .source
                .error(at, format!("template {name:?} not defined"));
            error.hint = near.map(|near| format!("did you mean {near:?}?"));
            return Err(error);
        };
        self.step(at)?;
        self.deeper(at)?;
        let frame = Frame {
            source: Arc::clone(&body.source),
            variables: Vec::new(),
            data: data.clone(),
        };
        let caller = std::mem::replace(&mut self.frame, frame);
        self.nodes(&body.nodes, &data)?;
        self.frame = caller;
        self.depth -= 1;
        Ok(())
    }

    /// What the text itself defines comes before what is shared, unless it is blank.
    fn find(&self, name: &str) -> Option<Arc<Body>> {
        let own = self.job.parsed.defined.get(name);
        let shared = self.job.shared.get(name);
        let body = match (own, shared) {
            (Some(own), Some(_)) if !own.is_blank() => own,
            (_, Some(shared)) => shared,
            (own, None) => own?,
        };
        Some(Arc::clone(body))
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        let own = self.job.parsed.defined.keys();
        own.chain(self.job.shared.keys()).map(String::as_str)
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Rendering<Flow> {
        let pipe = &branch.pipe;
        let over = self.pipe(pipe, dot)?;
        let mut turns: Box<dyn Iterator<Item = (Value, Value)>> = match over.plain() {
            Value::Nil => Box::new(std::iter::empty()),
            Value::List(list) => {
                let count = list.values.len();
                Box::new(
                    (0..count)
                        .map(move |index| (Value::Int(index as i64), list.values[index].clone())),
                )
            }
            Value::Map(map) => {
                let pairs: Vec<_> = map
                    .entries
                    .iter()
                    .map(|(name, value)| (Value::text(name), value.clone()))
                    .collect();
                Box::new(pairs.into_iter())
            }
            Value::Int(count) => {
                Box::new((0..count).map(|index| (Value::Int(index), Value::Int(index))))
            }
            _ => {
                let kind = over.type_name();
                return self.error(pipe.at, format!("range can't iterate over a {kind}"));
            }
        };
        let scope = self.frame.variables.len();
        let mut empty = true;
        for (key, element) in &mut turns {
            empty = false;
            self.step(pipe.at)?;
            self.turn(pipe, key, &element)?;
            let flow = self.nodes(&branch.then, &element)?;
            self.frame.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        if empty {
            for name in &pipe.variables {
                self.bind(pipe, name, over.clone())?;
            }
            return self.nodes(&branch.otherwise, dot);
        }
        Ok(Flow::On)
    }

    /// The loop's variables for one turn: `$element`, or `$key, $element`.
    fn turn(&mut self, pipe: &Pipe, key: Value, element: &Value) -> Rendering<()> {
        let values = if pipe.variables.len() == 2 {
            vec![key, element.clone()]
        } else {
            vec![element.clone()]
        };
        for (name, value) in pipe.variables.iter().zip(values) {
            self.bind(pipe, name, value)?;
        }
        Ok(())
    }

    fn bind(&mut self, pipe: &Pipe, name: &str, value: Value) -> Rendering<()> {
        if !pipe.assigns {
            self.frame.variables.push((name.to_owned(), value));
            return Ok(());
        }
        let known = self.frame.variables.iter_mut().rev();
        match known.into_iter().find(|(known, _)| known == name) {
            Some((_, slot)) => *slot = value,
            None if name == "$" => self.frame.data = value,
            None => return self.error(pipe.at, format!("undefined variable {name:?}")),
        }
        Ok(())
    }
}

/// What `html` or `urlquery` at the end of a pipeline gave is not escaped once more.
fn html_value(
    html: &mut Html,
    last: Option<&Term>,
    value: &Value,
    out: &mut String,
) -> Result<(), String> {
    let by = match last {
        Some(Term::Function(name)) => name.as_str(),
        _ => "",
    };
    html.value(value, by, out)
}
