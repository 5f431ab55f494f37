//! Backups as people read them.

use crate::look::{Look, Tone};
use crate::render::quantity::{ago, count, date, elapsed};
use crate::render::table::{Entry, table};
use mainstay_model::{Bytes, Timestamp};
use mainstay_recovery::Reason;
use mainstay_server::api::types::{
    BackupJob, BackupJobKind, BackupJobState, BackupKey, BackupsStatus, KeptPoint, Pruning,
};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::Instant;

/// Jobs that a listing shows.
const JOBS: usize = 5;

/// How fast a step goes, from the bytes seen.
pub struct Pace {
    step: String,
    since: Instant,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            step: String::new(),
            since: Instant::now(),
        }
    }

    /// `saving database: 1.2 GiB of 3 GiB, 85 MiB/s, 21 s left`
    pub fn line(&mut self, job: &BackupJob, silent: Duration) -> String {
        if self.step != job.step {
            self.step.clone_from(&job.step);
            self.since = Instant::now();
        }
        let mut text = job.step.clone();
        let seconds = self.since.elapsed().as_secs_f64();
        if job.done > 0 {
            let _ = write!(text, ": {}", Bytes(job.done));
            if let Some(total) = job.total.filter(|total| *total >= job.done) {
                let _ = write!(text, " of {}", Bytes(total));
            }
            if seconds > 1.0 {
                let rate = job.done as f64 / seconds;
                let _ = write!(text, ", {}/s", Bytes(rate as u64));
                let left = job.total.and_then(|total| total.checked_sub(job.done));
                if let Some(left) = left.filter(|_| rate > 0.0) {
                    let left = Duration::from_secs_f64(left as f64 / rate);
                    let _ = write!(text, ", {} left", elapsed(left));
                }
            }
        }
        if silent > Duration::from_secs(3) {
            let _ = write!(text, " (no answer of the server for {})", elapsed(silent));
        }
        text
    }
}

/// Everything on one page.
pub fn status(status: &BackupsStatus, now: Timestamp, look: Look) -> String {
    let mut text = String::new();
    if let Some(off) = &status.off {
        let _ = writeln!(text, "{} {off}", look.paint(Tone::Warning, "off:"));
        if status.points.is_empty() {
            return text;
        }
    }
    let _ = writeln!(text, "repository  {}", status.repository);
    for (name, place) in &status.copies {
        let _ = writeln!(text, "copy        {place} ({name})");
    }
    for schedule in &status.schedules {
        let next = schedule
            .next
            .map_or_else(|| "never".to_owned(), |next| format!("next {}", date(next)));
        let kind = match schedule.kind {
            BackupJobKind::Drill => "drill       ",
            _ => "schedule    ",
        };
        let _ = writeln!(text, "{kind}{} ({}), {next}", schedule.name, schedule.cron);
    }
    for log in &status.logs {
        let until = log
            .until
            .map_or_else(|| "nothing yet".to_owned(), |until| ago(until, now));
        let _ = write!(text, "log         {}: received {until}", log.source);
        if let Some(problem) = &log.problem {
            let _ = write!(text, "; {}", look.paint(Tone::Bad, problem));
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&sources(status, look));
    text.push_str(&points(status, now, look));
    text.push_str(&jobs(status, now, look));
    text
}

fn sources(status: &BackupsStatus, look: Look) -> String {
    let rows = status.sources.iter().map(|source| {
        vec![
            Entry::new(&source.name),
            Entry::new(&source.kind),
            Entry::new(&source.what),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    table(look, &["SOURCE", "KIND", "WHAT"], rows) + "\n\n"
}

fn points(status: &BackupsStatus, now: Timestamp, look: Look) -> String {
    if status.points.is_empty() {
        return "no restore point yet: `mainstay backup create`\n".to_owned();
    }
    let rows = status.points.iter().map(|kept| {
        let point = &kept.point;
        let release = point.release.map(|release| release.to_string());
        vec![
            Entry::new(&point.name),
            Entry::new(ago(point.ended, now)),
            Entry::optional(release),
            Entry::new(Bytes(bytes(kept))).right(),
            Entry::new(reason(&point.reason)),
            copies(kept, status.copies.len()),
            proof(kept, now),
        ]
    });
    let heading = [
        "RESTORE POINT",
        "MADE",
        "RELEASE",
        "SIZE",
        "BECAUSE",
        "COPIES",
        "PROVEN",
    ];
    table(look, &heading, rows.collect()) + "\n"
}

fn copies(kept: &KeptPoint, wanted: usize) -> Entry {
    match (kept.copies.len(), wanted) {
        (0, 0) => Entry::optional(None::<&str>),
        (have, wanted) if have >= wanted => Entry::new(format!("{have}")).tone(Tone::Good),
        (have, wanted) => Entry::new(format!("{have} of {wanted}")).tone(Tone::Warning),
    }
}

fn proof(kept: &KeptPoint, now: Timestamp) -> Entry {
    match &kept.proof {
        Some(proof) if proof.passed => Entry::new(ago(proof.at, now)).tone(Tone::Good),
        Some(proof) => Entry::new(format!("failed {}", ago(proof.at, now))).tone(Tone::Bad),
        None => Entry::new("not yet").tone(Tone::Faint),
    }
}

fn jobs(status: &BackupsStatus, now: Timestamp, look: Look) -> String {
    if status.jobs.is_empty() {
        return String::new();
    }
    let rows = status.jobs.iter().take(JOBS).map(|job| {
        let state = match job.state {
            BackupJobState::Running => {
                Entry::new(format!("running: {}", job.step)).tone(Tone::Accent)
            }
            BackupJobState::Done => Entry::new("done").tone(Tone::Good),
            BackupJobState::Failed => Entry::new(format!(
                "failed: {}",
                job.message.clone().unwrap_or_default()
            ))
            .tone(Tone::Bad),
        };
        vec![
            Entry::new(job.kind.word()),
            Entry::new(ago(job.began_at, now)),
            Entry::new(&job.by),
            state,
        ]
    });
    format!(
        "\n{}\n",
        table(look, &["JOB", "BEGAN", "BY", "STATE"], rows.collect())
    )
}

fn bytes(kept: &KeptPoint) -> u64 {
    kept.point.parts.iter().map(|part| part.bytes).sum()
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Schedule { name } => format!("schedule {name}"),
        Reason::Asked { by } => by.clone(),
        Reason::Deploy { release } => format!("before {release}"),
        Reason::Safety { before } => format!("before restore of {before}"),
    }
}

/// One restore point, whole.
pub fn point(kept: &KeptPoint, now: Timestamp, look: Look) -> String {
    let point = &kept.point;
    let mut text = format!(
        "{}  {} of {}, {}\n",
        look.paint(Tone::Strong, point.name.as_str()),
        count(point.parts.len(), "part"),
        point.scope,
        ago(point.ended, now)
    );
    let took = point.ended.since(point.began);
    let _ = writeln!(text, "made     {} in {}", date(point.began), elapsed(took));
    let _ = writeln!(text, "because  {}", reason(&point.reason));
    if let Some(release) = point.release {
        let _ = writeln!(text, "release  {release}");
    }
    text.push('\n');
    let rows = point.parts.iter().map(|part| {
        let rows = part
            .figures
            .as_ref()
            .map(|figures| figures.tables.values().map(|table| table.rows).sum::<u64>());
        let kind = serde_json::to_value(part.kind).unwrap_or_default();
        vec![
            Entry::new(&part.source),
            Entry::new(kind.as_str().unwrap_or_default()),
            Entry::new(Bytes(part.bytes)).right(),
            Entry::optional(rows).right(),
            Entry::new(date(part.taken)),
            Entry::new(part.snapshot.get(..8).unwrap_or(&part.snapshot)).tone(Tone::Faint),
            Entry::optional(part.sha256.as_ref().and_then(|hash| hash.get(..12))).tone(Tone::Faint),
        ]
    });
    let heading = [
        "PART", "KIND", "SIZE", "ROWS", "STATE OF", "SNAPSHOT", "SHA-256",
    ];
    text.push_str(&table(look, &heading, rows.collect()));
    text.push_str("\n\n");
    match &kept.proof {
        Some(proof) => {
            let word = if proof.passed {
                look.paint(Tone::Good, "proven")
            } else {
                look.paint(Tone::Bad, "not proven")
            };
            let _ = writeln!(
                text,
                "{word} {}, restored in {}",
                ago(proof.at, now),
                elapsed(proof.took)
            );
            for line in &proof.report {
                let _ = writeln!(text, "  {line}");
            }
        }
        None => text.push_str("not proven yet: `mainstay backup drill`\n"),
    }
    text
}

/// How a job ended, with the time that each step took.
pub fn job(job: &BackupJob, look: Look) -> String {
    let mut text = String::new();
    if job.state == BackupJobState::Running {
        let _ = writeln!(text, "{}: {}", job.kind.word(), job.step);
    }
    let rows: Vec<_> = job
        .steps
        .iter()
        .map(|step| {
            vec![
                Entry::new(&step.name),
                Entry::new(elapsed(step.took)).right(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&table(look, &["STEP", "TOOK"], rows));
        text.push_str("\n\n");
    }
    if let Some(message) = &job.message {
        let tone = match job.state {
            BackupJobState::Failed => Tone::Bad,
            _ => Tone::Good,
        };
        let _ = writeln!(text, "{}", look.paint(tone, message));
    }
    text
}

/// What prune would do.
pub fn pruning(plan: &Pruning, look: Look) -> String {
    let rows = plan.points.iter().map(|one| {
        let what = match &one.keep {
            Some(why) => Entry::new(format!("stays: {why}")),
            None => Entry::new("goes").tone(Tone::Warning),
        };
        vec![Entry::new(&one.name), what]
    });
    table(
        look,
        &["RESTORE POINT", "WHAT BECOMES OF IT"],
        rows.collect(),
    )
}

pub fn keys(keys: &[BackupKey], look: Look) -> String {
    let rows = keys.iter().map(|key| {
        vec![
            Entry::new(key.id.get(..12).unwrap_or(&key.id)),
            Entry::optional(key.created_at.map(date)),
            if key.current {
                Entry::new("this server's").tone(Tone::Good)
            } else {
                Entry::new("another")
            },
        ]
    });
    table(look, &["KEY", "MADE", "WHOSE"], rows.collect())
}

/// Why `--check` does not pass.
pub fn unsound(status: &BackupsStatus, now: Timestamp) -> Option<String> {
    if let Some(off) = &status.off {
        return Some(format!("nothing is backed up: {off}"));
    }
    let proven = status
        .points
        .iter()
        .find(|kept| kept.proof.as_ref().is_some_and(|proof| proof.passed));
    let Some(newest) = status.points.first() else {
        return Some("there is no restore point".to_owned());
    };
    if proven.is_none() {
        return Some("no restore point is proven; hint: `mainstay backup drill`".to_owned());
    }
    let log = status.logs.iter().filter_map(|log| log.until).max();
    let reached = newest.point.ended.max(log.unwrap_or(newest.point.ended));
    let age = now.since(reached);
    let rpo = status.rpo?;
    (age > rpo).then(|| {
        format!(
            "the newest state is {} old, and the objective is {}",
            elapsed(age),
            elapsed(rpo)
        )
    })
}
