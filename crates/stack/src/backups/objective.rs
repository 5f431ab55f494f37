//! Whether the schedules and the logs keep what is promised.

use super::at;
use super::rules::{Rules, is_database};
use crate::resolved::{BackupSource, BackupWhat, SourceKind};
use mainstay_model::format_duration;
use std::time::Duration;

impl Rules<'_, '_> {
    /// An objective that the schedules and the logs cannot keep.
    pub(super) fn recovery_point(&mut self) {
        let Some(rpo) = self.backups.objectives.rpo else {
            return;
        };
        let schedules = self.backups.schedules.values();
        let gaps: Vec<(&BackupWhat, Duration)> = schedules
            .map(|schedule| (&schedule.what, schedule.when.longest_gap()))
            .collect();
        let (mut databases, mut files) = (Vec::new(), Vec::new());
        let mut tight = Vec::new();
        for (name, source) in self.backups.active() {
            let lost = lost(&gaps, name, source);
            if lost == Some(rpo) {
                tight.push(name.clone());
            }
            if lost.is_some_and(|lost| lost <= rpo) {
                continue;
            }
            if is_database(&source.kind) {
                databases.push((name, source, lost));
            } else {
                files.push((name, lost));
            }
        }
        let at = at(self.node, &["objectives", "rpo"]).clone();
        let objective = format_duration(rpo);
        let words = |lost: Option<Duration>| match lost {
            Some(lost) => format!("up to {}", format_duration(lost)),
            None => "everything: no schedule copies it".to_owned(),
        };
        for (name, source, lost) in databases {
            let message = format!(
                "an `rpo` of {objective} cannot be kept: of `{name}` {} is lost",
                words(lost)
            );
            let often = format!("back it up every {objective} or more often");
            let hint = match source.kind {
                SourceKind::Postgresql(_) => format!(
                    "receive its log, `wal: true`, and no more than a minute is lost; or {often}"
                ),
                _ => often,
            };
            self.error("recovery-point", &at, message, hint);
        }
        if !files.is_empty() {
            let list: Vec<String> = files
                .iter()
                .map(|(name, lost)| format!("of `{name}` {}", words(*lost)))
                .collect();
            let message = format!(
                "an `rpo` of {objective} is kept for databases only: {} is lost",
                list.join(", ")
            );
            let hint = "files and caches can be copied more often by a schedule of their own: `what: [volume, directory]`";
            self.warning("recovery-point", &at, message, hint);
        }
        if !tight.is_empty() {
            let names: Vec<&str> = tight.iter().map(String::as_str).collect();
            let message = format!(
                "an `rpo` of {objective} leaves no time for a copy of {} to be made",
                crate::check::list(&names)
            );
            self.warning(
                "recovery-point",
                &at,
                message,
                "run the schedule a little more often",
            );
        }
    }
}

/// How much of a source can be lost; `None`: all of it.
fn lost(gaps: &[(&BackupWhat, Duration)], name: &str, source: &BackupSource) -> Option<Duration> {
    let copied = gaps.iter().filter(|(what, _)| what.has(name));
    let gap = copied.map(|(_, gap)| *gap).min()?;
    match &source.kind {
        SourceKind::Postgresql(source) => Some(source.wal.map_or(gap, |wal| wal.every.min(gap))),
        _ => Some(gap),
    }
}
