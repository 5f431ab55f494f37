//! Judgements by table, and the page that they make.

mod asked;

use super::*;
use crate::State::{Critical, Degraded, Pass};
use crate::quantity::{shown, typed};
use mainstay_model::{Scope, Timestamp, Verdict};
use snapbox::{assert_data_eq, str};
use std::collections::BTreeMap;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(1_795_795_200_000);

fn scope() -> Scope {
    Scope {
        stack: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
    }
}

fn plan(name: &str) -> Plan {
    Plan::new(profile(name).unwrap())
}

fn rows(values: &[(&str, f64)]) -> Answer {
    let row = |(service, value): &(&str, f64)| Row {
        labels: BTreeMap::from([("service".to_owned(), (*service).to_owned())]),
        value: *value,
    };
    Answer::Rows(values.iter().map(row).collect())
}

fn answers(given: &[(&str, Answer)]) -> Answers {
    let rows = given
        .iter()
        .map(|(id, answer)| ((*id).to_owned(), answer.clone()));
    Answers {
        at: NOW,
        rows: rows.collect(),
    }
}

fn finding(report: &Report, id: &str) -> Finding {
    let found = report.findings.iter().find(|finding| finding.check == id);
    found.unwrap().clone()
}

/// Profile, check, value; what it comes to.
const JUDGED: [(&str, &str, f64, State, &str); 19] = [
    (
        "default",
        "system.cpu",
        0.80,
        Pass,
        "80 % (service=x) is within the limits",
    ),
    (
        "default",
        "system.cpu",
        0.81,
        Degraded,
        "81 % (service=x) is above the warning level of 80 %",
    ),
    (
        "default",
        "system.memory",
        0.86,
        Degraded,
        "86 % (service=x) is above the warning level of 85 %",
    ),
    (
        "default",
        "system.disk",
        0.91,
        Critical,
        "91 % (service=x) is above the critical level of 90 %",
    ),
    (
        "default",
        "api.response",
        2.5,
        Degraded,
        "2.5 s (service=x) is above the warning level of 2 s",
    ),
    (
        "default",
        "api.errors",
        0.06,
        Critical,
        "6 % (service=x) is above the critical level of 5 %",
    ),
    (
        "default",
        "jobs.queue",
        1001.0,
        Degraded,
        "1001 (service=x) is above the warning level of 1000",
    ),
    (
        "default",
        "api.available",
        0.5,
        Degraded,
        "50 % (service=x) is below the warning level of 100 %",
    ),
    (
        "default",
        "api.available",
        0.0,
        Critical,
        "0 % (service=x) is below the critical level of 50 %",
    ),
    (
        "default",
        "database.deadlocks",
        0.0,
        Pass,
        "0 (service=x) is within the limits",
    ),
    (
        "default",
        "database.deadlocks",
        1.0,
        Degraded,
        "1 (service=x) is above the warning level of 0",
    ),
    // The same value under another guide.
    (
        "whisperengine",
        "system.cpu",
        0.81,
        Pass,
        "81 % (service=x) misses the target of 70 %, and is within the limits",
    ),
    (
        "whisperengine",
        "cache.hits",
        0.84,
        Degraded,
        "84 % (service=x) is below the warning level of 85 %",
    ),
    (
        "whisperengine",
        "cache.hits",
        0.69,
        Critical,
        "69 % (service=x) is below the critical level of 70 %",
    ),
    (
        "whisperengine",
        "api.response",
        0.48,
        Pass,
        "480 ms (service=x) is within the limits",
    ),
    (
        "whisperengine",
        "api.response",
        2.01,
        Critical,
        "2.01 s (service=x) is above the critical level of 2 s",
    ),
    (
        "rag-admin",
        "api.errors",
        0.06,
        Pass,
        "6 % (service=x) is within the limits",
    ),
    (
        "deep-echo",
        "api.average",
        0.2,
        Degraded,
        "200 ms (service=x) is above the warning level of 100 ms",
    ),
    (
        "whispercache",
        "api.tail",
        f64::INFINITY,
        Critical,
        "inf s (service=x) is above the critical level of 5 s",
    ),
];

#[test]
fn a_value_is_judged_by_the_limits_of_its_profile() {
    for (profile, check, value, state, reason) in JUDGED {
        let given = answers(&[(check, rows(&[("x", value)]))]);
        let report = judge(&plan(profile), &scope(), &given, NOW);
        let found = finding(&report, check);
        assert_eq!(
            (found.state, found.judgement.reason.as_str()),
            (state, reason),
            "{profile} {check}"
        );
        assert_eq!(
            found.judgement.verdict,
            state.verdict(),
            "{profile} {check}"
        );
        assert_eq!(
            found.next.is_some(),
            state != State::Pass,
            "{profile} {check}"
        );
        assert_eq!(
            report.is_healthy(),
            state == State::Pass,
            "{profile} {check}"
        );
    }
}

#[test]
fn what_is_not_there_is_neither_good_nor_bad() {
    let nan = rows(&[("x", f64::NAN)]);
    let (none, some) = (rows(&[]), rows(&[("x", 3.0)]));
    let failed = Answer::Failed("timed out".to_owned());
    for (value, there, state, reason) in [
        (
            Some(&none),
            Some(&some),
            State::NotEnoughData,
            "no new request seen within 5 minutes",
        ),
        (
            Some(&nan),
            Some(&some),
            State::NotEnoughData,
            "no new request seen within 5 minutes",
        ),
        (
            Some(&none),
            Some(&none),
            State::CannotMeasure,
            "nothing exposes mainstay_proxy_requests_total",
        ),
        (
            Some(&none),
            None,
            State::CannotMeasure,
            "nothing exposes mainstay_proxy_requests_total",
        ),
        (
            Some(&none),
            Some(&failed),
            State::CannotMeasure,
            "the query failed: timed out",
        ),
        (
            Some(&failed),
            Some(&some),
            State::CannotMeasure,
            "the query failed: timed out",
        ),
        (
            None,
            Some(&some),
            State::CannotMeasure,
            "it was not asked for",
        ),
    ] {
        let given = [("api.errors", value), ("api.errors?", there)];
        let given: Vec<_> = given
            .into_iter()
            .filter_map(|(id, answer)| Some((id, answer?.clone())))
            .collect();
        let report = judge(&plan("default"), &scope(), &answers(&given), NOW);
        let found = finding(&report, "api.errors");
        assert_eq!(
            (found.state, found.judgement.reason.as_str()),
            (state, reason)
        );
        assert!(
            !report.is_healthy(),
            "nothing was judged: {}",
            report.headline()
        );
    }
}

#[test]
fn where_nothing_is_judged_nothing_is_healthy() {
    let report = judge(&plan("default"), &scope(), &answers(&[]), NOW);
    let reach = finding(
        &judge(
            &plan("default"),
            &scope(),
            &answers(&[("database.reachable", rows(&[]))]),
            NOW,
        ),
        "database.reachable",
    );
    assert_eq!(
        reach.judgement.reason,
        "nothing exposes dependency_up or pg_up"
    );
    assert_eq!(
        report.headline(),
        "cannot measure: none of 15 checks could be judged"
    );
}

#[test]
fn old_answers_say_nothing() {
    let given = answers(&[("system.cpu", rows(&[("x", 0.1)]))]);
    let report = judge(
        &plan("default"),
        &scope(),
        &given,
        NOW + Duration::from_mins(6),
    );
    assert_eq!(report.state, State::NotEnoughData);
    let found = finding(&report, "system.cpu");
    assert_eq!(found.judgement.reason, "the answers are 6m old");
}

#[test]
fn the_worst_decides_of_rows_and_of_checks() {
    let given = answers(&[
        (
            "api.response",
            rows(&[("quick", 0.1), ("slow", 3.0), ("idle", f64::NAN)]),
        ),
        ("api.available", rows(&[("half", 0.5), ("whole", 1.0)])),
        ("system.disk", rows(&[("x", 0.95)])),
        ("system.cpu", rows(&[("x", 0.1)])),
    ]);
    let report = judge(&plan("default"), &scope(), &given, NOW);
    assert_eq!(report.state, State::Critical);
    assert_eq!(
        finding(&report, "api.response").of.as_deref(),
        Some("service=slow")
    );
    assert_eq!(
        finding(&report, "api.available").of.as_deref(),
        Some("service=half")
    );
    let failures: Vec<&str> = report
        .failures()
        .iter()
        .map(|finding| finding.check)
        .collect();
    assert_eq!(failures, ["system.disk", "api.available", "api.response"]);
    assert_eq!(
        report.headline(),
        "critical: 3 of 4 checks fail, 11 could not be judged"
    );
    assert_eq!(report.state.verdict(), Verdict::Fail);
}

#[test]
fn a_user_may_have_thresholds_of_his_own() {
    let mut plan = plan("default");
    for change in [
        "system.cpu=50%:0.6",
        "api.response=300ms",
        "jobs.queue=:5000",
        "api.tail=1s:2s",
    ] {
        plan.change(change).unwrap();
    }
    let limits: BTreeMap<&str, Limits> = plan
        .checks()
        .map(|(check, limits)| (check.id, limits))
        .collect();
    assert_eq!(limits["system.cpu"], Limits::levels(0.5, 0.6));
    assert_eq!(limits["api.response"], Limits::warning(0.3));
    assert_eq!(limits["jobs.queue"], Limits::levels(1000.0, 5000.0));
    // Not in the profile, and now it is.
    assert_eq!(limits["api.tail"], Limits::levels(1.0, 2.0));

    for (change, error) in [
        (
            "system.cpu",
            "`system.cpu` is no threshold: write CHECK=WARNING, CHECK=WARNING:CRITICAL or CHECK=:CRITICAL",
        ),
        (
            "system.cpu=:",
            "`system.cpu=:` is no threshold: write CHECK=WARNING, CHECK=WARNING:CRITICAL or CHECK=:CRITICAL",
        ),
        (
            "system.cup=1",
            "no such check: `system.cup`; did you mean `system.cpu`?",
        ),
        ("weather=1", "no such check: `weather`"),
        (
            "system.cpu=75",
            "`75` is no value of system.cpu: write 75% or 0.75",
        ),
        (
            "system.cpu=-1%",
            "`-1%` is no value of system.cpu: write 75% or 0.75",
        ),
        (
            "api.response=2m",
            "`2m` is no value of api.response: write 2s or 500ms",
        ),
        (
            "jobs.queue=NaN",
            "`NaN` is no value of jobs.queue: write 1000",
        ),
        (
            "jobs.queue=inf",
            "`inf` is no value of jobs.queue: write 1000",
        ),
        (
            "system.cpu=90%:80%",
            "system.cpu: the critical level 80 % comes before the warning 90 %",
        ),
        // Against the profile's own warning of 80 %.
        (
            "system.disk=95%",
            "system.disk: the critical level 90 % comes before the warning 95 %",
        ),
        (
            "cache.hits=50%:60%",
            "cache.hits: the critical level 60 % comes before the warning 50 %",
        ),
    ] {
        assert_eq!(plan.change(change).unwrap_err().to_string(), error);
    }
}

#[test]
fn figures_are_short() {
    for (unit, value, text) in [
        (Unit::Share, 0.824, "82.4 %"),
        (Unit::Share, 0.0512, "5.12 %"),
        (Unit::Share, 1.0, "100 %"),
        (Unit::Seconds, 0.0, "0 ms"),
        (Unit::Seconds, 0.48, "480 ms"),
        (Unit::Seconds, 1.75, "1.75 s"),
        (Unit::Count, 1200.0, "1200"),
        (Unit::Count, 0.5, "0.5"),
    ] {
        assert_eq!(shown(unit, value), text);
    }
    assert_eq!(typed(Unit::Seconds, " 500ms "), Some(0.5));
    assert_eq!(typed(Unit::Count, "1e3"), Some(1000.0));
}

#[test]
fn a_report_is_a_page() {
    let mut given = answers(&[
        ("api.response", rows(&[("app", 0.12)])),
        ("system.cpu", rows(&[("a`b|c\n# d", 0.91)])),
        ("api.errors", rows(&[])),
        ("api.errors?", rows(&[("x", 1.0)])),
    ]);
    given.at = Timestamp::from_millis(1_795_795_200_000);
    let report = judge(&plan("default"), &scope(), &given, NOW);
    let page = report.markdown();
    let (head, rest) = page.split_once("| instances that reach").unwrap();
    assert_data_eq!(
        head,
        str![[r"
# Health of shop in production

2026-11-27T16:00:00.000Z, profile default: **degraded: 1 of 2 checks fails, 13 could not be judged**

| check | value | target | warning | critical | result |
|---|---|---|---|---|---|
| instances that answer (api.available) | - | - | < 100 % | < 50 % | cannot measure |
| response time, 95th percentile (api.response) | 120 ms | - | > 2 s | - | pass |
| failed requests (api.errors) | - | - | - | > 5 % | not enough data |

"]]
    );
    let (_, end) = rest.split_once("## What fails").unwrap();
    let (end, _) = end.split_once("## Cannot be measured").unwrap();
    assert_data_eq!(
        end,
        str![[r"


- **processors in use** degraded: 91 % (service=a/`b/|c # d) is above the warning level of 80 %. Next: `mainstay query 'sum by (service) (rate(process_cpu_seconds_total[5m]))'`, docs/runbooks/HighCpuUsage.md.

## Not enough data

- **failed requests** not enough data: no new request seen within 5 minutes. Next: `mainstay targets`.


"]]
    );
    // The snapshot shows a slash where there is a backslash.
    assert!(page.contains(r"service=a\`b\|c # d"), "{page}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["state"], "degraded");
    assert_eq!(json["findings"][1]["judgement"]["verdict"], "pass");
}
