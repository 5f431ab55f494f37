//! Samples: a time and a value.

/// The bits of the NaN that says a series has ended here.
///
/// As in Prometheus: <https://github.com/prometheus/prometheus/blob/main/model/value/value.go>.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether a value is the stale marker. Any other NaN is a value.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    pub value: f64,
}

/// Samples of one series in columns: times ascending, each time once, both of one length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    pub times: Vec<i64>,
    pub values: Vec<f64>,
}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Appends one; the caller keeps the order.
    pub fn push(&mut self, time_ms: i64, value: f64) {
        debug_assert!(self.times.last().is_none_or(|last| *last < time_ms));
        self.times.push(time_ms);
        self.values.push(value);
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }

    /// Each sample by itself.
    pub fn iter(&self) -> impl Iterator<Item = Sample> {
        let pairs = self.times.iter().zip(&self.values);
        pairs.map(|(&time_ms, &value)| Sample { time_ms, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_nan_is_the_stale_marker() {
        assert!(is_stale(STALE) && STALE.is_nan());
        assert!(!is_stale(f64::NAN));
    }
}
