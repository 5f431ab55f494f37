//! `approve`, `reject`: a decision on what waits for it.

use super::Context;
use crate::arguments::DecisionArguments;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::operation;
use mainstay_server::api::types::{ApprovalRequest, Decided, Decision, OperationKind};
use uuid::Uuid;

pub async fn approve(context: &Context, arguments: DecisionArguments) -> Outcome {
    let (place, decided) = decide(context, "approve", arguments).await?;
    let environment = &decided.operation.scope.environment;
    let infra = decided.operation.kind == OperationKind::Infra;
    context.output.either(&decided, |_| match decided.missing {
        0 if infra => format!(
            "approved; whoever planned it can go on: mainstay infra apply|destroy {environment}"
        ),
        0 => format!(
            "approved; it has begun, follow it: {}",
            place.command("rollout status")
        ),
        missing => format!("approved; {missing} more needed"),
    })
}

pub async fn reject(context: &Context, arguments: DecisionArguments) -> Outcome {
    let (_, decided) = decide(context, "reject", arguments).await?;
    context
        .output
        .either(&decided, |_| "rejected; nothing was changed".to_owned())
}

async fn decide(
    context: &Context,
    verb: &str,
    arguments: DecisionArguments,
) -> Outcome<(Place, Decided)> {
    let place = context.place(None)?;
    let client = place.client()?;
    let id = chosen(&place, &client, arguments.operation.as_deref()).await?;
    let body = Decision {
        reason: arguments.reason,
    };
    let path = format!("/api/v1/operations/{id}/{verb}");
    let decided = operation::mutate(&client, &path, &body).await?;
    Ok((place, decided))
}

/// The request that is meant.
async fn chosen(place: &Place, client: &Client, wanted: Option<&str>) -> Outcome<Uuid> {
    if let Some(id) = wanted.and_then(|text| text.parse().ok()) {
        return Ok(id);
    }
    let scope = place.scope(client).await?;
    let waiting: Vec<ApprovalRequest> = client.ask(&path(&scope, "/requests")).await?;
    let mut fitting = waiting
        .iter()
        .filter(|one| one.missing() > 0)
        .filter(|one| wanted.is_none_or(|text| one.id.to_string().starts_with(text)));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one.id),
        (None, _) => Err(Failure::input(match wanted {
            Some(text) => {
                format!("nothing in {scope} with an id that begins with `{text}` waits")
            }
            None => format!("nothing in {scope} waits for approval"),
        })
        .hint(format!("see what waits: {}", place.command("status")))),
        (Some(_), Some(_)) => Err(Failure::input(format!(
            "{} requests in {scope} wait for approval",
            waiting.iter().filter(|one| one.missing() > 0).count()
        ))
        .hint(format!("say which: {}", place.command("status")))),
    }
}
