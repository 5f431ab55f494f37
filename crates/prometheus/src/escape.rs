//! Names that are not of the classic form, where only the classic form can stand.
//!
//! Source: `UnescapeName` and `EscapeName` of Prometheus's `common/model/metric.go`.

/// A name that was perhaps escaped as `U__name_2e_with_2e_dots`; anything else is itself.
pub(crate) fn unescaped(name: &str) -> String {
    name.strip_prefix("U__")
        .and_then(unescape)
        .unwrap_or_else(|| name.to_owned())
}

fn unescape(mut rest: &str) -> Option<String> {
    let mut name = String::with_capacity(rest.len());
    while let Some((plain, after)) = rest.split_once('_') {
        name.push_str(plain);
        if let Some(after) = after.strip_prefix('_') {
            name.push('_');
            rest = after;
            continue;
        }
        let (number, after) = after.split_once('_')?;
        let is_hex =
            (1..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(number, 16).ok().filter(|_| is_hex)?;
        name.push(char::from_u32(number)?);
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

/// A name with an underscore for everything that is not of the classic form.
pub(crate) fn underscored(name: &str, colons: bool) -> String {
    let fits = |at: usize, c: char| {
        c == '_'
            || c.is_ascii_alphabetic()
            || (colons && c == ':')
            || (at > 0 && c.is_ascii_digit())
    };
    let chars = name.chars().enumerate();
    chars
        .map(|(at, c)| if fits(at, c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_come_back_and_others_stay() {
        for (escaped, name) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b", "a_b"),
            ("U____", "_"),
            ("U___1f600_", "😀"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_2e", "U__a_2e"),
            ("U__a_d800_", "U__a_d800_"),
            ("ü", "ü"),
        ] {
            assert_eq!(unescaped(escaped), name, "{escaped}");
        }
        assert_eq!(underscored("1http.status:x", true), "_http_status:x");
        assert_eq!(underscored("a:b", false), "a_b");
    }
}
