//! The proxy beside nginx and HAProxy: the same upstream, the same load, in turns.
//!
//! Access logs are written and metrics are kept by all three. What a machine does beside the
//! benchmark shows in requests/s and latency; CPU per request hardly moves with it, so that is
//! the figure a claim may rest on. Each round measures all three in another order, and the median
//! over the rounds is printed.

mod load;
mod peers;

use anyhow::{Context as _, bail};
use load::Sample;
use peers::Peer;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds; the median over them is printed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load for each proxy in each round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Measure this program instead of building one; started as `PROGRAM proxy --directory …`
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What is asked for, and over how many connections.
struct Case {
    name: &'static str,
    path: &'static str,
    connections: u32,
}

const CASES: [Case; 3] = [
    Case {
        name: "100 B, 64 connections",
        path: "/small",
        connections: 64,
    },
    Case {
        name: "64 KiB, 64 connections",
        path: "/large",
        connections: 64,
    },
    Case {
        name: "100 B, 1 connection",
        path: "/small",
        connections: 1,
    },
];

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let missing: Vec<_> = ["nginx", "haproxy", "wrk"]
        .into_iter()
        .filter(|program| which(program).is_none())
        .collect();
    if !missing.is_empty() {
        bail!(
            "not installed: {}\nhint: apt-get install {}",
            missing.join(", "),
            missing.join(" ")
        );
    }
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build()?,
    };
    let directory = tempdir()?;
    let upstream = peers::upstream(directory.path())?;
    let proxies = [
        peers::nginx(directory.path(), upstream.port)?,
        peers::haproxy(directory.path(), upstream.port)?,
        peers::mainstay(directory.path(), upstream.port, &program)?,
    ];
    for case in &CASES {
        let medians = measure(case, &proxies, options)?;
        print(case, &proxies, &medians);
    }
    println!("\nresident memory after the load");
    for proxy in &proxies {
        println!("{:<10} {:>8.1} MB", proxy.name, proxy.resident_megabytes());
    }
    Ok(ExitCode::SUCCESS)
}

/// The median of each figure, by proxy.
fn measure(case: &Case, proxies: &[Peer], options: &Options) -> anyhow::Result<Vec<Sample>> {
    let seconds = Duration::from_secs(options.seconds);
    let mut samples = vec![Vec::new(); proxies.len()];
    for round in 0..options.rounds {
        for turn in 0..proxies.len() {
            let index = (round + turn) % proxies.len();
            let proxy = &proxies[index];
            // Connections and caches warm; not measured.
            load::run(proxy, case.path, case.connections, Duration::from_secs(1))?;
            let sample = load::run(proxy, case.path, case.connections, seconds)
                .with_context(|| format!("{}: {}", proxy.name, case.name))?;
            samples[index].push(sample);
        }
    }
    Ok(samples
        .iter()
        .map(|samples| Sample::median(samples))
        .collect())
}

fn print(case: &Case, proxies: &[Peer], medians: &[Sample]) {
    println!("\n{}", case.name);
    println!(
        "{:<10} {:>10} {:>7} {:>10} {:>10} {:>12} {:>7}",
        "", "requests/s", "ratio", "p50 ms", "p99 ms", "CPU µs/req", "ratio"
    );
    let nginx = &medians[0];
    for (proxy, sample) in proxies.iter().zip(medians) {
        println!(
            "{:<10} {:>10.0} {:>7.2} {:>10.3} {:>10.3} {:>12.1} {:>7.2}",
            proxy.name,
            sample.per_second,
            sample.per_second / nginx.per_second,
            sample.p50_ms,
            sample.p99_ms,
            sample.cpu_micros,
            sample.cpu_micros / nginx.cpu_micros,
        );
    }
}

fn build() -> anyhow::Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["build", "--release", "-p", "mainstay"])
        .status()?;
    if !built.success() {
        bail!("the release build failed");
    }
    Ok(PathBuf::from("target/release/mainstay"))
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path);
    // Debian keeps servers where an ordinary user's PATH does not look.
    places
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|place| place.join(program))
        .find(|file| file.is_file())
}

/// Removed at the end, also after an error.
struct Scratch(PathBuf);

impl Scratch {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Servers that drop their rights must be able to enter it.
fn tempdir() -> anyhow::Result<Scratch> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("mainstay-bench-{}", std::process::id()));
    std::fs::create_dir(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(Scratch(path))
}
