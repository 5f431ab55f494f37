//! `deploy`: resolve, fetch secrets, build, upload, ask, follow.

use super::Context;
use super::operate::{begun_only, finish, to_the_end};
use crate::arguments::{DeployArguments, ReleaseOptions};
use crate::client::Client;
use crate::failure::Outcome;
use crate::making::Making;
use crate::operation::{self, Begun};
use crate::output::Output;
use crate::progress::Progress;
use crate::project::{self, Resolved};
use crate::render::problems;
use crate::{artifacts, building, repository};
use mainstay_server::api::types::DeployRequest;
use mainstay_stack::Stack;

pub async fn deploy(context: &Context, arguments: &DeployArguments) -> Outcome {
    let place = context.stack_place(&arguments.stack)?;
    let resolved = project::deployable(&place, &arguments.stack, &arguments.release).await?;
    warn(&context.output, &resolved);
    let client = place.client()?;
    // Before the build, so that nobody waits minutes for "no server runs".
    client.ask::<serde_json::Value>("/health").await?;
    let progress = Progress::new(context.output);
    if !arguments.release.no_build {
        building::build(&resolved.stack, &progress).await?;
    }
    let begun = release(&client, resolved.stack, &arguments.release, &progress).await?;
    drop(progress);
    if arguments.detach {
        return begun_only(context, &place, &begun.operation);
    }
    let operation = to_the_end(context, &place, &client, &begun).await?;
    finish(context, &place, &operation)
}

/// Uploads what the release needs and asks for it.
pub async fn release(
    client: &Client,
    stack: Stack,
    options: &ReleaseOptions,
    progress: &Progress,
) -> Outcome<Begun> {
    let artifacts = artifacts::upload(client, &stack, progress).await?;
    let tag = options.tag.as_deref();
    let making = Making::new(client, &stack, progress, &options.building, tag).await;
    let images = making.all(!options.no_build).await?;
    let version = repository::version(&stack.directory).await;
    let scope = stack.scope();
    progress.now(format!("deploying {scope}"));
    let request = DeployRequest {
        stack,
        artifacts,
        images,
        description: options.message.clone(),
        tag: options.tag.clone().or(version.tag),
        commit: options.commit.clone().or(version.commit),
        force: options.force,
    };
    operation::begin(client, &scope, "/deploy", &request).await
}

/// Warnings of the files, on standard error.
pub fn warn(output: &Output, resolved: &Resolved) {
    if !resolved.warnings.is_empty() {
        output.note(problems::text(&resolved.warnings, output.side).trim_end());
    }
}
