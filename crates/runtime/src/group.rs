//! A child that leads a process group, ended as a whole.
//!
//! The number of a group is only surely its own until its leader has been reaped. So the end of
//! the leader is noticed through a pidfd, without reaping; the group is killed; then it is reaped.

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::process::ExitStatus;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;

/// Killed, all of it, when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    /// Only its streams are for others: it is waited for through [`Group::wait`].
    pub(crate) child: Child,
    pid: Pid,
    exit: AsyncFd<OwnedFd>,
    reaped: bool,
}

impl Group {
    /// For a child that was just started and not yet waited for.
    #[expect(
        deprecated,
        reason = "its successor is unsafe for descriptors that others may close; this one is owned"
    )]
    pub(crate) fn new(child: Child) -> io::Result<Self> {
        let pid = child
            .id()
            .and_then(|pid| Pid::from_raw(pid as i32))
            .ok_or_else(|| io::Error::other("the child has ended already"))?;
        let exit = AsyncFd::new(pidfd_open(pid, PidfdFlags::empty())?)?;
        Ok(Self {
            child,
            pid,
            exit,
            reaped: false,
        })
    }

    /// Waits for the leader, and ends what it left in its group. Can be dropped and called again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        if !self.reaped {
            self.exit.readable().await?.retain_ready();
            self.kill();
        }
        let status = self.child.wait().await?;
        self.reaped = true;
        Ok(status)
    }

    pub(crate) fn kill(&mut self) {
        if !self.reaped {
            // Refused where the leader has not made its group yet; it goes with the child then.
            let _ = kill_process_group(self.pid, Signal::KILL);
            let _ = self.child.start_kill();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
