//! A point in time, as it is stored and as it travels.

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 in UTC; RFC 3339 on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(since.as_millis() as i64)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        jiff::Timestamp::from_millisecond(moment.0)
            .map_or_else(|_| moment.0.to_string(), |time| format!("{time:.3}"))
    }
}

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_from_the_wire() {
        let moment = Moment(1_763_700_000_123);
        let text = serde_json::to_string(&moment).unwrap();
        assert_eq!(text, r#""2025-11-21T04:40:00.123Z""#);
        assert_eq!(serde_json::from_str::<Moment>(&text).unwrap(), moment);
    }
}
