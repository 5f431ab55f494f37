//! Sums that lose no digits: Kahan's algorithm as Neumaier improved it.

/// A sum and what rounding took from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Kahan {
    pub(super) sum: f64,
    pub(super) lost: f64,
}

impl Kahan {
    /// A sum of one.
    pub(super) fn of(value: f64) -> Self {
        Self {
            sum: value,
            lost: 0.0,
        }
    }

    /// One more.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        self.lost = if total.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - total) + value)
        } else {
            self.lost + ((value - total) + self.sum)
        };
        self.sum = total;
    }

    /// The sum with what was lost.
    pub(super) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// A mean: the sum divided at the end, or, once the sum would overflow, corrected value by value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mean {
    sum: Kahan,
    count: f64,
    incremental: bool,
}

impl Mean {
    /// A mean of one.
    pub(super) fn of(value: f64) -> Self {
        Self {
            sum: Kahan::of(value),
            count: 1.0,
            incremental: false,
        }
    }

    /// One more.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut sum = self.sum;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.lost /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        self.sum.sum *= share;
        self.sum.lost *= share;
        self.sum.add(value / self.count);
    }

    /// The mean.
    pub(super) fn value(self) -> f64 {
        if self.incremental {
            self.sum.total()
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_not_lost_beside_large_ones() {
        let mut sum = Kahan::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total().to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn a_mean_survives_a_sum_that_overflows() {
        let mut mean = Mean::of(f64::MAX);
        mean.add(f64::MAX);
        mean.add(f64::MAX);
        assert!((mean.value() / f64::MAX - 1.0).abs() < 1e-12);
        let mut mean = Mean::of(f64::INFINITY);
        mean.add(1.0);
        assert_eq!(mean.value().to_bits(), f64::INFINITY.to_bits());
    }
}
