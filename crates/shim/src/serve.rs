//! The loop: waits for output, signals, requests and deadlines, and does what `lifecycle` says.
//! What is asked on the socket is answered in `requests`.

mod requests;

use crate::cgroup::Cgroup;
use crate::files::Kept;
use crate::launch::Prepared;
use crate::lifecycle::{Action, Event, Lifecycle};
use crate::lines::Splitter;
use crate::log::{Log, Stream};
use crate::signals::{self, Signals};
use crate::socket::{self, Connection};
use crate::{clock, descendants, record};
use mainstay_wire::process::{signal_name, signal_number};
use mainstay_wire::shim::{Exit, Launch, Phase, Process, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Signal, WaitOptions, WaitStatus};
use std::fs::File;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

/// Read from one output in one turn: neither output, and nobody on the socket, waits for long.
const READ: usize = 64 << 10;
const READS_PER_TURN: usize = 8;

/// How often old log files are looked for, where nothing else happens.
const HOUSEKEEPING: Duration = Duration::from_mins(10);

/// Between attempts to write the last record on a full disk.
const RETRY: Duration = Duration::from_secs(1);

/// One of the program's two outputs.
#[derive(Debug)]
struct Output {
    stream: Stream,
    /// `None` after its end.
    pipe: Option<OwnedFd>,
    splitter: Splitter,
}

/// What `start` has set up.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) launch: Launch,
    pub(crate) record: Record,
    pub(crate) prepared: Prepared,
    pub(crate) cgroup: Cgroup,
    pub(crate) files: Kept,
    pub(crate) log: Log,
    pub(crate) listener: UnixListener,
    pub(crate) signals: Signals,
    pub(crate) lock: File,
}

/// A shim whose program was started.
#[derive(Debug)]
pub(crate) struct Shim {
    directory: PathBuf,
    socket: PathBuf,
    stop_signal: Signal,
    grace: Duration,
    record: Record,
    main: Process,
    lifecycle: Lifecycle,
    outputs: [Output; 2],
    log: Log,
    listener: UnixListener,
    connections: Vec<Connection>,
    signals: Signals,
    /// What the disk does not know yet.
    unwritten: bool,
    dismissed: bool,
    retry_at: Option<Duration>,
    buffer: Vec<u8>,
    cgroup: Cgroup,
    files: Kept,
    _lock: File,
}

/// What the loop was woken by.
#[derive(Debug, Default)]
struct Woken {
    outputs: [bool; 2],
    caller: bool,
    connections: Vec<bool>,
}

impl Shim {
    pub(crate) fn new(parts: Parts) -> Self {
        let output = |stream, pipe| Output {
            stream,
            pipe: Some(pipe),
            splitter: Splitter::default(),
        };
        let Parts {
            launch, prepared, ..
        } = parts;
        Self {
            directory: launch.directory,
            socket: launch.socket,
            stop_signal: named_signal(&launch.stop.signal).unwrap_or(Signal::TERM),
            grace: launch.stop.grace,
            record: parts.record,
            main: prepared.process,
            lifecycle: Lifecycle::new(launch.stop.grace),
            outputs: [
                output(Stream::Stdout, prepared.stdout),
                output(Stream::Stderr, prepared.stderr),
            ],
            log: parts.log,
            listener: parts.listener,
            connections: Vec::new(),
            signals: parts.signals,
            unwritten: false,
            dismissed: false,
            retry_at: None,
            buffer: vec![0; READ],
            cgroup: parts.cgroup,
            files: parts.files,
            _lock: parts.lock,
        }
    }

    /// Turns until the instance has ended and its end stands on disk.
    pub(crate) fn run(mut self) {
        while !self.is_over() {
            let woken = self.wait();
            self.turn(&woken);
        }
        // Before anybody hears of the end: who does may start the next run in the same places.
        let _ = std::fs::remove_file(&self.socket);
        self.cgroup = Cgroup::default();
        self.say_farewell();
    }

    fn is_over(&self) -> bool {
        self.lifecycle.has_ended() && (!self.unwritten || self.dismissed)
    }

    fn turn(&mut self, woken: &Woken) {
        for index in 0..self.outputs.len() {
            if woken.outputs[index] {
                self.pump(index);
            }
        }
        self.log.flush();
        self.hear_signals();
        self.serve(&woken.connections);
        if woken.caller {
            socket::accept(&self.listener, &mut self.connections, clock::monotonic());
        }
        self.step(Event::Tick);
        let now = clock::monotonic();
        self.log.tick(now);
        if self.unwritten && self.retry_at.is_none_or(|at| at <= now) {
            self.write_record();
        }
        self.connections
            .retain(|connection| !connection.is_done(now));
    }

    /// Sleeps until there is something to do.
    fn wait(&self) -> Woken {
        let mut fds = vec![
            PollFd::new(&self.signals.child, PollFlags::IN),
            PollFd::new(&self.signals.terminate, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        for connection in &self.connections {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, connection.has_unread());
            fds.push(PollFd::new(&connection.stream, flags));
        }
        let outputs_at = fds.len();
        let pipes = self
            .outputs
            .iter()
            .filter_map(|output| output.pipe.as_ref());
        fds.extend(pipes.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        let timeout = self.timeout();
        if poll(&mut fds, Some(&timeout)).is_err() {
            // Interrupted by one of our signals: everything is looked at.
            return Woken {
                outputs: [true; 2],
                caller: true,
                connections: vec![true; self.connections.len()],
            };
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut pipes = ready[outputs_at..].iter();
        Woken {
            outputs: [0, 1].map(|index| {
                self.outputs[index].pipe.is_some() && pipes.next().copied().unwrap_or(false)
            }),
            caller: ready[2],
            connections: ready[3..outputs_at].to_vec(),
        }
    }

    fn timeout(&self) -> Timespec {
        let now = clock::monotonic();
        let wake = self
            .connections
            .iter()
            .filter_map(Connection::wake_at)
            .chain(self.lifecycle.wake_at())
            .chain(self.log.wake_at())
            .chain(self.retry_at.filter(|_| self.unwritten))
            .min()
            .map_or(HOUSEKEEPING, |at| at.saturating_sub(now).min(HOUSEKEEPING));
        Timespec {
            tv_sec: wake.as_secs() as i64,
            tv_nsec: i64::from(wake.subsec_nanos()),
        }
    }

    /// Reads what is there, at most for a turn. True where there may be more.
    fn pump(&mut self, index: usize) -> bool {
        let output = &mut self.outputs[index];
        let stream = output.stream;
        let log = &mut self.log;
        for _ in 0..READS_PER_TURN {
            let Some(pipe) = &output.pipe else {
                return false;
            };
            match rustix::io::read(pipe, &mut self.buffer[..]) {
                Ok(0) => {}
                Ok(count) => {
                    let now = clock::now();
                    output.splitter.feed(&self.buffer[..count], |line| {
                        log.line(now, stream, line.bytes, line.partial);
                    });
                    continue;
                }
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => return false,
                Err(_) => {}
            }
            output.pipe = None;
            output
                .splitter
                .finish(|line| log.line(clock::now(), stream, line.bytes, line.partial));
            return false;
        }
        true
    }

    fn hear_signals(&mut self) {
        if signals::drain(&self.signals.terminate) {
            self.step(Event::StopAsked { grace: self.grace });
        }
        if signals::drain(&self.signals.child) {
            self.reap();
        }
    }

    /// Reaps whoever ended below: as a subreaper also those that are nobody else's.
    fn reap(&mut self) {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    if pid.as_raw_pid() == self.main.pid {
                        self.step(Event::MainEnded(exit_of(status)));
                    }
                }
                Err(rustix::io::Errno::CHILD) => return self.step(Event::NothingLeft),
                Err(rustix::io::Errno::INTR) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn step(&mut self, event: Event) {
        for action in self.lifecycle.step(event, clock::monotonic()) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::RecordStopping => {
                self.record.phase = Phase::Stopping {
                    since: clock::now(),
                };
                self.write_record();
            }
            Action::SignalMain => {
                descendants::signal_one(self.main, self.stop_signal);
            }
            Action::TerminateRest => {
                descendants::signal_all(Signal::TERM);
            }
            Action::KillAll => {
                descendants::signal_all(Signal::KILL);
            }
            Action::RecordEnd => self.end(),
        }
    }

    fn end(&mut self) {
        // Nobody writes any more, so what is in the pipes is all there will be.
        for index in 0..self.outputs.len() {
            while self.pump(index) {}
            let output = &mut self.outputs[index];
            let (log, stream) = (&mut self.log, output.stream);
            output
                .splitter
                .finish(|line| log.line(clock::now(), stream, line.bytes, line.partial));
        }
        if let Some((exit, requested)) = self.lifecycle.outcome() {
            self.record.phase = Phase::Exited {
                at: clock::now(),
                exit,
                requested,
            };
        }
        self.log.flush();
        self.files.remove();
        self.write_record();
    }

    /// A full disk does not stop a stop: what could not be written is tried again.
    fn write_record(&mut self) {
        self.unwritten = record::write(&self.directory, &self.record).is_err();
        self.retry_at = self.unwritten.then(|| clock::monotonic() + RETRY);
    }
}

pub(crate) fn named_signal(text: &str) -> Option<Signal> {
    signal_number(text).and_then(Signal::from_named_raw)
}

fn exit_of(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal_name(signal)),
        (None, None) => Exit::Lost,
    }
}
