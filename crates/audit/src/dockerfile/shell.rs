//! What `RUN` runs, cut into commands.
//!
//! No shell: it tells words, operators, quotes and comments apart, and does not know what `if` or
//! a function means. What stands in `$(…)` stays one word. Enough to see which programs are
//! called with which options, which is all that the rules ask.

use super::lines::Text;

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Without what only introduces it: assignments, `sudo`, `exec`, `then` …
    pub words: Vec<String>,
    pub line: u32,
    /// Its output goes into the next one.
    pub piped: bool,
    /// It was called through `sudo` or `doas`.
    pub sudo: bool,
}

/// Words that introduce a command and say nothing about it.
const BEFORE: [&str; 15] = [
    "{", "if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "command",
    "env", "nohup", "builtin",
];

impl Command {
    /// The program's name without its directory.
    pub fn program(&self) -> &str {
        let word = self.words.first().map_or("", String::as_str);
        word.rsplit('/').next().unwrap_or(word)
    }

    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or(&[])
    }

    /// One of the arguments is this word.
    pub fn has(&self, word: &str) -> bool {
        self.arguments().iter().any(|own| own == word)
    }

    /// A short option, alone or among others (`-qy` has `y`).
    pub fn has_short(&self, letter: char) -> bool {
        self.arguments().iter().any(|word| {
            word.strip_prefix('-')
                .is_some_and(|rest| !rest.starts_with('-') && rest.contains(letter))
        })
    }

    /// Arguments that are no options.
    pub fn operands(&self) -> impl Iterator<Item = &str> {
        self.arguments()
            .iter()
            .map(String::as_str)
            .filter(|word| !word.starts_with('-'))
    }

    fn finish(mut self) -> Option<Self> {
        loop {
            let first = self.words.first()?;
            let assignment = first
                .split_once('=')
                .is_some_and(|(name, _)| is_variable(name));
            let sudo = matches!(first.as_str(), "sudo" | "doas");
            if !(assignment || sudo || BEFORE.contains(&first.as_str())) {
                return Some(self);
            }
            self.sudo |= sudo;
            self.words.remove(0);
            while sudo && self.words.first().is_some_and(|word| word.starts_with('-')) {
                self.words.remove(0);
            }
            if self.words.is_empty() {
                // `sudo` alone is still worth a finding; an assignment is nothing.
                return self.sudo.then_some(self);
            }
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The exec form; a shell that is called with `-c` is looked into.
pub(super) fn exec(words: &[String], line: u32) -> Vec<Command> {
    let shell = words
        .first()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    if matches!(shell, Some("sh" | "bash" | "ash" | "dash"))
        && let [_, options, script, ..] = words
        && options.starts_with('-')
        && options.ends_with('c')
    {
        return commands(&Text::on(line, script.clone()));
    }
    let command = Command {
        words: words.to_vec(),
        line,
        piped: false,
        sudo: false,
    };
    command.finish().into_iter().collect()
}

/// Cuts a script.
pub(super) fn commands(text: &Text) -> Vec<Command> {
    let mut cutter = Cutter {
        text,
        commands: Vec::new(),
        words: Vec::new(),
        word: None,
        line: 0,
    };
    cutter.cut();
    cutter.commands
}

struct Cutter<'a> {
    text: &'a Text,
    commands: Vec<Command>,
    words: Vec<String>,
    word: Option<String>,
    /// Of the command that is open.
    line: u32,
}

impl Cutter<'_> {
    fn cut(&mut self) {
        let mut chars = self.text.text.char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                '\\' => {
                    if let Some((_, next)) = chars.next()
                        && next != '\n'
                    {
                        self.push(offset, next);
                    }
                }
                '\'' | '"' => {
                    self.word.get_or_insert_default();
                    self.note(offset);
                    while let Some((at, inner)) = chars.next() {
                        match inner {
                            inner if inner == c => break,
                            '\\' if c == '"' => {
                                if let Some((_, next)) = chars.next() {
                                    self.push(at, next);
                                }
                            }
                            inner => self.push(at, inner),
                        }
                    }
                }
                '$' if chars
                    .peek()
                    .is_some_and(|(_, next)| matches!(next, '(' | '{')) =>
                {
                    self.push(offset, c);
                    self.nested(&mut chars);
                }
                '#' if self.word.is_none() => {
                    while chars.next_if(|(_, next)| *next != '\n').is_some() {}
                }
                '&' if self.is_redirection() => self.push(offset, c),
                '\n' | ';' | '&' | '|' | '(' | ')' => {
                    let double = chars.next_if(|(_, next)| *next == c).is_some();
                    self.end(c == '|' && !double);
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.push(offset, c),
            }
        }
        self.end(false);
    }

    /// `2>&1`
    fn is_redirection(&self) -> bool {
        self.word
            .as_ref()
            .is_some_and(|word| word.ends_with(['>', '<']))
    }

    /// A substitution, as it is, into the word.
    fn nested(&mut self, chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
        let mut open = 0_usize;
        for (at, c) in chars.by_ref() {
            self.push(at, c);
            match c {
                '(' | '{' => open += 1,
                ')' | '}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    fn note(&mut self, offset: usize) {
        if self.words.is_empty() && self.line == 0 {
            self.line = self.text.line_at(offset);
        }
    }

    fn push(&mut self, offset: usize, c: char) {
        self.note(offset);
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end(&mut self, piped: bool) {
        self.end_word();
        let command = Command {
            words: std::mem::take(&mut self.words),
            line: std::mem::take(&mut self.line),
            piped,
            sudo: false,
        };
        self.commands.extend(command.finish());
    }
}
