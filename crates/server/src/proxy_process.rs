//! The proxy's process: adopted where it runs, started where it does not.
//!
//! The proxy outlives the control plane. It is known by its control socket alone: whoever answers
//! there with our protocol is ours, since only this user can make that socket.

use crate::paths::DataDirectory;
use mainstay_proxy::Client;
use mainstay_proxy::config::Status;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How long a proxy may take from its start to its first answer.
const START_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyProcessError {
    #[error("cannot start the proxy ({program}): {source}")]
    Spawn { program: PathBuf, source: io::Error },
    #[error("the proxy ended at its start ({status}): {last_line}")]
    Ended { status: String, last_line: String },
    #[error("the proxy does not answer on its socket after {} s: {last_line}", START_DEADLINE.as_secs())]
    Silent { last_line: String },
}

/// Answers with the status of the running proxy, after starting one where none answers.
pub(crate) async fn ensure(
    data: &DataDirectory,
    program: &Path,
    client: &Client,
) -> Result<Status, ProxyProcessError> {
    if let Ok(status) = client.status().await {
        return Ok(status);
    }
    let log = data.proxy().join("proxy.log");
    let spawn_error = |source| ProxyProcessError::Spawn {
        program: program.to_owned(),
        source,
    };
    let mut child = spawn(data, program, &log).map_err(spawn_error)?;
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if let Ok(status) = client.status().await {
            reap_in_background(child);
            return Ok(status);
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(ProxyProcessError::Ended {
                status: status.to_string(),
                last_line: last_line(&log),
            });
        }
        if Instant::now() > deadline {
            let _ = child.start_kill();
            reap_in_background(child);
            return Err(ProxyProcessError::Silent {
                last_line: last_line(&log),
            });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// In a process group of its own, so that Ctrl-C in the terminal that started us ends us and not
/// the traffic.
fn spawn(data: &DataDirectory, program: &Path, log: &Path) -> io::Result<Child> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)?;
    Command::new(program)
        .arg("proxy")
        .arg("--directory")
        .arg(data.root())
        .arg("--socket")
        .arg(data.proxy_socket())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
}

/// While we live the proxy is our child; without this it would stay a zombie once it ends.
fn reap_in_background(mut child: Child) {
    tokio::spawn(async move { child.wait().await });
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("its log is empty").to_owned()
}
