//! Follows a server's log onto our disk.

use super::archive::{Archive, Writer};
use crate::database::Failure;
use crate::postgres::login::Login;
use crate::postgres::lsn::Lsn;
use crate::postgres::replication::{Broken, Connect, Event, Replication, Streaming};
use bytes::Bytes;
use mainstay_model::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Between two questions whether the server has more: how exact [`Received::at`] is where nothing is written.
const ASK: Duration = Duration::from_secs(5);

/// A server that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// Taken before a sync, in bytes.
const BATCH: usize = 4 << 20;

/// How far the log is on our disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    /// Everything before it.
    pub lsn: Lsn,
    /// By the server's clock: what was committed until then is on our disk. What a recovery point objective
    /// is measured by.
    pub at: Timestamp,
}

/// Why following ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The connection, or the server: try again.
    #[error("{0}")]
    Lost(Failure),
    /// The server stops, as it was asked to, and has sent all that it had. Try again: it may come back.
    #[error("{0}")]
    ShutDown(Failure),
    /// What comes next is nowhere any more: this archive has an end here, and a new base backup is due.
    #[error("the log has a gap: {0}")]
    Gap(Failure),
    /// Our own disk.
    #[error("{0}")]
    Disk(Failure),
}

/// Follows one server. Where it was stopped it goes on from what is on disk.
pub struct Receiver {
    pub connect: Arc<dyn Connect>,
    pub login: Login,
    /// Small letters, digits and `_`. The server keeps its log for the slot until we have it: see
    /// `max_slot_wal_keep_size`.
    pub slot: String,
    /// Of the archive.
    pub folder: PathBuf,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Receiver");
        text.field("slot", &self.slot).field("folder", &self.folder);
        text.finish_non_exhaustive()
    }
}

impl From<Broken> for Stopped {
    fn from(broken: Broken) -> Self {
        match &broken {
            // undefined_file: the segment was recycled while it was asked for.
            Broken::Refused { code, .. } if code == "58P01" => Self::Gap(broken.into()),
            Broken::ShutsDown => Self::ShutDown(broken.into()),
            _ => Self::Lost(broken.into()),
        }
    }
}

impl Receiver {
    /// Follows until something stops it; says on `received` how far it is. Dropped, it leaves a state that it goes
    /// on from.
    pub async fn run(&self, received: &watch::Sender<Received>) -> Stopped {
        match self.follow(received).await {
            Ok(never) => match never {},
            Err(stopped) => stopped,
        }
    }

    async fn follow(
        &self,
        received: &watch::Sender<Received>,
    ) -> Result<std::convert::Infallible, Stopped> {
        let mut commands = Replication::open(&*self.connect, &self.login).await?;
        let system = commands.identify().await?;
        let size = commands.segment_size().await?;
        let archive = Archive::open(&self.folder, &system.identifier, size)?;
        let resume = archive.resume().map_err(Stopped::Disk)?;
        commands.create_slot(&self.slot).await?;
        let (mut timeline, mut from) =
            resume.unwrap_or((system.timeline, size.start(system.position)));
        if timeline != system.timeline {
            (timeline, from) =
                branch(&mut commands, &archive, system.timeline, timeline, from).await?;
        }
        loop {
            if timeline > 1 {
                keep_history(&mut commands, &archive, timeline).await?;
            }
            let streaming = commands.stream(&self.slot, from, timeline).await;
            let streaming = streaming.map_err(|broken| gap(broken, from))?;
            let mut copy = Copy {
                writer: Some(Writer::new(archive.clone(), timeline, from)),
                streaming,
                received,
                flushed: from,
                server: from,
            };
            let (next, at) = copy.run().await?;
            (timeline, from) = (next, size.start(at));
            commands = copy.streaming.into_commands();
        }
    }
}

/// The server is on another timeline than our archive: where it left ours.
async fn branch(
    commands: &mut Replication,
    archive: &Archive,
    server: u32,
    ours: u32,
    from: Lsn,
) -> Result<(u32, Lsn), Stopped> {
    let history = keep_history(commands, archive, server).await?;
    let branches = history.branches();
    let Some(index) = branches.iter().position(|(timeline, _)| *timeline == ours) else {
        let message =
            format!("the server is on timeline {server}, which does not come from ours, {ours}");
        return Err(Stopped::Gap(Failure::new(message)));
    };
    let at = branches[index].1;
    if from <= at {
        // What it has of our timeline comes first.
        return Ok((ours, from));
    }
    let next = branches
        .get(index + 1)
        .map_or(server, |(timeline, _)| *timeline);
    Ok((next, archive.segment_size().start(at)))
}

async fn keep_history(
    commands: &mut Replication,
    archive: &Archive,
    timeline: u32,
) -> Result<crate::postgres::replication::History, Stopped> {
    let history = commands.history(timeline).await?;
    let kept = archive.history(&history.name, &history.content);
    kept.map_err(Stopped::Disk)?;
    Ok(history)
}

/// What a server says that has not got what we ask for. Its words are in its own language, its codes are not:
/// undefined_file for a segment that was recycled, object_not_in_prerequisite_state for a slot that was given up,
/// internal_error for a position that is not in its history or after its end.
fn gap(broken: Broken, from: Lsn) -> Stopped {
    let codes = ["58P01", "55000", "XX000"];
    let lost = matches!(&broken, Broken::Refused { code, .. } if codes.contains(&code.as_str()));
    let failure = Failure::from(broken);
    if lost {
        let failure = Failure::new(format!("nothing goes on from {from}: {failure}"));
        Stopped::Gap(failure.hint("take a new base backup; raise max_slot_wal_keep_size"))
    } else {
        Stopped::Lost(failure)
    }
}

struct Copy<'a> {
    /// Away while a thread writes.
    writer: Option<Writer>,
    streaming: Streaming,
    received: &'a watch::Sender<Received>,
    flushed: Lsn,
    /// The furthest that the server said it has.
    server: Lsn,
}

impl Copy<'_> {
    /// Until the timeline ends; answers the next one, and where it begins.
    async fn run(&mut self) -> Result<(u32, Lsn), Stopped> {
        let mut asked = Instant::now();
        let mut heard = Instant::now();
        self.status(true).await?;
        loop {
            let event = match timeout_at(asked + ASK, self.streaming.next()).await {
                Ok(event) => event?,
                Err(_) if heard.elapsed() > SILENCE => {
                    let message = format!("the server said nothing for {} s", SILENCE.as_secs());
                    return Err(Stopped::Lost(Failure::new(message)));
                }
                Err(_) => {
                    asked = Instant::now();
                    self.status(true).await?;
                    continue;
                }
            };
            heard = Instant::now();
            match event {
                Event::Data {
                    start,
                    end,
                    sent,
                    data,
                } => {
                    self.batch(start, end, sent, data).await?;
                    self.status(false).await?;
                }
                Event::Alive { sent, reply } => {
                    if self.flushed >= self.server {
                        self.tell(Some(sent));
                    }
                    if reply {
                        self.status(false).await?;
                    }
                }
                Event::Ended { timeline, from } => return Ok((timeline, from)),
            }
        }
    }

    /// Takes what is there already together with `data`, and brings all of it to disk.
    async fn batch(
        &mut self,
        start: Lsn,
        end: Lsn,
        sent: Timestamp,
        data: Bytes,
    ) -> Result<(), Stopped> {
        let (mut next, mut moment, mut bytes) = (self.flushed, sent, 0);
        let mut parts = Vec::new();
        let mut event = Some((start, end, sent, data));
        while let Some((start, end, sent, data)) = event.take() {
            if start != next {
                let message = format!("the server sent {start} where {next} comes next");
                return Err(Stopped::Lost(Failure::new(message)));
            }
            next.0 += data.len() as u64;
            bytes += data.len();
            self.server = self.server.max(end);
            moment = sent;
            parts.push(data);
            if bytes < BATCH
                && self.streaming.has_data()
                && let Event::Data {
                    start,
                    end,
                    sent,
                    data,
                } = self.streaming.next().await?
            {
                event = Some((start, end, sent, data));
            }
        }
        self.write(parts).await?;
        self.flushed = next;
        self.tell(Some(moment).filter(|_| self.flushed >= self.server));
        Ok(())
    }

    async fn write(&mut self, parts: Vec<Bytes>) -> Result<(), Stopped> {
        let lost = || Stopped::Disk(Failure::new("a write of the log did not end"));
        let mut writer = self.writer.take().ok_or_else(lost)?;
        let written = tokio::task::spawn_blocking(move || {
            for part in parts {
                writer.write(&part)?;
            }
            writer.sync()?;
            Ok::<_, Failure>(writer)
        });
        let written = written.await.map_err(|_| lost())?;
        let writer = written.map_err(Stopped::Disk)?;
        debug_assert!(writer.position() >= self.flushed);
        self.writer = Some(writer);
        Ok(())
    }

    fn tell(&self, at: Option<Timestamp>) {
        self.received.send_modify(|received| {
            received.lsn = self.flushed;
            if let Some(at) = at {
                received.at = received.at.max(at);
            }
        });
    }

    async fn status(&mut self, reply: bool) -> Result<(), Stopped> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(0));
        Ok(self.streaming.status(self.flushed, now, reply).await?)
    }
}
