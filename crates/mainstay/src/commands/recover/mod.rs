//! `recover`: a whole stack back on an empty machine, from its repository and its key alone.
//!
//! Files first, then the server with the engines of the databases and nothing else, then data, then every
//! service and its traffic. Each step may be done again: what failed in the middle is begun anew by the same
//! command.

mod onward;
mod release;
mod repository;
mod state;

use super::Context;
use super::backup;
use crate::arguments::RecoverArguments;
use crate::background;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::operation::{self, Followed};
use crate::progress::Progress;
use crate::render::quantity::{elapsed, now};
use crate::render::table::{Entry, table};
use mainstay_model::{Scope, Step, Timestamp};
use mainstay_recovery::{LogPiece, Report, Timed};
use mainstay_server::api::types::{
    AdoptBackups, BackupJob, BackupsStatus, DeployRequest, EnvironmentState, EnvironmentStatus,
    Instead, KeptPoint, RestoreRequest, WhichPoint,
};
use mainstay_stack::Stack;
use release::Saved;
use repository::Repository;
use serde::Serialize;
use serde_json::Value;
use state::{Moment, State};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document<'a> {
    point: &'a KeptPoint,
    /// What each source is the state of now.
    moments: &'a [Moment],
    directory: &'a Path,
    /// Where restore points go from now on.
    repository: &'a str,
    report: &'a Report,
    environment: &'a EnvironmentStatus,
}

/// How long each step took.
struct Clock {
    began: Timestamp,
    steps: Vec<Timed>,
    since: Instant,
}

impl Clock {
    fn new() -> Self {
        Self {
            began: now(),
            steps: Vec::new(),
            since: Instant::now(),
        }
    }

    fn done(&mut self, progress: &Progress, what: &str) {
        let took = self.since.elapsed();
        self.since = Instant::now();
        progress.line(&format!("{what} ({})", elapsed(took)));
        self.steps.push(Timed {
            what: what.to_owned(),
            took,
        });
    }
}

pub async fn recover(context: &Context, arguments: RecoverArguments) -> Outcome {
    let directory = directory(context, &arguments)?;
    let repository = Repository::open(&arguments, &directory)?;
    let progress = Progress::new(context.output);
    progress.now("looking for restore points");
    let mut points = repository.points(&context.global).await?;
    let logs = repository.logs().await?;
    drop(progress);
    let state = State::choose(context, &arguments, &points, &logs)?;
    let host = state.point.point.scope.to_string();
    let logs = logs.into_iter().filter(|(of, _)| *of == host);
    let logs: Vec<LogPiece> = logs.map(|(_, piece)| piece).collect();
    let progress = Progress::new(context.output);
    let mut clock = Clock::new();

    let stage = directory.join(".mainstay").join("recovering");
    progress.now("bringing back the release");
    repository.stack(&state.point, &stage).await?;
    let mut saved = Saved::read(&stage, &directory)?;
    if let Some(environment) = &arguments.environment {
        saved.bundle.stack.environment = environment.clone();
    }
    let named = &saved.bundle.stack.backups.repository.at;
    let instead = onward::instead(&arguments, named, &directory)?;
    saved.files_back(&directory)?;
    saved.move_details(&mut points);
    clock.done(&progress, "files");
    // Nothing moves on the terminal while something is asked on it.
    drop(progress);
    if saved.needs_secrets() {
        saved.ask_secrets()?;
    }
    let adopt = AdoptBackups {
        location: repository.location.clone(),
        points,
        logs,
        instead,
    };
    bring_back(
        context, &arguments, directory, adopt, state, saved, clock, stage,
    )
    .await
}

#[expect(
    clippy::too_many_arguments,
    reason = "the second half of one command, after secrets may have been asked for"
)]
async fn bring_back(
    context: &Context,
    arguments: &RecoverArguments,
    directory: PathBuf,
    adopt: AdoptBackups,
    state: State,
    saved: Saved,
    mut clock: Clock,
    stage: PathBuf,
) -> Outcome {
    let progress = Progress::new(context.output);
    let scope = saved.bundle.stack.scope();
    let place = Place::new(&context.global, Some(&directory), Vec::new())?;
    let client = place.client()?;
    background::ensure(&client, &progress).await?;
    let (point, instead) = (&state.point, adopt.instead.clone());
    let _: Value = operation::mutate(&client, &path(&scope, "/backups/adopt"), &adopt).await?;
    saved.upload(&client, &stage, &progress).await?;
    clock.done(&progress, "server");

    let at = At {
        place: &place,
        client: &client,
        scope: &scope,
        progress: &progress,
    };
    at.deploy(saved.request(point, true)).await?;
    clock.done(&progress, "databases started");
    at.restore(&state, &saved.bundle.stack).await?;
    clock.done(&progress, "data");
    if arguments.data_only {
        let up = place.command("up");
        progress.line(&format!("files and data are back; start the rest: {up}"));
    } else {
        at.deploy(saved.request(point, false)).await?;
        clock.done(&progress, "services and traffic");
        at.healthy().await?;
        clock.done(&progress, "health");
    }
    let _ = std::fs::remove_dir_all(&stage);
    drop(progress);
    let stack = &saved.bundle.stack;
    let ended = Ended {
        context,
        state: &state,
        stack,
        directory: &directory,
        instead: instead.as_ref(),
    };
    ended.tell(clock, &client).await
}

/// A recovery that is through.
struct Ended<'a> {
    context: &'a Context,
    state: &'a State,
    stack: &'a Stack,
    directory: &'a Path,
    instead: Option<&'a Instead>,
}

impl Ended<'_> {
    async fn tell(&self, clock: Clock, client: &Client) -> Outcome {
        let (point, scope) = (&self.state.point, self.stack.scope());
        let moments = self.state.moments(self.stack);
        let restored: Vec<Timestamp> = moments.iter().map(|moment| moment.at).collect();
        let ran = (clock.began, now());
        let objectives = self.stack.backups.objectives;
        let report = Report::new(clock.steps, ran, &restored, objectives);
        let status: EnvironmentStatus = client.ask(&path(&scope, "")).await?;
        let backups: BackupsStatus = client.ask(&path(&scope, "/backups")).await?;
        let document = Document {
            point,
            moments: &moments,
            directory: self.directory,
            repository: &backups.repository,
            report: &report,
            environment: &status,
        };
        self.context.output.either(&document, |look| {
            let rows = report.steps.iter().map(|step| {
                vec![
                    Entry::new(&step.what),
                    Entry::new(elapsed(step.took)).right(),
                ]
            });
            let of = moments.iter().map(|moment| {
                let how = if moment.by_log { ", by its log" } else { "" };
                format!("{} as it was at {}{how}", moment.source, moment.at)
            });
            let of: Vec<String> = of.collect();
            let urls: Vec<&str> = status.urls.iter().map(|url| url.url.as_str()).collect();
            format!(
                "{}\n\n{}\n{scope} is back from {} in {}\n{} (RTO)\n{} (RPO, counted from the begin of this recovery)\n{}\n{}",
                table(look, &["STEP", "TOOK"], rows.collect()),
                of.join("\n"),
                point.point.name,
                self.directory.display(),
                report.judge_rto().reason,
                report.judge_rpo().reason,
                onward::told(&backups.repository, self.instead),
                urls.join("\n"),
            )
        })
    }
}

/// Made where it is missing; one that has something else in it is left alone.
fn directory(context: &Context, arguments: &RecoverArguments) -> Outcome<PathBuf> {
    let named = arguments
        .path
        .as_ref()
        .or(context.global.directory.as_ref());
    let path = named.cloned().unwrap_or_else(|| PathBuf::from("."));
    let failed = |error: std::io::Error| {
        Failure::input(format!("cannot use `{}`", path.display())).because(&error)
    };
    std::fs::create_dir_all(&path).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    let begun = path.join(".mainstay").exists();
    let mut entries = std::fs::read_dir(&path).map_err(failed)?;
    if !begun && entries.next().is_some() {
        return Err(
            Failure::input(format!("`{}` is not empty", path.display())).hint(
                "recover into an empty directory; to bring data back in place: `mainstay restore`",
            ),
        );
    }
    Ok(path)
}

/// The server that is being filled.
struct At<'a> {
    place: &'a Place,
    client: &'a Client,
    scope: &'a Scope,
    progress: &'a Progress,
}

impl At<'_> {
    async fn deploy(&self, request: DeployRequest) -> Outcome {
        let begun = operation::begin(self.client, self.scope, "/deploy", &request).await?;
        match operation::follow(self.client, &begun, self.progress, None).await? {
            Followed::Ended(operation) => operation::verdict(&operation, self.place),
            Followed::Interrupted => Err(Failure::quiet(crate::interrupt::CODE)),
        }
    }

    /// The copies first; then each database with a log to its moment.
    async fn restore(&self, state: &State, stack: &Stack) -> Outcome {
        let moments = state.moments(stack);
        let copies = moments.iter().filter(|moment| !moment.by_log);
        let only: Vec<String> = copies.map(|moment| moment.source.clone()).collect();
        let name = || WhichPoint::Name(state.point.point.name.clone());
        if state.played.is_empty() {
            return self.restored(name(), Vec::new()).await;
        }
        if !only.is_empty() {
            self.restored(name(), only).await?;
        }
        for (source, moment) in &state.played {
            let which = WhichPoint::To(*moment);
            self.restored(which, vec![source.clone()]).await?;
        }
        Ok(())
    }

    async fn restored(&self, which: WhichPoint, only: Vec<String>) -> Outcome {
        let request = RestoreRequest {
            which,
            only,
            beside: None,
            tables: Vec::new(),
            no_safety: true,
        };
        let verb = path(self.scope, "/backups/restore");
        let job: BackupJob = operation::mutate(self.client, &verb, &request).await?;
        backup::until_done(self.client, self.scope, job, self.progress).await
    }

    async fn healthy(&self) -> Outcome {
        let status: EnvironmentStatus = self.client.ask(&path(self.scope, "")).await?;
        if status.state == EnvironmentState::Up {
            return Ok(());
        }
        Err(
            Failure::environment(format!("not all of {} is healthy", self.scope))
                .hint(self.place.command("doctor")),
        )
    }
}

/// Every step but the move itself, each with the reason that it is left out for.
fn waived(point: &KeptPoint) -> BTreeMap<Step, String> {
    let reason = format!("recovery from {}", point.point.name);
    let left_out = Step::ALL
        .into_iter()
        .filter(|step| !matches!(step, Step::Update | Step::Health));
    left_out.map(|step| (step, reason.clone())).collect()
}
