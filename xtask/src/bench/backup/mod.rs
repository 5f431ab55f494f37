//! Backups beside restic, in one run on the same data: a first backup, a second one with 1 % changed, a restore, and a
//! stream. Time runs until what was written is on disk, for both; memory is the most that the process ever had.

mod data;
mod measure;
mod worker;

use anyhow::{Context, Result, bail};
use measure::Measured;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use worker::Worker;

const KEY: &str = "bench";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The worker: `mainstay backup-worker`, built for release
    #[arg(long, default_value = "target/release/mainstay backup-worker")]
    worker: String,
    /// Mixed data, in MiB
    #[arg(long, default_value_t = 2048)]
    size: u64,
    /// The stream, in MiB; 0: none
    #[arg(long, default_value_t = 10_240)]
    stream: u64,
    /// Only this part; all of them unless said
    #[arg(long)]
    only: Option<Part>,
    /// Where data and repositories are for the time of the run: about four times the size
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Mixed data: first backup, second backup, restore
    Tree,
    Stream,
}

/// What each side needed for one step.
struct Step {
    name: &'static str,
    bytes: u64,
    restic: Measured,
    ours: Measured,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let base = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::tempdir_in(base)?;
    let restic = Restic::new(dir.path())?;
    let worker = Worker::new(&options.worker, dir.path())?;
    let mut steps = Vec::new();
    if options.only != Some(Part::Stream) {
        steps.extend(tree(options.size, dir.path(), &restic, &worker)?);
    }
    if options.only != Some(Part::Tree) && options.stream > 0 {
        let bytes = options.stream << 20;
        steps.push(Step {
            name: "stream",
            bytes,
            restic: restic.stream(bytes)?,
            ours: worker.stream(bytes)?,
        });
    }
    print(&steps);
    for (whose, repository) in [
        ("restic's", &restic.repository),
        ("ours", &worker.repository()),
    ] {
        println!(
            "repository, {whose}: {:.1} MB",
            size_of(repository)? as f64 / 1e6
        );
    }
    restic.check(&worker.repository())?;
    println!("restic check --read-data of ours: no errors");
    Ok(ExitCode::SUCCESS)
}

/// Backups and a restore of so many MiB of mixed data.
fn tree(size: u64, dir: &Path, restic: &Restic, worker: &Worker) -> Result<[Step; 3]> {
    let source = dir.join("source");
    println!("making {size} MiB of data");
    let bytes = data::make(&source, size << 20)?;
    let save = |name| -> Result<Step> {
        Ok(Step {
            name,
            bytes,
            restic: restic.backup(&source)?,
            ours: worker.save(&source)?,
        })
    };
    let first = save("first backup")?;
    data::change(&source)?;
    let second = save("second, 1 % changed")?;
    let (theirs, ours) = (dir.join("theirs"), dir.join("ours"));
    let restore = Step {
        name: "restore",
        bytes,
        restic: restic.restore(&theirs)?,
        ours: worker.restore(&ours)?,
    };
    same(&source, &ours)?;
    for folder in [theirs, ours, source] {
        std::fs::remove_dir_all(folder)?;
    }
    Ok([first, second, restore])
}

/// Of all files below a directory, in bytes.
fn size_of(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            size_of(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}

/// A figure of a restore that brought back something else would be worth nothing.
fn same(a: &Path, b: &Path) -> Result<()> {
    let status = Command::new("diff").arg("-r").args([a, b]).status()?;
    if !status.success() {
        bail!("{} is not what was saved", b.display());
    }
    Ok(())
}

fn print(steps: &[Step]) {
    println!(
        "{:<20} {:>9} {:>9} {:>6} {:>11} {:>9} {:>6}",
        "", "restic s", "ours s", "ratio", "restic MB", "ours MB", "ratio"
    );
    for step in steps {
        let (theirs, ours) = (&step.restic, &step.ours);
        let seconds = |measured: &Measured| measured.took.as_secs_f64();
        let megabytes = |measured: &Measured| measured.peak_bytes as f64 / 1e6;
        println!(
            "{:<20} {:>9.1} {:>9.1} {:>6.2} {:>11.0} {:>9.0} {:>6.2}",
            step.name,
            seconds(theirs),
            seconds(ours),
            seconds(theirs) / seconds(ours),
            megabytes(theirs),
            megabytes(ours),
            megabytes(ours) / megabytes(theirs),
        );
        println!(
            "{:<20} {:>9.0} {:>9.0}   MB/s    CPU s: {:.1} and {:.1}, {:.2}",
            "",
            step.bytes as f64 / 1e6 / seconds(theirs),
            step.bytes as f64 / 1e6 / seconds(ours),
            theirs.cpu.as_secs_f64(),
            ours.cpu.as_secs_f64(),
            theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64(),
        );
    }
    println!("ratio of seconds: above 1 ours is faster; of memory: below 1 ours needs less");
}

/// restic on a repository of its own.
struct Restic {
    repository: PathBuf,
    cache: PathBuf,
}

impl Restic {
    fn new(dir: &Path) -> Result<Self> {
        let restic = Self {
            repository: dir.join("restic"),
            cache: dir.join("cache"),
        };
        let status = restic.command(&restic.repository, &["init"]).status();
        let status = status.context("cannot start restic\n  hint: apt-get install restic")?;
        if !status.success() {
            bail!("restic init failed");
        }
        Ok(restic)
    }

    fn command(&self, repository: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("restic");
        command.args(["-q", "--cache-dir"]).arg(&self.cache);
        command.arg("-r").arg(repository).args(arguments);
        command.env("RESTIC_PASSWORD", KEY).stdin(Stdio::null());
        command
    }

    fn backup(&self, source: &Path) -> Result<Measured> {
        let mut command = self.command(&self.repository, &["backup", "."]);
        measure::command(command.current_dir(source), &self.repository)
    }

    fn restore(&self, target: &Path) -> Result<Measured> {
        let mut command = self.command(&self.repository, &["restore", "latest", "--target"]);
        measure::command(command.arg(target), &self.repository)
    }

    fn stream(&self, bytes: u64) -> Result<Measured> {
        let mut command = self.command(&self.repository, &["backup", "--stdin"]);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let mut pipe = child.stdin.take().context("restic has no pipe")?;
        measure::child(child, &self.repository, move || {
            data::stream(bytes, &mut pipe)?;
            drop(pipe);
            Ok(())
        })
    }

    fn check(&self, repository: &Path) -> Result<()> {
        let mut command = self.command(repository, &["check", "--read-data"]);
        if !command.status()?.success() {
            bail!("restic finds errors in our repository");
        }
        Ok(())
    }
}
