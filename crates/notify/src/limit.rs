//! Texts cut to the length that a receiver takes.

/// At most so many characters; what is cut ends with an ellipsis.
pub(crate) fn chars(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// At most so many bytes.
pub(crate) fn bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::{bytes, chars};

    #[test]
    fn nothing_is_longer_than_it_may_be() {
        for (text, most, wanted) in [
            ("äöü", 3, "äöü"),
            ("äöüß", 3, "äö…"),
            ("abc", 1, "…"),
            ("", 0, ""),
        ] {
            assert_eq!(chars(text, most), wanted);
        }
        for (text, most, wanted) in [
            ("äö", 4, "äö"),
            ("äöü", 5, "ä…"),
            ("äöü", 4, "…"),
            ("abcdef", 5, "ab…"),
        ] {
            assert_eq!(bytes(text, most), wanted);
            assert!(bytes(text, most).len() <= most);
        }
    }
}
