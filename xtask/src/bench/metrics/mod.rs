//! Metrics beside Prometheus: the same targets scraped, the same remote writes, the same queries.
//!
//! Each scenario runs against one and then the other, with the same load from this process. CPU is
//! user and system time of the server alone; what the load costs is not in it. The mix is half
//! counters, a quarter gauges with noise and a quarter values that never change.

mod feed;
mod http;
mod server;

use anyhow::{Context, Result, bail};
use feed::{Feed, Mix};
use server::{Kind, Server};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Series in all
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Scrapes of each, one a second; as many rounds of remote writes
    #[arg(long, default_value_t = 60)]
    scrapes: usize,
    /// Each query so many times
    #[arg(long, default_value_t = 20)]
    queries: usize,
    /// Only this one of the two, for what the other takes too long for
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// Measure this `mainstay` instead of building one
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Targets that the series are spread over.
const TARGETS: usize = 10;
/// Samples of one remote write, as Prometheus sends by default.
const WRITE: usize = 2_000;

/// A name, and an expression over a minute of one-second samples.
const QUERIES: [(&str, &str); 4] = [
    (
        "sum by (job) (rate), 60 steps",
        "sum by (job) (rate(bench_total[30s]))",
    ),
    (
        "quantile over gauges, 60 steps",
        "quantile(0.9, bench_noise)",
    ),
    (
        "regular expression, 60 steps",
        "sum(bench_total{path=~\".*7\"})",
    ),
    ("top of rates, 60 steps", "topk(5, rate(bench_total[30s]))"),
];

/// What one scenario came to.
#[derive(Debug, Default, Clone)]
struct Seen {
    samples: u64,
    cpu_seconds: f64,
    resident_bytes: u64,
    peak_bytes: u64,
    /// Of a snapshot.
    stored: Stored,
    /// CPU and wall seconds of each query, the mean of several.
    queries: Vec<(f64, f64)>,
}

/// What the blocks of a snapshot have: in all, and in the two kinds of files that count.
#[derive(Debug, Default, Clone)]
struct Stored {
    samples: u64,
    bytes: u64,
    chunk_bytes: u64,
    index_bytes: u64,
}

impl Stored {
    /// Bytes a sample: in all, of chunks, of the index.
    fn text(&self) -> String {
        if self.samples == 0 {
            return "-".to_owned();
        }
        let of = |bytes: u64| bytes as f64 / self.samples as f64;
        format!(
            "{:.2} ({:.2} chunks, {:.2} index)",
            of(self.bytes),
            of(self.chunk_bytes),
            of(self.index_bytes)
        )
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let program = match &options.program {
        Some(program) => program.canonicalize()?,
        None => build()?,
    };
    let kinds: Vec<Kind> = match options.only {
        Some(kind) => vec![kind],
        None => vec![Kind::Prometheus, Kind::Mainstay],
    };
    for (name, scenario) in [
        (
            "scrape",
            scraped as fn(&Options, Kind, &Path) -> Result<Seen>,
        ),
        ("remote write", written),
    ] {
        let mut all = Vec::new();
        for kind in &kinds {
            all.push((*kind, scenario(options, *kind, &program)?));
        }
        print(name, &all);
    }
    Ok(ExitCode::SUCCESS)
}

fn build() -> Result<PathBuf> {
    crate::test::cargo(&["build", "--release", "-p", "mainstay"])?;
    Ok(PathBuf::from("target/release/mainstay").canonicalize()?)
}

/// Every target scraped once a second, then asked about.
fn scraped(options: &Options, kind: Kind, program: &Path) -> Result<Seen> {
    let mix = Mix::new(options.series / TARGETS);
    let feed = Feed::start(TARGETS, mix)?;
    let server = Server::start(kind, program, &feed.configuration())?;
    // The first scrapes make the series: they are part of it.
    let began = server.cpu_seconds()?;
    let wanted = options.scrapes * TARGETS;
    let deadline = Instant::now() + Duration::from_secs(options.scrapes as u64 * 3 + 30);
    while feed.served() < wanted {
        if Instant::now() > deadline {
            bail!("{kind:?} scraped {} of {wanted} times", feed.served());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let scrapes = feed.served();
    // What was served last is being stored.
    std::thread::sleep(Duration::from_millis(500));
    let cpu_seconds = server.cpu_seconds()? - began;
    feed.stop();
    let mut seen = Seen {
        samples: (scrapes * options.series / TARGETS) as u64,
        cpu_seconds,
        ..server.memory()?
    };
    for (_, expression) in QUERIES {
        seen.queries
            .push(server.ask_range(expression, options.queries.max(1))?);
    }
    seen.peak_bytes = server.memory()?.peak_bytes;
    seen.stored = server.snapshot()?;
    Ok(seen)
}

/// All series sent round by round, as fast as they are taken, a second of time apart.
fn written(options: &Options, kind: Kind, program: &Path) -> Result<Seen> {
    let server = Server::start(kind, program, "scrape_configs: []\n")?;
    let mix = Mix::new(options.series);
    let began = server.cpu_seconds()?;
    let first_ms = server::now_ms() - options.scrapes as i64 * 1_000;
    let mut samples = 0;
    for round in 0..options.scrapes {
        let time_ms = first_ms + round as i64 * 1_000;
        for body in mix.writes(round, time_ms, WRITE) {
            server.write(&body)?;
        }
        samples += options.series as u64;
    }
    let seen = Seen {
        samples,
        cpu_seconds: server.cpu_seconds()? - began,
        ..server.memory()?
    };
    let there = server.ask("count({__name__=~\"bench_.*\"})")?;
    let there: usize = there.parse().context("the count of series")?;
    if there != options.series {
        bail!("{kind:?} has {there} of {} series", options.series);
    }
    Ok(seen)
}

fn print(name: &str, all: &[(Kind, Seen)]) {
    let rate = |seen: &Seen| seen.samples as f64 / seen.cpu_seconds.max(0.01);
    let first = &all[0].1;
    println!("\n{name}: {} samples", first.samples);
    println!(
        "{:<12} {:>16} {:>7} {:>12} {:>7} {:>9}   bytes/sample",
        "", "samples/CPU s", "ratio", "resident MB", "ratio", "peak MB"
    );
    for (kind, seen) in all {
        println!(
            "{:<12} {:>16.0} {:>7.2} {:>12.0} {:>7.2} {:>9.0}   {}",
            format!("{kind:?}"),
            rate(seen),
            rate(seen) / rate(first),
            seen.resident_bytes as f64 / 1e6,
            seen.resident_bytes as f64 / first.resident_bytes as f64,
            seen.peak_bytes as f64 / 1e6,
            seen.stored.text(),
        );
    }
    for (index, (title, _)) in QUERIES.iter().enumerate() {
        for (kind, seen) in all {
            let Some((cpu, wall)) = seen.queries.get(index) else {
                continue;
            };
            let faster = first.queries[index].0 / cpu.max(1e-3);
            println!(
                "{title:<32} {:<12} {cpu:>7.3} s CPU {wall:>7.3} s   {faster:>5.1}×",
                format!("{kind:?}")
            );
        }
    }
}
