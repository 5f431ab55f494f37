//! From matchers to a set of series, over any index: the head's or a block's.
//!
//! A matcher that the empty value meets is also met by series without the label, so it can only
//! take away: what it does not meet is subtracted. All others intersect. A regular expression is
//! first turned into what its matches must begin with; often that is all it says (`a|b|c`), and
//! then no value is looked at twice.

use mainstay_series::{MatchOp, Matcher, from_re2};
use regex_syntax::hir::literal::Extractor;
use roaring::RoaringBitmap;

use crate::error::StoreError;

/// The values of one label, by which series are found.
pub(crate) trait Index {
    /// Every series.
    fn everything(&self) -> Result<RoaringBitmap, StoreError>;

    /// Those that have the label at all.
    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StoreError>;

    /// Those that have this value.
    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, StoreError>;

    /// Those whose value begins with `prefix` and is wanted.
    fn union(
        &self,
        name: &str,
        prefix: &str,
        wanted: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RoaringBitmap, StoreError>;
}

/// A set of fewer than this is gathered number by number.
const FEW: u64 = 256;
/// As many numbers are gathered before they are put in order.
const GATHERED: usize = 1 << 16;

/// Many sets made one. Most are of a few series, and a union of two bitmaps copies both: a thousand
/// small ones are cheaper gathered and sorted once.
#[derive(Debug, Default)]
pub(crate) struct Union {
    few: Vec<u32>,
    all: RoaringBitmap,
}

impl Union {
    pub(crate) fn add(&mut self, id: u32) {
        self.few.push(id);
        if self.few.len() >= GATHERED {
            self.gather();
        }
    }

    pub(crate) fn add_all(&mut self, set: &RoaringBitmap) {
        if set.len() < FEW {
            set.iter().for_each(|id| self.add(id));
        } else {
            self.all |= set;
        }
    }

    fn gather(&mut self) {
        self.few.sort_unstable();
        self.all |= self.few.drain(..).collect::<RoaringBitmap>();
    }

    pub(crate) fn finish(mut self) -> RoaringBitmap {
        self.gather();
        self.all
    }
}

/// More alternatives than this are not tried one by one.
const MAX_ALTERNATIVES: usize = 256;

/// What a regular expression's matches begin with.
#[derive(Debug, PartialEq, Eq)]
enum Begins {
    /// Each match is one of these.
    Exactly(Vec<String>),
    /// Each match begins with one of these.
    With(Vec<String>),
}

fn begins(pattern: &str) -> Begins {
    let anything = || Begins::With(vec![String::new()]);
    // As the matcher reads it: `[a&&b]` is an intersection to the parser and a set to RE2.
    let parsed = from_re2(pattern).ok().and_then(|translated| {
        let mut parser = regex_syntax::ParserBuilder::new();
        parser.dot_matches_new_line(true);
        parser.build().parse(&translated).ok()
    });
    let Some(parsed) = parsed else {
        return anything();
    };
    let found = Extractor::new()
        .limit_total(MAX_ALTERNATIVES)
        .extract(&parsed);
    let Some(literals) = found.literals() else {
        return anything();
    };
    let mut exact = true;
    let mut texts = Vec::with_capacity(literals.len());
    for literal in literals {
        exact &= literal.is_exact();
        match std::str::from_utf8(literal.as_bytes()) {
            Ok(text) => texts.push(text.to_owned()),
            // Cut within a character: what comes before it is still true.
            Err(error) => {
                exact = false;
                let valid = &literal.as_bytes()[..error.valid_up_to()];
                texts.push(String::from_utf8_lossy(valid).into_owned());
            }
        }
    }
    texts.sort_unstable();
    texts.dedup();
    if exact {
        return Begins::Exactly(texts);
    }
    // Of two where one begins with the other the shorter says all.
    texts.dedup_by(|longer, shorter| longer.starts_with(shorter.as_str()));
    Begins::With(texts)
}

/// The series that meet all matchers.
pub(crate) fn select(index: &dyn Index, matchers: &[Matcher]) -> Result<RoaringBitmap, StoreError> {
    let (taking, mut keeping): (Vec<_>, Vec<_>) =
        matchers.iter().partition(|matcher| matcher.matches(""));
    // The cheap and narrow ones first: what is empty needs no scan.
    keeping.sort_by_key(|matcher| matcher.op() != MatchOp::Equal);
    let mut found: Option<RoaringBitmap> = None;
    for matcher in keeping {
        if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
            break;
        }
        let with = meeting(index, matcher)?;
        found = Some(match found {
            Some(found) => found & with,
            None => with,
        });
    }
    let mut found = match found {
        Some(found) => found,
        None => index.everything()?,
    };
    for matcher in taking {
        if found.is_empty() {
            break;
        }
        found -= not_meeting(index, matcher)?;
    }
    Ok(found)
}

/// Series whose value meets a matcher that the empty value does not meet.
fn meeting(index: &dyn Index, matcher: &Matcher) -> Result<RoaringBitmap, StoreError> {
    let name = matcher.name();
    match matcher.op() {
        MatchOp::Equal => index.equal(name, matcher.value()),
        MatchOp::NotEqual => index.with_name(name),
        MatchOp::Regex => by_pattern(index, matcher, |value| matcher.matches(value)),
        MatchOp::NotRegex => index.union(name, "", &mut |value| matcher.matches(value)),
    }
}

/// Series whose value does not meet a matcher that the empty value meets.
fn not_meeting(index: &dyn Index, matcher: &Matcher) -> Result<RoaringBitmap, StoreError> {
    let name = matcher.name();
    match matcher.op() {
        MatchOp::Equal => index.with_name(name),
        MatchOp::NotEqual => index.equal(name, matcher.value()),
        MatchOp::Regex if matcher.value() == ".*" => Ok(RoaringBitmap::new()),
        MatchOp::Regex => index.union(name, "", &mut |value| !matcher.matches(value)),
        MatchOp::NotRegex => by_pattern(index, matcher, |value| !matcher.matches(value)),
    }
}

/// Series whose value is matched by the pattern, which `matched` decides in the end.
fn by_pattern(
    index: &dyn Index,
    matcher: &Matcher,
    matched: impl Fn(&str) -> bool,
) -> Result<RoaringBitmap, StoreError> {
    let name = matcher.name();
    if matcher.value() == ".+" {
        return index.with_name(name);
    }
    let mut all = RoaringBitmap::new();
    match begins(matcher.value()) {
        Begins::Exactly(values) => {
            for value in values.iter().filter(|value| matched(value)) {
                all |= index.equal(name, value)?;
            }
        }
        Begins::With(prefixes) => {
            for prefix in prefixes {
                all |= index.union(name, &prefix, &mut |value| matched(value))?;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_say_what_their_matches_begin_with() {
        let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let exactly = |texts: &[&str]| Begins::Exactly(own(texts));
        let with = |texts: &[&str]| Begins::With(own(texts));
        assert_eq!(begins("b|a|c"), exactly(&["a", "b", "c"]));
        assert_eq!(begins("^a(b|c)$"), exactly(&["ab", "ac"]));
        assert_eq!(begins("api-.*"), with(&["api-"]));
        assert!(!begins("(api|web)-[0-9]{10}x").is_exact());
        assert_eq!(begins("a.*|ab|abc.+"), with(&["a"]));
        assert_eq!(begins(".*b"), with(&[""]));
        assert_eq!(begins("("), with(&[""]));
        assert_eq!(begins("[a&&b]"), exactly(&["&", "a", "b"]));
    }

    #[test]
    fn a_union_has_all_of_small_and_large_sets() {
        let mut union = Union::default();
        let mut wanted = RoaringBitmap::new();
        for start in (0..400_000u32).rev().step_by(3) {
            union.add(start);
            wanted.insert(start);
        }
        for set in [0..3, 0..1_000, 399_990..400_010] {
            let set: RoaringBitmap = set.collect();
            union.add_all(&set);
            wanted |= set;
        }
        assert_eq!(union.finish(), wanted);
    }

    impl Begins {
        fn is_exact(&self) -> bool {
            matches!(self, Self::Exactly(_))
        }
    }
}
