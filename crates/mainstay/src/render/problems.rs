//! Problems of the user's files: place, the line itself, and a caret under it.

use crate::look::{Look, Tone};
use crate::render::quantity::count;
use mainstay_model::{Place, Problem, Problems, Severity};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Longest source line that is shown; files of one endless line exist.
const MOST_COLUMNS: usize = 160;

/// All of them, in their order, with the lines they stand on where the files can be read.
pub fn text(problems: &Problems, look: Look) -> String {
    let mut files = BTreeMap::new();
    let blocks: Vec<String> = problems
        .iter()
        .map(|problem| {
            let source = problem.place.as_ref().and_then(|place| {
                files
                    .entry(place.file.clone())
                    .or_insert_with(|| std::fs::read_to_string(&place.file).unwrap_or_default())
                    .lines()
                    .nth(place.line.saturating_sub(1) as usize)
                    // The line may hold the very secret that is wrong.
                    .map(mainstay_stack::masked_line)
            });
            block(problem, source.as_deref(), look)
        })
        .collect();
    blocks.join("\n")
}

/// `2 errors, 1 warning`
pub fn tally(problems: &Problems) -> String {
    let errors = problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .count();
    let warnings = problems.len() - errors;
    match (errors, warnings) {
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

fn block(problem: &Problem, source: Option<&str>, look: Look) -> String {
    let (tone, word) = match problem.severity {
        Severity::Error => (Tone::Bad, "error"),
        Severity::Warning => (Tone::Warning, "warning"),
    };
    let label = look.paint(tone, format!("{word}[{}]:", problem.code));
    let mut text = format!("{label} {}\n", problem.message);
    if let Some(place) = &problem.place {
        text.push_str(&excerpt(place, source, tone, look));
    }
    if let Some(hint) = &problem.hint {
        let _ = writeln!(text, "  {} {hint}", look.paint(Tone::Accent, "hint:"));
    }
    text
}

fn excerpt(place: &Place, source: Option<&str>, tone: Tone, look: Look) -> String {
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let bar = look.paint(Tone::Faint, "|");
    let arrow = look.paint(Tone::Faint, "-->");
    let mut text = format!("{gutter}{arrow} {place}\n");
    let Some(source) = source.filter(|line| line.chars().count() <= MOST_COLUMNS) else {
        return text;
    };
    // A tab would move the caret; control characters would move the terminal.
    let shown: String = source
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let column = (place.column.saturating_sub(1) as usize).min(shown.chars().count());
    let caret = look.paint(tone, "^".repeat(word_length(&shown, column)));
    let _ = writeln!(text, "{gutter} {bar}");
    let number = look.paint(Tone::Faint, number);
    let _ = writeln!(text, "{number} {bar} {shown}");
    let _ = writeln!(text, "{gutter} {bar} {}{caret}", " ".repeat(column));
    text
}

/// How much to underline: the word that begins there.
fn word_length(line: &str, column: usize) -> usize {
    line.chars()
        .skip(column)
        .take_while(|c| c.is_alphanumeric() || "-_./${}".contains(*c))
        .count()
        .max(1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]

    use super::*;
    use snapbox::{assert_data_eq, str};

    fn place(line: u32, column: u32) -> Place {
        Place {
            file: "compose.yaml".to_owned(),
            line,
            column,
        }
    }

    #[test]
    fn the_word_is_underlined() {
        let problem = Problem::error("compose/unknown-key", "unknown key `servces`")
            .at(place(12, 3))
            .hint("did you mean `services`?");
        assert_data_eq!(
            block(&problem, Some("  servces: {}"), Look::PLAIN),
            str![[r#"
error[compose/unknown-key]: unknown key `servces`
  --> compose.yaml:12:3
   |
12 |   servces: {}
   |   ^^^^^^^
  hint: did you mean `services`?

"#]]
        );
    }

    #[test]
    fn a_place_beyond_the_line_or_without_a_file_does_no_harm() {
        let problem = Problem::warning("x/y", "m").at(place(1, 99));
        assert_data_eq!(
            block(&problem, Some("a\tb"), Look::PLAIN),
            str![[r#"
warning[x/y]: m
 --> compose.yaml:1:99
  |
1 | a b
  |    ^

"#]]
        );
        assert_data_eq!(
            block(&problem, None, Look::PLAIN),
            str![[r#"
warning[x/y]: m
 --> compose.yaml:1:99

"#]]
        );
    }

    #[test]
    fn the_tally_counts_both_kinds() {
        let mut problems = Problems::default();
        problems.push(Problem::warning("a", "a"));
        assert_eq!(tally(&problems), "1 warning");
        problems.push(Problem::error("b", "b"));
        problems.push(Problem::error("c", "c"));
        assert_eq!(tally(&problems), "2 errors, 1 warning");
    }
}
