//! A Dockerfile, read as Docker reads it.
//!
//! Source: the Dockerfile reference of the Docker documentation and the behaviour of `BuildKit`'s
//! parser. `lines` joins what belongs together (continuations, here-documents) and remembers
//! where each part stood; `instruction` takes one apart; `stages` expands variables and tells the
//! stages; `shell` cuts what `RUN` runs into commands.
//!
//! It does not build, and it does not refuse what a builder would refuse late: a mistake that it
//! sees is a [`Mistake`], and reading goes on.

mod expand;
mod instruction;
mod lines;
mod pairs;
mod shell;
mod stages;

pub use expand::Word;
pub use instruction::{Flag, Instruction, Keyword};
pub use lines::{Heredoc, Text};
pub use pairs::Pair;
pub use shell::Command;
pub use stages::{Base, Stage};

use lines::Logical;

/// A larger file is not read: it is no Dockerfile that a person wrote.
pub const LIMIT_BYTES: usize = 1 << 20;

/// Instructions behind this one are not read.
pub const LIMIT_INSTRUCTIONS: usize = 10_000;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// As the user would type it.
    pub file: String,
    /// Before the first `FROM`: only `ARG` may stand there.
    pub global: Vec<Instruction>,
    pub stages: Vec<Stage>,
    pub comments: Vec<Comment>,
    pub mistakes: Vec<Mistake>,
}

/// A comment line, without its `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub line: u32,
    pub text: String,
}

/// Something that a builder refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// 0: the file as a whole.
    pub line: u32,
    pub message: String,
    pub fix: Option<String>,
}

impl Mistake {
    pub(crate) fn new(line: u32, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
            fix: None,
        }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl Dockerfile {
    /// The stage that becomes the image: the one named, or the last.
    pub fn target(&self, name: Option<&str>) -> Option<&Stage> {
        match name {
            Some(name) => self.stage(name),
            None => self.stages.last(),
        }
    }

    /// By name, or by number. Names do not tell upper from lower case.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages
            .iter()
            .rev()
            .find(|stage| {
                stage
                    .name
                    .as_deref()
                    .is_some_and(|own| own.eq_ignore_ascii_case(name))
            })
            .or_else(|| self.stages.get(name.parse::<usize>().ok()?))
    }

    /// The stage and those it is made from by `FROM`, itself first: their layers are the image.
    pub fn lineage<'a>(&'a self, stage: &'a Stage) -> Vec<&'a Stage> {
        let mut all = vec![stage];
        // A stage is made from earlier ones only, so this ends.
        while let Some(Base::Stage(index)) = all.last().map(|stage| &stage.base) {
            match self.stages.get(*index) {
                Some(next) => all.push(next),
                None => break,
            }
        }
        all
    }

    /// Every instruction, in the order of the file.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.global
            .iter()
            .chain(self.stages.iter().flat_map(|stage| &stage.instructions))
    }
}

/// Reads a Dockerfile; `file` is its name for places.
pub fn parse(file: &str, text: &str) -> Dockerfile {
    let mut read = Dockerfile {
        file: file.to_owned(),
        global: Vec::new(),
        stages: Vec::new(),
        comments: Vec::new(),
        mistakes: Vec::new(),
    };
    if text.len() > LIMIT_BYTES {
        let message = format!("the file has {} bytes: more than {LIMIT_BYTES}", text.len());
        read.mistakes.push(Mistake::new(0, message));
        return read;
    }
    let escape = lines::escape(text);
    let lines = lines::logical(text, escape, &mut read.comments, &mut read.mistakes);
    let instructions = instructions(lines, &mut read.mistakes);
    stages::divide(instructions, escape, &mut read);
    read
}

fn instructions(lines: Vec<Logical>, mistakes: &mut Vec<Mistake>) -> Vec<Instruction> {
    let mut all = Vec::new();
    for line in lines {
        if all.len() == LIMIT_INSTRUCTIONS {
            let message = format!("more than {LIMIT_INSTRUCTIONS} instructions");
            mistakes.push(Mistake::new(line.start, message));
            break;
        }
        match instruction::read(line) {
            Ok(instruction) => all.push(instruction),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    all
}

#[cfg(test)]
mod tests;
