//! The build step of a service (`x-mainstay.build`): a command, its output line by line, a deadline.
//!
//! It runs as the control plane does, in a process group of its own that is ended as a whole. What
//! it produced is taken into the artifact store by the caller.

use crate::group::Group;
use mainstay_model::Secret;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A longer line is cut.
const MAX_LINE: usize = 16 << 10;

/// Lines that may wait for `on_output`; then the build waits.
const LINES: usize = 64;

/// After the build has ended, how long something it left behind may hold its output open.
const TRAILING: Duration = Duration::from_secs(2);

/// Why a build did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("the build has no command; hint: give `x-mainstay.build` a `command`")]
    NoCommand,
    #[error(
        "the build cannot start `{program}`: {error}; hint: is it installed, and does `{directory}` exist?"
    )]
    Start {
        program: String,
        directory: String,
        error: io::Error,
    },
    #[error("the build failed: {0}; hint: its last lines say why")]
    Failed(std::process::ExitStatus),
    #[error(
        "the build took longer than {}; hint: raise its deadline",
        mainstay_model::format_duration(*.0)
    )]
    TimedOut(Duration),
    #[error("the build was lost: {0}")]
    Io(#[from] io::Error),
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    pub command: &'a [String],
    pub directory: &'a Path,
    /// The whole environment.
    pub environment: &'a BTreeMap<String, Secret<String>>,
    pub deadline: Duration,
}

/// Runs the build and hands each line of its output (both streams) to `on_output` as it comes;
/// how long it took. Dropping the future ends the build.
pub async fn build(
    build: Build<'_>,
    mut on_output: impl FnMut(&str),
) -> Result<Duration, BuildError> {
    let began = Instant::now();
    let mut group = start(&build)?;
    let (sender, mut lines) = mpsc::channel(LINES);
    let stdout = group
        .child
        .stdout
        .take()
        .map(|out| forward(out, sender.clone()));
    let stderr = group.child.stderr.take().map(|out| forward(out, sender));
    let pump = async { tokio::join!(optional(stdout), optional(stderr)) };
    let hear = async {
        while let Some(line) = lines.recv().await {
            on_output(&line);
        }
    };
    let ended = async {
        let output = async { tokio::join!(pump, hear) };
        tokio::pin!(output);
        tokio::select! {
            status = group.wait() => {
                // What it wrote last is still in the pipe.
                let _ = tokio::time::timeout(TRAILING, output).await;
                status
            }
            _ = &mut output => group.wait().await,
        }
    };
    let status = tokio::time::timeout_at(began + build.deadline, ended)
        .await
        .map_err(|_| BuildError::TimedOut(build.deadline))??;
    if status.success() {
        Ok(began.elapsed())
    } else {
        Err(BuildError::Failed(status))
    }
}

fn start(build: &Build<'_>) -> Result<Group, BuildError> {
    let (program, arguments) = build.command.split_first().ok_or(BuildError::NoCommand)?;
    let environment = build.environment.iter();
    Command::new(program)
        .args(arguments)
        .current_dir(build.directory)
        .env_clear()
        .envs(environment.map(|(name, value)| (name, value.expose())))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .and_then(Group::new)
        .map_err(|error| BuildError::Start {
            program: program.clone(),
            directory: build.directory.display().to_string(),
            error,
        })
}

async fn optional(pump: Option<impl Future<Output = ()>>) {
    if let Some(pump) = pump {
        pump.await;
    }
}

/// Cuts the output into lines; a line that is too long into pieces.
async fn forward(output: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while let Ok(bytes) = reader.fill_buf().await {
        if bytes.is_empty() {
            break;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        line.extend_from_slice(&bytes[..end.unwrap_or(taken)]);
        reader.consume(taken);
        if end.is_some() || line.len() >= MAX_LINE {
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            if lines.send(text).await.is_err() {
                return;
            }
        }
    }
    if !line.is_empty() {
        let _ = lines
            .send(String::from_utf8_lossy(&line).into_owned())
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str, deadline: Duration) -> (Result<Duration, BuildError>, Vec<String>) {
        let command = ["sh", "-c", script].map(str::to_owned);
        let environment =
            BTreeMap::from([("PATH".to_owned(), Secret::new("/usr/bin:/bin".to_owned()))]);
        let build_step = Build {
            command: &command,
            directory: Path::new("/"),
            environment: &environment,
            deadline,
        };
        let mut lines = Vec::new();
        let result = build(build_step, |line| lines.push(line.to_owned())).await;
        (result, lines)
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn both_streams_arrive_line_by_line() {
        let (result, mut lines) = run("echo one; echo two >&2; printf three", LONG).await;
        assert!(result.is_ok());
        lines.sort();
        assert_eq!(lines, ["one", "three", "two"]);
    }

    #[tokio::test]
    async fn a_failure_says_its_code() {
        let (result, lines) = run("echo why; exit 3", LONG).await;
        assert!(matches!(result, Err(BuildError::Failed(status)) if status.code() == Some(3)));
        assert_eq!(lines, ["why"]);
    }

    #[tokio::test]
    async fn the_deadline_ends_it_with_all_it_started() {
        let script = "sleep 600 & echo $!; wait";
        let (result, lines) = run(script, Duration::from_millis(300)).await;
        assert!(matches!(result, Err(BuildError::TimedOut(_))), "{result:?}");
        let stat = format!("/proc/{}/stat", lines[0]);
        let gone = async {
            while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_left_behind_does_not_hold_the_build() {
        let (result, _) = run("sleep 600 & exit 0", LONG).await;
        assert!(result.unwrap() < LONG);
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let command = ["no-such-compiler".to_owned()];
        let environment = BTreeMap::new();
        let missing = Build {
            command: &command,
            directory: Path::new("/"),
            environment: &environment,
            deadline: LONG,
        };
        let error = build(missing, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("`no-such-compiler`"), "{error}");
    }
}
