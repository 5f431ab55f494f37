//! wrk as the client, and what it says.

use super::peers::Peer;
use anyhow::{Context as _, bail};
use std::process::Command;
use std::time::Duration;

/// One run against one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// CPU time of the server for each request.
    pub(crate) cpu_micros: f64,
}

impl Sample {
    /// Of each figure by itself.
    pub(crate) fn median(samples: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = samples.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            per_second: of(|sample| sample.per_second),
            p50_ms: of(|sample| sample.p50_ms),
            p99_ms: of(|sample| sample.p99_ms),
            cpu_micros: of(|sample| sample.cpu_micros),
        }
    }
}

/// Loads a server; one failed request fails the benchmark.
pub(crate) fn run(
    server: &Peer,
    path: &str,
    connections: u32,
    duration: Duration,
) -> anyhow::Result<Sample> {
    let before = server.cpu();
    let output = Command::new("wrk")
        .args(["--latency", "-t1"])
        .arg(format!("-c{connections}"))
        .arg(format!("-d{}s", duration.as_secs()))
        .arg(format!("http://127.0.0.1:{}{path}", server.port))
        .output()
        .context("cannot start wrk")?;
    let cpu = server.cpu().saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("requests failed:\n{text}");
    }
    let requests = words_of(&text, "requests in")
        .and_then(|words| words.first()?.parse::<f64>().ok())
        .with_context(|| format!("wrk said no number of requests:\n{text}"))?;
    let after = |label| words_of(&text, label)?.get(1).copied();
    let rate = after("Requests/sec:").and_then(|rate| rate.parse().ok());
    let (p50, p99) = (after("50%").and_then(millis), after("99%").and_then(millis));
    match (rate, p50, p99) {
        (Some(per_second), Some(p50_ms), Some(p99_ms)) => Ok(Sample {
            per_second,
            p50_ms,
            p99_ms,
            cpu_micros: cpu.as_secs_f64() * 1e6 / requests,
        }),
        _ => bail!("wrk said something else:\n{text}"),
    }
}

/// The words of the first line with `label` in it.
fn words_of<'a>(text: &'a str, label: &str) -> Option<Vec<&'a str>> {
    let line = text.lines().find(|line| line.contains(label))?;
    Some(line.split_whitespace().collect())
}

/// `1.23ms`, `456.00us`, `1.20s`.
fn millis(text: &str) -> Option<f64> {
    for (unit, scale) in [("us", 1e-3), ("ms", 1.0), ("s", 1e3)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Some(number.parse::<f64>().ok()? * scale);
        }
    }
    None
}
