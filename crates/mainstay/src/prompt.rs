//! Asks for a value that nobody looking on may see.
//!
//! From a terminal without echo, twice; else all of standard input, without the line end that
//! `echo` leaves. Never from an argument: those are everybody's to read.

use crate::failure::{Failure, Outcome};
use mainstay_model::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};

/// More than any secret that is typed or piped.
const LIMIT_BYTES: u64 = 64 * 1024;

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const KILL_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// The value. `what` says which.
pub fn value(what: &str) -> Outcome<Secret<String>> {
    let value = if io::stdin().is_terminal() {
        twice(what)?
    } else {
        piped()?
    };
    if value.expose().is_empty() {
        return Err(Failure::input("the value is empty").hint("give one on standard input"));
    }
    Ok(value)
}

/// Asks on the terminal whether to go on; elsewhere refuses, naming the option that says so.
pub fn agree(what: &str, option: &str) -> Outcome {
    let refused = || {
        Failure::input(format!("this would {what}"))
            .hint(format!("say that you mean it: `{option}`"))
    };
    if !io::stdin().is_terminal() {
        return Err(refused());
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{what}? [y/N] ").and_then(|()| io::stderr().flush());
    let read = asked.and_then(|()| io::stdin().lock().take(100).read_line(&mut answer));
    read.map_err(|error| Failure::environment("cannot ask on the terminal").because(&error))?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::input("nothing was done"))
    }
}

/// Asks on the terminal for a name to be typed, for what cannot be taken back; elsewhere refuses.
pub fn typed(what: &str, name: &str) -> Outcome {
    if !io::stdin().is_terminal() {
        return Err(Failure::input(format!("this would {what}"))
            .hint("do it on a terminal: the name is typed there"));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "this would {what}\ntype `{name}` to go on: ")
        .and_then(|()| io::stderr().flush());
    let read = asked.and_then(|()| io::stdin().lock().take(100).read_line(&mut answer));
    read.map_err(|error| Failure::environment("cannot ask on the terminal").because(&error))?;
    if answer.trim() == name {
        Ok(())
    } else {
        Err(Failure::input("nothing was done"))
    }
}

/// A value that exists already: asked for once.
pub fn known(what: &str) -> Outcome<Secret<String>> {
    let value = if io::stdin().is_terminal() {
        Silent::open()?.ask(&format!("{what}: "))?
    } else {
        piped()?
    };
    if value.expose().is_empty() {
        return Err(Failure::input(format!("{what} is empty")));
    }
    Ok(value)
}

fn piped() -> Outcome<Secret<String>> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::environment("cannot read standard input").because(&error))?;
    if bytes.len() as u64 > LIMIT_BYTES {
        return Err(Failure::input("the value has more than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::input("the value is no text").hint("keep it as a file: `from: file`")
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(
        line.strip_suffix('\r').unwrap_or(line).to_owned(),
    ))
}

fn twice(what: &str) -> Outcome<Secret<String>> {
    let mut terminal = Silent::open()?;
    let first = terminal.ask(&format!("{what}: "))?;
    let second = terminal.ask("again: ")?;
    if first != second {
        return Err(Failure::input("the two are not the same").hint("type it again"));
    }
    Ok(first)
}

/// The terminal without echo and without signals of its own, until this goes: an interrupt in the
/// middle must not leave it so.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn open() -> Outcome<Self> {
        let failed = |error: io::Error| {
            Failure::environment("cannot ask on the terminal")
                .because(&error)
                .hint("give the value on standard input")
        };
        let terminal = File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .map_err(failed)?;
        let before = rustix::termios::tcgetattr(&terminal).map_err(|e| failed(e.into()))?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        rustix::termios::tcsetattr(&terminal, OptionalActions::Flush, &silent)
            .map_err(|error| failed(error.into()))?;
        Ok(Self { terminal, before })
    }

    fn ask(&mut self, question: &str) -> Outcome<Secret<String>> {
        let failed = |error: io::Error| {
            Failure::environment("cannot read from the terminal").because(&error)
        };
        self.terminal
            .write_all(question.as_bytes())
            .map_err(failed)?;
        let mut line = Line::default();
        let mut byte = [0];
        let ended = loop {
            if self.terminal.read(&mut byte).map_err(failed)? == 0 {
                break Ended::Whole;
            }
            if let Some(ended) = line.key(byte[0]) {
                break ended;
            }
        };
        let _ = self.terminal.write_all(b"\n");
        match ended {
            Ended::Whole => line.text(),
            Ended::Interrupted => Err(Failure::quiet(crate::interrupt::CODE)),
        }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let now = OptionalActions::Flush;
        let _ = rustix::termios::tcsetattr(&self.terminal, now, &self.before);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Interrupted,
}

/// What was typed so far.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    fn key(&mut self, byte: u8) -> Option<Ended> {
        match byte {
            b'\n' | b'\r' | END => return Some(Ended::Whole),
            INTERRUPT => return Some(Ended::Interrupted),
            BACKSPACE | DELETE => {
                // A whole character, of however many bytes.
                while self.0.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            KILL_LINE => self.0.clear(),
            _ if self.0.len() as u64 >= LIMIT_BYTES => {}
            _ => self.0.push(byte),
        }
        None
    }

    fn text(self) -> Outcome<Secret<String>> {
        String::from_utf8(self.0)
            .map(Secret::new)
            .map_err(|_| Failure::input("the value is no text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> (Option<Ended>, String) {
        let mut line = Line::default();
        let ended = keys.iter().find_map(|key| line.key(*key));
        (ended, line.text().unwrap().into_inner())
    }

    #[test]
    fn a_line_is_edited_as_people_expect() {
        let whole = |text: &str| (Some(Ended::Whole), text.to_owned());
        assert_eq!(typed(b"hunter2\r"), whole("hunter2"));
        assert_eq!(typed("ä\x7fab\x7f\n".as_bytes()), whole("a"));
        assert_eq!(typed(b"wrong\x15right\x04"), whole("right"));
        assert_eq!(typed(b"\x7f\x7fa\n"), whole("a"));
        assert_eq!(typed(b"hun\x03ter").0, Some(Ended::Interrupted));
    }
}
