//! The files of the log that a recovery is to read: whether they are all there, before it begins.
//!
//! A server takes a missing segment for the end of the log. Whoever asked for the latest state would get an older one
//! and never know.

use super::files::Files;
use crate::command::quote;
use crate::database::Failure;
use crate::postgres::login::QUICK;
use crate::postgres::lsn::{Lsn, Segment, SegmentSize};
use std::collections::{BTreeMap, BTreeSet};

/// Prints sizes and names, then what the base backup says of itself.
const LOOK: &str = r#"
become ls "$wal" >/dev/null
(cd "$wal" && for name in *; do [ -f "$name" ] && printf 'file %s %s\n' "$(wc -c <"$name")" "$name"; done)
for name in "$wal"/*.history; do
  if [ -f "$name" ]; then while read -r line || [ -n "$line" ]; do printf 'branch %s %s\n' "${name##*/}" "$line"; done <"$name"; fi
done
sed -n 's/^START WAL LOCATION: \([0-9A-F/]*\).*/start \1/p; s/^START TIMELINE: /timeline /p' "$data/backup_label"
LC_ALL=C become pg_controldata -D "$data" | sed -n \
  's/^Bytes per WAL segment: *\([0-9]*\).*/size \1/p; s/^max_prepared_xacts setting: */prepared /p; s/^max_worker_processes setting: */workers /p; s/^max_locks_per_xact setting: */locks /p'
"#;

/// What is there.
#[derive(Debug)]
pub(super) struct LogFiles {
    size: SegmentSize,
    start: Lsn,
    timeline: u32,
    /// By segment: whether its file has its full size; partial ones apart.
    whole: BTreeMap<Segment, bool>,
    partial: BTreeMap<Segment, bool>,
    /// Of each timeline, those before it and where each ended.
    branches: BTreeMap<u32, Vec<(u32, Lsn)>>,
    settings: Vec<String>,
}

impl LogFiles {
    pub(super) async fn read(files: &Files<'_>, wal: &str) -> Result<Self, Failure> {
        let text = format!("wal={}\n{LOOK}", quote(wal));
        let answer = files.run("looking at the log", &text, QUICK).await?;
        Self::parse(&answer)
    }

    fn parse(answer: &str) -> Result<Self, Failure> {
        let lines = || answer.lines().filter_map(|line| line.split_once(' '));
        let value = |name: &str| {
            lines()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim())
        };
        let missing = |what: &str| Failure::new(format!("the base backup does not say its {what}"));
        let size = value("size").and_then(|size| SegmentSize::new(size.parse().ok()?));
        let size = size.ok_or_else(|| missing("segment size"))?;
        let start = value("start").and_then(|start| start.parse().ok());
        let timeline = value("timeline").and_then(|timeline| timeline.parse().ok());
        let mut log = Self {
            size,
            start: start.ok_or_else(|| missing("start"))?,
            timeline: timeline.ok_or_else(|| missing("timeline"))?,
            whole: BTreeMap::new(),
            partial: BTreeMap::new(),
            branches: BTreeMap::new(),
            settings: Vec::new(),
        };
        for (name, setting) in [
            ("prepared", "max_prepared_transactions"),
            ("workers", "max_worker_processes"),
            ("locks", "max_locks_per_transaction"),
        ] {
            if let Some(value) = value(name) {
                log.settings.push(format!("{setting}={value}"));
            }
        }
        for (key, rest) in lines() {
            match key {
                "file" => log.file(rest),
                "branch" => log.branch(rest),
                _ => {}
            }
        }
        Ok(log)
    }

    fn file(&mut self, rest: &str) {
        let Some((bytes, name)) = rest.trim().split_once(' ') else {
            return;
        };
        let full = bytes.parse() == Ok(self.size.bytes());
        let (name, files) = match name.strip_suffix(".partial") {
            Some(name) => (name, &mut self.partial),
            None => (name, &mut self.whole),
        };
        if let Some(segment) = Segment::parse(name, self.size) {
            files.insert(segment, full);
        }
    }

    fn branch(&mut self, rest: &str) {
        let mut words = rest.split_whitespace();
        let timeline = words
            .next()
            .and_then(|name| u32::from_str_radix(name.strip_suffix(".history")?, 16).ok());
        let parent = words.next().and_then(|parent| parent.parse().ok());
        let at = words.next().and_then(|at| at.parse().ok());
        if let (Some(timeline), Some(parent), Some(at)) = (timeline, parent, at) {
            self.branches
                .entry(timeline)
                .or_default()
                .push((parent, at));
        }
    }

    fn has(&self, segment: Segment) -> Option<bool> {
        self.whole
            .get(&segment)
            .or_else(|| self.partial.get(&segment))
            .copied()
    }

    /// The segments from the base backup to the end on the way to `timeline`, all of them there and of full size.
    pub(super) fn check(&self, timeline: Option<u32>) -> Result<(), Failure> {
        let way = self.way(timeline)?;
        let mut at = self.size.start(self.start);
        for (timeline, until) in &way {
            let last = self.last(*timeline);
            loop {
                let segment = Segment {
                    timeline: *timeline,
                    start: at,
                };
                // A timeline ends within a segment; the next begins with a copy of that.
                let over = match until {
                    Some(until) => segment.end(self.size) > *until,
                    None => last.is_none_or(|last| at > last.start),
                };
                if over {
                    break;
                }
                match self.has(segment) {
                    Some(true) => {}
                    Some(false) => {
                        let name = segment.name(self.size);
                        return Err(Failure::new(format!(
                            "segment {name} of the log is cut off"
                        )));
                    }
                    None => return Err(self.missing(segment)),
                }
                at = segment.end(self.size);
            }
        }
        if !way.iter().any(|(timeline, _)| {
            self.last(*timeline)
                .is_some_and(|last| last.end(self.size) > self.start)
        }) {
            let start = self.size.start(self.start);
            return Err(self.missing(Segment {
                timeline: self.timeline,
                start,
            }));
        }
        Ok(())
    }

    fn missing(&self, segment: Segment) -> Failure {
        let name = segment.name(self.size);
        Failure::new(format!("segment {name} of the log is missing"))
            .hint("choose a target before it, or a base backup after it")
    }

    /// The last segment of a timeline that is there.
    fn last(&self, timeline: u32) -> Option<Segment> {
        let of = |segment: &&Segment| segment.timeline == timeline;
        self.whole
            .keys()
            .chain(self.partial.keys())
            .filter(of)
            .max()
            .copied()
    }

    /// The timelines from the base backup's to the target's, and where each ends but the last.
    fn way(&self, timeline: Option<u32>) -> Result<Vec<(u32, Option<Lsn>)>, Failure> {
        let newest = || {
            let known: BTreeSet<u32> = self.branches.keys().copied().collect();
            known
                .into_iter()
                .max()
                .unwrap_or(self.timeline)
                .max(self.timeline)
        };
        let target = timeline.unwrap_or_else(newest);
        if target == self.timeline {
            return Ok(vec![(target, None)]);
        }
        let branches = self.branches.get(&target).ok_or_else(|| {
            Failure::new(format!(
                "timeline {target} is not known: its history file is missing"
            ))
        })?;
        let index = branches
            .iter()
            .position(|(parent, _)| *parent == self.timeline);
        let index = index.ok_or_else(|| {
            Failure::new(format!(
                "timeline {target} does not come from timeline {} of the base backup",
                self.timeline
            ))
            .hint("choose a base backup of that timeline")
        })?;
        if branches[index].1 < self.start {
            return Err(Failure::new(format!(
                "timeline {target} branched off at {}, before the base backup",
                branches[index].1
            ))
            .hint("choose an earlier base backup, or the timeline of this one"));
        }
        let mut way: Vec<_> = branches[index..]
            .iter()
            .map(|(timeline, at)| (*timeline, Some(*at)))
            .collect();
        way.push((target, None));
        Ok(way)
    }

    /// Where the files end, as far as their names tell.
    pub(super) fn end(&self) -> Lsn {
        let all = self.whole.keys().chain(self.partial.keys());
        all.map(|segment| segment.end(self.size))
            .max()
            .unwrap_or(self.start)
    }

    pub(super) fn position(&self, name: &str) -> Option<Lsn> {
        Segment::parse(name, self.size).map(|segment| segment.start)
    }

    /// A log that was played to its end ended in its last segment, or something in between cannot be read.
    pub(super) fn check_end(&self, redone: Option<Lsn>) -> Result<(), Failure> {
        let redone = redone.unwrap_or(self.start);
        let newest = self.whole.keys().map(|segment| segment.timeline).max();
        let whole = self
            .whole
            .keys()
            .filter(|segment| Some(segment.timeline) == newest);
        match whole.map(|segment| segment.start).max() {
            Some(last) if redone < last => Err(Failure::new(format!(
                "the log cannot be read after {redone}, though it goes on to {}",
                self.end()
            ))
            .hint("a segment is damaged: choose a target before it")),
            _ => Ok(()),
        }
    }

    /// What a server has to have as the one that wrote the log.
    pub(super) fn settings(&self) -> Vec<String> {
        self.settings.clone()
    }

    /// The timeline of a server that promoted itself: its own word, or else the next that is free.
    pub(super) fn promoted(&self, said: u32) -> u32 {
        let segments = self
            .whole
            .keys()
            .chain(self.partial.keys())
            .map(|segment| segment.timeline);
        let known = segments
            .chain(self.branches.keys().copied())
            .max()
            .unwrap_or(self.timeline);
        said.max(known.max(self.timeline) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn log(files: &[&str], more: &str) -> LogFiles {
        let mut text = format!("size {MIB}\nstart 0/200028\ntimeline 1\n{more}");
        for name in files {
            text = format!("{text}\nfile {MIB} {name}");
        }
        LogFiles::parse(&text).unwrap()
    }

    #[test]
    fn a_missing_or_short_segment_is_named() {
        let (two, three, four) = (
            "000000010000000000000002",
            "000000010000000000000003",
            "000000010000000000000004.partial",
        );
        assert!(log(&[two, three, four], "").check(None).is_ok());
        assert!(
            log(&["000000010000000000000001", two], "")
                .check(None)
                .is_ok()
        );
        let failure = log(&[two, four], "").check(None).unwrap_err();
        assert!(failure.message.contains(three), "{failure}");
        let failure = log(&[three, four], "").check(None).unwrap_err();
        assert!(failure.message.contains(two), "{failure}");
        assert!(log(&[], "").check(None).is_err());
        let failure = log(&[two], &format!("file 7 {three}"))
            .check(None)
            .unwrap_err();
        assert!(failure.message.contains("cut off"), "{failure}");
    }

    #[test]
    fn a_branch_is_followed_where_it_left() {
        let branch = "branch 00000002.history 1\t0/300100\tbefore";
        let old = [
            "000000010000000000000002",
            "000000010000000000000003",
            "000000010000000000000004",
        ];
        let new = ["000000020000000000000003", "000000020000000000000004"];
        let both: Vec<&str> = old.iter().chain(&new).copied().collect();
        assert!(log(&both, branch).check(None).is_ok());
        assert!(log(&[old[0], new[0], new[1]], branch).check(None).is_ok());
        assert!(log(&[old[0], new[0]], branch).check(None).is_ok());
        let failure = log(&[old[0], old[1], new[1]], branch)
            .check(None)
            .unwrap_err();
        assert!(failure.message.contains(new[0]), "{failure}");
        assert!(log(&both, branch).check(Some(1)).is_ok());
        assert!(log(&both, branch).check(Some(3)).is_err());
        assert!(
            log(&both, "branch 00000002.history 1\t0/100100\tx")
                .check(None)
                .is_err()
        );
    }

    #[test]
    fn a_log_that_ended_early_is_damaged() {
        let log = log(
            &["000000010000000000000002", "000000010000000000000003"],
            "",
        );
        assert!(log.check_end(Some(Lsn(0x20_0100))).is_err());
        assert!(log.check_end(Some(Lsn(0x30_0100))).is_ok());
    }
}
