//! `status`, `ps`, `releases`, `rollout`: how things are.

use super::Context;
use crate::arguments::{ReleasesCommand, RolloutCommand};
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::operation;
use crate::render::quantity::now;
use crate::render::{environment, history, record, rollout as render, stack, yaml};
use mainstay_model::ReleaseNumber;
use mainstay_server::api::types::{self, EnvironmentStatus, Release, ReleaseDetail, RolloutStatus};
use std::path::Path;

pub async fn status(context: &Context, directory: Option<&Path>) -> Outcome {
    let place = context.place(directory)?;
    let status = environment_status(&place).await?;
    let command = place.command("");
    context.output.either(&status, |look| {
        environment::status(&status, now(), command.trim_end(), look)
    })
}

pub async fn ps(context: &Context, directory: Option<&Path>) -> Outcome {
    let status = environment_status(&context.place(directory)?).await?;
    let instances: Vec<_> = status.services.iter().flat_map(|s| &s.instances).collect();
    context.output.either(&instances, |look| {
        environment::instances(&status, now(), look)
    })
}

async fn environment_status(place: &Place) -> Outcome<EnvironmentStatus> {
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    client.ask(&path(&scope, "")).await
}

pub async fn releases(context: &Context, command: Option<ReleasesCommand>) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    if let Some(ReleasesCommand::Show { number, markdown }) = command {
        let detail: ReleaseDetail = client
            .ask(&path(&scope, &format!("/releases/{number}")))
            .await?;
        if markdown {
            return context
                .output
                .data(&record::markdown(&detail, &scope.to_string()));
        }
        return context.output.either(&detail, |look| {
            let text = yaml::text(&stack::readable(detail.stack.clone()));
            let head = history::release(&detail.release, look);
            let images = history::images(&detail.images);
            format!(
                "{head}{images}{}
{text}",
                record::text(&detail, look)
            )
        });
    }
    let mut all: Vec<Release> = client.ask(&path(&scope, "/releases")).await?;
    all.sort_by_key(|release| std::cmp::Reverse(release.number));
    context
        .output
        .either(&all, |look| history::releases(&all, now(), look))
}

pub async fn rollout(context: &Context, command: RolloutCommand) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let (verb, reason) = match command {
        RolloutCommand::Status => {
            let status: RolloutStatus = client.ask(&path(&scope, "/rollout")).await?;
            return context
                .output
                .either(&status, |look| render::status(&status, look));
        }
        RolloutCommand::Pause { reason } => ("pause", reason),
        RolloutCommand::Resume { reason } => ("resume", reason),
        RolloutCommand::Abort { reason } => ("abort", reason),
    };
    let body = types::RolloutCommand { reason };
    let verb = path(&scope, &format!("/rollout/{verb}"));
    let status: RolloutStatus = operation::mutate(&client, &verb, &body).await?;
    context
        .output
        .either(&status, |look| render::status(&status, look))
}

/// `12` and `r12` for the server, which also takes tags and commits.
pub fn release_reference(text: &str) -> Outcome<String> {
    if text.is_empty() {
        return Err(Failure::input("a release cannot be empty")
            .hint("give a number, a tag or a commit: mainstay releases"));
    }
    let number = text.strip_prefix('r').and_then(|rest| rest.parse().ok());
    Ok(number.map_or(text.to_owned(), |number: u32| {
        ReleaseNumber(number).0.to_string()
    }))
}

#[cfg(test)]
mod tests {
    use super::release_reference;

    #[test]
    fn a_release_is_named_by_number_tag_or_commit() {
        for (typed, sent) in [
            ("12", "12"),
            ("r12", "12"),
            ("v1.4.0", "v1.4.0"),
            ("release-1", "release-1"),
            ("4f2a9c1", "4f2a9c1"),
        ] {
            assert_eq!(release_reference(typed).unwrap(), sent);
        }
        assert_eq!(release_reference("").unwrap_err().exit_code(), 2);
    }
}
