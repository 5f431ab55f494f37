//! `env delete`: nothing runs there, the entry goes, the server forgets it.

use super::super::Context;
use crate::background;
use crate::client::{Address, Client};
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::progress::Progress;
use crate::project;
use mainstay_model::{EnvironmentName, Scope};
use mainstay_server::api::types::{EnvironmentState, EnvironmentStatus};
use mainstay_stack::edit::remove_environment;
use serde::Serialize;

/// `env delete --json`
#[derive(Debug, Serialize)]
struct Deleted<'a> {
    environment: &'a EnvironmentName,
    /// `false`: it was only shown.
    done: bool,
    lines: &'a str,
}

pub async fn delete(context: &Context, name: &EnvironmentName, yes: bool) -> Outcome {
    let place = context.place(None)?;
    let environment = super::find(&place, name)?;
    let inner = place.in_environment(name);
    let client = inner.client()?;
    let progress = Progress::new(context.output);
    let past = has_a_past(&client);
    let known = if past {
        background::ensure(&client, &progress).await?;
        nothing_runs(&inner).await?
    } else {
        None
    };
    let file = project::operations_file(&place.directory);
    if environment.place.is_none() {
        return Err(Failure::input(format!("`{name}` is always there"))
            .hint("it does not stand in mainstay.yaml, so there is nothing to take out"));
    }
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Failure::environment(format!("cannot read `{}`", file.display())).because(&error)
    })?;
    let edit = remove_environment(&text, name.as_str()).map_err(|error| {
        Failure::input(format!("`{}` is left as it is", file.display()))
            .because(&error)
            .hint(format!("take `environments: {name}` out yourself"))
    })?;
    if yes {
        if let Some(scope) = known {
            let forgotten = client.delete(&path(&scope, "")).await;
            forgotten.map_err(|error| client.explain(error))?;
        }
        project::replace(&file, &edit.text).map_err(|error| {
            Failure::environment(format!("cannot write `{}`", file.display())).because(&error)
        })?;
    }
    if past {
        background::stop_if_idle(&client, &progress).await?;
    }
    drop(progress);
    let deleted = Deleted {
        environment: name,
        done: yes,
        lines: &edit.lines,
    };
    let again = place.command(&format!("env delete {name} --yes"));
    context.output.either(&deleted, |_| {
        let place = format!("{}:{}", file.display(), edit.line);
        if yes {
            format!(
                "took out of {place}:\n{}\n\nits overlay and its file of variables are yours and stay",
                edit.lines
            )
        } else {
            format!("would take out of {place}:\n{}\n\ndo it: {again}", edit.lines)
        }
    })
}

/// Refuses while something runs there; the scope where a server knows it.
async fn nothing_runs(place: &Place) -> Outcome<Option<Scope>> {
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    match client.get::<EnvironmentStatus>(&path(&scope, "")).await {
        Ok(status) if status.state == EnvironmentState::Down => Ok(Some(scope)),
        Ok(_) => Err(Failure::environment(format!("{scope} is up"))
            .hint(format!("take it down first: {}", place.command("down")))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(client.explain(error)),
    }
}

/// Whether a server of this directory has ever run: then it has to be asked.
fn has_a_past(client: &Client) -> bool {
    match &client.address {
        Address::Data { data, .. } => data.journal().exists(),
        _ => true,
    }
}
