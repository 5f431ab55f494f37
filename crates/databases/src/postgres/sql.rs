//! Names and values within SQL.

use postgres_protocol::escape::{escape_identifier, escape_literal};

/// PostgreSQL cuts longer names off, in bytes.
const MAX_NAME: usize = 63;

pub(crate) fn identifier(name: &str) -> String {
    escape_identifier(name)
}

pub(crate) fn literal(value: &str) -> String {
    escape_literal(value).trim_start().to_owned()
}

/// A name beside `name`, of no more than 63 bytes.
pub(crate) fn beside(name: &str, suffix: &str) -> String {
    let suffix = format!("_mainstay_{suffix}");
    let mut end = name.len().min(MAX_NAME.saturating_sub(suffix.len()));
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_leaves_room() {
        assert_eq!(beside("app", "new"), "app_mainstay_new");
        let long = beside(&"ä".repeat(31), "new");
        assert_eq!(long.len(), MAX_NAME);
        assert!(long.ends_with("ä_mainstay_new"));
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("a'b"), "'a''b'");
    }
}
