//! The repository that a machine is recovered from: where it is, its key, its restore points.

use super::Context;
use crate::arguments::{Global, RecoverArguments};
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::render::quantity::{ago, now};
use crate::render::table::{Entry, table};
use mainstay_backup::{Client, Location, Row, S3, StoreAt};
use mainstay_model::{Bytes, Secret, did_you_mean};
use mainstay_recovery::{PartKind, RestorePoint};
use mainstay_server::api::types::KeptPoint;
use mainstay_server::{POINT_FILE, POINT_TAG};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Read};
use std::path::Path;

/// Restore points that are read, the newest first.
const MOST_POINTS: usize = 50;
/// Newest version of a record that is understood.
const FORMAT: u32 = 1;
const KEY_VARIABLE: &str = "MAINSTAY_BACKUP_KEY";

/// See the module.
pub struct Repository {
    pub location: Location,
    client: Client,
}

impl Repository {
    /// `directory`: where the stack will be; the work on the repository has its locks below it.
    pub fn open(arguments: &RecoverArguments, directory: &Path) -> Outcome<Self> {
        let store = store(&arguments.from, &arguments.region)?;
        let location = Location {
            store,
            key: key(arguments)?,
            compression: None,
            bandwidth: None,
        };
        let own = std::env::current_exe()
            .map_err(|error| Failure::environment("cannot find this program").because(&error))?;
        let locks = directory.join(".mainstay").join("locks");
        let worker = vec![own.into_os_string(), "backup-worker".into()];
        Ok(Self {
            client: Client::new(worker, locks),
            location,
        })
    }

    /// Newest first; of the stack and environment that were named, where they were.
    pub async fn points(&self, global: &Global) -> Outcome<Vec<KeptPoint>> {
        self.client
            .open(&self.location, false)
            .await
            .map_err(failed)?;
        let rows = self.rows().await?;
        let mut records: Vec<_> = rows
            .iter()
            .filter(|row| row.tags.iter().any(|tag| tag == POINT_TAG))
            .collect();
        records.sort_by_key(|row| std::cmp::Reverse(row.time));
        let mut points = Vec::new();
        for record in records.into_iter().take(MOST_POINTS) {
            let mut text = Vec::new();
            let loaded = self.client.load_file(
                &self.location,
                &record.snapshot,
                POINT_FILE,
                &mut text,
                &|_| {},
            );
            loaded.await.map_err(failed)?;
            let mut point: RestorePoint = serde_json::from_slice(&text).map_err(|error| {
                Failure::environment(format!("the record {} does not read", record.snapshot))
                    .because(&error)
            })?;
            if point.format > FORMAT {
                return Err(Failure::environment(format!(
                    "restore point {} was made by a newer Mainstay",
                    point.name
                ))
                .hint("recover with that version"));
            }
            as_they_are_called_here(&mut point, record, &rows);
            points.push(KeptPoint {
                point,
                record: record.snapshot.clone(),
                here: false,
                copies: BTreeMap::new(),
                proof: None,
            });
        }
        points.retain(|kept| fits(global, kept));
        if points.is_empty() {
            return Err(Failure::input(format!(
                "no restore point lies in {}",
                self.location.store
            ))
            .hint("is it the right repository? `--stack` and `--env` narrow the search"));
        }
        Ok(points)
    }

    /// Every snapshot that lies in it.
    pub async fn rows(&self) -> Outcome<Vec<Row>> {
        self.client.list(&self.location).await.map_err(failed)
    }

    /// What ran, into a directory of its own.
    pub async fn stack(&self, point: &KeptPoint, into: &Path) -> Outcome {
        let mut parts = point.point.parts.iter();
        let part = parts.find(|part| part.kind == PartKind::Stack);
        let part = part.ok_or_else(|| {
            Failure::input(format!(
                "restore point {} has data only, and not what ran",
                point.point.name
            ))
            .hint("take a full one: `mainstay recover --from … ` lists them")
        })?;
        let place = |error: std::io::Error| {
            Failure::environment(format!("cannot make `{}`", into.display())).because(&error)
        };
        if into.exists() {
            std::fs::remove_dir_all(into).map_err(place)?;
        }
        if let Some(parent) = into.parent() {
            std::fs::create_dir_all(parent).map_err(place)?;
        }
        let loaded =
            self.client
                .load_tree(&self.location, &part.snapshot, &part.path, into, &|_| {});
        loaded.await.map(|_| ()).map_err(failed)
    }
}

/// A copy has the same snapshots under other names than the repository that the record speaks of: they are found by
/// what they are marked with.
fn as_they_are_called_here(point: &mut RestorePoint, record: &Row, rows: &[Row]) {
    let (began, ended) = (point.began, point.ended);
    for part in &mut point.parts {
        if rows.iter().any(|row| row.snapshot == part.snapshot) {
            continue;
        }
        let marks = [
            format!("point:{}", point.name),
            format!("source:{}", part.source),
        ];
        let same = rows.iter().filter(|row| {
            let marked = marks.iter().all(|mark| row.tags.contains(mark));
            let of_then = began <= row.time && row.time <= ended;
            row.host == record.host && marked && of_then && row.paths.contains(&part.path)
        });
        if let Some(row) = same.max_by_key(|row| row.time) {
            part.snapshot.clone_from(&row.snapshot);
        }
    }
}

fn fits(global: &Global, kept: &KeptPoint) -> bool {
    let scope = &kept.point.scope;
    let stack = global.stack.as_ref();
    let environment = global.env.as_ref();
    stack.is_none_or(|stack| *stack == scope.stack)
        && environment.is_none_or(|environment| *environment == scope.environment)
}

/// By an option, or by asking.
pub fn choose<'a>(
    context: &Context,
    arguments: &RecoverArguments,
    points: &'a [KeptPoint],
) -> Outcome<&'a KeptPoint> {
    if let Some(name) = &arguments.point {
        let found = points.iter().find(|kept| kept.point.name == *name);
        return found.ok_or_else(|| {
            let failure = Failure::input(format!("no restore point is called `{name}`"));
            let names = points.iter().map(|kept| kept.point.name.as_str());
            match did_you_mean(name.as_str(), names) {
                Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
                None => failure.hint("leave `--point` out to see them all"),
            }
        });
    }
    let scopes: std::collections::BTreeSet<String> = points
        .iter()
        .map(|kept| kept.point.scope.to_string())
        .collect();
    if arguments.latest {
        if scopes.len() > 1 {
            let all: Vec<String> = scopes.into_iter().collect();
            return Err(
                Failure::input("several stacks lie in this repository").hint(format!(
                    "say which: --stack NAME --env NAME; there are {}",
                    all.join(", ")
                )),
            );
        }
        return Ok(&points[0]);
    }
    let look = context.output.side;
    let rows = points.iter().enumerate().map(|(index, kept)| {
        let bytes: u64 = kept.point.parts.iter().map(|part| part.bytes).sum();
        vec![
            Entry::new(index + 1).right(),
            Entry::new(&kept.point.name),
            Entry::new(&kept.point.scope),
            Entry::new(ago(kept.point.ended, now())),
            Entry::new(Bytes(bytes)).right(),
        ]
    });
    let heading = ["", "RESTORE POINT", "OF", "MADE", "SIZE"];
    context.output.note(&table(look, &heading, rows.collect()));
    if !std::io::stdin().is_terminal() {
        return Err(Failure::input("which one is meant cannot be asked here")
            .hint("say `--latest`, `--point NAME` or `--to TIME`"));
    }
    asked(context, points)
}

fn asked<'a>(context: &Context, points: &'a [KeptPoint]) -> Outcome<&'a KeptPoint> {
    context.output.note("which one? [1]");
    let mut line = String::new();
    let read = std::io::stdin().lock().take(100).read_line(&mut line);
    read.map_err(|error| Failure::environment("cannot ask on the terminal").because(&error))?;
    let number: usize = match line.trim() {
        "" => 1,
        text => text
            .parse()
            .map_err(|_| Failure::input(format!("`{text}` is no number of the list")))?,
    };
    let point = number.checked_sub(1).and_then(|index| points.get(index));
    point.ok_or_else(|| Failure::input(format!("the list has no {number}")))
}

fn failed(failure: mainstay_backup::Failure) -> Failure {
    let told = Failure::environment(failure.message);
    match failure.hint {
        Some(hint) => told.hint(hint),
        None => told,
    }
}

/// A directory, or `s3:https://ENDPOINT/BUCKET/PREFIX` as restic writes it.
pub fn store(text: &str, region: &str) -> Outcome<StoreAt> {
    let Some(rest) = text.strip_prefix("s3:") else {
        let path = std::path::absolute(text);
        let path = path
            .map_err(|error| Failure::input(format!("`{text}` is no directory")).because(&error))?;
        return Ok(StoreAt::Directory(path));
    };
    let wrong = || {
        Failure::input(format!("`{text}` is no repository"))
            .hint("such as s3:https://s3.eu-central-1.amazonaws.com/BUCKET/PREFIX, or a directory")
    };
    let (scheme, rest) = rest.split_once("://").unwrap_or(("https", rest));
    let mut parts = rest.splitn(3, '/');
    let host = parts.next().filter(|host| !host.is_empty());
    let bucket = parts.next().filter(|bucket| !bucket.is_empty());
    let (Some(host), Some(bucket)) = (host, bucket) else {
        return Err(wrong());
    };
    let prefix = parts.next().unwrap_or_default().trim_matches('/');
    let variable = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.map(Secret::new)
    };
    let needed = |name: &str| {
        variable(name).ok_or_else(|| {
            Failure::input(format!("{name} is not set"))
                .hint("the credentials of S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        })
    };
    Ok(StoreAt::S3(S3 {
        endpoint: format!("{scheme}://{host}"),
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: region.to_owned(),
        access_key: needed("AWS_ACCESS_KEY_ID")?,
        secret_key: needed("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
        path_style: true,
    }))
}

fn key(arguments: &RecoverArguments) -> Outcome<Secret<String>> {
    if let Some(file) = &arguments.key_file {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::input(format!("cannot read the key file `{}`", file.display())).because(&error)
        })?;
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    match std::env::var(KEY_VARIABLE) {
        Ok(key) if !key.is_empty() => Ok(Secret::new(key)),
        _ => prompt::known("the key of the repository"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Timestamp;
    use mainstay_recovery::{Part, PointName, Reason};

    #[test]
    fn the_parts_of_a_copy_are_found_by_their_marks() {
        let at = Timestamp::from_millis;
        let row = |snapshot: &str, source: &str, path: &str, time: i64| Row {
            snapshot: snapshot.to_owned(),
            time: at(time),
            host: "shop/production".to_owned(),
            tags: vec!["point:nightly".to_owned(), format!("source:{source}")],
            paths: vec![path.to_owned()],
            bytes: 1,
        };
        let part = |snapshot: &str, source: &str, path: &str| Part {
            source: source.to_owned(),
            kind: PartKind::Postgresql,
            service: None,
            snapshot: snapshot.to_owned(),
            path: path.to_owned(),
            taken: at(5),
            bytes: 1,
            sha256: None,
            figures: None,
            details: BTreeMap::new(),
        };
        let mut point = RestorePoint {
            format: 1,
            id: uuid::Uuid::nil(),
            name: PointName::new("nightly").unwrap(),
            scope: mainstay_model::Scope {
                stack: "shop".parse().unwrap(),
                environment: "production".parse().unwrap(),
            },
            release: None,
            reason: Reason::Asked {
                by: "me".to_owned(),
            },
            began: at(4),
            ended: at(9),
            parts: vec![
                part("there-dump", "db", "/db.dump"),
                part("there-base", "db", "/db.base.tar"),
                part("known", "files", "/files"),
                part("lost", "other", "/other"),
            ],
        };
        let mut elsewhere = row("other-stack", "db", "/db.dump", 6);
        elsewhere.host = "blog/production".to_owned();
        let rows = [
            row("here-dump", "db", "/db.dump", 5),
            row("of-before", "db", "/db.dump", 3),
            row("here-base", "db", "/db.base.tar", 6),
            row("known", "files", "/files", 7),
            elsewhere,
        ];
        as_they_are_called_here(&mut point, &row("record", "", "", 4), &rows);
        let parts = point.parts.iter();
        let names: Vec<&str> = parts.map(|part| part.snapshot.as_str()).collect();
        assert_eq!(names, ["here-dump", "here-base", "known", "lost"]);
    }

    #[test]
    fn a_repository_is_a_directory_or_a_bucket() {
        let plain = store("/srv/backups", "x").unwrap();
        assert_eq!(plain, StoreAt::Directory("/srv/backups".into()));
        let wrong = store("s3:https://host", "x").unwrap_err();
        assert!(wrong.hint.unwrap().contains("BUCKET"));
    }
}
