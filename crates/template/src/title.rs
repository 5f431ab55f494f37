//! Title case, word by word.

/// Makes the first letter of each word a capital. With `lower` the others become small.
pub(crate) fn title(text: &str, lower: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    let mut rest = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        let joins = matches!(c, '\'' | '\u{2019}' | '.' | ':')
            && before.is_alphabetic()
            && rest.peek().is_some_and(|next| next.is_alphabetic());
        if c.is_alphabetic() {
            if !inside {
                // `ß` becomes `Ss`.
                let mut upper = c.to_uppercase();
                out.extend(upper.next());
                out.extend(upper.flat_map(char::to_lowercase));
            } else if lower {
                out.extend(c.to_lowercase());
            } else {
                out.push(c);
            }
            inside = true;
        } else {
            out.push(c);
            inside = inside && (c.is_numeric() || c == '_' || joins);
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::title;

    /// What Go's `cases.Title` answers in American English, with and without `NoLower`.
    #[test]
    fn words_begin_where_unicode_says_so() {
        for (text, lowered, kept) in [
            ("aa bB-cc", "Aa Bb-Cc", "Aa BB-Cc"),
            ("o'neil's x.y 3rd", "O'neil's X.y 3Rd", "O'neil's X.y 3Rd"),
            ("foo_bar a1b 1abc", "Foo_bar A1b 1Abc", "Foo_bar A1b 1Abc"),
            ("a:b a.b c.1 1.c", "A:b A.b C.1 1.C", "A:b A.b C.1 1.C"),
            (
                "don\u{2019}t été ÉTÉ",
                "Don\u{2019}t Été Été",
                "Don\u{2019}t Été ÉTÉ",
            ),
            ("a' b. c:", "A' B. C:", "A' B. C:"),
            ("ß straße", "Ss Straße", "Ss Straße"),
            (
                "node-1.example.com",
                "Node-1.Example.com",
                "Node-1.Example.com",
            ),
            ("a..b a'.b x1_y2", "A..B A'.B X1_y2", "A..B A'.B X1_y2"),
        ] {
            assert_eq!(title(text, true), lowered);
            assert_eq!(title(text, false), kept);
        }
    }
}
