//! A real Prometheus as the judge: generated queries over the same data, both answers compared.
//!
//! Debian's Prometheus is 2.42, and its semantics differ from those of 3 in the ways that
//! `docs/promql.md` lists; the generator stays away from each. Data and queries follow from a seed,
//! and a query that is answered differently prints the command that replays it.

mod compare;
mod data;
mod generate;
mod itself;
mod peer;
mod random;
mod scripts;

use compare::{Mine, differ};
use mainstay_promql::{Engine, Options, Query, Value, uninterrupted};
use peer::Prometheus;
use random::Random;

/// Where a run begins unless told otherwise.
const SEED: &str = "MAINSTAY_PROMQL_SEED";

/// How many queries are tried unless told otherwise.
const COUNT: &str = "MAINSTAY_PROMQL_COUNT";

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        let number = text.parse();
        number.unwrap_or_else(|_| panic!("{name}={text} is no number"))
    })
}

/// A text without space: 2.42 sets less of it.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn prometheus_answers_what_our_scripts_expect() {
    let test = "prometheus_answers_what_our_scripts_expect";
    let Some(prometheus) = Prometheus::start(test) else {
        return;
    };
    let cases = scripts::check(&prometheus, data::START_MS);
    assert!(cases > 280, "{cases} cases");
}

#[test]
fn prometheus_answers_the_same() {
    let Some(prometheus) = Prometheus::start("prometheus_answers_the_same") else {
        return;
    };
    data::write(&prometheus);
    let storage = data::store();
    let engine = Engine::new(Options::default());
    let first = setting(SEED).unwrap_or(1);
    let count = setting(COUNT).unwrap_or(3000);
    let (mut values, mut errors) = (0, 0);
    for seed in first..first + count {
        let mut random = Random::new(seed);
        let (text, times) = generate::query(&mut random);
        let query = Query::parse(&text).unwrap_or_else(|e| panic!("seed {seed}: {text}: {e}"));
        let (ours, theirs) = (squeezed(&query.pretty()), prometheus.format(&text));
        let theirs = theirs.map(|text| squeezed(text.as_str().unwrap_or_default()));
        assert_eq!(Ok(ours), theirs, "seed {seed}: {text}");
        let answer = match times {
            data::Times::Instant(time) => engine.instant(&storage, &query, time, &uninterrupted),
            data::Times::Range(start, end, step) => {
                engine.range(&storage, &query, (start, end, step), &uninterrupted)
            }
        };
        let mine: Mine = answer.map(|answer| answer.value);
        let theirs = prometheus.query(&text, times);
        match &mine {
            Ok(Value::Vector { samples, .. }) if samples.is_empty() => {}
            Ok(Value::Matrix(series)) if series.is_empty() => {}
            Ok(_) => values += 1,
            Err(_) => errors += 1,
        }
        if let Some(difference) = differ(&mine, &theirs) {
            panic!(
                "seed {seed}: {text}\n  {times:?}\n  {difference}\n  replay: {SEED}={seed} \
                 {COUNT}=1 cargo test -p mainstay-promql --test differential"
            );
        }
    }
    if count >= 1000 {
        assert!(
            values > count / 2,
            "{values} of {count} answers hold anything"
        );
        assert!(errors < count / 4, "{errors} of {count} queries fail");
    }
}
