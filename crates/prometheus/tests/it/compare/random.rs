//! Requests thrown together from right and wrong pieces: we and Prometheus accept and refuse the
//! same, with the same code and type, and answer the same where both answer.

use serde_json::Value as Json;

use super::{Both, sorted};
use crate::data::Dice;
use crate::http::Answer;

const PIECES: &[&str] = &[
    "query=",
    "query=",
    "match[]=",
    "match[]=",
    "start=",
    "end=",
    "time=",
    "step=",
    "timeout=",
    "&",
    "&",
    "&",
    "&",
    "&",
    "&",
    "up",
    "temp",
    "odd",
    "sum(",
    ")",
    "%7B",
    "%7D",
    "%5B5m%5D",
    "1e9",
    "-1",
    "1700000900",
    "1700000960",
    "15s",
    "1m",
    "0",
    "+",
    "%2B",
    "%20",
    "1700000900.5",
    "2023-11-14T22:28:20Z",
    "job=%22web%22",
    "%7Bjob=~%22.*%22%7D",
    "query=up&start=1700000900&end=1700000960&step=",
    "match[]=up&",
];

const PATHS: &[&str] = &[
    // The first value of a parameter holds: without a time, now is the time, and now is never twice.
    "/api/v1/query?time=1700000900&",
    "/api/v1/query_range?",
    "/api/v1/query_range?",
    "/api/v1/query_exemplars?",
    "/api/v1/series?",
    "/api/v1/labels?",
    "/api/v1/label/job/values?",
    "/federate?",
];

const ROUNDS: usize = 2000;

/// What is known to be different.
fn known(path: &str, theirs: &Answer) -> bool {
    // Durations are numbers since 3.
    let duration = theirs.text().contains("unexpected duration");
    // 2.42 lists the values of a whole block for a part of its time.
    let window = path.contains("/label/") && (path.contains("start=") || path.contains("end="));
    duration || window
}

/// The type of an error, or what was answered.
fn essence(answer: &Answer) -> (u16, Option<Json>) {
    let json = serde_json::from_slice::<Json>(&answer.body).ok();
    let kept = json.map(|json| match json.get("errorType") {
        Some(kind) => kind.clone(),
        None => sorted(json)["data"].clone(),
    });
    (answer.status, kept)
}

#[test]
fn random_requests_are_answered_as_prometheus_answers_them() {
    let test = "random_requests_are_answered_as_prometheus_answers_them";
    let Some(mut both) = Both::start(test) else {
        return;
    };
    let mut dice = Dice::new(99);
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let path = *dice.one_of(PATHS);
        let pieces: String = (0..=dice.below(12)).map(|_| *dice.one_of(PIECES)).collect();
        let path = format!("{path}{pieces}");
        let ours = both.ours.client.get(&path);
        let theirs = both.theirs.client.get(&path);
        if ours.status < 300 {
            answered += 1;
        } else {
            refused += 1;
        }
        if essence(&ours) != essence(&theirs) && !known(&path, &theirs) {
            let both_texts = format!("{}\n    {}", ours.text(), theirs.text());
            both.found.push(format!("{path}\n    {both_texts}"));
        }
    }
    assert!(
        answered > ROUNDS / 20 && refused > ROUNDS / 20,
        "{answered}, {refused}"
    );
    both.done();
}
