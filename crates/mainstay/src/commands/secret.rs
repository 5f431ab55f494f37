//! `secret`: where secrets come from, who gets them, and the encrypted file of an environment.
//!
//! A value is read from standard input or asked for without echo, never from an argument; one is
//! printed by `get --reveal` alone.

mod change;
mod keys;

use super::Context;
use crate::arguments::{ReleaseOptions, SecretCommand, StackArguments};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::look::{Look, Tone};
use crate::project;
use crate::render::{problems, secrets};
use mainstay_model::did_you_mean;
use mainstay_secrets::{Reach, Stores, fetch};
use mainstay_server::api::types::SecretStatus;
use mainstay_stack::Resolution;
use mainstay_stack::secrets::{SecretRequest, Source};
use std::collections::BTreeSet;

pub async fn secret(context: &Context, command: SecretCommand) -> Outcome {
    match command {
        SecretCommand::List => list(context).await,
        SecretCommand::Check => check(context).await,
        SecretCommand::Get { name, .. } => get(context, &name).await,
        SecretCommand::Set { name } => change::set(context, &name),
        SecretCommand::Rotate(arguments) => Box::pin(change::rotate(context, arguments)).await,
        SecretCommand::Remove { name } => change::remove(context, &name),
        SecretCommand::Keys { command } => keys::keys(context, command),
    }
}

/// The stack of the place, whatever else is wrong with it.
fn resolution(place: &Place) -> Outcome<Resolution> {
    let arguments = StackArguments::default();
    let resolution = project::resolution(place, &arguments, &ReleaseOptions::default())?;
    if resolution.environment.is_none() {
        return Err(project::broken(resolution.problems));
    }
    Ok(resolution)
}

async fn list(context: &Context) -> Outcome {
    let place = context.place(None)?;
    let resolution = resolution(&place)?;
    let known = match deployed(&place).await {
        Ok(known) => known,
        Err(failure) => {
            let text = format!("what is deployed is not known: {failure}");
            context.output.warning(&text);
            Vec::new()
        }
    };
    let rows = secrets::rows(&resolution.secrets, &known);
    let now = crate::render::quantity::now();
    context
        .output
        .either(&rows, |look| secrets::table(&rows, now, look))
}

/// What the server knows; nothing where the stack was never deployed.
async fn deployed(place: &Place) -> Outcome<Vec<SecretStatus>> {
    let client: Client = place.client()?;
    let scope = place.scope(&client).await?;
    match client.get(&path(&scope, "/secrets")).await {
        Ok(known) => Ok(known),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(client.explain(error)),
    }
}

async fn check(context: &Context) -> Outcome {
    let place = context.place(None)?;
    let mut resolution = resolution(&place)?;
    // Every one, also those that no service gets: a name that is wrong is to be noticed here.
    let nobody =
        mainstay_model::ServiceName::new("check").map_err(|e| Failure::bug(e.to_string()))?;
    for request in &mut resolution.secrets {
        if request.users.is_empty() {
            request.users = BTreeSet::from([nobody.clone()]);
        }
    }
    let count = resolution.secrets.len();
    let resolution = project::supplied(resolution, Reach::Everywhere).await;
    let found: Vec<_> = resolution
        .problems
        .iter()
        .filter(|problem| problem.code.starts_with("secret/"))
        .cloned()
        .collect();
    let found = found
        .into_iter()
        .fold(mainstay_model::Problems::default(), |mut all, problem| {
            all.push(problem);
            all
        });
    let document = serde_json::json!({ "secrets": count, "problems": found });
    context.output.either(&document, |look| {
        let count = crate::render::quantity::count(count, "secret");
        verdict(&found, &count, look)
    })?;
    if found.has_errors() {
        return Err(Failure::quiet(2));
    }
    Ok(())
}

fn verdict(found: &mainstay_model::Problems, count: &str, look: Look) -> String {
    let (word, tone) = if found.has_errors() {
        ("not usable", Tone::Bad)
    } else {
        ("ok", Tone::Good)
    };
    let word = look.paint(tone, word);
    if found.is_empty() {
        return format!("{word}: {count}");
    }
    let text = problems::text(found, look);
    format!("{text}\n{word}: {count}, {}", problems::tally(found))
}

async fn get(context: &Context, name: &str) -> Outcome {
    let place = context.place(None)?;
    let resolution = resolution(&place)?;
    let request = find(&resolution, name)?;
    let mut wanted = vec![request];
    if let Source::Template(template) = &request.source {
        let parts = resolution.secrets.iter();
        wanted.extend(parts.filter(|other| template.names().any(|name| name == other.name)));
    }
    let stores = project::stores(&resolution);
    let fetched = fetch(&wanted, &stores, Reach::Everywhere).await;
    match request.value(&fetched.answers, &resolution.secrets) {
        Ok(value) => context.output.bytes(value.expose().bytes()),
        Err(error) => {
            let failure = Failure::environment(error.message.clone());
            Err(match error.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}

fn find<'a>(resolution: &'a Resolution, name: &str) -> Outcome<&'a SecretRequest> {
    let all = &resolution.secrets;
    if let Some(request) = all.iter().find(|request| request.name == name) {
        return Ok(request);
    }
    let failure = Failure::input(format!(
        "no secret `{name}` in mainstay.yaml or compose.yaml"
    ));
    let known = all.iter().map(|request| request.name.as_str());
    Err(match did_you_mean(name, known) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("see those there are: mainstay secret list"),
    })
}

fn stores(resolution: &Resolution) -> Stores {
    project::stores(resolution)
}
