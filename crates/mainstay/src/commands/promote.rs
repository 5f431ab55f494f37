//! `promote`: what one environment runs and has verified, in another one.
//!
//! Nothing is built: the artifacts are those of the release, by SHA-256. The other environment's
//! own overlay, variables and secrets come from its files, at the same commit.

use super::Context;
use super::deploy::{asked_for, follow_or_wait, warn};
use crate::arguments::{PromoteArguments, StackArguments};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::progress::Progress;
use crate::{artifacts, operation, project, repository};
use mainstay_model::{Scope, ServiceName};
use mainstay_server::api::types::{
    DeployRequest, EnvironmentState, EnvironmentStatus, Promotion, Release, ReleaseDetail,
};
use mainstay_stack::Stack;
use std::collections::BTreeSet;

/// What is promoted, and where from.
struct Source {
    client: Client,
    scope: Scope,
    detail: ReleaseDetail,
}

pub async fn promote(context: &Context, arguments: &PromoteArguments) -> Outcome {
    let place = context.place(None)?;
    let from = place.in_environment(&arguments.from);
    let to = place.in_environment(&arguments.to);
    let source = source(&from, arguments.release.force).await?;
    let stack = StackArguments::default();
    let resolved = project::deployable(&to, &stack, &arguments.release).await?;
    warn(&context.output, &resolved);
    let stack = resolved.stack;
    let version = repository::version(&stack.directory).await;
    let fits = fits(
        &source.detail,
        &stack,
        version.commit.as_deref(),
        version.dirty,
    );
    if let Err(failure) = fits
        && !arguments.release.force
    {
        return Err(failure.hint("mend it, or promote it all the same: --force"));
    }
    let client = to.client()?;
    let progress = Progress::new(context.output);
    let same_server = client.address.same(&source.client.address);
    if !same_server {
        transfer(&source, &client, &progress).await?;
    }
    let scope = stack.scope();
    progress.now(format!(
        "promoting {} to {scope}",
        source.detail.release.number
    ));
    let mut request = asked_for(&client, stack, &arguments.release, version).await;
    take_over(&mut request, &source, same_server);
    let begun = operation::begin(&client, &scope, "/deploy", &request).await?;
    drop(progress);
    follow_or_wait(
        context,
        &to,
        &client,
        &begun,
        arguments.wait,
        arguments.detach,
    )
    .await
}

/// The release that runs there, verified.
async fn source(place: &Place, force: bool) -> Outcome<Source> {
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let status: EnvironmentStatus = client.ask(&path(&scope, "")).await?;
    let Some(release) = &status.release else {
        return Err(Failure::environment(format!("nothing runs in {scope}"))
            .hint(format!("deploy there first: {}", place.command("deploy"))));
    };
    if !force {
        verified(&scope, &status, release)?;
    }
    let number = release.number.0;
    let detail = client
        .ask(&path(&scope, &format!("/releases/{number}")))
        .await?;
    Ok(Source {
        client,
        scope,
        detail,
    })
}

fn verified(scope: &Scope, status: &EnvironmentStatus, release: &Release) -> Outcome {
    let why = match status.state {
        EnvironmentState::Up if release.verified_at.is_some() => return Ok(()),
        EnvironmentState::Up => "its watch did not come to a good end".to_owned(),
        EnvironmentState::RollingOut => "a rollout runs there".to_owned(),
        EnvironmentState::Degraded => "not everything there is healthy".to_owned(),
        EnvironmentState::Down => "it is down".to_owned(),
    };
    let words = format!("{} of {scope} is not verified: {why}", release.number);
    Err(Failure::environment(words).hint("wait until it is, or look: mainstay status"))
}

/// The files here describe the same services, at the same commit.
fn fits(detail: &ReleaseDetail, stack: &Stack, commit: Option<&str>, dirty: bool) -> Outcome {
    let release = &detail.release;
    if release.commit.as_deref() != commit {
        let short = |commit: Option<&str>| {
            commit.map_or("no commit".to_owned(), |commit| {
                commit.chars().take(9).collect()
            })
        };
        return Err(Failure::input(format!(
            "{} was made of {}, and the files here are at {}",
            release.number,
            short(release.commit.as_deref()),
            short(commit)
        )));
    }
    if dirty {
        return Err(Failure::input(
            "the files here have changes that are in no commit",
        ));
    }
    let there: BTreeSet<&str> = release.services.keys().map(ServiceName::as_str).collect();
    let here: BTreeSet<&str> = stack.services.keys().map(ServiceName::as_str).collect();
    if there != here {
        let differ: Vec<&str> = there.symmetric_difference(&here).copied().collect();
        return Err(Failure::input(format!(
            "the services differ: {} on one side only",
            differ.join(", ")
        )));
    }
    let runs = stack
        .services
        .values()
        .filter_map(|service| service.process.as_ref());
    let missing = runs
        .flat_map(|run| &run.artifacts)
        .find(|path| !detail.artifacts.contains_key(*path));
    match missing {
        None => Ok(()),
        Some(path) => Err(Failure::input(format!(
            "{} has no artifact `{}`",
            release.number,
            path.display()
        ))),
    }
}

/// What must be the very same as there.
fn take_over(request: &mut DeployRequest, source: &Source, same_server: bool) {
    let release = &source.detail.release;
    request.artifacts = source.detail.artifacts.clone();
    request.images = source.detail.record.images.clone();
    request.commit.clone_from(&release.commit);
    request.promoted_from = Some(Promotion {
        scope: source.scope.clone(),
        release: release.number,
        server: (!same_server).then(|| source.client.address.to_string()),
    });
    if request.description.is_none() {
        request.description.clone_from(&release.description);
    }
}

/// Brings the artifacts to a server that has them not.
async fn transfer(source: &Source, to: &Client, progress: &Progress) -> Outcome {
    for (path, hash) in &source.detail.artifacts {
        progress.now(format!("bringing {}", path.display()));
        artifacts::transfer(&source.client, to, path, hash).await?;
    }
    Ok(())
}
