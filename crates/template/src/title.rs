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
                out.extend(c.to_uppercase());
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
