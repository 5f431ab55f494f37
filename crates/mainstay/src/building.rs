//! The build steps of the stack's services (`x-mainstay: build`).
//!
//! In a terminal a spinner shows the last line; in a pipe every line goes by. A step that fails
//! shows everything it printed.

use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::render::quantity::elapsed;
use mainstay_model::ServiceName;
use mainstay_stack::Stack;
use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Of one step. Long, because a first build of everything is.
const DEADLINE: Duration = Duration::from_hours(2);
/// Lines kept for the case of failure.
const MOST_LINES: usize = 5000;

/// Runs every build step once, also where several services share it.
pub async fn build(stack: &Stack, progress: &Progress) -> Outcome {
    let mut done: Vec<&[String]> = Vec::new();
    for service in stack.services.values() {
        let Some(command) = service
            .process
            .as_ref()
            .and_then(|run| run.build.as_deref())
        else {
            continue;
        };
        if command.is_empty() || done.contains(&command) {
            continue;
        }
        step(&service.name, command, &stack.directory, progress).await?;
        done.push(command);
    }
    Ok(())
}

async fn step(
    service: &ServiceName,
    command: &[String],
    directory: &Path,
    progress: &Progress,
) -> Outcome {
    let said = command.join(" ");
    progress.now(format!("building {service}: {said}"));
    if !progress.is_live() {
        progress.line(&format!("building {service}: {said}"));
    }
    let started = Instant::now();
    let mut kept = VecDeque::new();
    let ended = timeout(
        DEADLINE,
        run(command, directory, |line| {
            let line = line.trim_end();
            if progress.is_live() {
                progress.now(format!("building {service}: {line}"));
            } else {
                progress.line(line);
            }
            kept.push_back(line.to_owned());
            if kept.len() > MOST_LINES {
                kept.pop_front();
            }
        }),
    );
    let status = match ended.await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            return Err(Failure::environment(format!(
                "cannot build {service}: `{}` does not start",
                command[0]
            ))
            .because(&error)
            .hint(format!(
                "install it, or change `x-mainstay: build` of {service}"
            )));
        }
        Err(_) => {
            return Err(Failure::environment(format!(
                "the build of {service} takes longer than {}",
                elapsed(DEADLINE)
            )));
        }
    };
    if status.success() {
        progress.line(&format!(
            "built {service} in {}",
            elapsed(started.elapsed())
        ));
        return Ok(());
    }
    if progress.is_live() {
        for line in &kept {
            progress.line(line);
        }
    }
    Err(Failure::environment(format!(
        "the build of {service} failed ({status}): `{said}`"
    ))
    .hint(format!(
        "run it by hand: cd {} && {said}",
        directory.display()
    )))
}

/// Runs to the end, both streams line by line.
async fn run(
    command: &[String],
    directory: &Path,
    mut each: impl FnMut(&str),
) -> std::io::Result<std::process::ExitStatus> {
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    // Small: a build that prints faster than a terminal shows waits for it.
    let (sender, mut lines) = mpsc::channel(64);
    let readers = [
        child
            .stdout
            .take()
            .map(|stream| tokio::spawn(forward(stream, sender.clone()))),
        child
            .stderr
            .take()
            .map(|stream| tokio::spawn(forward(stream, sender.clone()))),
    ];
    drop(sender);
    while let Some(line) = lines.recv().await {
        each(&line);
    }
    for reader in readers.into_iter().flatten() {
        let _ = reader.await;
    }
    child.wait().await
}

async fn forward(stream: impl AsyncRead + Unpin, sender: mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        if sender
            .send(String::from_utf8_lossy(&line).into_owned())
            .await
            .is_err()
        {
            return;
        }
        line.clear();
    }
}
