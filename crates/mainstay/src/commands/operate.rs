//! `down`, `rollback`, `scale`, `restart`: ask, follow to the end, say how it ended.

use super::Context;
use super::look::release_reference;
use crate::arguments::{RestartArguments, RollbackArguments, ScaleArguments};
use crate::background;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::interrupt::{CODE, Interrupts};
use crate::locate::Place;
use crate::operation::{self, Begun, Followed};
use crate::progress::Progress;
use crate::render::rollout;
use mainstay_server::api::types::{
    DownRequest, Operation, RestartRequest, RollbackRequest, ScaleRequest,
};
use serde::Serialize;
use std::path::Path;

pub async fn down(context: &Context, directory: Option<&Path>) -> Outcome {
    let place = context.place(directory)?;
    run(context, &place, "/down", &DownRequest {}, false).await?;
    let progress = Progress::new(context.output);
    if background::stop_if_idle(&place.client()?, &progress).await? {
        progress.line("the server had nothing left to run and has ended too");
    }
    Ok(())
}

pub async fn rollback(context: &Context, arguments: RollbackArguments) -> Outcome {
    let place = context.place(None)?;
    let request = RollbackRequest {
        to: arguments.to.as_deref().map(release_reference).transpose()?,
        reason: arguments.reason,
        force: arguments.force,
        downgrade: arguments.downgrade,
    };
    run(context, &place, "/rollback", &request, arguments.detach).await
}

pub async fn scale(context: &Context, arguments: ScaleArguments) -> Outcome {
    let place = context.place(None)?;
    let replicas = arguments
        .replicas
        .into_iter()
        .map(|one| (one.service, one.count));
    let request = ScaleRequest {
        replicas: replicas.collect(),
    };
    run(context, &place, "/scale", &request, arguments.detach).await
}

pub async fn restart(context: &Context, arguments: RestartArguments) -> Outcome {
    let place = context.place(None)?;
    let request = RestartRequest {
        services: arguments.services,
    };
    run(context, &place, "/restart", &request, arguments.detach).await
}

async fn run(
    context: &Context,
    place: &Place,
    verb: &str,
    request: &impl Serialize,
    detach: bool,
) -> Outcome {
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let begun = operation::begin(&client, &scope, verb, request).await?;
    if detach {
        return begun_only(context, place, &begun.operation);
    }
    let operation = to_the_end(context, place, &client, &begun).await?;
    finish(context, place, &operation)
}

/// Follows; Ctrl-C leaves it running and says how to get back to it.
pub async fn to_the_end(
    context: &Context,
    place: &Place,
    client: &Client,
    begun: &Begun,
) -> Outcome<Operation> {
    let mut interrupts = Interrupts::catch()?;
    let progress = Progress::new(context.output);
    let followed = operation::follow(client, begun, &progress, Some(&mut interrupts)).await?;
    drop(progress);
    match followed {
        Followed::Ended(operation) => Ok(operation),
        Followed::Interrupted => {
            context.output.note(&format!(
                "it goes on without you; see it: {}; take it back: {}",
                place.command("rollout status"),
                place.command("rollout abort")
            ));
            Err(Failure::quiet(CODE))
        }
    }
}

/// What was begun, for `--detach`.
pub fn begun_only(context: &Context, place: &Place, operation: &Operation) -> Outcome {
    context.output.either(operation, |_| {
        let what = rollout::kind(operation.kind);
        let status = place.command("rollout status");
        format!("{what} has begun; follow it: {status}")
    })
}

/// The outcome, and the exit code that goes with it.
pub fn finish(context: &Context, place: &Place, operation: &Operation) -> Outcome {
    let verdict = operation::verdict(operation, place);
    if context.output.json {
        context.output.document(operation)?;
    } else if verdict.is_ok() {
        context
            .output
            .note(&rollout::ending(operation, context.output.side));
    }
    verdict
}
