//! `backup` and `restore`: ask, follow the job, say how it ended.

use super::Context;
use crate::arguments::{BackupCommand, BackupKeyCommand, RestoreArguments, WhichPointArguments};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::interrupt::{CODE, Interrupts};
use crate::locate::{Place, path};
use crate::operation;
use crate::progress::Progress;
use crate::prompt;
use crate::render::backups;
use crate::render::quantity::now;
use mainstay_model::{Scope, Secret, Timestamp};
use mainstay_server::api::types::{
    BackupJob, BackupJobState, BackupKey, BackupsStatus, CreateBackup, KeptPoint, NewBackupKey,
    OnPoint, PruneRequest, Pruning, RestoreRequest, WhichPoint,
};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Between looks at a job.
const LOOK: Duration = Duration::from_millis(150);
/// How long a server may be away in the middle.
const ABSENCE: Duration = Duration::from_mins(1);

/// Which server, and which environment of it.
struct At {
    place: Place,
    client: Client,
    scope: Scope,
}

impl At {
    async fn new(context: &Context) -> Outcome<Self> {
        let place = context.place(None)?;
        let client = place.client()?;
        let scope = place.scope(&client).await?;
        Ok(Self {
            place,
            client,
            scope,
        })
    }

    fn path(&self, rest: &str) -> String {
        path(&self.scope, &format!("/backups{rest}"))
    }
}

pub async fn backup(context: &Context, command: Option<BackupCommand>) -> Outcome {
    let at = At::new(context).await?;
    match command.unwrap_or(BackupCommand::List { check: false }) {
        BackupCommand::List { check } => list(context, &at, check).await,
        BackupCommand::Create { name, only, detach } => {
            let request = CreateBackup { name, only };
            run(context, &at, "", &request, detach).await
        }
        BackupCommand::Show { point } => show(context, &at, point).await,
        BackupCommand::Verify { percent } => {
            let request = OnPoint {
                which: WhichPoint::Latest,
                percent: Some(percent),
            };
            run(context, &at, "/verify", &request, false).await
        }
        BackupCommand::Drill { point } => {
            let which = point.map_or(WhichPoint::Latest, WhichPoint::Name);
            let request = OnPoint {
                which,
                percent: None,
            };
            run(context, &at, "/drill", &request, false).await
        }
        BackupCommand::Prune { dry_run: true } => {
            let plan: Pruning = at.client.ask(&at.path("/prune")).await?;
            context
                .output
                .either(&plan, |look| backups::pruning(&plan, look))
        }
        BackupCommand::Prune { dry_run: false } => {
            run(context, &at, "/prune", &PruneRequest {}, false).await
        }
        BackupCommand::Copy => run(context, &at, "/copy", &PruneRequest {}, false).await,
        BackupCommand::Key { command } => key(context, &at, command).await,
        BackupCommand::Job { id, follow, cancel } => job(context, &at, id, follow, cancel).await,
    }
}

async fn list(context: &Context, at: &At, check: bool) -> Outcome {
    let status: BackupsStatus = at.client.ask(&at.path("")).await?;
    context
        .output
        .either(&status, |look| backups::status(&status, now(), look))?;
    if check && let Some(reason) = backups::unsound(&status, now()) {
        context.output.note(&reason);
        return Err(Failure::quiet(1));
    }
    Ok(())
}

async fn show(context: &Context, at: &At, point: Option<mainstay_recovery::PointName>) -> Outcome {
    let status: BackupsStatus = at.client.ask(&at.path("")).await?;
    let found = match &point {
        Some(name) => status.points.iter().find(|kept| kept.point.name == *name),
        None => status.points.first(),
    };
    let found: &KeptPoint = found.ok_or_else(|| {
        let words = point.map_or_else(
            || "there is no restore point yet".to_owned(),
            |name| format!("no restore point is called `{name}`"),
        );
        Failure::input(words).hint(at.place.command("backup list"))
    })?;
    context
        .output
        .either(found, |look| backups::point(found, now(), look))
}

async fn key(context: &Context, at: &At, command: BackupKeyCommand) -> Outcome {
    match command {
        BackupKeyCommand::List => {
            let keys: Vec<BackupKey> = at.client.ask(&at.path("/keys")).await?;
            context
                .output
                .either(&keys, |look| backups::keys(&keys, look))
        }
        BackupKeyCommand::Export => {
            let key: NewBackupKey = at.client.ask(&at.path("/keys/export")).await?;
            context
                .output
                .note("keep it apart from the repository: without it nothing can be restored");
            context.output.data(key.key.expose())
        }
        BackupKeyCommand::Add => {
            let key: Secret<String> = prompt::value("the new key")?;
            let added: BackupKey =
                operation::mutate(&at.client, &at.path("/keys"), &NewBackupKey { key }).await?;
            context.output.either(&added, |_| {
                format!("key {} opens the repository too", added.id)
            })
        }
        BackupKeyCommand::Rotate => {
            let key: BackupKey =
                operation::mutate(&at.client, &at.path("/keys/rotate"), &PruneRequest {}).await?;
            context.output.either(&key, |_| {
                format!(
                    "key {} is used from now on, and the old one opens nothing; keep it apart: {}",
                    key.id,
                    at.place.command("backup key export")
                )
            })
        }
    }
}

async fn job(context: &Context, at: &At, id: Option<Uuid>, follow: bool, cancel: bool) -> Outcome {
    let id = if let Some(id) = id {
        id
    } else {
        let status: BackupsStatus = at.client.ask(&at.path("")).await?;
        let newest = status.jobs.first().map(|job| job.id);
        newest.ok_or_else(|| Failure::input("there was no job yet"))?
    };
    let one = at.path(&format!("/jobs/{id}"));
    if cancel {
        let _: BackupJob =
            operation::mutate(&at.client, &format!("{one}/cancel"), &PruneRequest {}).await?;
    }
    let job: BackupJob = at.client.ask(&one).await?;
    if (follow || cancel) && job.state == BackupJobState::Running {
        return to_the_end(context, at, job).await;
    }
    finish(context, &job)
}

pub async fn restore(context: &Context, arguments: RestoreArguments) -> Outcome {
    let which = which(&arguments.which)?;
    let at = At::new(context).await?;
    let request = RestoreRequest {
        which,
        only: arguments.only,
        beside: arguments.beside,
        tables: arguments.tables,
        no_safety: arguments.no_safety,
    };
    if request.beside.is_none() && !arguments.yes {
        let what = format!("replace what {} has now", at.scope);
        prompt::agree(&what, "--yes")?;
    }
    run(context, &at, "/restore", &request, arguments.detach).await
}

fn which(arguments: &WhichPointArguments) -> Outcome<WhichPoint> {
    if let Some(name) = &arguments.name {
        return Ok(WhichPoint::Name(name.clone()));
    }
    if let Some(date) = &arguments.date {
        return Ok(WhichPoint::Date(date.clone()));
    }
    match &arguments.to {
        Some(text) => moment(text).map(WhichPoint::To),
        None => Ok(WhichPoint::Latest),
    }
}

/// RFC 3339, or as people write it: `2026-11-20 14:03:00 UTC`.
pub fn moment(text: &str) -> Outcome<Timestamp> {
    let trimmed = text.trim();
    let zulu = trimmed.strip_suffix("UTC").map(str::trim_end);
    let form = match zulu {
        Some(rest) => format!("{}Z", rest.replacen(' ', "T", 1)),
        None => trimmed.replacen(' ', "T", 1),
    };
    form.parse().map_err(|_| {
        Failure::input(format!("`{text}` is no moment"))
            .hint("such as \"2026-11-20 14:03:00 UTC\" or 2026-11-20T14:03:00+01:00")
    })
}

async fn run(
    context: &Context,
    at: &At,
    verb: &str,
    request: &impl Serialize,
    detach: bool,
) -> Outcome {
    let job: BackupJob = operation::mutate(&at.client, &at.path(verb), request).await?;
    if detach {
        return context.output.either(&job, |_| {
            let follow = at.place.command("backup job --follow");
            format!("{} has begun; follow it: {follow}", job.kind.word())
        });
    }
    to_the_end(context, at, job).await
}

/// Follows; Ctrl-C leaves it running and says how to get back to it.
async fn to_the_end(context: &Context, at: &At, job: BackupJob) -> Outcome {
    let mut interrupts = Interrupts::catch()?;
    let progress = Progress::new(context.output);
    let ended = tokio::select! {
        ended = follow(&at.client, &at.scope, job, &progress) => Some(ended?),
        () = interrupts.next() => None,
    };
    drop(progress);
    if let Some(job) = ended {
        return finish(context, &job);
    }
    context.output.note(&format!(
        "it goes on without you; see it: {}; end it: {}",
        at.place.command("backup job --follow"),
        at.place.command("backup job --cancel"),
    ));
    Err(Failure::quiet(CODE))
}

/// Follows a job to its end; one that failed is a failure.
pub async fn until_done(
    client: &Client,
    scope: &Scope,
    job: BackupJob,
    progress: &Progress,
) -> Outcome {
    let job = follow(client, scope, job, progress).await?;
    match job.state {
        BackupJobState::Failed => Err(failure(&job)),
        _ => Ok(()),
    }
}

/// Shows what a job says and does until it has ended.
async fn follow(
    client: &Client,
    scope: &Scope,
    mut job: BackupJob,
    progress: &Progress,
) -> Outcome<BackupJob> {
    let one = path(scope, &format!("/backups/jobs/{}", job.id));
    let mut shown = 0;
    let mut pace = backups::Pace::new();
    let mut heard = Instant::now();
    loop {
        for line in job.report.iter().skip(shown) {
            progress.line(line);
        }
        shown = shown.max(job.report.len());
        if job.state != BackupJobState::Running {
            return Ok(job);
        }
        progress.now(pace.line(&job, heard.elapsed()));
        sleep(LOOK).await;
        match client.get::<BackupJob>(&one).await {
            Ok(seen) => {
                job = seen;
                heard = Instant::now();
            }
            // It may be starting again.
            Err(error) if error.is_absence() && heard.elapsed() < ABSENCE => {}
            Err(error) => return Err(client.explain(error)),
        }
    }
}

/// The outcome, and the exit code that goes with it.
fn finish(context: &Context, job: &BackupJob) -> Outcome {
    if context.output.json {
        context.output.document(job)?;
    } else if job.state != BackupJobState::Failed {
        context
            .output
            .data(&backups::job(job, context.output.look))?;
    }
    if job.state != BackupJobState::Failed {
        return Ok(());
    }
    if context.output.json {
        return Err(Failure::quiet(1));
    }
    Err(failure(job))
}

fn failure(job: &BackupJob) -> Failure {
    let words = job.message.clone().unwrap_or_default();
    let failure = Failure::environment(format!("{} failed: {words}", job.kind.word()));
    match &job.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_people_write_it() {
        let at = |text: &str| moment(text).map(|time| time.to_string()).ok();
        let expected = Some("2026-11-20T14:03:00.000Z".to_owned());
        assert_eq!(at("2026-11-20 14:03:00 UTC"), expected);
        assert_eq!(at("2026-11-20T14:03:00Z"), expected);
        assert_eq!(at("2026-11-20 15:03:00+01:00"), expected);
        assert_eq!(at("yesterday"), None);
    }
}
