//! A changed service on containers: how long until the new one runs, beside `docker-compose up -d`.
//!
//! Compose ends the old container, starts the new one and is done; Mainstay starts the new one,
//! waits until it is healthy, moves the requests and then ends the old one. What the waiting took is
//! shown apart. Both run the same image on the same engine, one after the other in each round.

#[path = "../../../tests/support/image.rs"]
#[expect(
    clippy::unwrap_used,
    reason = "the tests' own; what does not hold ends the run"
)]
mod image;

use super::site::{Programs, Site};
use anyhow::{Context, Result, bail};
use image::{BASE, Root};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Never asked for anywhere: nothing listens on this port.
const IMAGE: &str = "127.0.0.1:1/mainstay-bench:v1";

const DEFAULT_ENGINE: &str = "unix:///var/run/docker.sock";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Deploys of each
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    #[command(flatten)]
    programs: Programs,
}

/// One deploy of ours.
struct Deploy {
    whole: Duration,
    /// From the start of the new container until it was healthy.
    gate: Duration,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let socket = engine()?;
    let site = Site::prepare(&options.programs)?;
    let root = Root::new().programs(&BASE);
    let root = root.program(site.service(), "usr/bin/sample-service");
    root.import(&socket, IMAGE, "ENV PATH=/usr/bin:/bin");
    site.write("compose.yaml", &format!("name: bench-ours\n{}", stack()))?;
    site.write("mainstay.yaml", OPERATION)?;
    let peer = Peer::new(&site)?;
    site.up()?;
    peer.up(0)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        ours.push(deploy(&site, round)?);
        theirs.push(peer.up(round)?);
    }
    print(&ours, theirs);
    Ok(ExitCode::SUCCESS)
}

fn deploy(site: &Site, round: u32) -> Result<Deploy> {
    let setting = format!("app.environment.GREETING={round}");
    let started = Instant::now();
    site.run(&["deploy", "--set", &setting])?;
    let whole = started.elapsed();
    let shown = site.run(&["--json", "ps"])?;
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout)?;
    let time = |name: &str| {
        let found = shown.as_array().and_then(|all| all.first()?[name].as_str());
        millis(found.with_context(|| format!("no {name} in {shown}"))?)
    };
    let gate = time("since")? - time("started_at")?;
    Ok(Deploy {
        whole,
        gate: Duration::from_millis(gate.max(0) as u64),
    })
}

/// Of the day: `2026-11-21T14:13:20.007Z`.
fn millis(text: &str) -> Result<i64> {
    let clock = text.split_once('T').map(|(_, clock)| clock);
    let clock = clock.and_then(|clock| clock.strip_suffix('Z'));
    let mut parts = clock.into_iter().flat_map(|clock| clock.split(':'));
    let mut next = || parts.next()?.parse::<f64>().ok();
    match (next(), next(), next()) {
        (Some(hours), Some(minutes), Some(seconds)) => {
            Ok((((hours * 60.0 + minutes) * 60.0 + seconds) * 1000.0) as i64)
        }
        _ => bail!("`{text}` is not a time"),
    }
}

/// docker-compose with the same service.
struct Peer {
    file: PathBuf,
}

impl Peer {
    fn new(site: &Site) -> Result<Self> {
        // Version 1, Debian's, knows no `name` in the file: it is told by `-p`.
        site.write("peer/docker-compose.yml", &stack())?;
        Ok(Self {
            file: site.path().join("peer/docker-compose.yml"),
        })
    }

    fn up(&self, round: u32) -> Result<Duration> {
        let text = std::fs::read_to_string(&self.file)?;
        let changed = text.lines().map(|line| {
            if line.trim_start().starts_with("GREETING:") {
                format!("      GREETING: \"{round}\"\n")
            } else {
                format!("{line}\n")
            }
        });
        std::fs::write(&self.file, changed.collect::<String>())?;
        let started = Instant::now();
        self.compose(&["up", "-d"])?;
        Ok(started.elapsed())
    }

    fn compose(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("docker-compose")
            .args(["-p", "bench-peer", "-f"])
            .arg(&self.file)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot start docker-compose\n  hint: apt-get install docker-compose")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.compose(&["down"]);
    }
}

/// The engine's socket: `DOCKER_HOST`, which docker-compose reads too.
fn engine() -> Result<PathBuf> {
    let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| DEFAULT_ENGINE.to_owned());
    let path = host.strip_prefix("unix://").map(Path::new);
    match path.filter(|path| path.exists()) {
        Some(path) => Ok(path.to_owned()),
        None => bail!("no engine at {host}\n  hint: start one, or set DOCKER_HOST"),
    }
}

fn stack() -> String {
    format!(
        "version: \"3.8\"
services:
  app:
    image: {IMAGE}
    command: [sample-service]
    environment:
      HOST: 0.0.0.0
      DATABASE_PATH: /tmp/bench.db
      GREETING: \"0\"
    expose: [\"8000\"]
"
    )
}

const OPERATION: &str = "\
environments:
  dev:
    target: docker
routes:
  - path: /
    service: app
health:
  app:
    http: /health
deploy:
  minimum_healthy_time: 0s
  watch: 0s
";

fn print(ours: &[Deploy], theirs: Vec<Duration>) {
    let whole = median(ours.iter().map(|deploy| deploy.whole).collect());
    let gate = median(ours.iter().map(|deploy| deploy.gate).collect());
    let rest = median(
        ours.iter()
            .map(|deploy| deploy.whole.saturating_sub(deploy.gate))
            .collect(),
    );
    let peer = median(theirs);
    println!("{:<34} {:>10}", "a changed deploy, median", "ms");
    println!("{:<34} {:>10}", "docker-compose up -d", peer.as_millis());
    println!("{:<34} {:>10}", "mainstay deploy", whole.as_millis());
    println!("{:<34} {:>10}", "  of it the health gate", gate.as_millis());
    println!("{:<34} {:>10}", "  without it", rest.as_millis());
    println!(
        "ratio without the gate: {:.2}",
        rest.as_secs_f64() / peer.as_secs_f64()
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
