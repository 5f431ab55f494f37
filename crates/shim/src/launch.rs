//! Starting the program: through the stage, so that its pid is on disk before it runs.

use crate::descendants;
use mainstay_wire::shim::{Launch, Process};
use mainstay_wire::stage::{self, Input, Order};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

/// How long directories, limits and the program may take to be set up; a dead network file
/// system must not hold the shim for ever.
const SET_UP: Duration = Duration::from_secs(10);

/// A process that will become the program once it is told to.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) process: Process,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    order: UnixStream,
}

/// Makes the process. It does nothing until [`Prepared::go`].
pub(crate) fn prepare() -> io::Result<Prepared> {
    let (ours, theirs) = UnixStream::pair()?;
    let (stdout, their_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, their_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    for output in [&stdout, &stderr] {
        rustix::io::ioctl_fionbio(output, true)?;
    }
    let child = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env_clear()
        .env(stage::VARIABLE, "1")
        .stdin(OwnedFd::from(theirs))
        .stdout(their_stdout)
        .stderr(their_stderr)
        .spawn()?;
    let process = descendants::identify(child.id() as i32)
        .ok_or_else(|| io::Error::other("the new process cannot be seen in /proc"))?;
    Ok(Prepared {
        process,
        stdout,
        stderr,
        order: ours,
    })
}

impl Prepared {
    /// Lets it become the program. `Err` says for people why it could not; the process has then
    /// ended or will.
    pub(crate) fn go(&mut self, order: &Order) -> Result<(), String> {
        let failed =
            |error: &dyn std::fmt::Display| format!("the program was not started: {error}");
        let bytes = stage::encode(order).map_err(|error| failed(&error))?;
        self.order
            .set_write_timeout(Some(SET_UP))
            .and_then(|()| self.order.write_all(bytes.expose()))
            .and_then(|()| self.order.shutdown(Shutdown::Write))
            .map_err(|error| failed(&error))?;
        self.hear()
    }

    /// Nothing but an end means that the program runs.
    fn hear(&mut self) -> Result<(), String> {
        let mut reason = Vec::new();
        let mut bytes = [0; 1024];
        loop {
            let timeout = Timespec {
                tv_sec: SET_UP.as_secs() as i64,
                tv_nsec: 0,
            };
            let mut fds = [PollFd::new(&self.order, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => {
                    return Err(format!(
                        "the program was not started within {} s: its directory or its file does not answer",
                        SET_UP.as_secs()
                    ));
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
            match self.order.read(&mut bytes) {
                Ok(0) if reason.is_empty() => return Ok(()),
                Ok(0) => return Err(String::from_utf8_lossy(&reason).into_owned()),
                Ok(count) => reason.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// What the process is told.
pub(crate) fn order(launch: &Launch, limits: mainstay_wire::shim::Limits) -> Order {
    Order {
        command: launch.command.clone(),
        environment: launch.environment.clone(),
        working_directory: launch.working_directory.clone(),
        user: launch.user.clone(),
        group: launch.group.clone(),
        limits,
        input: Input::Report,
    }
}
