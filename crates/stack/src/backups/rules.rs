//! What cannot work, or would deceive whoever relies on it.

use super::used::Used;
use super::{Around, at};
use crate::decode::DatabaseEngine;
use crate::resolved::{
    BackupRepository, BackupSchedule, BackupSecrets, BackupSource, Backups, FilesSource,
    RepositoryAt, SourceFound, SourceKind,
};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::{Problem, Problems, ServiceName, format_duration};
use std::path::Path;
use std::time::Duration;

/// Programs that dump a database of this kind.
const DUMPERS: [(&str, DatabaseEngine); 5] = [
    ("pg_dump", DatabaseEngine::Postgresql),
    ("pg_dumpall", DatabaseEngine::Postgresql),
    ("pg_basebackup", DatabaseEngine::Postgresql),
    ("mysqldump", DatabaseEngine::Mysql),
    ("mariadb-dump", DatabaseEngine::Mysql),
];

/// Everything that is wrong with the whole.
pub(super) fn check(backups: &Backups, node: &Node, around: &Around<'_>, problems: &mut Problems) {
    let mut rules = Rules {
        backups,
        node,
        around,
        problems,
    };
    rules.places();
    rules.key_beside();
    rules.sources();
    if backups.enabled {
        rules.nothing_is_done();
        rules.recovery_point();
        rules.kept_until_drilled();
        rules.wrong_database();
    }
}

struct Rules<'a, 'b> {
    backups: &'a Backups,
    node: &'a Node,
    around: &'a Around<'b>,
    problems: &'a mut Problems,
}

impl Rules<'_, '_> {
    fn error(&mut self, code: &str, at: &At, message: String, hint: impl Into<String>) {
        let problem = Problem::error(format!("backups/{code}"), message);
        self.problems.push(problem.at(at.place()).hint(hint));
    }

    fn warning(&mut self, code: &str, at: &At, message: String, hint: impl Into<String>) {
        let problem = Problem::warning(format!("backups/{code}"), message);
        self.problems.push(problem.at(at.place()).hint(hint));
    }

    /// A copy must not share the fate of what it is a copy of.
    fn places(&mut self) {
        let mut seen: Vec<(String, &BackupRepository)> =
            vec![("the repository".to_owned(), &self.backups.repository)];
        for (name, copy) in &self.backups.copies {
            let other = seen
                .iter()
                .find(|(_, other)| is_same_place(&other.at, &copy.repository.at));
            if let Some((other, _)) = other {
                let message = format!("copy `{name}` is in the same place as {other}");
                let at = at(self.node, &["copies", name, "repository"]).clone();
                let hint = "it would be lost with it: write another disk, another machine or another region";
                self.error("same-place", &at, message, hint);
            }
            seen.push((format!("copy `{name}`"), &copy.repository));
        }
        for (name, source) in &self.backups.sources {
            let SourceKind::Directory(directory) = &source.kind else {
                continue;
            };
            for (what, repository) in &seen {
                let RepositoryAt::Directory { path } = &repository.at else {
                    continue;
                };
                let inside = path.strip_prefix(&directory.path).ok();
                let Some(inside) = inside.filter(|inside| !is_excluded(inside, &directory.files))
                else {
                    continue;
                };
                let message = format!(
                    "`{name}` would back up {what}, which lies in it at `{}`",
                    path.display()
                );
                let first = inside.components().next();
                let hint = match first {
                    Some(first) => format!(
                        "leave it out: `exclude: {}/**`; or put the repository elsewhere",
                        Path::new(&first).display()
                    ),
                    None => "put the repository elsewhere".to_owned(),
                };
                let at = at(self.node, &["sources", name, "directory"]).clone();
                self.problems.push(
                    Problem::error("backups/itself", message)
                        .at(at.place())
                        .hint(hint),
                );
            }
        }
    }

    /// Whoever has the repository must not have its key with it.
    fn key_beside(&mut self) {
        let all = std::iter::once((vec!["repository"], &self.backups.repository));
        let copies = self.backups.copies.iter();
        let copies =
            copies.map(|(name, copy)| (vec!["copies", name, "repository"], &copy.repository));
        let all: Vec<_> = all.chain(copies).collect();
        for (keys, repository) in all {
            let Some(key) = &repository.key else {
                continue;
            };
            let file = self.around.definitions.file(key);
            let beside = match (&repository.at, file) {
                (RepositoryAt::Directory { path }, Some(file)) => file.starts_with(path),
                _ => false,
            };
            let with_key: Vec<&str> = keys.iter().copied().chain(["key"]).collect();
            let at = at(self.node, &with_key).clone();
            if beside {
                let message = format!("the key `{key}` lies in the repository that it opens");
                let hint = "whoever takes one has both: keep it on another machine, or on paper";
                self.warning("key-beside", &at, message, hint);
            } else if self.backups.secrets == BackupSecrets::Include
                && file.is_some_and(|file| self.is_copied(file))
            {
                let message =
                    format!("the key `{key}` is copied into the repository that it opens");
                let hint = "with `secrets: include` everything else is in there too; keep the key elsewhere, and leave its file out with `exclude`";
                self.warning("key-beside", &at, message, hint);
            }
        }
    }

    fn is_copied(&self, file: &Path) -> bool {
        let mut sources = self.backups.active();
        sources.any(|(_, source)| match &source.kind {
            SourceKind::Directory(directory) => file
                .strip_prefix(&directory.path)
                .is_ok_and(|inside| !is_excluded(inside, &directory.files)),
            _ => false,
        })
    }

    /// Files of a database that runs are no copy of one moment.
    fn sources(&mut self) {
        for (name, source) in self.backups.active() {
            let (of, files, word) = match &source.kind {
                SourceKind::Volume(volume) => (volume.volume.clone(), &volume.files, "volume"),
                SourceKind::Directory(directory) => (
                    directory.path.display().to_string(),
                    &directory.files,
                    "directory",
                ),
                _ => continue,
            };
            let Some((service, engine)) = self.owner(&of) else {
                continue;
            };
            let is_written = source.found == SourceFound::Written;
            if !files.before.is_empty() || !(is_written || self.backups.enabled) {
                continue;
            }
            let at = match self.around.services.get(&service) {
                Some(found) if !is_written => found.at.clone(),
                _ => at(self.node, &["sources", name, word]).clone(),
            };
            let called = super::sources::called(engine);
            let message = format!(
                "`{name}` copies the files of {called} of `{service}` while it runs, which is no copy of one moment"
            );
            let hooks = "let it stand still with `before` and `after`";
            match engine {
                DatabaseEngine::Other(_) => {
                    let hint = format!("{hooks}, or dump it with a `command` of its own");
                    self.warning("running-database", &at, message, hint);
                }
                engine => {
                    let word = super::sources::word(engine);
                    let hint = format!("write `{word}: {service}` instead, or {hooks}");
                    self.error("running-database", &at, message, hint);
                }
            }
        }
    }

    /// The database that has the volume or directory.
    fn owner(&self, source: &str) -> Option<(ServiceName, DatabaseEngine)> {
        let services = self.around.services.values();
        let mut owners = services.filter_map(|found| {
            let mut mounts = found.service.mounts.iter();
            let has = mounts.any(|mount| mount.source == source && !mount.read_only);
            has.then_some((found.service.name.clone(), found.engine?))
        });
        owners.next()
    }

    fn nothing_is_done(&mut self) {
        let written = self.node.get("schedules").is_some();
        if self.backups.schedules.is_empty() && written && self.backups.active().next().is_some() {
            let at = at(self.node, &["schedules"]).clone();
            let message = "no schedule: nothing is backed up by itself".to_owned();
            let hint =
                "write `schedules: {daily: \"0 2 * * *\"}`, or leave `schedules` out for just that";
            self.warning("no-schedule", &at, message, hint);
        }
        for (name, schedule) in &self.backups.schedules {
            let mut active = self.backups.active();
            let has_any = active.any(|(source, _)| schedule.what.has(source));
            if !has_any && !matches!(schedule.what, crate::resolved::BackupWhat::Full) {
                let at = at(self.node, &["schedules", name, "what"]).clone();
                let message = format!("schedule `{name}` copies nothing");
                let hint = "each of its sources is switched off, or there is none of the kind";
                self.warning("copies-nothing", &at, message, hint);
            }
        }
    }

    /// An objective that the schedules and the logs cannot keep.
    fn recovery_point(&mut self) {
        let Some(rpo) = self.backups.objectives.rpo else {
            return;
        };
        let (mut databases, mut files) = (Vec::new(), Vec::new());
        let mut tight = Vec::new();
        for (name, source) in self.backups.active() {
            let lost = self.lost(name, source);
            if lost == Some(rpo) {
                tight.push(name.clone());
            }
            if lost.is_some_and(|lost| lost <= rpo) {
                continue;
            }
            let is_database = matches!(
                source.kind,
                SourceKind::Postgresql(_) | SourceKind::Mysql(_) | SourceKind::Sqlite(_)
            );
            if is_database {
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

    /// How much of a source can be lost; `None`: all of it.
    fn lost(&self, name: &str, source: &BackupSource) -> Option<Duration> {
        let gap = |schedule: &BackupSchedule| schedule.when.longest_gap();
        let schedules = self.backups.schedules.values();
        let copied = schedules
            .filter(|schedule| schedule.what.has(name))
            .map(gap);
        let gap = copied.min()?;
        match &source.kind {
            SourceKind::Postgresql(source) => {
                Some(source.wal.map_or(gap, |wal| wal.every.min(gap)))
            }
            _ => Some(gap),
        }
    }

    /// Something is proven only while it is still there.
    fn kept_until_drilled(&mut self) {
        let Some(drill) = &self.backups.drill else {
            return;
        };
        let every = self.backups.schedules.values();
        let Some(every) = every.map(|one| one.when.shortest_gap()).min() else {
            return;
        };
        let kept = self.backups.keep.longest(every);
        let gap = drill.when.longest_gap();
        if kept < gap && !self.backups.keep.keeps_nothing() {
            let at = at(self.node, &["keep"]).clone();
            let message = format!(
                "restore points are kept for {}, and a drill is made every {}: most are given up before one could be tried",
                format_duration(kept),
                format_duration(gap)
            );
            let hint = "keep them longer, or drill more often: `drill: \"0 4 * * *\"`";
            self.warning("not-proven", &at, message, hint);
        }
    }

    /// A database that nobody uses, while somebody uses another.
    fn wrong_database(&mut self) {
        let used = Used::of(self.around);
        for (name, source) in self.backups.active() {
            if source.found != SourceFound::Written {
                continue;
            }
            match &source.kind {
                SourceKind::Postgresql(_) | SourceKind::Mysql(_) => {
                    if let Some(service) = source.kind.service().filter(|one| !used.is_used(one)) {
                        let instead = used.instead_of(Some(service), self.around);
                        self.unused(name, &format!("`{service}`"), &instead, Some(service));
                    }
                }
                SourceKind::Command(command) => {
                    let dumper = DUMPERS.iter().find(|(program, _)| {
                        let mut words =
                            command.dump.iter().flat_map(|word| word.split_whitespace());
                        words.any(|word| word.rsplit('/').next() == Some(program))
                    });
                    let unused = dumper.filter(|(_, engine)| !used.uses_kind(*engine, self.around));
                    if let Some((_, engine)) = unused {
                        let instead = used.instead_of(None, self.around);
                        let called = super::sources::called(*engine);
                        self.unused(name, &format!("a {called}"), &instead, None);
                    }
                }
                _ => {}
            }
        }
        for file in used.files.iter().filter(|file| file.is_lost) {
            let Some(found) = self.around.services.get(&file.service) else {
                continue;
            };
            let message = format!(
                "`{}` of `{}` names `{}`, which lies in no volume: it is gone with the container",
                file.variable, file.service, file.path
            );
            let hint = "mount a volume where it lies";
            self.warning("not-kept", &found.at.clone(), message, hint);
        }
    }

    fn unused(
        &mut self,
        name: &str,
        what: &str,
        instead: &[String],
        service: Option<&ServiceName>,
    ) {
        if instead.is_empty() {
            return;
        }
        let message = format!(
            "`{name}` backs up {what}, which no service uses: {}",
            instead.join(", ")
        );
        let found: Vec<&str> = (self.backups.active())
            .filter(|(other, source)| *other != name && source.found != SourceFound::Written)
            .map(|(other, _)| other.as_str())
            .collect();
        let hint = if found.is_empty() {
            "back up what is used, and take this out".to_owned()
        } else {
            format!(
                "what is used was found by itself ({}): take this out",
                crate::check::list(&found)
            )
        };
        let at = at(self.node, &["sources", name]).clone();
        // Something waits for it: its address may stand in the program.
        let waited_for = service.is_some_and(|service| {
            let mut services = self.around.services.values();
            services.any(|found| found.service.depends_on.contains_key(service))
        });
        if waited_for {
            self.warning("wrong-database", &at, message, hint);
        } else {
            self.error("wrong-database", &at, message, hint);
        }
    }
}

/// One lies in the other, or they are one bucket and prefix.
fn is_same_place(one: &RepositoryAt, other: &RepositoryAt) -> bool {
    match (one, other) {
        (RepositoryAt::Server, RepositoryAt::Server) => true,
        (RepositoryAt::Directory { path: a }, RepositoryAt::Directory { path: b }) => {
            a.starts_with(b) || b.starts_with(a)
        }
        (RepositoryAt::S3(a), RepositoryAt::S3(b)) => {
            let endpoint = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
            endpoint(&a.endpoint) == endpoint(&b.endpoint)
                && a.bucket == b.bucket
                && a.prefix == b.prefix
        }
        _ => false,
    }
}

/// Whether a pattern leaves the path out, as far as plain ones say: a name, or a directory with all below it.
fn is_excluded(inside: &Path, files: &FilesSource) -> bool {
    files.exclude.iter().any(|pattern| {
        let plain = pattern.trim_start_matches('/').trim_end_matches("/**");
        let plain = plain.trim_end_matches('/');
        inside.starts_with(plain)
    })
}
