//! Starting a server in the background, and ending it.
//!
//! It becomes a session of its own and writes its log into the data directory, so that it lives
//! on when the terminal closes.

use crate::client::{Address, CallError, Client};
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use mainstay_server::api::types::{
    EnvironmentState, EnvironmentSummary, ServerStatus, ShutdownRequest,
};
use mainstay_server::paths::DataDirectory;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// From its start to its first answer. Recovery of what ran before comes after that.
const START_DEADLINE: Duration = Duration::from_secs(20);
const END_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);
/// Of its log, when it does not start.
const LAST_LINES: usize = 10;

/// Makes sure a server answers. `true`: it was started now.
pub async fn ensure(client: &Client, progress: &Progress) -> Outcome<bool> {
    match client.get::<serde_json::Value>("/health").await {
        Ok(_) => return Ok(false),
        Err(error) if error.is_nobody() => {}
        Err(error) => return Err(client.explain(error)),
    }
    let Address::Data { data, .. } = &client.address else {
        return Err(client.address.nobody());
    };
    progress.now("starting the server");
    start(client, data).await.map(|()| true)
}

async fn start(client: &Client, data: &DataDirectory) -> Outcome {
    data.create().map_err(|error| {
        let root = data.root().display();
        Failure::environment(format!("cannot make the data directory `{root}`")).because(&error)
    })?;
    let log = data.server_log();
    let before = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
    let mut child = spawn(data, &log)
        .map_err(|error| Failure::environment("cannot start the server").because(&error))?;
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if client.get::<serde_json::Value>("/health").await.is_ok() {
            reap(child);
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(not_started(
                format!("the server ended at its start ({status})"),
                &log,
                before,
            ));
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            let seconds = START_DEADLINE.as_secs();
            return Err(not_started(
                format!("the server does not answer within {seconds} s"),
                &log,
                before,
            ));
        }
        sleep(POLL).await;
    }
}

fn spawn(data: &DataDirectory, log: &Path) -> io::Result<Child> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)?;
    Command::new(std::env::current_exe()?)
        .arg("serve")
        .arg("--background")
        .arg("--directory")
        .arg(data.root())
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_for_a_server(name)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

/// What a server may have of this shell: what it would have as a service of the system, too. The
/// rest may hold secrets, which would stand in its environment for as long as it runs.
fn is_for_a_server(name: &OsStr) -> bool {
    const NAMES: [&str; 9] = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "NO_COLOR",
    ];
    const PREFIXES: [&str; 6] = ["MAINSTAY_", "XDG_", "LC_", "DOCKER_", "RUST_", "SSL_CERT_"];
    const SECRET: [&str; 2] = ["MAINSTAY_TOKEN", "MAINSTAY_AGE_KEY"];
    let Some(name) = name.to_str() else {
        return false;
    };
    let wanted = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    wanted && !SECRET.contains(&name)
}

/// While we live it is our child; without this it would stay a zombie once it ends.
fn reap(mut child: Child) {
    let reaper = std::thread::Builder::new().name("reaper".to_owned());
    let _ = reaper.spawn(move || child.wait());
}

fn not_started(message: String, log: &Path, from: u64) -> Failure {
    let mut failure = Failure::environment(message);
    failure.causes = last_lines(log, from).unwrap_or_default();
    failure.hint(format!("its whole log: {}", log.display()))
}

/// The last lines written since `from`.
fn last_lines(log: &Path, from: u64) -> io::Result<Vec<String>> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.take(1 << 20).read_to_string(&mut text)?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    Ok(lines[lines.len().saturating_sub(LAST_LINES)..].to_vec())
}

/// Ends a server that some `up` left in the background and that has nothing to run any more.
/// `true`: it has ended. One that was installed as a service or runs in a terminal stays.
pub async fn stop_if_idle(client: &Client, progress: &Progress) -> Outcome<bool> {
    let status: ServerStatus = client.ask("/status").await?;
    let idle = |one: &EnvironmentSummary| one.state == EnvironmentState::Down;
    if !status.background || !status.environments.iter().all(idle) {
        return Ok(false);
    }
    stop(client, progress).await.map(|()| true)
}

/// Ends the server and its proxy, and waits until neither process is there.
pub async fn stop(client: &Client, progress: &Progress) -> Outcome {
    progress.now("stopping the server");
    let pids = match client.get::<ServerStatus>("/status").await {
        Ok(status) => [Some(status.pid), status.proxy.pid],
        Err(_) => [None, None],
    };
    let key = uuid::Uuid::now_v7().to_string();
    let request = ShutdownRequest { proxy: true };
    match client
        .post::<serde_json::Value>("/api/v1/shutdown", &request, &key)
        .await
    {
        Ok(_) | Err(CallError::Lost(_)) => {}
        Err(error) if error.is_nobody() => {}
        Err(error) => return Err(client.explain(error)),
    }
    let deadline = Instant::now() + END_DEADLINE;
    while pids.iter().flatten().any(|pid| runs(*pid)) {
        if Instant::now() > deadline {
            let text = "the server or its proxy does not end";
            return Err(
                Failure::environment(text).hint("see its log: server.log in the data directory")
            );
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// Whether a process is there and has not ended; one that nobody has waited for has ended
/// (proc(5): the state follows the name, which may hold anything, in parentheses).
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        let state = stat.rsplit(')').next().unwrap_or_default();
        !matches!(state.trim_start().chars().next(), Some('Z' | 'X') | None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_until_it_has_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(runs(child.id()));
        child.kill().unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        // Not waited for yet: a zombie is an end.
        while runs(child.id()) {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!runs(child.id()));
    }
}
