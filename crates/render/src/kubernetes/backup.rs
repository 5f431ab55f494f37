//! Backups as CronJobs: dumps of databases with the tools of their own images, on a claim of their own.
//!
//! What a CronJob cannot do soundly is said as lost: the log between two dumps, drills, encryption, copies
//! elsewhere, and files that somebody writes to meanwhile.

use super::known::{self, Engine};
use super::pod;
use super::security;
use super::site::{self, Object, Site};
use super::storage::{self, quantity};
use super::workload;
use crate::names;
use mainstay_model::Bytes;
use mainstay_stack::{BackupSchedule, BackupSource, FileKind, Service, SourceKind, VOLUME_SIZE};
use mainstay_yaml::write::Map;

/// What makes dumps, and the claims that they lie on.
pub(super) const FILE: &str = "db-backup-cronjob.yaml";
const DAY_SECONDS: u64 = 86_400;

/// A dump that can be made.
pub(super) struct Dump<'a> {
    pub(super) service: &'a Service,
    pub(super) source: &'a BackupSource,
    engine: Engine,
    line: String,
    ending: &'static str,
}

/// What is made of a source; `None` where a CronJob cannot make it.
pub(super) fn dump<'a>(site: &Site<'a>, source: &'a BackupSource) -> Option<Dump<'a>> {
    let service = site.stack.services.get(source.kind.service()?)?;
    let engine = known::engine(service)?;
    let host = site::name(service);
    let port = known::first_port(service)?;
    let level = site.stack.backups.repository.compression.min(9);
    let (line, ending) = match (&source.kind, engine) {
        (SourceKind::Postgresql(from), Engine::Postgresql) => {
            let user = said(service, from.user.as_ref(), "POSTGRES_USER", "postgres")?;
            let database = said(service, from.database.as_ref(), "POSTGRES_DB", &user)?;
            let dump = format!(
                "pg_dump -h {host} -p {port} -U {user} -d {database} --format=custom --compress={level} --file=\"$part\""
            );
            (dump, "dump")
        }
        (SourceKind::Redis(_), Engine::Redis) => (
            format!("redis-cli -h {host} -p {port} --rdb \"$part\""),
            "rdb",
        ),
        _ => return None,
    };
    Some(Dump {
        service,
        source,
        engine,
        line,
        ending,
    })
}

/// What the stack says, else the service's own variable, else what its image takes. A name that is not a
/// plain word would mean something else to a shell.
fn said(service: &Service, said: Option<&String>, variable: &str, usual: &str) -> Option<String> {
    let own = service.environment.get(variable);
    let own = own
        .filter(|value| !pod::is_secret(value))
        .map(|value| value.text.expose().clone());
    let word = said.cloned().or(own).unwrap_or_else(|| usual.to_owned());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    word.chars().all(plain).then_some(word)
}

/// CronJobs and the claim, where backups are on.
pub(super) fn objects(site: &Site<'_>) -> Vec<Object> {
    let backups = &site.stack.backups;
    let mut all: Vec<Object> = Vec::new();
    if !backups.enabled {
        return all;
    }
    for (schedule, when) in &backups.schedules {
        if cron(when).is_none() {
            continue;
        }
        for (name, source) in backups.active() {
            let dump = dump(site, source).filter(|_| when.what.has(name));
            let Some(dump) = dump else {
                continue;
            };
            // The guide's name where there is only one.
            let job = match (backups.schedules.len(), name.as_str()) {
                (1, name) => names::dns(&format!("{name}-backup")),
                (_, name) => names::dns(&format!("{name}-backup-{schedule}")),
            };
            // With the time of each run behind it a name must fit into 63 characters.
            let job: String = job.chars().take(52).collect();
            let claim = claim(site, name);
            if !all.contains(&claim) {
                all.push(claim);
            }
            all.push(Object::new(FILE, cron_job(site, &job, name, when, &dump)));
        }
    }
    all
}

/// Five fields, as Kubernetes takes them.
pub(super) fn cron(when: &BackupSchedule) -> Option<&str> {
    let cron = when.when.cron();
    let fields = cron.split_whitespace().count() == 5;
    // Not the last day of a month, the nearest working day, the third Friday.
    let plain = !cron.contains(['L', 'W', '#']);
    (fields && plain).then_some(cron)
}

fn claim_name(source: &str) -> String {
    names::dns(&format!("{source}-backups"))
}

/// One for each source: its dumps never wait for another's volume to come to their machine.
fn claim(site: &Site<'_>, source: &str) -> Object {
    let name = claim_name(source);
    let size = site.stack.render.volumes.get(&name).copied();
    let requests = Map::new().set(
        "storage",
        quantity(size.unwrap_or(Bytes(VOLUME_SIZE.0 * 2))),
    );
    let spec = Map::new()
        .set("accessModes", ["ReadWriteOnce"])
        .maybe(
            "storageClassName",
            site.stack.render.kubernetes.storage_class.as_ref(),
        )
        .set("resources", Map::new().set("requests", requests));
    let claim = site.object("v1", "PersistentVolumeClaim", &name, &name);
    Object::new(FILE, claim.set("spec", spec))
}

/// Days that a dump is kept: every one of so many days, and none of longer.
pub(super) fn days(site: &Site<'_>) -> u64 {
    let keep = &site.stack.backups.keep;
    let within = keep.within.as_secs().div_ceil(DAY_SECONDS);
    within.max(u64::from(keep.daily)).max(1)
}

fn script(site: &Site<'_>, source: &str, dump: &Dump<'_>) -> String {
    let mut lines = vec!["set -eu".to_owned()];
    if let Some(password) = password(dump) {
        lines.push(password);
    }
    let name = names::dns(source);
    let Bytes(least) = dump.source.minimum;
    let ending = dump.ending;
    lines.extend([
        "umask 077".to_owned(),
        format!("file=\"/backups/{name}-$(date -u +%Y%m%dT%H%M%SZ).{ending}\""),
        "part=\"$file.part\"".to_owned(),
        "trap 'rm -f \"$part\"' EXIT".to_owned(),
        dump.line.clone(),
        "size=\"$(wc -c < \"$part\")\"".to_owned(),
        format!(
            "[ \"$size\" -gt {} ] || {{ echo \"only $size bytes\" >&2; exit 1; }}",
            least.saturating_sub(1)
        ),
        "mv \"$part\" \"$file\"".to_owned(),
        "(cd /backups && sha256sum \"${file##*/}\" > \"${file##*/}.sha256\")".to_owned(),
        format!(
            "find /backups -name '{name}-*' -mtime +{} -delete",
            days(site)
        ),
        "echo \"$file: $size bytes\"".to_owned(),
    ]);
    lines.join("\n") + "\n"
}

/// The line that gives the tool its password, from what the service has itself.
fn password(dump: &Dump<'_>) -> Option<String> {
    let variable = match dump.engine {
        Engine::Postgresql => "PGPASSWORD",
        Engine::Redis => "REDISCLI_AUTH",
        Engine::Mysql => "MYSQL_PWD",
    };
    let own = &dump.service.environment;
    let file = own
        .get("POSTGRES_PASSWORD_FILE")
        .map(|value| value.text.expose());
    if let Some(file) = file {
        return Some(format!("{variable}=\"$(cat {file})\"; export {variable}"));
    }
    let own = own.contains_key("POSTGRES_PASSWORD") && dump.engine == Engine::Postgresql;
    own.then(|| format!("export {variable}=\"$POSTGRES_PASSWORD\""))
}

fn cron_job(
    site: &Site<'_>,
    name: &str,
    source: &str,
    when: &BackupSchedule,
    dump: &Dump<'_>,
) -> Map {
    let mut waivers = security::waivers(dump.service);
    workload::waive_probes(&mut waivers);
    if dump.service.environment.values().any(pod::is_secret) {
        waivers.add(
            "CKV_K8S_35",
            "the service reads this secret from a variable",
        );
    }
    let job = Map::new()
        .set("backoffLimit", 1)
        .set(
            "activeDeadlineSeconds",
            dump.source.timeout.as_secs().max(60),
        )
        .set(
            "template",
            Map::new()
                .set("metadata", labels(site, source, dump))
                .set("spec", pod(site, source, dump)),
        );
    let spec = Map::new()
        .set("schedule", cron(when).unwrap_or_default())
        .set("timeZone", when.when.zone())
        .set("concurrencyPolicy", "Forbid")
        .set("startingDeadlineSeconds", 3600)
        .set("successfulJobsHistoryLimit", 3)
        .set("failedJobsHistoryLimit", 3)
        .set("jobTemplate", Map::new().set("spec", job));
    site.annotated(
        "batch/v1",
        "CronJob",
        name,
        &claim_name(source),
        waivers.annotations(),
    )
    .set("spec", spec)
}

/// On the networks of the database.
fn labels(site: &Site<'_>, source: &str, dump: &Dump<'_>) -> Map {
    // Not those of a service that is called so.
    let mut labels = site.labels(&claim_name(source));
    for key in site.networks(dump.service) {
        labels.insert(site::network_label(key), "member");
    }
    Map::new().set("labels", labels)
}

fn pod(site: &Site<'_>, source: &str, dump: &Dump<'_>) -> Map {
    let mut client = dump.service.clone();
    client.mounts.clear();
    client.container.resources.shm_size = None;
    client.files.retain(|file| file.kind == FileKind::Secret);
    client.environment.retain(|_, value| pod::is_secret(value));
    let mut volumes = storage::volumes(site, &client);
    volumes.without(known::data(dump.engine));
    let claimed = Map::new().set("claimName", claim_name(source));
    volumes.volume(
        Map::new()
            .set("name", "backups")
            .set("persistentVolumeClaim", claimed),
    );
    volumes.mounts.push(
        Map::new()
            .set("name", "backups")
            .set("mountPath", "/backups"),
    );
    let mut container = Map::new()
        .set("name", "backup")
        .set("image", site.image(dump.service).unwrap_or_default())
        .set("imagePullPolicy", "IfNotPresent")
        .set(
            "command",
            vec![
                "sh".to_owned(),
                "-c".to_owned(),
                pod::literal(&script(site, source, dump)),
            ],
        );
    for (key, value) in pod::environment(site, &client).iter() {
        container.insert(key, value.clone());
    }
    let container = container
        .set("resources", pod::resources(dump.service))
        .set("securityContext", security::container(dump.service))
        .set("volumeMounts", volumes.mounts);
    Map::new()
        .set("restartPolicy", "Never")
        .set("serviceAccountName", site::name(dump.service))
        .set("automountServiceAccountToken", false)
        .set("enableServiceLinks", false)
        .set("securityContext", security::pod(dump.service))
        .set("containers", vec![container])
        .set("volumes", volumes.volumes)
}
