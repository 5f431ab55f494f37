//! What a file may say: keys, their shapes, how files merge them, what a target makes of them.
//!
//! One table of [`Key`]s per section drives everything that knows keys: the structural check
//! with "did you mean", the merge of files, `--set`, the verdict of each target, the reference
//! pages and the JSON Schema. A key that stands in no table cannot be read, and one that stands
//! in a table cannot be ignored.

use crate::resolved::TargetKind;

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Any,
    /// A single value.
    Text,
    Bool,
    /// A whole number from zero to 4,294,967,295.
    Integer,
    /// A number from zero up.
    Number,
    /// `1m30s`
    Duration,
    /// `512m`
    Size,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A mapping with these keys.
    Section(&'static Section),
    /// A mapping from names the user chooses.
    Named(&'static Shape),
    List(&'static Shape),
    /// One, or a list of them.
    OneOrMore(&'static Shape),
    /// `KEY: value`, or a list of `KEY=value`.
    Pairs,
    /// A list of names, or a mapping from names to more about each.
    Names(&'static Shape),
    /// A command: a list, or text that is split as a shell would (no shell runs).
    Command,
    /// A short form in one value, or a long form.
    Short(&'static Shape),
}

/// How a value of a later file joins that of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Mappings key by key, lists one after the other, anything else replaced.
    Natural,
    Replace,
    /// A list whose items are the same thing when this is the same.
    By(Identity),
}

/// What makes two items of a list the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Itself: an item is there once.
    Value,
    /// Where it is mounted.
    Target,
    /// Address, target, published port and protocol.
    Port,
    /// The file's path.
    Path,
}

/// What a target makes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Honoured,
    /// Runs without it, and says so.
    Warned,
    /// Does not run with it.
    Refused,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Warned => "warned about",
            Self::Refused => "refused",
        }
    }
}

/// A verdict, and what is to be said with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    pub verdict: Verdict,
    /// What it does, or why it does nothing and what to do instead.
    pub text: &'static str,
}

/// One key of a section.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub merge: Merge,
    pub process: Ruling,
    pub docker: Ruling,
}

impl Key {
    /// The same on every target, until one says otherwise.
    const fn new(name: &'static str, shape: Shape, verdict: Verdict, text: &'static str) -> Self {
        let ruling = Ruling { verdict, text };
        Self {
            name,
            shape,
            merge: Merge::Natural,
            process: ruling,
            docker: ruling,
        }
    }

    pub(crate) const fn honoured(name: &'static str, shape: Shape, text: &'static str) -> Self {
        Self::new(name, shape, Verdict::Honoured, text)
    }

    pub(crate) const fn warned(name: &'static str, shape: Shape, text: &'static str) -> Self {
        Self::new(name, shape, Verdict::Warned, text)
    }

    pub(crate) const fn refused(name: &'static str, shape: Shape, text: &'static str) -> Self {
        Self::new(name, shape, Verdict::Refused, text)
    }

    /// Honoured by the docker target, whatever the process target makes of it.
    pub(crate) const fn on_docker(mut self, text: &'static str) -> Self {
        let verdict = Verdict::Honoured;
        self.docker = Ruling { verdict, text };
        self
    }

    pub(crate) const fn warned_on_docker(mut self, text: &'static str) -> Self {
        let verdict = Verdict::Warned;
        self.docker = Ruling { verdict, text };
        self
    }

    pub(crate) const fn refused_on_docker(mut self, text: &'static str) -> Self {
        let verdict = Verdict::Refused;
        self.docker = Ruling { verdict, text };
        self
    }

    pub(crate) const fn merged(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    /// What the target makes of it. Targets without a column of their own run containers.
    pub const fn ruling(&self, target: TargetKind) -> Ruling {
        match target {
            TargetKind::Process => self.process,
            TargetKind::Docker | TargetKind::Swarm | TargetKind::Kubernetes | TargetKind::Ecs => {
                self.docker
            }
        }
    }

    /// What it does, where targets make no difference.
    pub const fn text(&self) -> &'static str {
        self.process.text
    }
}

/// A mapping with known keys.
#[derive(Debug)]
pub struct Section {
    /// For messages and headings: `service`, `build` …
    pub name: &'static str,
    pub keys: &'static [Key],
    /// `x-…` keys are allowed, and their values are not looked at.
    pub extensions: bool,
}

impl Section {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Shape {
    /// For messages: what is expected here.
    pub fn expected(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::Text => "a single value".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Duration => "a duration such as `10s`".to_owned(),
            Self::Size => "a size such as `512m`".to_owned(),
            Self::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                match words.split_last() {
                    Some((last, [])) => last.clone(),
                    Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
                    None => String::new(),
                }
            }
            Self::Section(_) | Self::Named(_) => "a mapping".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::OneOrMore(shape) => format!("{} or a list", shape.expected()),
            Self::Pairs => "`KEY: value` pairs or a list of `KEY=value`".to_owned(),
            Self::Names(_) => "a list of names or a mapping".to_owned(),
            Self::Command => "a command: text or a list of texts".to_owned(),
            Self::Short(shape) => format!("a single value or {}", shape.expected()),
        }
    }
}
