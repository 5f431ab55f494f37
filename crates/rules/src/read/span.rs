//! Where in a file a character of a YAML value stands.
//!
//! The tree knows where a value begins. From there its text is followed through the file: white space
//! may differ (folded lines, indentation), quotes and backslashes may stand in between, everything
//! else must be the same. Where it is not, the place is that of the value.

use mainstay_model::Place;
use mainstay_yaml::tree::Node;

/// The place of the character at `offset` bytes into a value's text.
pub(crate) fn inside(file: &str, value: &Node, offset: usize) -> Place {
    let whole = value.at.place();
    let text = value.as_text().unwrap_or_default();
    follow(file, text, (whole.line, whole.column), offset).map_or(
        whole.clone(),
        |(line, column)| Place {
            line,
            column,
            ..whole
        },
    )
}

fn follow(file: &str, text: &str, begin: (u32, u32), offset: usize) -> Option<(u32, u32)> {
    let (mut line, mut column) = begin;
    let start = line_start(file, line.checked_sub(1)?)?;
    let rest = file.get(start..)?;
    let skipped = rest.char_indices().nth(column.checked_sub(1)? as usize)?.0;
    let mut written = rest.get(skipped..)?.chars().peekable();
    // `|2-`, `>` and the like: the text begins on the next line.
    if matches!(written.peek(), Some('|' | '>')) {
        while written.next()? != '\n' {}
        (line, column) = (line + 1, 1);
    }
    let mut wanted = text.char_indices().filter(|(_, c)| !c.is_whitespace());
    // An end of input is the place of the last character.
    let mut last = None;
    let mut next = wanted.next();
    while let Some((at, c)) = next {
        let w = written.next()?;
        let here = (line, column);
        (line, column) = match w {
            '\n' => (line + 1, 1),
            _ => (line, column + 1),
        };
        if w == c {
            last = Some(here);
            if at >= offset {
                return last;
            }
            next = wanted.next();
        } else if !w.is_whitespace() && !matches!(w, '"' | '\'' | '\\') {
            return None;
        }
    }
    last
}

/// Where a line begins, counted from 0.
fn line_start(file: &str, line: u32) -> Option<usize> {
    let mut start = 0;
    for _ in 0..line {
        start += file.get(start..)?.find('\n')? + 1;
    }
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Problems;
    use mainstay_yaml::source::Source;
    use std::sync::Arc;

    fn place(yaml: &str, needle: &str) -> (u32, u32) {
        let source = Arc::new(Source::named("a"));
        let tree = mainstay_yaml::parse(yaml, &source, &mut Problems::default());
        let value = tree[0].get("expr").unwrap();
        let offset = value.as_text().unwrap().find(needle).unwrap();
        let place = inside(yaml, value, offset);
        (place.line, place.column)
    }

    #[test]
    fn places_are_found_in_every_style() {
        for (yaml, expected) in [
            ("expr: a + BAD", (1, 11)),
            ("expr: 'a + BAD'", (1, 12)),
            ("expr: \"a{x=\\\"y\\\"} + BAD\"", (1, 21)),
            ("expr: |\n  a\n   +\n  BAD\n", (4, 3)),
            ("x: 1\nexpr: >-\n  a +\n  BAD\n", (4, 3)),
            ("expr: a\n  +\n    BAD", (3, 5)),
            ("{x: {}, expr: ü + BAD}", (1, 19)),
        ] {
            assert_eq!(place(yaml, "BAD"), expected, "{yaml}");
        }
    }

    #[test]
    fn what_cannot_be_followed_has_the_place_of_the_value() {
        assert_eq!(place("expr: \"\\x41 BAD\"", "BAD"), (1, 7));
    }
}
