//! Windows in which nothing is told: of maintenance, and recurring silences.

use mainstay_model::Timestamp;
use mainstay_series::{Labels, Matcher};
use serde::{Deserialize, Serialize};

use crate::engine::SilenceMatcher;
use crate::interval::{Location, TimeInterval, TimeRange, minute_of_day};
use crate::matcher::Matchers;

/// What its matchers match is not told in its intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub name: String,
    pub matchers: Matchers,
    pub intervals: Vec<TimeInterval>,
}

impl Window {
    pub fn holds(&self, labels: &Labels, at: Timestamp) -> bool {
        self.matchers.matches(labels) && self.intervals.iter().any(|interval| interval.contains(at))
    }
}

/// When the handbooks let each environment be worked on: dev at any time, staging daily from 02:00 to
/// 04:00, production on Sundays from 04:00 to 06:00, UTC. By the label `environment`.
pub fn maintenance_windows() -> Vec<Window> {
    let hours = |from: i32, to: i32| {
        vec![TimeRange {
            start_minute: from * 60,
            end_minute: to * 60,
        }]
    };
    let window = |environment: &str, interval: TimeInterval| Window {
        name: format!("maintenance of {environment}"),
        matchers: Matchers::new(vec![Matcher::equal("environment", environment)]),
        intervals: vec![interval],
    };
    let daily = TimeInterval {
        times: hours(2, 4),
        ..TimeInterval::default()
    };
    let sunday = TimeInterval {
        times: hours(4, 6),
        weekdays: vec![0..=0],
        ..TimeInterval::default()
    };
    vec![
        window("dev", TimeInterval::default()),
        window("staging", daily),
        window("production", sunday),
    ]
}

/// A silence that comes again every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recurring {
    pub id: String,
    pub matchers: Vec<SilenceMatcher>,
    /// 0 is Sunday; none is every day.
    pub weekdays: Vec<u8>,
    /// `22:00`
    pub from: String,
    /// `06:00`; before `from`: of the next day.
    pub to: String,
    pub zone: String,
    pub created_by: String,
    pub comment: String,
    /// It does not come again after this.
    pub until: Option<Timestamp>,
}

/// Why one is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecurringError {
    #[error("`{0}` is no time of day\n  hint: write `09:00`")]
    Time(String),
    #[error("`{0}` is both the beginning and the end")]
    Empty(String),
    #[error("{0} is no weekday: 0 (Sunday) to 6")]
    Weekday(u8),
    #[error("there is no zone `{0}`\n  hint: write a name such as `Europe/Zurich` or `UTC`")]
    Zone(String),
    #[error(transparent)]
    Matchers(#[from] crate::engine::SilenceError),
    #[error("{limit} recurring silences are kept already")]
    Full { limit: usize },
}

impl Recurring {
    /// As a window; one over midnight is two intervals.
    pub fn window(&self) -> Result<Window, RecurringError> {
        let time =
            |text: &String| minute_of_day(text).ok_or_else(|| RecurringError::Time(text.clone()));
        let (from, to) = (time(&self.from)?, time(&self.to)?);
        if from == to {
            return Err(RecurringError::Empty(self.from.clone()));
        }
        if let Some(day) = self.weekdays.iter().find(|day| **day > 6) {
            return Err(RecurringError::Weekday(*day));
        }
        let zone =
            Location::named(&self.zone).ok_or_else(|| RecurringError::Zone(self.zone.clone()))?;
        let on = |later: u8, start_minute: i32, end_minute: i32| TimeInterval {
            times: vec![TimeRange {
                start_minute,
                end_minute,
            }],
            weekdays: (self.weekdays.iter())
                .map(|day| i32::from((day + later) % 7))
                .map(|day| day..=day)
                .collect(),
            location: Some(zone.clone()),
            ..TimeInterval::default()
        };
        let intervals = if from < to {
            vec![on(0, from, to)]
        } else {
            vec![on(0, from, 1440), on(1, 0, to)]
        };
        Ok(Window {
            name: format!("recurring silence {}", self.id),
            matchers: SilenceMatcher::all(&self.matchers)?,
            intervals: intervals
                .into_iter()
                .filter(|i| i.times[0].start_minute < i.times[0].end_minute)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(time.as_millisecond())
    }

    fn recurring(weekdays: &[u8], from: &str, to: &str) -> Recurring {
        Recurring {
            id: "r".to_owned(),
            matchers: vec![SilenceMatcher::of(&Matcher::equal("job", "batch"))],
            weekdays: weekdays.to_vec(),
            from: from.to_owned(),
            to: to.to_owned(),
            zone: "UTC".to_owned(),
            created_by: "ann".to_owned(),
            comment: String::new(),
            until: None,
        }
    }

    #[test]
    fn a_night_from_friday_to_saturday_is_one_window() {
        let window = recurring(&[5], "22:00", "06:00").window().unwrap();
        let batch = Labels::from_pairs([("job", "batch")]);
        for (time, is) in [
            ("2026-11-27T21:59:59Z", false),
            ("2026-11-27T22:00:00Z", true),
            ("2026-11-28T05:59:59Z", true),
            ("2026-11-28T06:00:00Z", false),
            ("2026-11-28T22:00:00Z", false),
            ("2026-11-27T05:00:00Z", false),
        ] {
            assert_eq!(window.holds(&batch, at(time)), is, "{time}");
        }
        assert!(!window.holds(&Labels::empty(), at("2026-11-27T23:00:00Z")));
        assert_eq!(
            recurring(&[], "22:00", "00:00")
                .window()
                .unwrap()
                .intervals
                .len(),
            1
        );
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for (bad, why) in [
            (recurring(&[7], "22:00", "23:00"), "7 is no weekday"),
            (recurring(&[], "22", "23:00"), "`22` is no time"),
            (
                recurring(&[], "22:00", "22:00"),
                "both the beginning and the end",
            ),
            (
                Recurring {
                    zone: "Mars".to_owned(),
                    ..recurring(&[], "1:00", "02:00")
                },
                "`1:00` is no time",
            ),
            (
                Recurring {
                    zone: "Mars".to_owned(),
                    ..recurring(&[], "01:00", "02:00")
                },
                "no zone `Mars`",
            ),
            (
                Recurring {
                    matchers: vec![],
                    ..recurring(&[], "01:00", "02:00")
                },
                "1 to 100 matchers",
            ),
        ] {
            let said = bad.window().unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn environments_have_their_windows() {
        let in_window = |environment: &str, time: &str| {
            let labels = Labels::from_pairs([("environment", environment)]);
            maintenance_windows()
                .iter()
                .any(|window| window.holds(&labels, at(time)))
        };
        for (environment, time, is) in [
            ("dev", "2026-11-27T12:00:00Z", true),
            ("staging", "2026-11-27T02:00:00Z", true),
            ("staging", "2026-11-27T04:00:00Z", false),
            ("production", "2026-11-29T04:00:00Z", true),
            ("production", "2026-11-28T04:00:00Z", false),
            ("dr", "2026-11-29T04:00:00Z", false),
        ] {
            assert_eq!(in_window(environment, time), is, "{environment} {time}");
        }
    }
}
