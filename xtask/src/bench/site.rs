//! A running example for a measurement: control plane, proxy, and two instances of the sample
//! service, in a folder of their own and on free ports; ended with the value.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// For what was asked to end.
const END: Duration = Duration::from_secs(20);

/// What to run. Release builds, unless told otherwise: a figure of another build says nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Programs {
    /// Measure this `mainstay` instead of building one
    #[arg(long, requires = "service")]
    program: Option<PathBuf>,
    /// Measure with this `sample-service` instead of building one
    #[arg(long, requires = "program")]
    service: Option<PathBuf>,
}

/// See the module.
pub(crate) struct Site {
    folder: PathBuf,
    program: PathBuf,
    service: PathBuf,
    addresses: [String; 2],
}

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    ControlPlane,
    Proxy,
    Shim,
    Instance,
}

/// One process of the site.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) part: Part,
}

impl Site {
    /// Writes the stack; nothing runs yet.
    pub(crate) fn prepare(programs: &Programs) -> Result<Self> {
        let (program, service) = match (&programs.program, &programs.service) {
            (Some(program), Some(service)) => (program.clone(), service.clone()),
            _ => build()?,
        };
        let (program, service) = (program.canonicalize()?, service.canonicalize()?);
        let folder =
            std::env::temp_dir().join(format!("mainstay-bench-site-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let site = Self {
            folder: folder.canonicalize()?,
            program,
            service,
            addresses: [free_address()?, free_address()?],
        };
        site.write("compose.yaml", &compose(&site.service))?;
        site.write("mainstay.yaml", OPERATION)?;
        Ok(site)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Where the proxy listens.
    pub(crate) fn proxy(&self) -> &str {
        &self.addresses[0]
    }

    /// The sample service's program.
    pub(crate) fn service(&self) -> &Path {
        &self.service
    }

    /// A file of the stack.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Starts everything and waits until it is healthy; gives how long that took.
    pub(crate) fn up(&self) -> Result<Duration> {
        let started = Instant::now();
        self.run(&["up", "--detach"])?;
        Ok(started.elapsed())
    }

    /// Runs a command of the CLI to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output> {
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .env_remove("MAINSTAY_SERVER")
            .env("MAINSTAY_PROXY_ADDRESS", &self.addresses[0])
            .env("MAINSTAY_API_ADDRESS", &self.addresses[1])
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        if !output.status.success() {
            bail!(
                "`mainstay {}` ended with {}\n{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output)
    }

    /// Every process that names the folder, or works in it; and the shims above the instances.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let mine = std::process::id();
        let mut found: Vec<Process> = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != mine as i32)
            .filter_map(|pid| self.process(pid))
            .collect();
        let shims: Vec<Process> = found
            .iter()
            .filter(|process| process.part == Part::Instance)
            .filter_map(|process| shim_above(process.pid))
            .collect();
        found.extend(shims);
        found
    }

    fn process(&self, pid: i32) -> Option<Process> {
        let arguments = arguments(pid)?;
        let place = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let folder = self.folder.to_string_lossy();
        let ours = arguments.contains(&*folder) || place.starts_with(&self.folder);
        if arguments.is_empty() || !ours {
            return None;
        }
        let part = match arguments.split('\0').nth(1) {
            Some("serve") => Part::ControlPlane,
            Some("proxy") => Part::Proxy,
            // Found through its instance, so that none is counted twice.
            Some("shim") => return None,
            _ => Part::Instance,
        };
        Some(Process { pid, part })
    }

    /// Stops the services, then what carried them.
    fn end(&self) {
        let _ = self.run(&["down"]);
        let deadline = Instant::now() + END;
        loop {
            let left = self.processes();
            let late = Instant::now() > deadline;
            for process in &left {
                if let Some(pid) = Pid::from_raw(process.pid) {
                    let signal = if late { Signal::KILL } else { Signal::TERM };
                    let _ = kill_process(pid, signal);
                }
            }
            if left.is_empty() || late {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn shim_above(pid: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?;
    let parent = parent.parse().ok()?;
    (arguments(parent)?.split('\0').nth(1) == Some("shim")).then_some(Process {
        pid: parent,
        part: Part::Shim,
    })
}

/// Separated by NUL; empty for what has ended.
fn arguments(pid: i32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn build() -> Result<(PathBuf, PathBuf)> {
    crate::test::cargo(&[
        "build",
        "--release",
        "-p",
        "mainstay",
        "-p",
        "sample-service",
    ])?;
    Ok((
        "target/release/mainstay".into(),
        "target/release/sample-service".into(),
    ))
}

const OPERATION: &str = "\
routes:
  - path: /
    service: app
health:
  app:
    http: /health
";

fn compose(service: &Path) -> String {
    format!(
        "name: bench
services:
  app:
    x-mainstay:
      command: [{}]
    environment:
      DATABASE_PATH: ./data/bench.db
    ports: ['8000']
    deploy:
      replicas: 2
",
        service.display()
    )
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
