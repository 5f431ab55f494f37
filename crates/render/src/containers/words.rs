//! Values as Compose files write them.

use mainstay_model::{Bytes, format_duration};
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeMap;
use std::time::Duration;

/// A text in which `$` means itself.
pub(super) fn text(text: &str) -> Doc {
    Doc::Text(text.replace('$', "$$"))
}

pub(super) fn texts<'a>(words: impl IntoIterator<Item = &'a String>) -> Doc {
    Doc::List(words.into_iter().map(|word| text(word)).collect())
}

pub(super) fn pairs(pairs: &BTreeMap<String, String>) -> Map {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

/// The shortest exact form: `512m`, `1g`, `1000b`.
pub(super) fn size(size: Bytes) -> String {
    for (unit, shift) in [("g", 30), ("m", 20), ("k", 10)] {
        if size.0 != 0 && size.0.is_multiple_of(1 << shift) {
            return format!("{}{unit}", size.0 >> shift);
        }
    }
    format!("{}b", size.0)
}

/// Without days: the unit is ours alone.
pub(super) fn duration(duration: Duration) -> String {
    const DAY: Duration = Duration::from_hours(24);
    if duration < DAY {
        return format_duration(duration);
    }
    let hours = duration.as_secs() / 3600;
    let rest = duration.saturating_sub(Duration::from_hours(hours));
    if rest.is_zero() {
        return format!("{hours}h");
    }
    format!("{hours}h{}", format_duration(rest))
}

/// Permission bits as text: a number would be read as decimal by some and as octal by others.
pub(super) fn mode(mode: u32) -> String {
    format!("{mode:04o}")
}

/// The variable that a secret without a place of its own is expected in: `POSTGRES_PASSWORD`.
pub(super) fn variable(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let letters = upper.chars();
    letters
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// Taken over from whoever starts the stack; not starting without it.
pub(super) fn taken_over(variable: &str) -> Doc {
    Doc::Text(format!("${{{variable}:?is a secret and must be set}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_exact() {
        for (bytes, word) in [
            (0, "0b"),
            (1000, "1000b"),
            (1024, "1k"),
            (512 << 20, "512m"),
            (3 << 30, "3g"),
        ] {
            assert_eq!(size(Bytes(bytes)), word);
            assert_eq!(word.parse(), Ok(Bytes(bytes)));
        }
        for (seconds, word) in [(90, "1m30s"), (86_400, "24h"), (90_060, "25h1m")] {
            assert_eq!(duration(Duration::from_secs(seconds)), word);
        }
    }
}
