//! Days and moments as people type them.

use crate::choose::Asked;
use crate::schedule::zone_of;
use jiff::civil;
use mainstay_model::Timestamp;

/// A text that is no day or no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    #[error("`{0}` is no date; hint: write it as `2026-11-20`")]
    Date(String),
    #[error(
        "`{0}` is no moment; hint: such as `2026-11-20 14:03:00 UTC`, `2026-11-20T14:03:00Z` or `2026-11-20 15:03 Europe/Berlin`"
    )]
    Moment(String),
    #[error("no time zone `{0}`; hint: write its IANA name, such as `Europe/Berlin`, or `UTC`")]
    Zone(String),
    /// The clock was put forward over it.
    #[error("there was no {time} in {zone}: the clock was put forward; hint: say it in UTC")]
    Skipped { time: String, zone: String },
    /// The clock was put back over it.
    #[error("{time} was twice in {zone}: the clock was put back; hint: say it in UTC")]
    Twice { time: String, zone: String },
}

impl Asked {
    /// `2026-11-20`, in the zone.
    pub fn date(text: &str, zone: &str) -> Result<Self, MomentError> {
        let text = text.trim();
        let wrong = || MomentError::Date(text.to_owned());
        // Nothing but a date: the parser would take a time behind it too, and say nothing.
        let day: civil::Date = text.parse().map_err(|_| wrong())?;
        if day.to_string() != text {
            return Err(wrong());
        }
        zone_of(zone).ok_or_else(|| MomentError::Zone(zone.to_owned()))?;
        Ok(Self::Date {
            day,
            zone: zone.to_owned(),
        })
    }

    /// A moment by RFC 3339, or date and time with a zone behind them; without one it is in `zone`. One that a change
    /// of the clock left out or doubled is refused: a guess may be an hour off.
    pub fn to(text: &str, zone: &str) -> Result<Self, MomentError> {
        let text = text.trim();
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::To(time));
        }
        let wrong = || MomentError::Moment(text.to_owned());
        let (time, zone) = match text.rsplit_once(' ') {
            Some((time, last)) if last.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                (time.trim(), last)
            }
            _ => (text, zone),
        };
        if !time.contains(':') {
            return Err(wrong());
        }
        let time: civil::DateTime = time.parse().map_err(|_| wrong())?;
        let known = zone_of(zone).ok_or_else(|| MomentError::Zone(zone.to_owned()))?;
        let ambiguous = known.to_ambiguous_zoned(time);
        let said = (time.to_string().replace('T', " "), zone.to_owned());
        let (is_gap, is_fold) = match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Gap { .. } => (true, false),
            jiff::tz::AmbiguousOffset::Fold { .. } => (false, true),
            jiff::tz::AmbiguousOffset::Unambiguous { .. } => (false, false),
        };
        let (time, zone) = said;
        if is_gap {
            return Err(MomentError::Skipped { time, zone });
        }
        if is_fold {
            return Err(MomentError::Twice { time, zone });
        }
        let moment = ambiguous.compatible().map_err(|_| wrong())?;
        let millis = moment.timestamp().as_millisecond();
        Ok(Self::To(Timestamp::from_millis(millis)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(text: &str, zone: &str) -> Result<String, String> {
        match Asked::to(text, zone) {
            Ok(Asked::To(time)) => Ok(time.to_string()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_moment_is_read_as_people_write_it() {
        for (text, zone) in [
            ("2026-11-20T14:03:00Z", "UTC"),
            ("2026-11-20T15:03:00+01:00", "UTC"),
            ("2026-11-20 14:03:00 UTC", "Europe/Berlin"),
            ("2026-11-20 15:03 Europe/Berlin", "UTC"),
            ("2026-11-20 15:03", "Europe/Berlin"),
            (" 2026-11-20T15:03:00 ", "Europe/Berlin"),
        ] {
            let time = to(text, zone);
            assert_eq!(time.as_deref(), Ok("2026-11-20T14:03:00.000Z"), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_or_two_says_so() {
        for text in ["", "yesterday", "2026-11-20", "2026-13-20 14:03", "14:03"] {
            let error = to(text, "UTC").unwrap_err();
            assert!(error.contains("is no moment; hint: such as"), "{error}");
        }
        let bonn = to("2026-11-20 14:03 Europe/Bonn", "UTC").unwrap_err();
        assert!(bonn.starts_with("no time zone `Europe/Bonn`"), "{bonn}");
        let skipped = to("2026-03-29 02:30", "Europe/Berlin").unwrap_err();
        assert!(
            skipped.starts_with("there was no 2026-03-29 02:30:00"),
            "{skipped}"
        );
        let twice = to("2026-10-25 02:30", "Europe/Berlin").unwrap_err();
        assert!(
            twice.starts_with("2026-10-25 02:30:00 was twice"),
            "{twice}"
        );
    }

    #[test]
    fn a_day_is_a_date_and_nothing_else() {
        let asked = Asked::date("2026-11-20", "Europe/Berlin").unwrap();
        assert_eq!(asked.to_string(), "of 2026-11-20 (Europe/Berlin)");
        for text in [
            "2026-11-31",
            "20.11.2026",
            "2026-11-20 14:03",
            "2026-11-20T00:00:00Z",
        ] {
            let error = Asked::date(text, "UTC").unwrap_err();
            assert_eq!(error, MomentError::Date(text.to_owned()));
        }
        assert!(Asked::date("2026-11-20", "Bonn").is_err());
    }
}
