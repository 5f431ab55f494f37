//! Sorting many things by their labels.
//!
//! The series of a query have much in common: a comparison looks at the same beginning again and
//! again. So the beginning that all of them share is found once, eight bytes behind it become a
//! number for each, and numbers are sorted; what is equal so far is sorted in the same way by what
//! follows.

use std::cmp::Ordering;

use crate::labels::{Labels, first_difference, text_at};

/// So few are compared as they are.
const FEW: usize = 16;
/// So often a group is sorted by a next piece; what is still alike then is compared as it is.
const DEPTH: usize = 16;

/// Puts things into the order of their labels; those with the same labels stay as they were.
pub fn sort_by_labels<T>(items: &mut Vec<T>, labels: impl Fn(&T) -> &Labels) {
    if items.len() <= FEW || items.is_sorted_by(|a, b| labels(a) <= labels(b)) {
        items.sort_by(|a, b| labels(a).cmp(labels(b)));
        return;
    }
    let of: Vec<&Labels> = items.iter().map(labels).collect();
    let mut order: Vec<Ranked> = (0..of.len())
        .map(|place| Ranked { key: 0, place })
        .collect();
    sort(&of, &mut order, 0, DEPTH);
    let mut taken: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.iter().filter_map(|ranked| taken[ranked.place].take()));
}

/// A thing by its place, with the piece of its labels that it is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    key: u64,
    place: usize,
}

/// Sorts things that share all texts before `from`.
fn sort(of: &[&Labels], order: &mut [Ranked], from: usize, depth: usize) {
    let whole = |a: &Ranked, b: &Ranked| -> Ordering {
        of[a.place]
            .cmp(of[b.place])
            .then_with(|| a.place.cmp(&b.place))
    };
    if order.len() <= FEW || depth == 0 {
        order.sort_unstable_by(whole);
        return;
    }
    let first = of[order[0].place].as_bytes();
    let shared = order.iter().map(|other| {
        let other = of[other.place].as_bytes();
        first_difference(first, other).unwrap_or(first.len().min(other.len()))
    });
    let shared = shared.min().unwrap_or(0);
    // The text in which, or in whose length, the first difference is: all begin it at one place.
    let mut at = from;
    while at < first.len() && text_at(first, at).1 <= shared {
        at = text_at(first, at).1;
    }
    for ranked in &mut *order {
        let bytes = of[ranked.place].as_bytes();
        let (start, end) = text_at(bytes, at);
        ranked.key = key(&bytes[start.max(shared).min(end)..end]);
    }
    order.sort_unstable();
    let is_one = order.first().map(|r| r.key) == order.last().map(|r| r.key);
    for alike in order.chunk_by_mut(|a, b| a.key == b.key) {
        sort(of, alike, at, if is_one { 0 } else { depth - 1 });
    }
}

/// The first bytes of a text, so that the order of numbers is that of texts as far as they go.
fn key(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = text.len().min(8);
    bytes[..length].copy_from_slice(&text[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_order_of_comparisons_and_keeps_equals_as_they_were() {
        let texts = [
            "a",
            "a\0",
            "a\0\0",
            "ab",
            "abcdefgh",
            "abcdefghi",
            "abcdefghj",
            "b",
            "ü",
        ];
        let long = "x".repeat(300);
        let mut all = vec![(Labels::empty(), 0)];
        for (number, value) in texts.iter().copied().chain([long.as_str()]).enumerate() {
            for other in texts {
                let one = Labels::from_pairs([("same", "for all"), ("v", value), ("w", other)]);
                all.push((one.clone(), number));
                all.push((one.retain(|name| name != "w"), number));
                all.push((Labels::from_pairs([(other, value)]), number));
                all.push((one, number + 100));
            }
        }
        // In an order that has nothing to do with the labels.
        for step in [7, 101, 187] {
            let mut mixed: Vec<_> = (0..all.len())
                .map(|n| all[n * step % all.len()].clone())
                .collect();
            let mut wanted = mixed.clone();
            wanted.sort_by(|a, b| a.0.cmp(&b.0));
            sort_by_labels(&mut mixed, |(labels, _)| labels);
            assert_eq!(mixed, wanted);
        }
    }

    #[test]
    fn labels_that_share_more_and_more_end_too() {
        let of = |n: usize| Labels::from_pairs([("a", "y".repeat(9 * n) + "x")]);
        let mut all: Vec<Labels> = (0..400).map(of).collect();
        let mut wanted = all.clone();
        wanted.sort();
        sort_by_labels(&mut all, |labels| labels);
        assert_eq!(all, wanted);
    }
}
