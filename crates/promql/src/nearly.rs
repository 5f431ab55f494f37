//! Equal but for rounding.

use mainstay_series::is_stale;

/// Whether two values differ by less than `tolerance` of their sum. Any NaN is any other, but the
/// stale marker is only itself.
pub(crate) fn nearly_equal(a: f64, b: f64, tolerance: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}
