//! What cannot work, or would deceive whoever relies on it.

use super::used::Used;
use super::{Around, at};
use crate::decode::DatabaseEngine;
use crate::resolved::{Backups, SourceFound, SourceKind, TargetKind};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::{Problem, Problems, ServiceName, format_duration};

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
        rules.boot_is_possible();
        rules.wrong_database();
    }
}

pub(super) struct Rules<'a, 'b> {
    pub(super) backups: &'a Backups,
    pub(super) node: &'a Node,
    pub(super) around: &'a Around<'b>,
    pub(super) problems: &'a mut Problems,
}

impl Rules<'_, '_> {
    pub(super) fn error(&mut self, code: &str, at: &At, message: String, hint: impl Into<String>) {
        let problem = Problem::error(format!("backups/{code}"), message);
        self.problems.push(problem.at(at.place()).hint(hint));
    }

    pub(super) fn warning(
        &mut self,
        code: &str,
        at: &At,
        message: String,
        hint: impl Into<String>,
    ) {
        let problem = Problem::warning(format!("backups/{code}"), message);
        self.problems.push(problem.at(at.place()).hint(hint));
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
        let written = self.node.get("schedules");
        let none = written.is_some_and(|written| written.entries().is_empty());
        if self.backups.schedules.is_empty() && none && self.backups.active().next().is_some() {
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

    /// Two of a process would work in the same files: a drill says that it was not tried, and proves nothing.
    fn boot_is_possible(&mut self) {
        let drill = self.backups.drill.as_ref();
        let Some(service) = drill.and_then(|drill| drill.boot.clone()) else {
            return;
        };
        if self.around.target != TargetKind::Process {
            return;
        }
        let at = at(self.node, &["drill", "boot"]).clone();
        let message = format!(
            "`boot: {service}` is not supported on the process target: a drill would prove nothing"
        );
        let hint = "take `boot` out for this environment, or run it on containers";
        self.warning("boot-not-supported", &at, message, hint);
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
        let files = !used.files.is_empty();
        for (name, source) in self.backups.active() {
            if source.found != SourceFound::Written {
                continue;
            }
            match &source.kind {
                SourceKind::Postgresql(_) | SourceKind::Mysql(_) => {
                    if let Some(service) = source.kind.service().filter(|one| !used.is_used(one)) {
                        let instead = used.instead_of(Some(service), self.around);
                        self.unused(
                            name,
                            &format!("`{service}`"),
                            (&instead, files),
                            Some(service),
                        );
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
                        self.unused(name, &format!("a {called}"), (&instead, files), None);
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
        (instead, files): (&[String], bool),
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
            .filter(|(_, source)| is_database(&source.kind))
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
        // Something waits for it, or uses another server beside: its address may stand in the program.
        let waited_for = service.is_some_and(|service| {
            let mut services = self.around.services.values();
            services.any(|found| found.service.depends_on.contains_key(service))
        });
        if waited_for || !files {
            self.warning("wrong-database", &at, message, hint);
        } else {
            self.error("wrong-database", &at, message, hint);
        }
    }
}

/// What holds what cannot be made again; a Redis is a cache as a rule.
pub(super) const fn is_database(kind: &SourceKind) -> bool {
    matches!(
        kind,
        SourceKind::Postgresql(_) | SourceKind::Mysql(_) | SourceKind::Sqlite(_)
    )
}
