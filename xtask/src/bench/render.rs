//! How long it takes to read each example in every environment and to render every target, as a whole process, beside
//! docker-compose reading the base file once.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Measure this program (`crates/render/examples/render-all.rs`) instead of building one
    #[arg(long)]
    program: Option<PathBuf>,
    /// Runs of each
    #[arg(long, default_value_t = 11)]
    runs: usize,
}

const EXAMPLES: [&str; 5] = [
    "deep-echo",
    "rag-admin",
    "whisper-transcriber",
    "whispercache",
    "whisperengine",
];

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = match &options.program {
        Some(program) => program.canonicalize()?,
        None => built(&root)?,
    };
    println!(
        "{:<20} {:>10} {:>16} {:>8}",
        "median ms", "render all", "compose config", "ratio"
    );
    for name in EXAMPLES {
        let directory = root.join("examples").join(name);
        let ours = median(options.runs, || {
            let mut command = Command::new(&program);
            command.arg(&directory);
            command
        })?;
        let theirs = median(options.runs, || {
            let mut command = Command::new("docker-compose");
            command
                .args(["-f", "compose.yaml", "config"])
                .current_dir(&directory);
            command
        });
        let (theirs, ratio) = match theirs {
            Ok(theirs) => {
                let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
                (format!("{:.1}", millis(theirs)), format!("{ratio:.1}"))
            }
            Err(_) => ("refuses it".to_owned(), "-".to_owned()),
        };
        println!("{name:<20} {:>10.1} {theirs:>16} {ratio:>8}", millis(ours));
    }
    Ok(ExitCode::SUCCESS)
}

/// The example program of the renderer, optimised.
fn built(root: &Path) -> Result<PathBuf> {
    let arguments = [
        "build",
        "--release",
        "-p",
        "mainstay-render",
        "--example",
        "render-all",
    ];
    let status = Command::new("cargo")
        .args(arguments)
        .current_dir(root)
        .status()?;
    if !status.success() {
        bail!("the renderer does not build");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/examples/render-all").canonicalize()?)
}

fn median(runs: usize, command: impl Fn() -> Command) -> Result<Duration> {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs.max(1) {
        let started = Instant::now();
        let mut command = command();
        let shown = format!("{command:?}");
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| shown.clone())?;
        if !output.status.success() {
            bail!("{shown}: {}", String::from_utf8_lossy(&output.stderr));
        }
        times.push(started.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
