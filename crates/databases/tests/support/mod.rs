//! A place on this machine, free ports, and what tests wait with.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part of it"
)]
#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

mod streams;

pub(crate) use streams::{boxed, breaking, read};

use mainstay_databases::{Answer, Place, Running};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// For a peer to come up, and for anything that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs commands on this machine, in this process's environment and what is added to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Local {
    pub(crate) environment: Vec<(String, String)>,
    /// Put before every command, such as `setpriv --reuid=postgres …`.
    pub(crate) prefix: Vec<String>,
}

impl Place for Local {
    fn run<'a>(&'a self, command: &'a [String]) -> Answer<'a, io::Result<Running>> {
        Box::pin(async move {
            let words: Vec<&String> = self.prefix.iter().chain(command).collect();
            let mut child = tokio::process::Command::new(words[0])
                .args(&words[1..])
                .envs(self.environment.iter().map(|(name, value)| (name, value)))
                .current_dir("/")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            Ok(Running {
                stdin: child.stdin.take().map(|stdin| Box::new(stdin) as _),
                stdout: Box::new(child.stdout.take().unwrap()),
                stderr: Box::new(child.stderr.take().unwrap()),
                end: Box::pin(async move { child.wait().await }),
            })
        })
    }
}

/// The program on the `PATH`; where there is none the test is skipped, and says so past the capture of its
/// output.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skipped(name, test);
    }
    found
}

pub(crate) fn skipped(name: &str, test: &str) {
    assert!(
        std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_none(),
        "{name} is not here"
    );
    want(name, test);
}

/// Says it past the capture of the test's output.
pub(crate) fn want(what: &str, test: &str) {
    let line = format!("skipped for want of {what}: {test}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Asks again until it holds; panics with `what` where it does not within [`PATIENCE`].
pub(crate) async fn until<F: AsyncFnMut() -> bool>(what: &str, mut holds: F) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
