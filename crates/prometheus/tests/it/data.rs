//! The data that tests query, at odd milliseconds: Prometheus 2.42 and 3 differ where a sample lies
//! on the edge of a range.

use mainstay_exposition::remote::{encode_v1, pack};
use mainstay_series::{Labels, STALE, Sample};

/// When it begins: a whole minute.
pub(crate) const START_MS: i64 = 1_700_000_040_000;

const EVERY_MS: i64 = 15_000;
const COUNT: i64 = 120;

/// A series and its samples.
pub(crate) type One = (Labels, Vec<Sample>);

/// The value of the n-th sample.
type Rule = Box<dyn Fn(i64) -> f64>;

pub(crate) fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs([("__name__", name)].iter().chain(pairs).copied())
}

/// Half an hour of some series.
pub(crate) fn some(start_ms: i64) -> Vec<One> {
    let job = |job| [("job", job), ("instance", "a:1")];
    let mut all: Vec<(Labels, Rule)> = vec![
        (labels("up", &job("api")), Box::new(|_| 1.0)),
        (
            labels("up", &job("web")),
            Box::new(|n| f64::from(n % 3 == 0)),
        ),
        (
            labels("temp", &job("web")),
            Box::new(|n| (n as f64).sin() * 1e-8),
        ),
        (
            labels("big", &job("web")),
            Box::new(|n| (n as f64 + 1.5) * 1e22),
        ),
        (
            labels("odd", &[("k", "q\"\\\n<ü>&")]),
            Box::new(|n| -0.5 * n as f64),
        ),
        (labels("nan", &[]), Box::new(|_| f64::NAN)),
        (labels("inf", &[("sign", "+")]), Box::new(|_| f64::INFINITY)),
        (
            labels("inf", &[("sign", "-")]),
            Box::new(|_| f64::NEG_INFINITY),
        ),
    ];
    for code in ["200", "404", "500"] {
        for path in ["/", "/a", "/b"] {
            let pairs = [("code", code), ("job", "api"), ("path", path)];
            let by = code.len() as i64 + path.len() as i64;
            let counter = move |n: i64| (1_000 + n * by) as f64;
            all.push((labels("http_requests_total", &pairs), Box::new(counter)));
        }
    }
    let mut series: Vec<One> = Vec::new();
    for (number, (labels, value)) in (0i64..).zip(all) {
        let offset = 1 + number * 37;
        let sample = |n| Sample {
            time_ms: start_ms + n * EVERY_MS + offset,
            value: value(n),
        };
        series.push((labels, (0..COUNT).map(sample).collect()));
    }
    // One that ends.
    let end = |n: i64| Sample {
        time_ms: start_ms + n * EVERY_MS + 7,
        value: if n == 40 { STALE } else { 7.0 },
    };
    series.push((labels("gone", &[]), (0..=40).map(end).collect()));
    series.sort_by(|a, b| a.0.cmp(&b.0));
    series
}

/// A remote write of it.
pub(crate) fn body(series: &[One]) -> Vec<u8> {
    let series = series
        .iter()
        .map(|(labels, samples)| (labels, &samples[..]));
    pack(&encode_v1(series, &[])).unwrap()
}

/// Numbers that look random and follow from a seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 on, below `most`.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
