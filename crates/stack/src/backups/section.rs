//! Where to, when and for how long.

use super::{PLACES, Reader, unknown};
use crate::decode::{duration, flag, number, size, text, texts};
use crate::resolved::{
    BackupCopy, BackupRepository, BackupSchedule, BackupSource, BackupWhat, Drill, RepositoryAt,
    S3Repository,
};
use crate::secrets::is_name;
use crate::source::At;
use crate::tree::Node;
use mainstay_model::{Bytes, format_duration};
use mainstay_recovery::{Keep, Objectives, Schedule, ScheduleError};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where nothing is said.
const DAILY: &str = "0 2 * * *";
const DAILY_JITTER: Duration = Duration::from_mins(15);
const DRILL: &str = "0 4 * * sun";
const DRILL_TIMEOUT: Duration = Duration::from_hours(4);
/// Of one stack.
const MOST_SCHEDULES: usize = 50;
const MOST_COPIES: usize = 10;
/// Of zstd.
const MOST_COMPRESSION: u8 = 22;
/// What every kind of source is called: stands for all of them.
pub(super) const KINDS: [&str; 7] = [
    "postgresql",
    "redis",
    "mysql",
    "sqlite",
    "volume",
    "directory",
    "command",
];

type Sources = BTreeMap<String, BackupSource>;

impl Reader<'_, '_> {
    pub(super) fn repository(&mut self, node: Option<&Node>) -> BackupRepository {
        let mut repository = BackupRepository::default();
        let Some(node) = node else {
            return repository;
        };
        repository.key = self.secret(node, "key");
        repository.bandwidth = size(node, "bandwidth").filter(|size| *size > Bytes(0));
        if let Some(written) = node.get("compression") {
            match number(node, "compression").filter(|level| *level <= MOST_COMPRESSION) {
                Some(level) => repository.compression = level,
                None => self.wrong(
                    &written.at.clone(),
                    "`compression` is no level of zstd",
                    "0 to 22; 3 is usual",
                ),
            }
        }
        if PLACES.iter().all(|place| node.get(place).is_some()) {
            let at = node.get("s3").map_or(&node.at, |s3| &s3.at).clone();
            let hint = "take one out: a second place is one of the `copies`";
            self.wrong(
                &at,
                "a repository is in a `directory` or in `s3`, not in both",
                hint,
            );
        }
        if let Some(directory) = node.get("directory") {
            let path = directory.at.path(directory.as_text().unwrap_or_default());
            repository.at = RepositoryAt::Directory { path };
        } else if let Some(s3) = node.get("s3")
            && let Some(s3) = self.s3(s3)
        {
            repository.at = RepositoryAt::S3(s3);
        }
        repository
    }

    fn s3(&mut self, node: &Node) -> Option<S3Repository> {
        let region = text(node, "region").unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint = text(node, "endpoint");
        let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if let Some(endpoint) = endpoint.as_ref().filter(|url| !is_url(url)) {
            let at = super::at(node, &["endpoint"]).clone();
            let message = format!("`endpoint` `{}` is no URL", crate::check::shown(endpoint));
            self.wrong(
                &at,
                message,
                "such as `https://s3.eu-central-1.amazonaws.com`",
            );
        }
        let is_own = endpoint.is_some();
        let bucket = self.needed(node, "bucket", "the name of the bucket");
        let hint =
            "the name of a secret: `secrets: {backup_access_key: {}}` takes BACKUP_ACCESS_KEY";
        self.needed(node, "access_key", hint);
        self.needed(node, "secret_key", hint);
        Some(S3Repository {
            endpoint: endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com")),
            bucket: bucket?,
            prefix: text(node, "prefix")
                .unwrap_or_default()
                .trim_matches('/')
                .to_owned(),
            region,
            path_style: flag(node, "path_style").unwrap_or(is_own),
            access_key: self.secret(node, "access_key")?,
            secret_key: self.secret(node, "secret_key")?,
            session_token: self.secret(node, "session_token"),
        })
    }

    pub(super) fn needed(&mut self, node: &Node, key: &str, hint: &str) -> Option<String> {
        let found = text(node, key).filter(|text| !text.is_empty());
        if found.is_none() {
            self.wrong(&node.at.clone(), format!("`{key}` is missing"), hint);
        }
        found
    }

    pub(super) fn keep(&mut self, node: Option<&Node>) -> Keep {
        let Some(node) = node.filter(|node| !node.is_null()) else {
            return Keep::USUAL;
        };
        let count = |key: &str| number(node, key).unwrap_or(0);
        let keep = Keep {
            last: count("last"),
            hourly: count("hourly"),
            daily: count("daily"),
            weekly: count("weekly"),
            monthly: count("monthly"),
            yearly: count("yearly"),
            within: duration(node, "within").unwrap_or(Duration::ZERO),
        };
        if keep.keeps_nothing() {
            let hint = "such as `keep: {daily: 7, weekly: 4}`, or leave `keep` out for just that and `monthly: 12`";
            self.wrong(&node.at.clone(), "`keep` keeps nothing", hint);
        }
        keep
    }

    pub(super) fn copies(
        &mut self,
        node: Option<&Node>,
        keep: Keep,
    ) -> BTreeMap<String, BackupCopy> {
        let mut copies = BTreeMap::new();
        for entry in node.map(Node::entries).unwrap_or_default() {
            if copies.len() == MOST_COPIES {
                let message = format!("more than {MOST_COPIES} copies");
                self.wrong(&entry.at, message, "take some out");
                break;
            }
            if !self.is_named(&entry.key, "copy", &entry.at) {
                continue;
            }
            let node = &entry.value;
            let repository = node.get("repository");
            let says = |place: &&str| repository.is_some_and(|node| node.get(place).is_some());
            if !PLACES.iter().any(says) {
                let message = format!("copy `{}` has no place", entry.key);
                let hint = "`repository: /mnt/second`, or `repository: {s3: …}`";
                self.wrong(&entry.at, message, hint);
                continue;
            }
            let copy = BackupCopy {
                repository: self.repository(repository),
                keep: match node.get("keep") {
                    Some(node) => self.keep(Some(node)),
                    None => keep,
                },
            };
            copies.insert(entry.key.clone(), copy);
        }
        copies
    }

    /// A name that can stand in a path, a label and a command line.
    pub(super) fn is_named(&mut self, name: &str, what: &str, at: &At) -> bool {
        let is = is_name(name);
        if !is {
            let shown = crate::check::shown(name);
            let hint = "letters, digits, `_`, `-` and `.`, at most 64, a letter or digit first";
            self.wrong(at, format!("`{shown}` is no name of a {what}"), hint);
        }
        is
    }

    pub(super) fn schedules(
        &mut self,
        node: Option<&Node>,
        sources: &Sources,
    ) -> BTreeMap<String, BackupSchedule> {
        let mut schedules = BTreeMap::new();
        let Some(node) = node.filter(|node| !node.is_null()) else {
            if !self.is_off
                && let Ok(when) = Schedule::new(DAILY, "UTC", DAILY_JITTER)
            {
                let what = BackupWhat::Full;
                schedules.insert("daily".to_owned(), BackupSchedule { when, what });
            }
            return schedules;
        };
        for entry in node.entries() {
            let node = &entry.value;
            if schedules.len() == MOST_SCHEDULES {
                let message = format!("more than {MOST_SCHEDULES} schedules");
                self.wrong(&entry.at, message, "take some out");
                break;
            }
            if !self.is_named(&entry.key, "schedule", &entry.at) {
                continue;
            }
            let what = self.what(node, "what", sources);
            let hint = "such as `cron: \"0 2 * * *\"`, every day at two";
            let Some(cron) = self.needed(node, "cron", hint) else {
                continue;
            };
            if let Some(when) = self.schedule(node, &cron) {
                schedules.insert(entry.key.clone(), BackupSchedule { when, what });
            }
        }
        schedules
    }

    fn schedule(&mut self, node: &Node, cron: &str) -> Option<Schedule> {
        let zone = text(node, "zone").unwrap_or_else(|| "UTC".to_owned());
        let jitter = duration(node, "jitter").unwrap_or(Duration::ZERO);
        let (key, hint) = match Schedule::new(cron, &zone, jitter) {
            Ok(schedule) => {
                self.jitter(node, &schedule);
                return Some(schedule);
            }
            Err(error) => match &error {
                ScheduleError::Cron { .. } => (
                    ("cron", error),
                    "minute, hour, day, month, weekday: `0 2 * * *` is every day at two, `0 */6 * * *` every six hours",
                ),
                ScheduleError::Zone(_) => (
                    ("zone", error),
                    "write its IANA name, such as `Europe/Berlin`, or `UTC`",
                ),
                ScheduleError::Never(_) => (
                    ("cron", error),
                    "there is no such day: `0 3 28 2 *` is one, and `0 3 L * *` the last of each month",
                ),
            },
        };
        let at = super::at(node, &[key.0]).clone();
        self.wrong(&at, key.1.to_string(), hint);
        None
    }

    /// A run that comes after the next one is none.
    fn jitter(&mut self, node: &Node, schedule: &Schedule) {
        let (jitter, pause) = (schedule.jitter(), schedule.shortest_gap());
        if jitter > pause {
            let at = super::at(node, &["jitter"]).clone();
            let message = format!(
                "`jitter` of {} is longer than the {} between two runs",
                format_duration(jitter),
                format_duration(pause)
            );
            self.wrong(&at, message, "such as `5m`");
        }
    }

    pub(super) fn drill(&mut self, node: Option<&Node>, sources: &Sources) -> Option<Drill> {
        let Some(node) = node.filter(|node| !node.is_null()) else {
            return (!self.is_off).then_some(Drill {
                when: Schedule::new(DRILL, "UTC", Duration::ZERO).ok()?,
                sources: BackupWhat::Full,
                boot: None,
                timeout: DRILL_TIMEOUT,
            });
        };
        let cron = text(node, "cron").unwrap_or_else(|| DRILL.to_owned());
        let (what, boot) = (
            self.what(node, "sources", sources),
            self.service(node, "boot"),
        );
        let when = self.schedule(node, &cron)?;
        let drill = Drill {
            when,
            sources: what,
            boot,
            timeout: duration(node, "timeout").unwrap_or(DRILL_TIMEOUT),
        };
        flag(node, "enabled").unwrap_or(true).then_some(drill)
    }

    /// `full`, or names and kinds of sources.
    fn what(&mut self, node: &Node, key: &str, sources: &Sources) -> BackupWhat {
        let words = texts(node.get(key));
        if words.is_empty() || words.iter().any(|word| word == "full") {
            return BackupWhat::Full;
        }
        let mut names = BTreeSet::new();
        for word in &words {
            if sources.contains_key(word) {
                names.insert(word.clone());
                continue;
            }
            if KINDS.contains(&word.as_str()) {
                let of_kind = (sources.iter())
                    .filter(|(_, source)| source.enabled && source.kind.word() == word);
                names.extend(of_kind.map(|(name, _)| name.clone()));
                continue;
            }
            if self.is_off {
                continue;
            }
            let known = sources.keys().map(String::as_str);
            let there: Vec<&str> = known.clone().collect();
            let otherwise = match there.as_slice() {
                [] => "nothing is backed up yet: write it under `backups.sources`".to_owned(),
                there => format!("there are {}", crate::check::list(there)),
            };
            let problem = unknown("source", word, known.chain(KINDS), &otherwise);
            let at = super::at(node, &[key]);
            self.problems.push(problem.at(at.place()));
        }
        BackupWhat::Sources(names)
    }
}

pub(super) fn objectives(node: Option<&Node>) -> Objectives {
    Objectives {
        rpo: node.and_then(|node| duration(node, "rpo")),
        rto: node.and_then(|node| duration(node, "rto")),
    }
}
