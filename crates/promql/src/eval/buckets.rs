//! Buckets of a classic histogram: quantiles and fractions by linear interpolation.
//!
//! As Prometheus does it: buckets with the same bound are added, counts that go down are raised to
//! the one before, tiny differences are taken for rounding.

use crate::nearly::nearly_equal;

/// Relative differences below this are rounding, not observations.
const TOLERANCE: f64 = 1e-12;

/// An upper bound and how many observations are not above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) upper: f64,
    pub(super) count: f64,
}

/// What was forced into order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Raised {
    pub(super) lowest: f64,
    pub(super) highest: f64,
    pub(super) largest: f64,
}

/// Sorted by bound, equal bounds added; nothing unless the last is +Inf.
fn prepare(buckets: &mut Vec<Bucket>) -> Option<()> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last()?.upper != f64::INFINITY {
        return None;
    }
    let mut kept: usize = 0;
    for i in 1..buckets.len() {
        if buckets[i].upper == buckets[kept].upper {
            buckets[kept].count += buckets[i].count;
        } else {
            kept += 1;
            buckets[kept] = buckets[i];
        }
    }
    buckets.truncate(kept + 1);
    Some(())
}

/// Makes counts go up only.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Raised> {
    let mut raised: Option<Raised> = None;
    let mut before = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if nearly_equal(before, count, TOLERANCE) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let raised = raised.get_or_insert(Raised {
                lowest: f64::INFINITY,
                highest: f64::NEG_INFINITY,
                largest: 0.0,
            });
            raised.lowest = raised.lowest.min(bucket.upper);
            raised.highest = raised.highest.max(bucket.upper);
            raised.largest = raised.largest.max(before - count);
        } else {
            before = count;
        }
    }
    raised
}

/// The quantile, and what had to be forced into order for it.
pub(super) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Raised>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if prepare(buckets).is_none() {
        return (f64::NAN, None);
    }
    let raised = make_monotonic(buckets);
    let (Some(last), true) = (buckets.len().checked_sub(1), buckets.len() >= 2) else {
        return (f64::NAN, raised);
    };
    let observations = buckets[last].count;
    if observations == 0.0 {
        return (f64::NAN, raised);
    }
    let rank = q * observations;
    (interpolated(buckets, last, rank), raised)
}

/// Where the observation of a rank lies.
fn interpolated(buckets: &[Bucket], last: usize, mut rank: f64) -> f64 {
    let at = search(last, |i| buckets[i].count >= rank);
    if at == last {
        return buckets[last - 1].upper;
    }
    if at == 0 && buckets[0].upper <= 0.0 {
        return buckets[0].upper;
    }
    let (mut start, end, mut count) = (0.0, buckets[at].upper, buckets[at].count);
    if let Some(before) = at.checked_sub(1).map(|before| buckets[before]) {
        start = before.upper;
        count -= before.count;
        rank -= before.count;
    }
    start + (end - start) * (rank / count)
}

/// The first of `0..n` for which `found` holds, by halving, as Go's `sort.Search`: with NaN among
/// the counts the way matters.
fn search(n: usize, found: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = usize::midpoint(low, high);
        if found(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The share of observations between two values.
pub(super) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if prepare(buckets).is_none() {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |last| last.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |value: f64| rank_of(value, buckets).filter(|rank| *rank <= count);
    let (lower, upper) = (rank(lower), rank(upper));
    (upper.unwrap_or(count) - lower.unwrap_or(count)) / count
}

/// How many observations are below a value; nothing if it is beyond all bounds.
fn rank_of(value: f64, buckets: &[Bucket]) -> Option<f64> {
    let first = buckets.first()?;
    let mut from = if first.upper <= 0.0 {
        f64::NEG_INFINITY
    } else {
        0.0
    };
    let mut rank = 0.0;
    for bucket in buckets {
        if from >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            // Nothing can be said about where within a bucket without beginning.
            if from == f64::NEG_INFINITY {
                return Some(bucket.count);
            }
            let share = (value - from) / (bucket.upper - from);
            return Some(rank + (bucket.count - rank) * share);
        }
        rank = bucket.count;
        from = bucket.upper;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        let bucket = |(upper, count): &(f64, f64)| Bucket {
            upper: *upper,
            count: *count,
        };
        pairs.iter().map(bucket).collect()
    }

    #[test]
    fn a_quantile_is_interpolated_within_its_bucket() {
        let buckets = of(&[(1.0, 10.0), (2.0, 30.0), (f64::INFINITY, 40.0)]);
        let q = |q| quantile(q, &mut buckets.clone()).0;
        assert_eq!(q(0.125).to_bits(), 0.5_f64.to_bits());
        assert_eq!(q(0.5).to_bits(), 1.5_f64.to_bits());
        assert_eq!(q(0.99).to_bits(), 2.0_f64.to_bits());
        assert!(q(f64::NAN).is_nan());
        assert!(quantile(0.5, &mut of(&[(1.0, 1.0)])).0.is_nan(), "no +Inf");
        assert!(quantile(0.5, &mut Vec::new()).0.is_nan());
    }

    #[test]
    fn counts_that_go_down_are_raised_and_told() {
        let mut buckets = of(&[(1.0, 10.0), (2.0, 4.0), (3.0, 6.0), (f64::INFINITY, 20.0)]);
        let (_, raised) = quantile(0.5, &mut buckets);
        let raised = raised.unwrap();
        assert_eq!(
            (raised.lowest, raised.highest, raised.largest),
            (2.0, 3.0, 6.0)
        );
    }

    #[test]
    fn a_fraction_counts_what_lies_between() {
        let buckets = of(&[(1.0, 10.0), (2.0, 30.0), (f64::INFINITY, 40.0)]);
        let share = |a, b| fraction(a, b, &mut buckets.clone());
        assert_eq!(share(0.0, 1.0).to_bits(), 0.25_f64.to_bits());
        assert_eq!(share(1.5, 2.0).to_bits(), 0.25_f64.to_bits());
        assert_eq!(share(-1.0, f64::INFINITY).to_bits(), 1.0_f64.to_bits());
        assert_eq!(share(2.0, 1.0).to_bits(), 0.0_f64.to_bits());
    }
}
