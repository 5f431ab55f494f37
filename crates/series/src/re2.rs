//! Patterns as Prometheus takes them, in the words of Rust's `regex`.
//!
//! Prometheus's regular expressions are Go's, which are RE2's. Rust's engine matches the same way, but some
//! patterns mean something else to it or nothing at all: `\d` knows Unicode, `[a&&b]` is an
//! intersection, `[[]` opens a class in a class, `{id}` is a repetition that is none. Here each is
//! written so that it means to Rust what it means to Go. What only Rust knows (`(?x)`) is refused.

use std::iter::Peekable;
use std::str::Chars;

/// A pattern that means to Rust what `pattern` means to Go; an error says what Go would not take.
/// Whatever else is wrong with it the compiler will say.
pub fn from_re2(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out),
            '[' => class(&mut rest, &mut out),
            '(' => {
                out.push('(');
                flags(&rest)?;
            }
            '{' if !is_repetition(&rest) => out.push_str("\\{"),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// After `(`: flags that Go does not know.
fn flags(rest: &Peekable<Chars<'_>>) -> Result<(), String> {
    let mut rest = rest.clone();
    if rest.next() != Some('?') {
        return Ok(());
    }
    let flags: String = rest
        .take_while(|c| c.is_ascii_alphabetic() || *c == '-')
        .collect();
    // `(?P<name>` and `(?<name>` are no flags.
    let unknown = flags.chars().find(|flag| !"imsU-P".contains(*flag));
    unknown.map_or(Ok(()), |flag| Err(format!("unknown flag {flag:?}")))
}

/// Whether `{` begins a repetition, `{2}`, `{2,}` or `{2,3}`; else it is a brace.
fn is_repetition(rest: &Peekable<Chars<'_>>) -> bool {
    let inside: String = rest.clone().take_while(|c| *c != '}').take(16).collect();
    let closed = rest.clone().nth(inside.chars().count()) == Some('}');
    let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    closed && !least.is_empty() && digits(least) && digits(most)
}

/// What the Perl classes are in ASCII, without brackets; of a negated one the rest of the world.
fn perl(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "0-9",
        'D' => "[^0-9]",
        's' => r"\t\n\x0c\r ",
        'S' => r"[^\t\n\x0c\r ]",
        'w' => "0-9A-Za-z_",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// After `\`, outside of a class.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    let Some(c) = rest.next() else {
        out.push('\\');
        return;
    };
    if let Some(class) = perl(c) {
        let (open, close) = if class.starts_with('[') {
            ("", "")
        } else {
            ("[", "]")
        };
        out.extend([open, class, close]);
    } else if c == 'b' {
        out.push_str(r"(?-u:\b)");
    } else if c == 'Q' {
        quoted(rest, out);
    } else if c.is_ascii_punctuation() {
        literal(c, out);
    } else {
        named(c, rest, out);
    }
}

/// `\n`, and `\p{L}` or `\x{10ffff}` with their braces.
fn named(c: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.extend(['\\', c]);
    if !matches!(c, 'p' | 'P' | 'x') || rest.peek() != Some(&'{') {
        return;
    }
    for c in rest.by_ref() {
        out.push(c);
        if c == '}' {
            return;
        }
    }
}

/// After `\Q`: everything up to `\E` is itself.
fn quoted(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = rest.next() {
        if c == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            return;
        }
        literal(c, out);
    }
}

/// A character as itself, within a class and without.
fn literal(c: char, out: &mut String) {
    // `\<` and `\>` are the edges of words to Rust, and they mean nothing bare.
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        out.push('\\');
    }
    out.push(c);
}

/// After `[`, up to the bracket that closes it.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(c) = rest.next() {
        match c {
            ']' if !first => {
                out.push(']');
                return;
            }
            '[' if rest.peek() == Some(&':') => {
                // `[:alpha:]` is the same in both.
                out.push('[');
                while let Some(c) =
                    rest.next_if(|c| c.is_ascii_alphabetic() || matches!(c, ':' | '^'))
                {
                    out.push(c);
                }
                out.extend(rest.next_if_eq(&']'));
            }
            '\\' => class_escape(rest, out),
            // Between two characters it spans a range; else it is itself.
            '-' if !first && rest.peek().is_some_and(|next| *next != ']') => {
                out.push('-');
                match rest.next() {
                    Some('\\') => class_escape(rest, out),
                    Some(to) => literal(to, out),
                    None => {}
                }
            }
            c => literal(c, out),
        }
        first = false;
    }
}

fn class_escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    match rest.next() {
        Some(c) => match perl(c) {
            Some(class) => out.push_str(class),
            None if c.is_ascii_punctuation() => literal(c, out),
            None => named(c, rest, out),
        },
        None => out.push('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::from_re2;
    use regex::Regex;

    #[test]
    fn every_pattern_means_what_it_means_to_go() {
        // A pattern, what it matches, what it does not.
        for (pattern, is, is_not) in [
            (r"\d+", "12", "١٢"),
            (r"\w", "a", "ä"),
            (r"[\w-]+", "a-b", "ä"),
            (r"[^\d]", "١", "1"),
            (r"[\D]", "١", "1"),
            (r"\s\S", "\tx", "\u{a0}x"),
            (r"[a&&b]+", "a&b", "c"),
            (r"[a~~b]+", "a~b", "c"),
            (r"[[]", "[", "]"),
            (r"[]a]+", "]a", "["),
            (r"[^]]", "a", "]"),
            (r"[[:alpha:]_]+", "a_", "1"),
            (r"[a-c-]+", "b-", "d"),
            (r"[+--]+", "+,-", "."),
            (r"[-a]+", "-a", "b"),
            (r"/api/{id}", "/api/{id}", "/api/"),
            (r"a{2}", "aa", "aaa"),
            (r"a{2,}", "aaa", "a"),
            (r"a{,2}", "a{,2}", "aa"),
            (r"\Qa.b+\E.", "a.b+c", "axbc"),
            (r"\<a\>", "<a>", "a"),
            (r"\_\-\/", "_-/", "a"),
            (r"(?i)abc", "ABC", "abd"),
            (r"(?P<x>a|b)(?:c)", "ac", "c"),
            (r"\x41\.\p{L}", "A.ä", "A.1"),
            (r"[\p{Greek}\x{41}]+", "αA", "B"),
            (r"a\b.*", "a b", "ab"),
        ] {
            let translated = from_re2(pattern).unwrap();
            let regex = Regex::new(&format!("^(?:{translated})$"));
            let regex = regex.unwrap_or_else(|error| panic!("{pattern} → {translated}: {error}"));
            assert!(regex.is_match(is), "{pattern} → {translated} on {is}");
            assert!(
                !regex.is_match(is_not),
                "{pattern} → {translated} on {is_not}"
            );
        }
    }

    #[test]
    fn what_go_does_not_take_is_refused() {
        for pattern in ["(?x)a b", "(?u)a", "(?i-R:a)"] {
            assert!(from_re2(pattern).is_err(), "{pattern}");
        }
        // Whatever comes out, nothing panics.
        for pattern in [
            "\\",
            "[",
            "[\\",
            "[a-",
            "[^",
            "[[:",
            "(?",
            "{",
            "\\Q",
            "a{99999999999999999999}",
        ] {
            let _ = from_re2(pattern).map(|pattern| Regex::new(&pattern));
        }
    }
}
