//! Stages: which there are, what each is made from, and what its variables are.

use super::expand::{Layers, Variables, Word, expand};
use super::instruction::{Instruction, Keyword, raw_words};
use super::{Dockerfile, Mistake};

/// Variables beyond these stay unknown.
const LIMIT_VARIABLES: usize = 1000;

/// Stages beyond these are refused.
const LIMIT_STAGES: usize = 100;

/// What a stage is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The stage of this index.
    Stage(usize),
    /// `FROM scratch`
    Scratch,
    /// An image by its name.
    Image(Word),
}

/// Everything from one `FROM` to the next; the `FROM` itself is `instructions[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    pub index: usize,
    pub name: Option<String>,
    pub base: Base,
    pub platform: Option<String>,
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// Of its `FROM`.
    pub fn line(&self) -> u32 {
        self.instructions.first().map_or(0, |from| from.line)
    }

    /// Those of one kind that happen in this build.
    pub fn all(&self, keyword: Keyword) -> impl DoubleEndedIterator<Item = &Instruction> {
        self.instructions
            .iter()
            .filter(move |one| one.keyword == keyword && !one.on_build)
    }
}

/// The variables of a stage while it is read.
#[derive(Debug, Default)]
struct Scopes {
    global: Variables,
    /// Of each stage at its end: what a stage made from it begins with. `ARG`s are not passed on.
    environments: Vec<Variables>,
    environment: Variables,
    arguments: Variables,
    escape: char,
}

impl Scopes {
    /// `ENV` wins over `ARG`.
    fn all(&self) -> Layers<'_> {
        Layers {
            upper: &self.environment,
            lower: &self.arguments,
        }
    }

    fn global(&self) -> Layers<'_> {
        Layers {
            upper: &self.global,
            lower: &self.arguments,
        }
    }
}

/// Sorts the instructions into stages and expands their words.
pub(super) fn divide(instructions: Vec<Instruction>, escape: char, read: &mut Dockerfile) {
    let mut scopes = Scopes {
        escape,
        ..Scopes::default()
    };
    for mut instruction in instructions {
        if instruction.keyword == Keyword::From {
            if read.stages.len() == LIMIT_STAGES {
                let message = format!("more than {LIMIT_STAGES} stages");
                read.mistakes.push(Mistake::new(instruction.line, message));
                return;
            }
            close(&mut scopes, read);
            let stage = begin(instruction, &mut scopes, read);
            read.stages.push(stage);
            continue;
        }
        let Some(stage) = read.stages.last_mut() else {
            if instruction.keyword == Keyword::Arg {
                declare(&instruction, &mut scopes, true);
            } else {
                let message = format!(
                    "`{}` stands before the first FROM",
                    instruction.keyword.word()
                );
                let mistake = Mistake::new(instruction.line, message);
                read.mistakes
                    .push(mistake.fix("begin with FROM; only ARG may stand before it"));
            }
            read.global.push(instruction);
            continue;
        };
        fill(&mut instruction, &scopes);
        match instruction.keyword {
            Keyword::Arg if !instruction.on_build => declare(&instruction, &mut scopes, false),
            Keyword::Env if !instruction.on_build => set(&instruction, &mut scopes),
            _ => {}
        }
        stage.instructions.push(instruction);
    }
    close(&mut scopes, read);
    if read.stages.is_empty() {
        let mistake = Mistake::new(0, "there is no FROM");
        read.mistakes
            .push(mistake.fix("begin with `FROM image:tag`"));
    }
}

fn close(scopes: &mut Scopes, read: &Dockerfile) {
    if !read.stages.is_empty() {
        scopes
            .environments
            .push(std::mem::take(&mut scopes.environment));
    }
    scopes.arguments.clear();
}

fn begin(mut from: Instruction, scopes: &mut Scopes, read: &mut Dockerfile) -> Stage {
    let raw = raw_words(&from);
    from.words = raw
        .iter()
        .map(|word| expand(word, scopes.global(), scopes.escape))
        .collect();
    let name = match raw.get(1..) {
        Some([word, name]) if word.eq_ignore_ascii_case("AS") => Some(name.clone()),
        Some([]) => None,
        _ => {
            let mistake = Mistake::new(
                from.line,
                "FROM is neither `FROM image` nor `FROM image AS name`",
            );
            read.mistakes.push(mistake);
            None
        }
    };
    let image = from.words.first().cloned().unwrap_or(Word {
        text: String::new(),
        known: false,
    });
    let earlier = read.stages.iter().rposition(|stage| {
        stage
            .name
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(&image.text))
    });
    let base = match earlier {
        Some(index) => {
            scopes.environment = scopes.environments.get(index).cloned().unwrap_or_default();
            Base::Stage(index)
        }
        None if image.text == "scratch" => Base::Scratch,
        None => Base::Image(image),
    };
    Stage {
        index: read.stages.len(),
        name,
        base,
        platform: from.flag("platform").map(str::to_owned),
        instructions: vec![from],
    }
}

/// Gives an instruction its words.
fn fill(instruction: &mut Instruction, scopes: &Scopes) {
    let raw = raw_words(instruction);
    let plain = matches!(
        instruction.keyword,
        Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Shell | Keyword::Healthcheck
    );
    let variables = scopes.all();
    instruction.words = raw
        .into_iter()
        .map(|word| {
            if plain {
                Word {
                    text: word,
                    known: true,
                }
            } else {
                expand(&word, variables, scopes.escape)
            }
        })
        .collect();
    if !plain {
        for flag in &mut instruction.flags {
            let value = expand(&flag.value, variables, scopes.escape);
            if value.known {
                flag.value = value.text;
            }
        }
    }
}

/// `ARG`: its own default, else that of the `ARG` before the first `FROM`.
fn declare(instruction: &Instruction, scopes: &mut Scopes, global: bool) {
    for pair in instruction.pairs() {
        let value = pair
            .value
            .map(|value| {
                let variables = if global {
                    scopes.global()
                } else {
                    scopes.all()
                };
                expand(&value, variables, scopes.escape)
            })
            .or_else(|| scopes.global.get(&pair.name).cloned().flatten());
        let layer = if global {
            &mut scopes.global
        } else {
            &mut scopes.arguments
        };
        put(layer, pair.name, value);
    }
}

/// `ENV`: every value of one instruction sees what was before it.
fn set(instruction: &Instruction, scopes: &mut Scopes) {
    let values: Vec<_> = instruction
        .pairs()
        .into_iter()
        .map(|pair| {
            let value = pair.value;
            let value = value.map(|value| expand(&value, scopes.all(), scopes.escape));
            (pair.name, value)
        })
        .collect();
    for (name, value) in values {
        put(&mut scopes.environment, name, value);
    }
}

fn put(layer: &mut Variables, name: String, value: Option<Word>) {
    if layer.len() < LIMIT_VARIABLES {
        layer.insert(name, value);
    }
}
