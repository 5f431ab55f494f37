//! P0 to P3, and how soon somebody has to answer.

use std::fmt;
use std::time::Duration;

use mainstay_series::Labels;
use serde::{Deserialize, Serialize};

/// How urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    P0,
    P1,
    P2,
    P3,
}

impl Priority {
    /// Of an alert: what its label `priority` says, else what its `severity` stands for. Nothing that is
    /// known is P3.
    pub fn of(labels: &Labels) -> Self {
        let label = |name: &str| labels.get(name).unwrap_or("").to_ascii_lowercase();
        match label("priority").as_str() {
            "p0" => return Self::P0,
            "p1" => return Self::P1,
            "p2" => return Self::P2,
            "p3" => return Self::P3,
            _ => {}
        }
        match label("severity").as_str() {
            "critical" | "page" | "emergency" | "fatal" => Self::P0,
            "error" | "high" | "major" => Self::P1,
            "warning" | "warn" | "medium" | "minor" => Self::P2,
            _ => Self::P3,
        }
    }

    /// Within which somebody answers.
    pub fn response_time(self) -> Duration {
        match self {
            Self::P0 => Duration::from_mins(15),
            Self::P1 => Duration::from_hours(1),
            Self::P2 => Duration::from_hours(4),
            Self::P3 => Duration::from_hours(24),
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_stands_for_a_priority_and_a_time() {
        for (pairs, priority, minutes) in [
            (vec![("severity", "critical")], Priority::P0, 15),
            (vec![("severity", "error")], Priority::P1, 60),
            (vec![("severity", "Warning")], Priority::P2, 240),
            (vec![("severity", "info")], Priority::P3, 1440),
            (
                vec![("severity", "critical"), ("priority", "P2")],
                Priority::P2,
                240,
            ),
            (vec![("a", "b")], Priority::P3, 1440),
        ] {
            let labels = Labels::from_pairs(pairs);
            assert_eq!(Priority::of(&labels), priority, "{labels}");
            assert_eq!(priority.response_time(), Duration::from_mins(minutes));
        }
        assert_eq!(Priority::P0.to_string(), "P0");
    }
}
