//! The worker: one job, told over standard input and answered over standard output, and then the process ends.
//!
//! It ends at once, as by a kill, when standard input ends before the job did: then nobody waits for it any more.

pub(crate) mod frame;
mod input;
pub(crate) mod job;

use crate::repository::{Meter, Repository};
use crate::{Failure, FailureKind, Progress};
use frame::Kind;
use input::Input;
use job::{Job, Order};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at how far the job is.
const LOOK: Duration = Duration::from_millis(200);

/// Nothing is longer unsaid, even where nothing moved.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Of -1000 to 1000.
const FIRST_TO_GO: &str = "500";

/// Standard output, shared by the job and by whoever tells how far it is.
#[derive(Debug, Clone)]
pub(crate) struct Output(Arc<Mutex<File>>);

impl Output {
    fn send(&self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let mut pipe = self.0.lock();
        frame::write(&mut *pipe, kind, payload)
    }
}

/// Does the one job that standard input names. The exit code says whether its outcome could be told.
pub fn worker() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "backup-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    // Where memory is short, a backup is done again more easily than a database.
    let _ = std::fs::write("/proc/self/oom_score_adj", FIRST_TO_GO);
    let output = rustix::io::dup(rustix::stdio::stdout())?;
    let output = Output(Arc::new(Mutex::new(output.into())));
    let mut pipe = File::from(rustix::io::dup(rustix::stdio::stdin())?);
    let (kind, payload) = frame::read(&mut pipe)?;
    if kind != Kind::Job {
        return Err(io::Error::other("the first frame is no job"));
    }
    let order: Order = serde_json::from_slice(&payload)
        // Never the error itself: it may repeat what stands there.
        .map_err(|_| io::Error::other("the job cannot be understood"))?;
    let input = Input::start(pipe)?;
    let meter = Meter::default();
    tell(meter.clone(), output.clone())?;
    let outcome = perform(order, input, &output, &meter);
    let _ = output.send(Kind::Progress, &serde_json::to_vec(&meter.read())?);
    match outcome {
        Ok(value) => output.send(Kind::Done, &serde_json::to_vec(&value)?),
        Err(failure) => output.send(Kind::Failed, &serde_json::to_vec(&failure)?),
    }
}

/// Tells how far the job is, and that we live.
fn tell(meter: Meter, output: Output) -> io::Result<()> {
    let tell = move || {
        let mut last = (Progress::default(), Instant::now());
        loop {
            std::thread::sleep(LOOK);
            let now = meter.read();
            if now == last.0 && last.1.elapsed() < HEARTBEAT {
                continue;
            }
            last = (now, Instant::now());
            let Ok(text) = serde_json::to_vec(&now) else {
                return;
            };
            if output.send(Kind::Progress, &text).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("progress".to_owned())
        .spawn(tell)
        .map(drop)
}

fn perform(order: Order, input: Input, out: &Output, meter: &Meter) -> Result<Value, Failure> {
    let Order { at, locks, job } = order;
    let open = || Repository::open(&at, &locks, meter);
    match job {
        Job::Open { create: true } => value(Repository::create(&at, &locks, meter)?),
        Job::Open { create: false } => value(open()?.opened(false)),
        Job::SaveStream { new } => {
            let (reader, whole) = input.stream();
            value(open()?.save_stream(&new, reader, whole)?)
        }
        Job::SaveTree { new, tree } => value(open()?.save_tree(&new, &tree)?),
        Job::LoadFile { snapshot, path } => {
            let sink = |blob: Vec<u8>| {
                let mut pieces = blob.chunks(frame::DATA);
                let sent = pieces.try_for_each(|piece| out.send(Kind::Data, piece));
                sent.map_err(|error| Failure::new(FailureKind::Ended, error.to_string()))
            };
            value(open()?.load_file(&snapshot, &path, sink)?)
        }
        Job::LoadTree {
            snapshot,
            path,
            into,
        } => value(open()?.load_tree(&snapshot, &path, &into)?),
        Job::List => value(open()?.list()?),
        Job::Entries { snapshot, path } => value(open()?.entries(&snapshot, &path)?),
        Job::Check { read } => value(open()?.check(read)?),
        Job::Forget { snapshots } => value(open()?.forget(&snapshots)?),
        Job::Prune { grace_seconds } => value(open()?.prune(Duration::from_secs(grace_seconds))?),
        Job::Copy { to, snapshots } => {
            let to = Repository::open(&to, &locks, meter)?;
            value(open()?.copy(&to, &snapshots)?)
        }
        Job::Keys => value(open()?.keys()?),
        Job::AddKey { key } => value(open()?.add_key(&key)?),
        Job::RemoveKey { id } => value(open()?.remove_key(&id)?),
    }
}

fn value(outcome: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(outcome)
        .map_err(|error| Failure::new(FailureKind::Other, error.to_string()))
}
