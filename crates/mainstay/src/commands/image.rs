//! `image`: build, check, list, pull, prune.

mod build;
mod check;
mod list;

use super::Context;
use crate::arguments::{FileArguments, ImageArguments, ImageCommand, ReleaseOptions};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::project::{self, Resolved};
use mainstay_model::{ServiceName, did_you_mean};
use mainstay_stack::{Service, Stack};

pub async fn image(context: &Context, arguments: ImageArguments) -> Outcome {
    match arguments.command {
        ImageCommand::Build(arguments) => build::build(context, &arguments).await,
        ImageCommand::Check(arguments) => check::check(context, &arguments).await,
        ImageCommand::List(arguments) => list::list(context, &arguments).await,
        ImageCommand::Pull(arguments) => build::pull(context, &arguments).await,
        ImageCommand::Prune(arguments) => list::prune(context, &arguments).await,
    }
}

/// The stack that the files describe.
fn resolve(context: &Context, files: &FileArguments) -> Outcome<(Place, Resolved)> {
    let stack = files.stack();
    let place = context.stack_place(&stack)?;
    let resolved = project::resolve(&place, &stack, &ReleaseOptions::default())?;
    Ok((place, resolved))
}

/// The services that were named, or all.
fn chosen<'a>(stack: &'a Stack, names: &[ServiceName]) -> Outcome<Vec<&'a Service>> {
    if names.is_empty() {
        return Ok(stack.services.values().collect());
    }
    names
        .iter()
        .map(|name| {
            stack.services.get(name).ok_or_else(|| {
                let failure = Failure::input(format!("the stack has no service `{name}`"));
                let known = stack.services.keys().map(ServiceName::as_str);
                match did_you_mean(name.as_str(), known) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("see them: mainstay config"),
                }
            })
        })
        .collect()
}
