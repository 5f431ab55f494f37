//! `deploy`: resolve, fetch secrets, build, upload, ask, follow.

use super::Context;
use super::operate::{begun_only, finish, to_the_end};
use crate::arguments::{DeployArguments, ReleaseOptions};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::making::Making;
use crate::operation::{self, Begun};
use crate::output::Output;
use crate::progress::Progress;
use crate::project::{self, Resolved};
use crate::render::problems;
use crate::repository::Version;
use crate::{artifacts, building, notes, repository};
use mainstay_server::api::types::{DeployRequest, Release, ReleaseStatus};
use mainstay_stack::Stack;
use std::collections::BTreeMap;

/// Exit code of a deploy that waits for approval: neither done nor failed.
pub const WAITS: u8 = 3;

pub async fn deploy(context: &Context, arguments: &DeployArguments) -> Outcome {
    let place = context.stack_place(&arguments.stack)?;
    let resolved = project::deployable(&place, &arguments.stack, &arguments.release).await?;
    warn(&context.output, &resolved);
    if arguments.automatic && !deploys_itself(context, &resolved.stack, arguments).await? {
        return Ok(());
    }
    let client = place.client()?;
    // Before the build, so that nobody waits minutes for "no server runs".
    client.ask::<serde_json::Value>("/health").await?;
    let progress = Progress::new(context.output);
    if !arguments.release.no_build {
        building::build(&resolved.stack, &progress).await?;
    }
    let begun = release(&client, resolved, &arguments.release, &progress).await?;
    drop(progress);
    let (wait, detach) = (arguments.wait, arguments.detach);
    follow_or_wait(context, &place, &client, &begun, wait, detach).await
}

/// Whether a push to the branch deploys by itself; says so where it does not.
async fn deploys_itself(
    context: &Context,
    stack: &Stack,
    arguments: &DeployArguments,
) -> Outcome<bool> {
    let branch = match &arguments.branch {
        Some(branch) => Some(branch.clone()),
        None => repository::version(&stack.directory).await.branch,
    };
    let Some(branch) = branch else {
        return Err(Failure::input("which branch this is cannot be told").hint("say --branch NAME"));
    };
    let itself = stack.policy.deploys_itself(&branch);
    if !itself {
        context.output.note(&format!(
            "branch `{branch}` does not deploy {} by itself: nothing was done",
            stack.scope()
        ));
    }
    Ok(itself)
}

/// Follows what was begun to its end; what waits for approval only where that was asked for.
pub async fn follow_or_wait(
    context: &Context,
    place: &Place,
    client: &Client,
    begun: &Begun,
    wait: bool,
    detach: bool,
) -> Outcome {
    let operation = &begun.operation;
    if let Some(waiting) = operation.waiting.as_ref().filter(|_| !wait) {
        let approve = place.command(&format!("approve {}", operation.id));
        context.output.either(operation, |_| {
            format!("nothing is deployed yet: it {waiting}\nagree to it: {approve}")
        })?;
        return if detach {
            Ok(())
        } else {
            Err(Failure::quiet(WAITS))
        };
    }
    if detach {
        return begun_only(context, place, operation);
    }
    if let Some(waiting) = &operation.waiting {
        let approve = place.command(&format!("approve {}", operation.id));
        context
            .output
            .note(&format!("it {waiting}; agree to it: {approve}"));
    }
    let operation = to_the_end(context, place, client, begun).await?;
    finish(context, place, &operation)
}

/// Uploads what the release needs and asks for it.
pub async fn release(
    client: &Client,
    resolved: Resolved,
    options: &ReleaseOptions,
    progress: &Progress,
) -> Outcome<Begun> {
    let Resolved { stack, files, .. } = resolved;
    let artifacts = artifacts::upload(client, &stack, progress).await?;
    let tag = options.tag.as_deref();
    let making = Making::new(client, &stack, progress, &options.building, tag).await;
    let images = making.all(!options.no_build).await?;
    let version = repository::version(&stack.directory).await;
    let scope = stack.scope();
    progress.now(format!("deploying {scope}"));
    let mut request = asked_for(client, stack, options, version).await;
    request.artifacts = artifacts;
    request.images = images;
    request.files = files;
    operation::begin(client, &scope, "/deploy", &request).await
}

/// The request without its artifacts; with notes since the release that runs there.
pub async fn asked_for(
    client: &Client,
    stack: Stack,
    options: &ReleaseOptions,
    version: Version,
) -> DeployRequest {
    let releases = path(&stack.scope(), "/releases");
    // An environment that is not known yet has none.
    let releases: Vec<Release> = client.get(&releases).await.unwrap_or_default();
    let current = releases
        .into_iter()
        .find(|release| release.status == ReleaseStatus::Current);
    let before = current.and_then(|release| release.commit);
    let notes = notes::since(&stack.directory, before.as_deref()).await;
    let reason = options.reason.clone().unwrap_or_default();
    let waived = options.waive.iter().map(|step| (*step, reason.clone()));
    DeployRequest {
        stack,
        artifacts: BTreeMap::new(),
        description: options.message.clone(),
        tag: options.tag.clone().or(version.tag),
        commit: options.commit.clone().or(version.commit),
        force: options.force,
        images: BTreeMap::new(),
        files: BTreeMap::new(),
        recovered_from: None,
        dirty: version.dirty,
        branch: version.branch,
        promoted_from: None,
        notes,
        waive: waived.collect(),
    }
}

/// Warnings of the files, on standard error.
pub fn warn(output: &Output, resolved: &Resolved) {
    if !resolved.warnings.is_empty() {
        output.note(problems::text(&resolved.warnings, output.side).trim_end());
    }
}
