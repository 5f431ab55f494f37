//! From standard input to a running instance: the order of the steps is what makes it safe.
//!
//! 1. Read the launch; leave the terminal and the session of whoever started us.
//! 2. Take the lock of the instance directory. Whoever holds it is *the* shim of this instance;
//!    a second one refuses. It is let go by the kernel when the process ends, however it ends.
//! 3. Make sure that somebody still listens for our first answer. A control plane that was killed
//!    after it made us may already have a successor, which finds the lock free and starts another
//!    shim: one of the two must not start, and it is the one nobody waits for.
//! 4. Record on disk, then the program, then the first answer.

use crate::cgroup::Cgroup;
use crate::launch::{self, Prepared};
use crate::log::{Log, Stream};
use crate::serve::{Parts, Shim, named_signal};
use crate::signals::Signals;
use crate::{clock, descendants, files, limits, memory, record, socket};
use mainstay_wire::shim::{Launch, PROTOCOL, Phase, Record, Response};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// A launch is never longer than this.
const MAX_LAUNCH: u64 = 8 << 20;

const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("the launch on standard input cannot be read: {0}")]
    Launch(String),
    #[error(
        "the launch speaks version {0}, this shim {PROTOCOL}; hint: start the server again with this binary"
    )]
    Protocol(u32),
    #[error("another shim holds `{0}`: the instance runs already")]
    Locked(PathBuf),
    #[error("nobody waits for this shim any more")]
    Abandoned,
    #[error("cannot {what}: {error}")]
    SetUp {
        what: &'static str,
        error: io::Error,
    },
}

fn set_up<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> StartError {
    move |error| StartError::SetUp {
        what,
        error: error.into(),
    }
}

/// Runs the shim to its end. Errors have been told on standard output.
pub(crate) fn run() -> Result<(), StartError> {
    let started = begin();
    match started {
        Ok((shim, answer)) => {
            tell(&answer);
            detach_output();
            if let Some(shim) = shim {
                memory::give_back();
                shim.run();
            }
            Ok(())
        }
        Err(error) => {
            tell(&Response::Refused {
                reason: error.to_string(),
            });
            Err(error)
        }
    }
}

/// A shim to run, where the program was started, and the first answer.
fn begin() -> Result<(Option<Shim>, Response), StartError> {
    let launch = read_launch()?;
    detach()?;
    let lock = lock(&launch)?;
    if abandoned() {
        return Err(StartError::Abandoned);
    }
    let signals = Signals::install().map_err(set_up("install signal handlers"))?;
    let listener = socket::listen(&launch.socket).map_err(set_up("listen on the shim's socket"))?;
    let mut log = Log::open(&launch.directory.join("log"), &launch.log);
    let mut record = first_record(&launch);
    record::write(&launch.directory, &record).map_err(set_up("write shim.json"))?;
    match start_program(&launch, &mut record) {
        Ok((prepared, cgroup, files)) => {
            let answer = Response::Record(record.clone());
            let shim = Shim::new(Parts {
                launch,
                record,
                prepared,
                cgroup,
                files,
                log,
                listener,
                signals,
                lock,
            });
            Ok((Some(shim), answer))
        }
        Err(reason) => {
            log.line(clock::now(), Stream::Mainstay, reason.as_bytes(), false);
            log.flush();
            record.phase = Phase::NotStarted {
                at: clock::now(),
                reason,
            };
            record::write(&launch.directory, &record).map_err(set_up("write shim.json"))?;
            let _ = std::fs::remove_file(&launch.socket);
            Ok((None, Response::Record(record)))
        }
    }
}

fn read_launch() -> Result<Launch, StartError> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_LAUNCH)
        .read_to_end(&mut bytes)
        .map_err(set_up("read standard input"))?;
    // The error's own text could quote a secret value.
    let launch: Launch = serde_json::from_slice(&bytes).map_err(|error| {
        StartError::Launch(format!("line {} column {}", error.line(), error.column()))
    })?;
    if launch.protocol != PROTOCOL {
        return Err(StartError::Protocol(launch.protocol));
    }
    Ok(launch)
}

/// Leaves whoever started us; standard output is kept until the first answer.
fn detach() -> Result<(), StartError> {
    // Refused to the leader of a process group, who has then a group of its own already.
    let _ = rustix::process::setsid();
    rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::chdir("/").map_err(set_up("leave the working directory"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(set_up("become a subreaper"))?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(set_up("open /dev/null"))?;
    rustix::stdio::dup2_stdin(&null)
        .and_then(|()| rustix::stdio::dup2_stderr(&null))
        .map_err(set_up("let go of standard input"))
}

fn detach_output() {
    if let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

fn lock(launch: &Launch) -> Result<File, StartError> {
    let path = launch.directory.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(set_up("open the lock of the instance directory"))?;
    // Whoever asks whether the lock is held holds it for a moment.
    for _ in 0..LOCK_TRIES {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Err(StartError::Locked(path))
}

/// True where the reading end of our standard output was closed.
fn abandoned() -> bool {
    let stdout = rustix::stdio::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut fds, Some(&now)).is_ok_and(|_| fds[0].revents().contains(PollFlags::ERR))
}

fn first_record(launch: &Launch) -> Record {
    let own = rustix::process::getpid().as_raw_pid();
    Record {
        protocol: PROTOCOL,
        scope: launch.scope.clone(),
        id: launch.id.clone(),
        attempt: launch.attempt,
        shim: descendants::identify(own).unwrap_or(mainstay_wire::shim::Process {
            pid: own,
            start_ticks: 0,
        }),
        instance: None,
        started_at: clock::now(),
        phase: Phase::Running,
        warnings: Vec::new(),
    }
}

/// The pid stands on disk before the program runs.
fn start_program(
    launch: &Launch,
    record: &mut Record,
) -> Result<(Prepared, Cgroup, files::Kept), String> {
    let text = |error: io::Error| format!("the program was not started: {error}");
    if launch.command.is_empty() {
        return Err("there is no command to run; hint: give the service a `command`".into());
    }
    if named_signal(&launch.stop.signal).is_none() {
        record.warnings.push(format!(
            "`{}` is not a signal; SIGTERM is used to stop",
            launch.stop.signal
        ));
    }
    let files = files::write(launch)?;
    let mut limits = limits::attainable(&launch.limits, &mut record.warnings);
    let mut prepared = launch::prepare().map_err(text)?;
    let warnings = &mut record.warnings;
    let cgroup = Cgroup::create(launch, prepared.process, &mut limits, warnings);
    limits::processes_without_cgroup(launch, &mut limits, warnings);
    record.instance = Some(prepared.process);
    let started = record::write(&launch.directory, record)
        .map_err(text)
        .and_then(|()| prepared.go(&launch::order(launch, limits)));
    match started {
        Ok(()) => Ok((prepared, cgroup, files)),
        Err(reason) => {
            record.instance = None;
            descendants::end_all();
            drop(cgroup);
            Err(reason)
        }
    }
}

fn tell(response: &Response) {
    if let Ok(mut line) = serde_json::to_vec(response) {
        line.push(b'\n');
        // Whoever has gone meanwhile reads shim.json.
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}
