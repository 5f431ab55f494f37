//! Limits, and a caller who gives up: clean errors in Prometheus's words.

use mainstay_promql::promqltest::MemoryStorage;
use mainstay_promql::{Answer, Engine, Interrupt, Options, Query, QueryError, uninterrupted};
use std::cell::Cell;

const DATA: &str = "load 1m\n  x{a=\"1\"} 1+1x100\n  x{a=\"2\"} 1+1x100\n  x{a=\"3\"} 1+1x100\n";

fn range(options: Options, text: &str) -> Result<Answer, QueryError> {
    let storage = MemoryStorage::load(DATA).expect("a load");
    let query = Query::parse(text).expect("a query");
    Engine::new(options).range(&storage, &query, (0, 6_000_000, 60_000), &uninterrupted)
}

fn samples(max_samples: usize) -> Options {
    Options {
        max_samples,
        ..Options::default()
    }
}

#[test]
fn what_is_kept_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<(Engine, Query, Answer, QueryError)>();
}

#[test]
fn samples_in_memory_are_limited() {
    let message = "query processing would load too many samples into memory in query execution";
    let error = range(samples(250), "x").expect_err("3 columns of 101");
    assert_eq!(error.to_string(), message);
    assert!(range(samples(500), "x").is_ok());
    // A sum holds one series at a time: its samples, its column, the group.
    let sum = range(samples(600), "sum(rate(x[5m]))").expect("one at a time");
    assert!(sum.stats.peak_samples < 600, "{:?}", sum.stats);
    assert_eq!((sum.stats.series, sum.stats.samples), (3, 303));
    // What is not even data counts as well.
    for huge in ["vector(1)[290y:1ms]", "x[290y:1ms]"] {
        let text = format!("count_over_time({huge})");
        assert!(
            matches!(range(samples(5000), &text), Err(QueryError::TooManySamples)),
            "{huge}"
        );
    }
}

#[test]
fn series_points_and_steps_are_limited() {
    let series = Options {
        max_series: 2,
        ..Options::default()
    };
    let error = range(series, "x").expect_err("3 series");
    assert_eq!(error.to_string(), "query would read more than 2 series");
    let points = Options {
        max_points: 302,
        ..Options::default()
    };
    let error = range(points.clone(), "x").expect_err("303 points");
    assert_eq!(error.to_string(), "answer would have more than 302 points");
    assert!(range(points, "sum(x)").is_ok());
    let steps = |max_steps| Options {
        max_steps,
        ..Options::default()
    };
    assert!(range(steps(100), "x").is_ok(), "100 steps are 101 points");
    let error = range(steps(99), "x").expect_err("100 steps").to_string();
    assert!(
        error.starts_with("exceeded maximum resolution of 99 points"),
        "{error}"
    );
    let error = QueryError::TooManySteps { limit: 11_000 }.to_string();
    assert!(error.contains("of 11,000 points"), "{error}");
    let storage = MemoryStorage::load(DATA).expect("a load");
    let query = Query::parse("x").expect("a query");
    let run = |times| Engine::default().range(&storage, &query, times, &uninterrupted);
    for step in [0, -1, i64::MIN] {
        assert!(
            matches!(run((0, 1, step)), Err(QueryError::NoStep)),
            "{step}"
        );
    }
    let all = run((i64::MIN, i64::MAX, 1));
    assert!(matches!(all, Err(QueryError::TooManySteps { .. })));
    let none = Engine::default().range(&storage, &query, (10, 0, 5), &uninterrupted);
    assert!(none.is_ok(), "an end before the start is an empty answer");
}

#[test]
fn a_caller_can_give_up_at_any_look() {
    let storage = MemoryStorage::load(DATA).expect("a load");
    let query =
        Query::parse("topk(1, x + on (a) x) or quantile(0.5, rate(x[5m]))").expect("a query");
    for (interrupt, message) in [
        (
            Interrupt::Timeout,
            "query timed out in expression evaluation",
        ),
        (
            Interrupt::Canceled,
            "query was canceled in expression evaluation",
        ),
    ] {
        let kind = QueryError::from(interrupt).error_type();
        assert!(["timeout", "canceled"].contains(&kind), "{kind}");
        let mut looks = 0;
        loop {
            let seen = Cell::new(0);
            let check = || {
                seen.set(seen.get() + 1);
                if seen.get() > looks {
                    Err(interrupt)
                } else {
                    Ok(())
                }
            };
            let times = (0, 600_000, 60_000);
            match Engine::default().range(&storage, &query, times, &check) {
                Err(error) => assert_eq!(error.to_string(), message),
                Ok(_) => break,
            }
            looks += 1;
        }
        assert!(looks > 10, "{looks} looks");
    }
}

#[test]
fn names_go_at_once_unless_that_is_delayed() {
    let storage = MemoryStorage::load("load 1m\n  a{l=\"1\"} 1\n  b{l=\"1\"} 2\n").expect("a load");
    let run = |delayed_name_removal, text: &str| {
        let options = Options {
            delayed_name_removal,
            ..Options::default()
        };
        let query = Query::parse(text).expect("a query");
        let answer = Engine::new(options).instant(&storage, &query, 0, &uninterrupted);
        answer
            .map(|answer| format!("{:?}", answer.value))
            .map_err(|error| error.to_string())
    };
    let same = Err("vector cannot contain metrics with the same labelset".to_owned());
    for text in [
        "{l=\"1\"} + 1",
        "abs({l=\"1\"})",
        "-{l=\"1\"}",
        "sum_over_time({l=\"1\"}[1m])",
        "{l=\"1\"} > bool 0",
        "timestamp({l=\"1\"})",
    ] {
        assert_eq!(run(false, text), same, "{text}");
        assert_eq!(run(true, text), same, "{text}");
        let sum = format!("sum by (__name__) ({text})");
        assert_eq!(run(false, &sum), same, "{sum}");
        // The name is still there to be found.
        let kept = format!("label_replace({text}, \"n\", \"$1\", \"__name__\", \"(.+)\")");
        assert_eq!(run(false, &kept), same, "{kept}");
        let found = run(true, &kept).expect("two series");
        assert!(
            found.contains("n=\"a\"") && found.contains("n=\"b\""),
            "{found}"
        );
    }
    let name_gone = run(
        false,
        "sum by (__name__) (rate({__name__=\"a\"}[1m]) or a + 1)",
    );
    assert!(name_gone.expect("a sum").contains("{}"));
}
