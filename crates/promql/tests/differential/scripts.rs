//! Our scripts against Prometheus: what we expect there is what it answers.
//!
//! 2.42 takes in the left end of a range, so it is asked a millisecond later than the script says: then
//! that end is out, and values of rates differ by that millisecond.

use crate::compare;
use crate::data::Times;
use crate::peer::Prometheus;
use mainstay_promql::Value;
use mainstay_promql::promqltest::{Outcome, Subject, judge};
use mainstay_series::{Labels, Samples};
use std::path::Path;

/// A millisecond in the shortest range of the scripts.
const TOLERANCE: f64 = 2e-4;

/// From one `clear` to the next: nothing of the one is seen in the other.
const APART_MS: i64 = 72 * 3_600_000;

/// What 2.42 does not know, or knows otherwise, or what depends on the time of day.
const NOT_ASKED: [&str; 19] = [
    // Pinned to a time: the scripts' times are not Prometheus's.
    " @ ",
    // Looks at the time.
    "time(",
    "timestamp(",
    "hour(",
    "minute(",
    // Later than 2.42.
    "first_over_time",
    "histogram_fraction",
    "{\"requests_total\"",
    "offset 120",
    "1h30m",
    "0b11",
    // Experimental now, plain then.
    "holt_winters",
    // Keeps the name in 2.42.
    "a atan2 b",
    // Its days do not begin at multiples of five hours.
    "[15h:5h]",
    // A subquery in a subquery has an edge there.
    "[40s:20s]",
    // Sums lose digits in 2.42.
    "avg_over_time(big",
    "sum(e)",
    "avg(e)",
    // An error of 2.42.
    "(\"te",
];

struct Theirs<'a> {
    prometheus: &'a Prometheus,
    since_ms: i64,
}

impl Subject for Theirs<'_> {
    fn clear(&mut self) {
        self.since_ms += APART_MS;
    }

    fn load(&mut self, series: &[(Labels, Samples)]) {
        let since = self.since_ms;
        let samples = series.iter().flat_map(|(labels, samples)| {
            samples
                .iter()
                .map(move |s| (labels, since + s.time_ms, s.value))
        });
        let mut samples: Vec<(&Labels, i64, f64)> = samples.collect();
        // In the order of time, as samples come in life.
        samples.sort_by_key(|(_, time, _)| *time);
        self.prometheus.write(&samples);
    }

    fn instant(&mut self, expr: &str, time_ms: i64) -> Result<Value, String> {
        let times = Times::Instant(self.since_ms + time_ms + 1);
        let answer = self.prometheus.query(expr, times)?;
        Ok(compare::value(&answer, self.since_ms))
    }

    fn range(&mut self, expr: &str, (start, end, step): (i64, i64, i64)) -> Result<Value, String> {
        let since = self.since_ms + 1;
        let times = Times::Range(since + start, since + end, step);
        let answer = self.prometheus.query(expr, times)?;
        Ok(compare::value(&answer, since))
    }
}

/// Whether a part stands in an expression, and not at the end of a longer name.
fn holds(expr: &str, part: &str) -> bool {
    expr.match_indices(part).any(|(at, _)| {
        let before = expr.get(..at).and_then(|before| before.chars().next_back());
        let longer = before.is_some_and(|c| c == '_' || c.is_ascii_alphanumeric());
        !longer || !part.starts_with(|c: char| c.is_ascii_alphanumeric())
    })
}

/// Judges every script; how many cases there were.
pub(crate) fn check(prometheus: &Prometheus, since_ms: i64) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut theirs = Theirs {
        prometheus,
        since_ms,
    };
    let (mut cases, mut failures) = (0, Vec::new());
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    for path in names {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        // The one is about a flag that 2.42 has not, the other about functions that it has not.
        if ["names.test", "experimental.test"].contains(&name.as_str()) {
            continue;
        }
        theirs.clear();
        let script = std::fs::read_to_string(&path).expect("a script");
        let wanted = |expr: &str| !NOT_ASKED.iter().any(|part| holds(expr, part));
        let report = judge(&script, &mut theirs, TOLERANCE, &wanted).expect("a script");
        cases += report.cases.len();
        for case in report.cases {
            if let Outcome::Failed(why) = case.outcome {
                failures.push(format!("{name}:{}: {}: {why}", case.line, case.expr));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    cases
}
