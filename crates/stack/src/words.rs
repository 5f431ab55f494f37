//! A command as text, split as a shell would split it. No shell runs and nothing is expanded.

/// A quote that is not closed, or a backslash at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quote without its end")]
pub(crate) struct Unclosed;

/// Splits at white space, with `'…'`, `"…"` and `\` as in POSIX.
pub(crate) fn split(text: &str) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next().ok_or(Unclosed)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next().ok_or(Unclosed)? {
                        '"' => break,
                        '\\' => match characters.next().ok_or(Unclosed)? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            '\n' => {}
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => match characters.next().ok_or(Unclosed)? {
                '\n' => {}
                c => word.get_or_insert_default().push(c),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        for (text, words) in [
            ("", vec![]),
            ("  a  b\n", vec!["a", "b"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a'b'\"c\"", vec!["abc"]),
            ("a\\ b ''", vec!["a b", ""]),
            ("\"a\\\"b\\n\"", vec!["a\"b\\n"]),
            ("'$HOME'", vec!["$HOME"]),
            ("a \\\n b", vec!["a", "b"]),
        ] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(split(text), Ok(words), "{text:?}");
        }
        for bad in ["'a", "\"a", "a\\", "\"\\"] {
            assert_eq!(split(bad), Err(Unclosed), "{bad:?}");
        }
    }
}
