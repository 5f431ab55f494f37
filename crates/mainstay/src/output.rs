//! The only place where this program prints.
//!
//! Data goes to standard output, everything else to standard error, so that a pipe gets nothing
//! but data. A reader that has gone (`| head`) ends the command quietly.

use crate::failure::{Class, Failure, Outcome};
use crate::look::{Look, Tone};
use crate::render;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Both streams, and how each is to look.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub json: bool,
    /// Of standard output.
    pub look: Look,
    /// Of standard error.
    pub side: Look,
    /// Standard error is a terminal: progress may move.
    pub live: bool,
}

#[expect(
    clippy::unused_self,
    reason = "who was not given an output does not print"
)]
impl Output {
    /// Asks the terminal. `NO_COLOR` (no-color.org) and `TERM=dumb` turn colour off.
    pub fn new(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let look = |terminal: bool, width: Option<u16>| Look {
            colour: terminal && !plain,
            width: width.filter(|_| terminal),
        };
        let (out, err) = (io::stdout(), io::stderr());
        let width =
            |size: rustix::termios::Winsize| Some(size.ws_col).filter(|columns| *columns > 0);
        let out_width = rustix::termios::tcgetwinsize(&out).ok().and_then(width);
        let err_width = rustix::termios::tcgetwinsize(&err).ok().and_then(width);
        Self {
            json,
            look: look(out.is_terminal(), out_width),
            side: look(err.is_terminal(), err_width),
            live: err.is_terminal() && !plain,
        }
    }

    /// Data for standard output, as it is, with a newline.
    pub fn data(&self, text: &str) -> Outcome {
        let mut out = io::stdout().lock();
        let text = text.trim_end_matches('\n');
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .map_err(|error| written(&error))
    }

    /// Bytes for standard output, as they are.
    pub fn bytes(&self, bytes: &[u8]) -> Outcome {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| written(&error))
    }

    /// Bytes for standard error, as they are.
    pub fn side_bytes(&self, bytes: &[u8]) {
        let _ = io::stderr().lock().write_all(bytes);
    }

    /// A whole JSON document.
    pub fn document(&self, value: &impl Serialize) -> Outcome {
        self.data(&encode(serde_json::to_string_pretty(value))?)
    }

    /// One JSON object of a stream, on a line of its own.
    pub fn object(&self, value: &impl Serialize) -> Outcome {
        self.data(&encode(serde_json::to_string(value))?)
    }

    /// The document with `--json`, otherwise the text.
    pub fn either(&self, value: &impl Serialize, text: impl FnOnce(Look) -> String) -> Outcome {
        if self.json {
            self.document(value)
        } else {
            self.data(&text(self.look))
        }
    }

    /// What goes beside the data: progress, notes. Nobody to read it is no reason to stop.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    pub fn warning(&self, text: &str) {
        self.note(&format!(
            "{} {text}",
            self.side.paint(Tone::Warning, "warning:")
        ));
    }

    /// The one place where a failure is printed.
    pub fn failure(&self, failure: &Failure) {
        if matches!(failure.class, Class::Quiet(_)) {
            return;
        }
        let text = if self.json {
            render::failure::json(failure)
        } else {
            render::failure::text(failure, self.side)
        };
        self.note(text.trim_end());
    }
}

fn encode(text: serde_json::Result<String>) -> Outcome<String> {
    text.map_err(|error| Failure::bug("an answer does not encode").because(&error))
}

fn written(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::quiet(0)
    } else {
        Failure::environment("cannot write to standard output").because(error)
    }
}
