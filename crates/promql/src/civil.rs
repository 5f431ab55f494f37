//! The date and time of day of a second, in UTC.
//!
//! The proleptic Gregorian calendar by the algorithm of Howard Hinnant ("chrono-compatible low-level
//! date algorithms"); seconds that no calendar reaches wrap in the year and never panic.

/// A date and a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// From 0, Sunday.
    pub(crate) weekday: i64,
    /// From 1.
    pub(crate) day_of_year: i64,
}

impl Civil {
    /// Of seconds since the epoch.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400);
        // Days since 1 March of year 0, in eras of 400 years.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let before_march = 59 + i64::from(is_leap(year));
        let day_of_year = if month > 2 {
            of_year + before_march + 1
        } else {
            of_year - 305
        };
        Self {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day % 3600 / 60,
            second: of_day % 60,
            weekday: (days + 4).rem_euclid(7),
            day_of_year,
        }
    }

    pub(crate) fn days_in_month(self) -> i64 {
        match self.month {
            2 => 28 + i64::from(is_leap(self.year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::Civil;

    #[test]
    fn days_are_counted_through_every_kind_of_year() {
        // 2024-02-29T12:34:56Z, a Thursday.
        let leap = Civil::from_seconds(1_709_210_096);
        assert_eq!((leap.year, leap.month, leap.day), (2024, 2, 29));
        assert_eq!((leap.hour, leap.minute, leap.second), (12, 34, 56));
        assert_eq!(
            (leap.weekday, leap.day_of_year, leap.days_in_month()),
            (4, 60, 29)
        );
        // 1970-01-01, a Thursday; 2100-03-01, no leap year, the 60th day.
        assert_eq!(Civil::from_seconds(0).weekday, 4);
        let plain = Civil::from_seconds(4_107_542_400);
        assert_eq!((plain.year, plain.month, plain.day), (2100, 3, 1));
        assert_eq!(plain.day_of_year, 60);
        assert_eq!(Civil::from_seconds(-86_400).day_of_year, 365);
    }

    #[test]
    fn no_second_panics() {
        for seconds in [i64::MIN, i64::MAX] {
            let civil = Civil::from_seconds(seconds);
            assert!((1..=12).contains(&civil.month) && (1..=31).contains(&civil.day));
        }
    }
}
