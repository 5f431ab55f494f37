//! How text looks: colour or not, how wide.
//!
//! A value that is passed to every renderer, so that rendering is a pure function and its tests
//! need no terminal.

use std::fmt::Display;

/// The look of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub colour: bool,
    /// Columns; `None`: as wide as it gets (a pipe).
    pub width: Option<u16>,
}

/// What a colour is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warning,
    Bad,
    Faint,
    Strong,
    Accent,
}

impl Look {
    /// No colour, no limit: as a pipe gets it.
    #[cfg(test)]
    pub const PLAIN: Self = Self {
        colour: false,
        width: None,
    };

    /// `text` in this tone (SGR codes of ECMA-48), or as it is without colour.
    pub fn paint(self, tone: Tone, text: impl Display) -> String {
        if !self.colour {
            return text.to_string();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
            Tone::Accent => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A colour of its own for the `index`th of several things that stand side by side.
    pub fn distinguish(self, index: usize, text: &str) -> String {
        const CODES: [&str; 6] = ["36", "33", "35", "32", "34", "31"];
        if !self.colour {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", CODES[index % CODES.len()])
    }
}
