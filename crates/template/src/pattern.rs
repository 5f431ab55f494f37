//! Regular expressions of templates: Go's, in the words of Rust's engine, with a bound on size.

use crate::limits;
use regex::{Regex, RegexBuilder};

pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = mainstay_series::from_re2(pattern)
        .map_err(|why| format!("error parsing regexp: {why}: {pattern:?}"))?;
    RegexBuilder::new(&translated)
        .size_limit(limits::REGEX_BYTES)
        .build()
        .map_err(|error| format!("error parsing regexp {pattern:?}: {error}"))
}

/// `reReplaceAll PATTERN REPLACEMENT TEXT`
pub(crate) fn replace_all(pattern: &str, replacement: &str, text: &str) -> Result<String, String> {
    let regex = compile(pattern)?;
    let mut out = String::new();
    let mut last = 0;
    for found in regex.captures_iter(text) {
        let whole = found.get_match();
        out.push_str(&text[last..whole.start()]);
        found.expand(replacement, &mut out);
        last = whole.end();
        if out.len() > limits::OUTPUT_BYTES {
            return Err(format!("more than {} bytes", limits::OUTPUT_BYTES));
        }
    }
    out.push_str(&text[last..]);
    Ok(out)
}
