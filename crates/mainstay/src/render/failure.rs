//! How a command that failed says so.

use crate::failure::{Class, Failure};
use crate::look::{Look, Tone};
use crate::render::problems;
use std::fmt::Write as _;

/// The problems, `error:` with its causes, `hint:`.
pub fn text(failure: &Failure, look: Look) -> String {
    let mut text = String::new();
    if !failure.problems.is_empty() {
        text.push_str(&problems::text(&failure.problems, look));
        text.push('\n');
    }
    let label = look.paint(Tone::Bad, "error:");
    let _ = writeln!(text, "{label} {failure}");
    if let Some(hint) = &failure.hint {
        let label = look.paint(Tone::Accent, "hint:");
        let _ = writeln!(text, "{label} {hint}");
    }
    if failure.class == Class::Bug {
        text.push_str("this is a bug in Mainstay: please report it with the command you ran\n");
    }
    text
}

/// The same for `--json`, as one line.
pub fn json(failure: &Failure) -> String {
    let class = match failure.class {
        Class::Input => "input",
        Class::Environment => "environment",
        Class::Bug => "bug",
        Class::Quiet(_) => "quiet",
    };
    serde_json::json!({ "error": {
        "class": class,
        "message": failure.message,
        "causes": failure.causes,
        "hint": failure.hint,
        "problems": failure.problems,
    }})
    .to_string()
}
