//! Runs `cargo test`, passes its output on, counts, and ends a test binary that does not end.
//!
//! Cargo has no limit on time. We see on stderr which binary it starts; one that runs longer than
//! its budget is killed with everything below it, and cargo goes on to the next.

use super::tally::Tally;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Wall-clock time that one test binary may take.
const BUDGET: Duration = Duration::from_mins(30);

/// Lines in flight from cargo to us; cargo waits when we are slower.
const QUEUE: usize = 256;

enum Line {
    Out(String),
    Err(String),
}

/// The binary that cargo runs at the moment.
struct Current {
    name: String,
    since: Instant,
    killed: bool,
}

impl Current {
    fn begun(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            since: Instant::now(),
            killed: false,
        }
    }
}

/// Keeps how long a binary took that has ended.
fn close(binary: Option<Current>, tally: &mut Tally) {
    if let Some(binary) = binary {
        tally.times.push((binary.since.elapsed(), binary.name));
    }
}

/// Runs to the end; a failing test is in the tally, not in the error.
pub(crate) fn watched(mut command: Command) -> Result<Tally> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let (sender, lines) = sync_channel(QUEUE);
    forward(child.stdout.take(), sender.clone(), Line::Out);
    forward(child.stderr.take(), sender, Line::Err);
    let mut tally = Tally::default();
    follow(&lines, child.id(), &mut tally);
    let status = child.wait().context("cannot wait for cargo")?;
    tally.settle();
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("`cargo test` ended with {status}: see above"));
    }
    Ok(tally)
}

/// Sends the lines of one stream until it closes.
fn forward<R: Read + Send + 'static>(
    stream: Option<R>,
    sender: SyncSender<Line>,
    wrap: fn(String) -> Line,
) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.send(wrap(line)).is_err() {
                return;
            }
        }
    });
}

fn follow(lines: &Receiver<Line>, cargo: u32, tally: &mut Tally) {
    let mut current: Option<Current> = None;
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(Line::Out(line)) => {
                tally.line(&line);
                let _ = writeln!(std::io::stdout(), "{line}");
            }
            Ok(Line::Err(line)) => {
                tally.line(&line);
                if let Some(name) = started_binary(&line) {
                    tally.begin(name);
                    close(current.replace(Current::begun(name)), tally);
                }
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return close(current, tally),
        }
        if let Some(binary) = &mut current {
            enforce_budget(binary, cargo, tally);
        }
    }
}

fn enforce_budget(binary: &mut Current, cargo: u32, tally: &mut Tally) {
    if binary.killed || binary.since.elapsed() < BUDGET {
        return;
    }
    binary.killed = true;
    let minutes = BUDGET.as_secs() / 60;
    tally.fail(format!(
        "{}: still running after {minutes} min, killed with everything below it",
        binary.name
    ));
    for pid in descendants(cargo) {
        if let Some(pid) = Pid::from_raw(pid as i32) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// `     Running unittests src/lib.rs (target/debug/deps/x-1)` → `x`; `   Doc-tests x` → `x`.
fn started_binary(line: &str) -> Option<&str> {
    let line = line.trim();
    let name = line
        .strip_prefix("Running ")
        .or_else(|| line.strip_prefix("Doc-tests "))?;
    // `unittests src/lib.rs` is the name of many: what tells them apart is the binary's.
    match name.trim_end_matches(')').rsplit_once("deps/") {
        Some((_, binary)) => binary.rsplit_once('-').map(|(name, _)| name),
        None => Some(name),
    }
}

/// Every process below `root`, by the parent that the kernel names.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        found.extend(parents.iter().filter(|(_, p)| *p == of).map(|(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// Fourth field of `/proc/PID/stat`; the second may hold anything, so count from its last `)`.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_which_binary_it_starts() {
        assert_eq!(
            started_binary("     Running tests/tidy.rs (target/debug/deps/tidy-0a1b)"),
            Some("tidy")
        );
        assert_eq!(started_binary("   Doc-tests xtask"), Some("xtask"));
        assert_eq!(started_binary("   Compiling xtask v0.1.0"), None);
    }

    #[test]
    fn a_child_is_found_below_us() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found = descendants(std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()));
    }
}
