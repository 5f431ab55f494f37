//! What is known of the backups of each environment, for metrics: filled from the journal at the start, and
//! by each job that ends.

use crate::api::types::{BackupJob, BackupJobKind, KeptPoint};
use mainstay_model::{Scope, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One environment.
#[derive(Debug, Default, Clone)]
struct Known {
    /// Backups are on here: what is missing is worth an alert.
    on: bool,
    points: usize,
    newest: Option<Timestamp>,
    bytes: u64,
    took: Duration,
    proven: Option<Timestamp>,
    /// From a drill's begin to a usable copy.
    drill: Option<Duration>,
    recoverable: Option<Timestamp>,
    rpo: Option<Duration>,
    rto: Option<Duration>,
    /// Of the last job of each kind: whether it failed, and when it ended.
    last: BTreeMap<&'static str, (bool, Timestamp)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Board {
    known: Mutex<BTreeMap<Scope, Known>>,
}

/// What an environment asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) on: bool,
    pub(super) rpo: Option<Duration>,
    pub(super) rto: Option<Duration>,
}

impl Board {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Scope, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wanted(&self, scope: &Scope, wanted: Wanted) {
        let mut known = self.locked();
        let known = known.entry(scope.clone()).or_default();
        (known.on, known.rpo, known.rto) = (wanted.on, wanted.rpo, wanted.rto);
    }

    pub(super) fn forget(&self, scope: &Scope) {
        self.locked().remove(scope);
    }

    /// Newest first.
    pub(super) fn points(&self, scope: &Scope, points: &[KeptPoint]) {
        let mut known = self.locked();
        let known = known.entry(scope.clone()).or_default();
        known.points = points.len();
        let newest = points.first().map(|kept| &kept.point);
        known.newest = newest.map(|point| point.ended);
        known.bytes = newest.map_or(0, |point| point.parts.iter().map(|part| part.bytes).sum());
        known.took = newest.map_or(Duration::ZERO, |point| point.ended.since(point.began));
        known.recoverable = known.recoverable.max(newest.map(|point| point.began));
        let proofs = points.iter().filter_map(|kept| kept.proof.as_ref());
        let passed = proofs.filter(|proof| proof.passed);
        let last = passed.max_by_key(|proof| proof.at);
        known.proven = last.map(|proof| proof.at);
        known.drill = last.map(|proof| proof.took);
    }

    /// The moment up to which nothing is lost.
    pub(super) fn recoverable(&self, scope: &Scope, until: Timestamp) {
        let mut known = self.locked();
        let known = known.entry(scope.clone()).or_default();
        known.recoverable = known.recoverable.max(Some(until));
    }

    pub(super) fn ended(&self, job: &BackupJob) {
        let mut known = self.locked();
        let known = known.entry(job.scope.clone()).or_default();
        let at = job.ended_at.unwrap_or(job.began_at);
        known
            .last
            .insert(job.kind.word(), (!super::passed(job), at));
    }

    /// In Prometheus's text format; names need no escaping.
    pub(super) fn text(&self, text: &mut String) {
        let known = self.locked();
        let on: Vec<(String, &Known)> = known
            .iter()
            .filter(|(_, known)| known.on || known.points > 0)
            .map(|(scope, known)| {
                let labels = format!(
                    "stack=\"{}\",environment=\"{}\"",
                    scope.stack, scope.environment
                );
                (labels, known)
            })
            .collect();
        let mut family = |name: &str, help: &str, value: &dyn Fn(&Known) -> Option<f64>| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            for (labels, known) in &on {
                if let Some(value) = value(known) {
                    let _ = writeln!(text, "{name}{{{labels}}} {value}");
                }
            }
        };
        states(&mut family);
        figures(&mut family);
        jobs(&on, text);
    }
}

/// Writes one family: its name, what it is, and its value where there is one.
type Family<'a> = dyn FnMut(&str, &str, &dyn Fn(&Known) -> Option<f64>) + 'a;

/// Whether there is something to go back to, and to when.
fn states(family: &mut Family<'_>) {
    let seconds = |time: Timestamp| time.as_millis() as f64 / 1000.0;
    family(
        "mainstay_backup_enabled",
        "1 where restore points are made by themselves.",
        &|known| Some(f64::from(u8::from(known.on))),
    );
    family(
        "mainstay_backup_restore_points",
        "Restore points that are kept.",
        &|known| Some(known.points as f64),
    );
    // Nought where there is none: a backup that never was is older than any threshold.
    family(
        "mainstay_backup_last_success_timestamp_seconds",
        "When the newest restore point was whole; 0: there is none.",
        &|known| Some(known.newest.map_or(0.0, seconds)),
    );
    family(
        "mainstay_backup_last_proven_timestamp_seconds",
        "When a drill last restored a restore point with success; 0: never.",
        &|known| Some(known.proven.map_or(0.0, seconds)),
    );
    family(
        "mainstay_backup_recoverable_until_timestamp_seconds",
        "The newest moment that can be gone back to; 0: none.",
        &|known| Some(known.recoverable.map_or(0.0, seconds)),
    );
}

/// How much, how long, and what was promised.
fn figures(family: &mut Family<'_>) {
    family(
        "mainstay_backup_size_bytes",
        "What the newest restore point has, before compression.",
        &|known| Some(known.bytes as f64),
    );
    family(
        "mainstay_backup_duration_seconds",
        "How long the newest restore point took.",
        &|known| Some(known.took.as_secs_f64()),
    );
    family(
        "mainstay_backup_drill_duration_seconds",
        "How long the last drill that passed took to a usable copy.",
        &|known| known.drill.map(|took| took.as_secs_f64()),
    );
    family(
        "mainstay_backup_rpo_seconds",
        "The recovery point objective, where there is one.",
        &|known| known.rpo.map(|rpo| rpo.as_secs_f64()),
    );
    family(
        "mainstay_backup_rto_seconds",
        "The recovery time objective, where there is one.",
        &|known| known.rto.map(|rto| rto.as_secs_f64()),
    );
}

const FAILED: &str = "mainstay_backup_job_failed";
const ENDED: &str = "mainstay_backup_job_ended_timestamp_seconds";

fn jobs(on: &[(String, &Known)], text: &mut String) {
    let _ = writeln!(
        text,
        "# HELP {FAILED} 1 where the last job of the kind failed.\n# TYPE {FAILED} gauge"
    );
    for (labels, known) in on {
        for kind in KINDS {
            if let Some((failed, _)) = known.last.get(kind.word()) {
                let failed = u8::from(*failed);
                let _ = writeln!(
                    text,
                    "{FAILED}{{{labels},kind=\"{}\"}} {failed}",
                    kind.word()
                );
            }
        }
    }
    let _ = writeln!(
        text,
        "# HELP {ENDED} When the last job of the kind ended.\n# TYPE {ENDED} gauge"
    );
    for (labels, known) in on {
        for kind in KINDS {
            if let Some((_, at)) = known.last.get(kind.word()) {
                let at = at.as_millis() as f64 / 1000.0;
                let _ = writeln!(text, "{ENDED}{{{labels},kind=\"{}\"}} {at}", kind.word());
            }
        }
    }
}

const KINDS: [BackupJobKind; 6] = [
    BackupJobKind::Create,
    BackupJobKind::Restore,
    BackupJobKind::Drill,
    BackupJobKind::Verify,
    BackupJobKind::Prune,
    BackupJobKind::Copy,
];
