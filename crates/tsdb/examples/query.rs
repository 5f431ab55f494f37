//! Asks a store in memory what the bench of metrics asks over HTTP, and prints the processor time.
//!
//!     cargo run --release -p mainstay-tsdb --example query -- [times] [queries ...]

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::time::Duration;

use mainstay_promql::{Engine, Options as EngineOptions, Query, uninterrupted};
use mainstay_series::{Labels, Sample};
use mainstay_tsdb::{Durability, Entry, Options, Store};
use rustix::time::{ClockId, clock_gettime};

const SERIES: usize = 100_000;
const SCRAPES: usize = 60;
const START: i64 = 1_699_833_600_000;
const STEP: i64 = 1_000;

const QUERIES: [&str; 4] = [
    "sum by (job) (rate(bench_total[30s]))",
    "quantile(0.9, bench_noise)",
    "sum(bench_total{path=~\".*7\"})",
    "topk(5, rate(bench_total[30s]))",
];

/// Processor time of the process so far, its threads included.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn labels(number: usize) -> Labels {
    let (target, number) = (number % 10, number / 10);
    Labels::from_pairs([
        (
            "__name__",
            ["bench_total", "bench_total", "bench_noise", "bench_limit"][number % 4].to_owned(),
        ),
        ("path", format!("/api/v1/item/{number}")),
        ("method", "GET".to_owned()),
        ("code", "200".to_owned()),
        ("job", "bench".to_owned()),
        ("instance", format!("127.0.0.1:{}", 9_000 + target)),
    ])
}

fn value(number: usize, round: usize) -> f64 {
    let mixed = (number as u64 ^ (round as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match (number / 10) % 4 {
        0 | 1 => (round * (number % 50 + 1)) as f64 + (mixed >> 60) as f64,
        2 => (mixed >> 54) as f64 / 10.0,
        _ => (number % 1000) as f64,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let times: usize = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let times = times.max(1);
    let mut queries: Vec<String> = arguments.collect();
    if queries.is_empty() {
        queries = QUERIES.map(str::to_owned).to_vec();
    }
    let folder = tempfile::tempdir()?;
    let (store, _) = Store::open(folder.path(), Options::default(), START)?;
    let series: Vec<Labels> = (0..SERIES).map(labels).collect();
    for round in 0..SCRAPES {
        let time_ms = START + round as i64 * STEP;
        let entry = |(number, labels)| Entry {
            series: None,
            labels: Some(labels),
            sample: Sample {
                time_ms,
                value: value(number, round),
            },
        };
        let batch: Vec<_> = series.iter().enumerate().map(entry).collect();
        store.append(&batch, Durability::Soon)?;
    }
    let engine = Engine::new(EngineOptions::default());
    let span = (START, START + SCRAPES as i64 * STEP, STEP);
    for text in queries {
        let query = Query::parse(&text)?;
        let mut all = Vec::with_capacity(times);
        for _ in 0..times {
            let before = cpu();
            std::hint::black_box(engine.range(&store, &query, span, &uninterrupted)?);
            all.push(cpu().saturating_sub(before));
        }
        all.sort_unstable();
        let (least, middle) = (all[0], all[all.len() / 2]);
        println!("least {least:>10.2?}, middle {middle:>10.2?}  {text}");
    }
    Ok(())
}
