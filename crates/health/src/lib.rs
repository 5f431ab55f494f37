//! Health of a stack, judged from metrics: API, database, cache, system and jobs, each by the thresholds of a
//! [`Profile`].
//!
//! Whoever has metrics asks the [`queries`] and gives the answers to [`judge`]; what comes back is a [`Report`] with
//! a verdict, a reason and a next step for each check, as data and as Markdown. A value that is not there is never a
//! silent pass: *not enough data* says that nothing happened within the window, *cannot measure* that nothing tells
//! of it at all.
//!
//! **Invariant:** no IO, no clock; every check says why it came out as it did; the number of queries and of rows
//! looked at is bounded.
//!
//! ```
//! use mainstay_health::{Answer, Answers, Plan, Row, State, judge, profile, queries};
//! use mainstay_model::{Scope, Timestamp};
//!
//! let scope = Scope { stack: "shop".parse().unwrap(), environment: "production".parse().unwrap() };
//! let plan = Plan::new(profile("default").unwrap());
//! let now = Timestamp::from_millis(1_000_000);
//! let asked = queries(&plan, &scope);
//! let busy = asked.iter().find(|query| query.id == "system.cpu").unwrap();
//! let row = Row { labels: [("instance".to_owned(), "host".to_owned())].into(), value: 0.91 };
//! let answers = Answers { at: now, rows: [(busy.id.clone(), Answer::Rows(vec![row]))].into() };
//! let report = judge(&plan, &scope, &answers, now);
//! assert_eq!(report.state, State::Degraded);
//! assert!(report.markdown().contains("91 %"));
//! ```

mod check;
mod judge;
mod limits;
mod markdown;
mod profile;
mod quantity;
mod query;
mod report;

#[cfg(test)]
mod tests;

pub use check::{Area, Bad, Check, Unit, check, checks};
pub use judge::{Answer, Answers, Row, judge};
pub use limits::{Limits, OverrideError};
pub use profile::{Plan, Profile, profile, profiles};
pub use query::{Query, queries};
pub use report::{Finding, Report, State};
