//! One instruction, taken apart: keyword, flags, arguments in JSON or as text.

use super::expand::Word;
use super::lines::{Heredoc, Logical, Text};
use super::shell::{self, Command};
use super::{Mistake, pairs};
use mainstay_model::did_you_mean;

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
}

const KEYWORDS: [(&str, Keyword); 17] = [
    ("ADD", Keyword::Add),
    ("ARG", Keyword::Arg),
    ("CMD", Keyword::Cmd),
    ("COPY", Keyword::Copy),
    ("ENTRYPOINT", Keyword::Entrypoint),
    ("ENV", Keyword::Env),
    ("EXPOSE", Keyword::Expose),
    ("FROM", Keyword::From),
    ("HEALTHCHECK", Keyword::Healthcheck),
    ("LABEL", Keyword::Label),
    ("MAINTAINER", Keyword::Maintainer),
    ("RUN", Keyword::Run),
    ("SHELL", Keyword::Shell),
    ("STOPSIGNAL", Keyword::Stopsignal),
    ("USER", Keyword::User),
    ("VOLUME", Keyword::Volume),
    ("WORKDIR", Keyword::Workdir),
];

impl Keyword {
    fn parse(word: &str) -> Option<Self> {
        KEYWORDS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, keyword)| *keyword)
    }

    pub fn word(self) -> &'static str {
        KEYWORDS
            .iter()
            .find(|(_, keyword)| *keyword == self)
            .map_or("", |(name, _)| name)
    }

    /// May have its arguments as a JSON list.
    fn takes_json(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Cmd
                | Self::Copy
                | Self::Entrypoint
                | Self::Healthcheck
                | Self::Run
                | Self::Shell
                | Self::Volume
        )
    }
}

/// `--from=build`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub name: String,
    /// With variables in it as they were written.
    pub value: String,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    pub keyword: Keyword,
    /// Behind `ONBUILD`: happens in the build of another image.
    pub on_build: bool,
    pub line: u32,
    /// Its last line.
    pub end: u32,
    pub flags: Vec<Flag>,
    /// Everything behind the flags.
    pub text: Text,
    pub json: Option<Vec<String>>,
    pub heredocs: Vec<Heredoc>,
    /// The arguments, with variables expanded where Docker expands them (not in `RUN`, `CMD` and
    /// `ENTRYPOINT`).
    pub words: Vec<Word>,
}

impl Instruction {
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags
            .iter()
            .find(|flag| flag.name == name)
            .map(|flag| flag.value.as_str())
    }

    /// The commands of a `RUN`, or of the shell form of `CMD`, `ENTRYPOINT` and `HEALTHCHECK`.
    pub fn commands(&self) -> Vec<Command> {
        if let Some(words) = &self.json {
            return shell::exec(words, self.line);
        }
        let mut commands = match self.keyword {
            Keyword::Healthcheck => shell::commands(&behind_cmd(&self.text)),
            _ => shell::commands(&self.text),
        };
        if self.keyword == Keyword::Run {
            for heredoc in &self.heredocs {
                commands.extend(shell::commands(&heredoc.body));
            }
        }
        commands
    }

    /// Has a `--mount` of this type over this path, or over one above it.
    pub fn mounts(&self, kind: &str, path: &str) -> bool {
        self.flags
            .iter()
            .filter(|flag| flag.name == "mount")
            .any(|flag| {
                let field = |names: [&str; 3]| {
                    flag.value
                        .split(',')
                        .filter_map(|pair| pair.split_once('='))
                        .find(|(name, _)| names.contains(name))
                        .map(|(_, value)| value.trim_end_matches('/'))
                };
                field(["type", "type", "type"]) == Some(kind)
                    && field(["target", "dst", "destination"]).is_some_and(|target| {
                        path.strip_prefix(target)
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    })
            })
    }
}

/// Takes a logical line apart; variables are expanded later.
pub(super) fn read(line: Logical) -> Result<Instruction, Mistake> {
    let (start, end) = (line.start, line.end);
    let (word, rest) = split_word(&line.text, 0);
    let on_build = word.eq_ignore_ascii_case("ONBUILD");
    let (word, rest) = if on_build {
        split_word(&line.text, rest)
    } else {
        (word, rest)
    };
    let Some(keyword) = Keyword::parse(&word) else {
        let mistake = Mistake::new(start, format!("unknown instruction `{word}`"));
        let names = KEYWORDS.iter().map(|(name, _)| *name);
        return Err(match did_you_mean(&word, names) {
            Some(name) => mistake.fix(format!("did you mean `{name}`?")),
            None => mistake.fix("write one of Docker's instructions"),
        });
    };
    if on_build && matches!(keyword, Keyword::From | Keyword::Maintainer) {
        let message = format!("`ONBUILD {}` is not allowed", keyword.word());
        return Err(Mistake::new(start, message).fix("take `ONBUILD` away"));
    }
    let (flags, rest) = flags(&line.text, rest);
    let text = line.text.from(rest);
    if text.text.trim().is_empty() {
        let message = format!("`{}` says nothing", keyword.word());
        return Err(Mistake::new(start, message).fix("write its arguments, or take it away"));
    }
    Ok(Instruction {
        json: json(keyword, &text.text),
        keyword,
        on_build,
        line: start,
        end,
        flags,
        text,
        heredocs: line.heredocs,
        words: Vec::new(),
    })
}

/// The next word from `offset` on, and where the one behind it starts.
fn split_word(text: &Text, offset: usize) -> (String, usize) {
    let rest = text.text.get(offset..).unwrap_or("");
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let blanks = rest[end..].len() - rest[end..].trim_start().len();
    (rest[..end].to_owned(), offset + end + blanks)
}

fn flags(text: &Text, mut offset: usize) -> (Vec<Flag>, usize) {
    let mut flags = Vec::new();
    loop {
        let rest = text.text.get(offset..).unwrap_or("");
        if !rest.starts_with("--") {
            return (flags, offset);
        }
        let (word, next) = split_word(text, offset);
        offset = next;
        let word = word.trim_start_matches('-');
        if word.is_empty() {
            return (flags, offset);
        }
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        flags.push(Flag {
            name: name.to_ascii_lowercase(),
            value: value.trim_matches(['"', '\'']).to_owned(),
        });
    }
}

/// The JSON form, where the arguments are one. `HEALTHCHECK CMD` has it behind a word.
fn json(keyword: Keyword, text: &str) -> Option<Vec<String>> {
    if !keyword.takes_json() {
        return None;
    }
    let mut text = text.trim();
    if keyword == Keyword::Healthcheck {
        let (word, rest) = text.split_at_checked(3)?;
        text = word.eq_ignore_ascii_case("CMD").then(|| rest.trim())?;
    }
    text.starts_with('[')
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

/// What `HEALTHCHECK` runs stands behind a `CMD`; `NONE` runs nothing.
fn behind_cmd(text: &Text) -> Text {
    let (word, rest) = split_word(text, 0);
    if word.eq_ignore_ascii_case("CMD") {
        text.from(rest)
    } else {
        Text::default()
    }
}

/// Arguments as words, before any expansion.
pub(super) fn raw_words(instruction: &Instruction) -> Vec<String> {
    match &instruction.json {
        Some(words) => words.clone(),
        None => pairs::words(&instruction.text.text),
    }
}
