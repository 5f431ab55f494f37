//! Loads a store with series × scrapes and prints what that took: processor time, memory, bytes.
//!
//!     cargo run --release -p mainstay-tsdb --example load -- 100000 60 [labels] [keep DIRECTORY]
//!
//! Series are those of targets of 500 each, a batch is a scrape of one target; a third are constant,
//! a third are counters, a third are gauges with two decimals. By default series are named by
//! references after the first scrape, with `labels` by labels each time. Scrapes are 15 s apart.

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mainstay_series::{Labels, Matcher, Samples, Selection, Storage as _, Window};
use mainstay_tsdb::{Durability, Entry, Options, SeriesRef, Store};
use rustix::time::{ClockId, clock_gettime};

const PER_TARGET: usize = 500;
const START: i64 = 1_699_833_600_000;
const STEP: i64 = 15_000;

/// Processor time of the process so far, its threads included.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Processor time since then.
fn since(before: Duration) -> Duration {
    cpu().saturating_sub(before)
}

/// A line of `/proc/self/status` in MB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

fn labels(n: usize) -> Labels {
    let (target, metric) = (n / PER_TARGET, n % PER_TARGET);
    Labels::from_pairs([
        (
            "__name__",
            format!("application_requests_total_{}", metric / 10),
        ),
        (
            "instance",
            format!("10.0.{}.{}:9100", target / 250, target % 250),
        ),
        ("job", format!("service-{}", target % 20)),
        ("environment", "production".to_owned()),
        ("method", ["GET", "POST"][metric % 2].to_owned()),
        ("path", format!("/api/v1/resource/{}", metric % 10)),
    ])
}

fn value(n: usize, scrape: usize) -> f64 {
    // Cheap and without any pattern the encoding could use.
    let noise = (n.wrapping_mul(2_654_435_761) ^ scrape.wrapping_mul(40_503)) % 1000;
    match n % 3 {
        0 => n as f64,
        1 => (scrape * 150 + noise / 10) as f64,
        _ => noise as f64 / 100.0,
    }
}

struct Load {
    series: Vec<Labels>,
    references: Vec<Option<SeriesRef>>,
    by_labels: bool,
}

impl Load {
    fn scrape(&mut self, store: &Store, scrape: usize) -> Result<(), Box<dyn Error>> {
        let time = START + scrape as i64 * STEP;
        for from in (0..self.series.len()).step_by(PER_TARGET) {
            let end = (from + PER_TARGET).min(self.series.len());
            let entry = |n: usize| Entry {
                series: self.references[n].filter(|_| !self.by_labels),
                labels: Some(&self.series[n]),
                sample: mainstay_series::Sample {
                    time_ms: time,
                    value: value(n, scrape),
                },
            };
            let batch: Vec<_> = (from..end).map(entry).collect();
            let done = store.append(&batch, Durability::Soon)?;
            if !done.rejected.is_empty() {
                return Err(format!("rejected: {:?}", done.rejected[0]).into());
            }
            self.references[from..end].copy_from_slice(&done.series);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: usize| {
        let given = arguments.get(place).and_then(|text| text.parse().ok());
        given.unwrap_or(default)
    };
    let (series, scrapes) = (number(0, 100_000), number(1, 60));
    let temporary = tempfile::tempdir()?;
    let kept = arguments.iter().position(|word| word == "keep");
    let kept = kept
        .and_then(|place| arguments.get(place + 1))
        .map(PathBuf::from);
    let dir = kept.unwrap_or_else(|| temporary.path().to_owned());
    let (store, _) = Store::open(&dir, Options::default(), START)?;
    let base = memory("VmRSS");
    let mut load = Load {
        series: (0..series).map(labels).collect(),
        references: vec![None; series],
        by_labels: arguments.iter().any(|word| word == "labels"),
    };
    let own = memory("VmRSS") - base;
    append(&store, &mut load, scrapes)?;
    println!(
        "memory: {} MB, of which {own} MB are the labels of this program",
        memory("VmRSS")
    );
    read(&store)?;
    finish(store, &dir)
}

fn append(store: &Store, load: &mut Load, scrapes: usize) -> Result<(), Box<dyn Error>> {
    let before = cpu();
    load.scrape(store, 0)?;
    let first = since(before);
    println!(
        "new series: {:.0} per CPU second",
        load.series.len() as f64 / first.as_secs_f64()
    );
    let (before, clock) = (cpu(), Instant::now());
    for scrape in 1..scrapes {
        load.scrape(store, scrape)?;
        let now = START + scrape as i64 * STEP;
        if scrape % 4 == 0 {
            store.maintain(now)?;
        }
    }
    store.flush()?;
    let (took, clock) = (since(before), clock.elapsed());
    let samples = load.series.len() * (scrapes - 1);
    println!(
        "samples: {samples}, {:.2} M per CPU second, {:.2} M per second",
        samples as f64 / took.as_secs_f64() / 1e6,
        samples as f64 / clock.as_secs_f64() / 1e6
    );
    let stats = store.stats(0)?;
    println!(
        "log: {:.2} bytes per sample; blocks: {} with {:.2} bytes per sample; series and samples in memory: {} MB",
        stats.log_bytes as f64 / samples as f64,
        stats.blocks.len(),
        stats.block_bytes as f64
            / stats.blocks.iter().map(|b| b.samples).sum::<u64>().max(1) as f64,
        stats.head.memory_bytes >> 20
    );
    Ok(())
}

fn read(store: &Store) -> Result<(), Box<dyn Error>> {
    let all = vec![Matcher::regex("__name__", "application_.*")?];
    let some = vec![
        Matcher::regex("__name__", "application_requests_total_(1|2|3)")?,
        Matcher::regex("instance", "10.0.0.1.*")?,
        Matcher::new(mainstay_series::MatchOp::NotEqual, "method", "POST")?,
    ];
    for matchers in [all, some] {
        let before = cpu();
        let found = store.select(&Selection::new(&matchers, Window::ALL))?;
        let selected = since(before);
        let mut samples = Samples::default();
        let mut count = 0;
        for series in &found {
            samples.clear();
            series.read(Window::ALL, &mut samples)?;
            count += samples.len();
        }
        println!(
            "read: {} series selected in {selected:.1?}, {count} samples in {:.1?} of CPU",
            found.len(),
            since(before).saturating_sub(selected)
        );
    }
    Ok(())
}

fn finish(store: Store, dir: &std::path::Path) -> Result<(), Box<dyn Error>> {
    drop(store);
    let before = cpu();
    let (store, report) = Store::open(dir, Options::default(), START)?;
    println!(
        "start: {} series and {} samples from the log in {:.1?} of CPU; peak memory {} MB",
        report.series,
        report.samples,
        since(before),
        memory("VmHWM")
    );
    drop(store);
    Ok(())
}
