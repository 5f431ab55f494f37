//! Words, their weight, and the passage that holds most of them. Pure.
//!
//! Ranking is Okapi BM25 (Robertson and Zaragoza, 2009) with the usual parameters.

use std::collections::{BTreeMap, BTreeSet};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Words that say nothing about a text.
const STOP_WORDS: [&str; 30] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "do", "does", "for", "from", "has", "have",
    "how", "i", "in", "is", "it", "of", "on", "or", "that", "the", "to", "was", "what", "when",
    "with", "you",
];

/// Longer ones are no words.
const MAX_WORD_CHARS: usize = 40;

/// Lower-case words without those that say nothing.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && word.chars().count() <= MAX_WORD_CHARS)
        .map(str::to_lowercase)
        .filter(|word| !STOP_WORDS.contains(&word.as_str()))
}

/// How often each word stands in it.
pub(super) fn count(text: &str) -> BTreeMap<String, u32> {
    words(text).fold(BTreeMap::new(), |mut counts, word| {
        *counts.entry(word).or_default() += 1;
        counts
    })
}

/// All documents together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Corpus {
    pub(crate) documents: u64,
    pub(crate) words: u64,
}

impl Corpus {
    /// The weight of one word, `count` times in a document of `length` words; `having` documents
    /// have it.
    pub(super) fn weight(self, having: usize, count: u32, length: u64) -> f64 {
        let (all, having) = (self.documents as f64, having as f64);
        let rarity = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
        let average = (self.words as f64 / all.max(1.0)).max(1.0);
        let count = f64::from(count);
        rarity * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length as f64 / average))
    }
}

/// The paragraph with most of the words; the first of several.
pub(super) fn passage<'a>(text: &'a str, wanted: &BTreeSet<String>) -> &'a str {
    let found = |paragraph: &str| {
        let words: BTreeSet<String> = words(paragraph).collect();
        words.intersection(wanted).count()
    };
    // Of several that are equal `max_by_key` gives the last.
    let paragraphs = text.rsplit("\n\n").map(str::trim);
    let best = paragraphs.max_by_key(|paragraph| found(paragraph));
    best.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_what_says_nothing() {
        let all: Vec<_> = words("How long are Backups kept? 30 days, in Zürich.").collect();
        assert_eq!(all, ["long", "backups", "kept", "30", "days", "zürich"]);
        assert_eq!(count("day by day")["day"], 2);
    }

    #[test]
    fn a_rare_word_weighs_more_and_a_long_text_less() {
        let corpus = Corpus {
            documents: 10,
            words: 1000,
        };
        assert!(corpus.weight(1, 1, 100) > corpus.weight(9, 1, 100));
        assert!(corpus.weight(1, 1, 50) > corpus.weight(1, 1, 500));
        assert!(corpus.weight(1, 3, 100) > corpus.weight(1, 1, 100));
        assert!(corpus.weight(10, 1, 100) > 0.0);
    }

    #[test]
    fn the_passage_with_most_words_is_shown() {
        let text = "About us.\n\nBackups are kept 30 days.\n\nBackups run at night, days too.";
        let wanted = words("how long are backups kept").collect();
        assert_eq!(passage(text, &wanted), "Backups are kept 30 days.");
        assert_eq!(passage(text, &BTreeSet::new()), "About us.");
    }
}
