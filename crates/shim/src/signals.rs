//! Signals to the shim itself, turned into bytes that the loop can wait for.

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// What has arrived since the last look.
#[derive(Debug)]
pub(crate) struct Signals {
    /// SIGCHLD: a process below has ended.
    pub(crate) child: UnixStream,
    /// SIGTERM: stop the instance.
    pub(crate) terminate: UnixStream,
}

impl Signals {
    /// SIGHUP, SIGINT, SIGQUIT and the user signals do nothing: a closing terminal, or a
    /// `killall` that means somebody else, must not end an instance. They are caught rather than
    /// ignored, because what is ignored stays ignored in the program.
    pub(crate) fn install() -> io::Result<Self> {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2] {
            flag::register(signal, Arc::default())?;
        }
        Ok(Self {
            child: listen(SIGCHLD)?,
            terminate: listen(SIGTERM)?,
        })
    }
}

fn listen(signal: i32) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    pipe::register(signal, write)?;
    Ok(read)
}

/// Takes out what is there; true where there was something.
pub(crate) fn drain(mut stream: &UnixStream) -> bool {
    let mut bytes = [0; 64];
    let mut any = false;
    while matches!(stream.read(&mut bytes), Ok(count) if count > 0) {
        any = true;
    }
    any
}
