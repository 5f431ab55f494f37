//! `env`: the environments of a stack, in its files and on its server.

mod create;
mod delete;
mod diff;

pub use diff::Difference;

use super::Context;
use crate::arguments::EnvCommand;
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::project;
use crate::render::environments::{self as render, Line, Shown};
use crate::render::quantity::now;
use mainstay_model::{EnvironmentName, did_you_mean};
use mainstay_server::api::types::EnvironmentSummary;
use mainstay_stack::Environment;

pub async fn env(context: &Context, command: EnvCommand) -> Outcome {
    match command {
        EnvCommand::List => list(context).await,
        EnvCommand::Show { name } => show(context, name).await,
        EnvCommand::Diff { first, second } => diff::diff(context, &first, &second),
        EnvCommand::Create {
            name,
            from,
            purpose,
        } => create::create(context, &name, from.as_ref(), purpose),
        EnvCommand::Delete { name, yes } => delete::delete(context, &name, yes).await,
    }
}

async fn list(context: &Context) -> Outcome {
    let place = context.place(None)?;
    let mut lines = Vec::new();
    for environment in project::environments(&place)? {
        let summary = summary(&place, &environment.name).await;
        lines.push(Line::new(&environment, summary.as_ref()));
    }
    context
        .output
        .either(&lines, |look| render::list(&lines, look))
}

async fn show(context: &Context, name: Option<EnvironmentName>) -> Outcome {
    let place = context.place(None)?;
    let name = match name.or_else(|| context.global.env.clone()) {
        Some(name) => name,
        None => EnvironmentName::new("dev").map_err(|error| Failure::bug(error.to_string()))?,
    };
    let environment = find(&place, &name)?;
    let summary = summary(&place, &name).await;
    let shown = Shown::new(&environment, summary.as_ref(), now());
    context
        .output
        .either(&shown, |look| render::show(&shown, look))
}

/// The environment of that name in the files.
fn find(place: &Place, name: &EnvironmentName) -> Outcome<Environment> {
    let mut all = project::environments(place)?;
    if let Some(at) = all.iter().position(|one| one.name == *name) {
        return Ok(all.swap_remove(at));
    }
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let failure = Failure::input(format!("no environment `{name}` in mainstay.yaml"));
    Err(match did_you_mean(name.as_str(), names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint(format!(
            "there is {}; make it: {}",
            names.join(", "),
            place.command(&format!("env create {name}"))
        )),
    })
}

/// How its server says it is; `None` where no server answers, or none knows it.
async fn summary(place: &Place, name: &EnvironmentName) -> Option<EnvironmentSummary> {
    let place = place.in_environment(name);
    let client = place.client().ok()?;
    let all: Vec<EnvironmentSummary> = client.get("/api/v1/environments").await.ok()?;
    let scope = place.scope(&client).await.ok();
    all.into_iter().find(|summary| match &scope {
        Some(scope) => summary.scope == *scope,
        None => summary.scope.environment == *name,
    })
}
