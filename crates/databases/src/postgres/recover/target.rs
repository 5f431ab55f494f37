//! Where a recovery is to end.

use crate::postgres::lsn::Lsn;
use mainstay_model::Timestamp;
use std::fmt;

/// In the server's words, where the log ends before the target.
pub(super) const NOT_REACHED: &str = "recovery ended before configured recovery target was reached";

/// Where a recovery ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// With the log.
    Latest,
    /// As soon as the base backup is consistent.
    Immediate,
    /// With the last transaction that was committed by then.
    Time(Timestamp),
    Lsn(Lsn),
    /// With a transaction, by its number.
    Transaction(u64),
}

impl Target {
    /// Settings of the server. Those that say nothing are emptied, because the database may have its own, and
    /// come first: the server refuses to empty one when another is set.
    pub(super) fn settings(&self, inclusive: bool, timeline: Option<u32>) -> Vec<String> {
        let names = ["", "_time", "_lsn", "_xid", "_name"];
        let mut settings: Vec<String> = names
            .iter()
            .map(|name| format!("recovery_target{name}="))
            .collect();
        settings.extend(match self {
            Self::Latest => None,
            Self::Immediate => Some("recovery_target=immediate".to_owned()),
            Self::Time(at) => Some(format!("recovery_target_time={}", moment(*at))),
            Self::Lsn(at) => Some(format!("recovery_target_lsn={at}")),
            Self::Transaction(number) => Some(format!("recovery_target_xid={number}")),
        });
        let timeline = timeline.map_or_else(|| "latest".to_owned(), |number| number.to_string());
        settings.push(format!("recovery_target_inclusive={inclusive}"));
        settings.push(format!("recovery_target_timeline={timeline}"));
        settings.push("recovery_target_action=promote".to_owned());
        settings
    }
}

/// A zone by its name, also `Z`, is not known yet when a server reads this.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match text.strip_suffix('Z') {
        Some(text) => format!("{text}+00"),
        None => text,
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("the end of the log"),
            Self::Immediate => f.write_str("the end of the base backup"),
            Self::Time(at) => write!(f, "{at}"),
            Self::Lsn(at) => write!(f, "position {at}"),
            Self::Transaction(number) => write!(f, "transaction {number}"),
        }
    }
}
