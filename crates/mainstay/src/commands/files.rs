//! `check`, `config`, `init`, `schema`: the user's files, without a server.

use super::Context;
use crate::arguments::{InitArguments, ReleaseOptions, StackArguments};
use crate::failure::{Failure, Outcome};
use crate::look::{Look, Tone};
use crate::project;
use crate::render::{self, problems, yaml};
use mainstay_model::Problems;
use mainstay_secrets::Reach;
use mainstay_stack::Stack;
use serde::Serialize;
use std::io;
use std::path::Path;

/// `check --json`
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    usable: bool,
    problems: &'a Problems,
}

pub async fn check(context: &Context, arguments: &StackArguments) -> Outcome {
    let place = context.stack_place(arguments)?;
    let resolution = project::resolution(&place, arguments, &ReleaseOptions::default())?;
    // No store elsewhere is asked: that is for `secret check`, and for a deploy.
    let resolution = project::supplied(resolution, Reach::Here).await;
    let verdict = Verdict {
        usable: resolution.stack.is_some(),
        problems: &resolution.problems,
    };
    context
        .output
        .either(&verdict, |look| match &resolution.stack {
            Some(stack) => usable(stack, &resolution.problems, look),
            None => unusable(&resolution.problems, look),
        })?;
    if verdict.usable {
        Ok(())
    } else {
        Err(Failure::quiet(2))
    }
}

fn usable(stack: &Stack, found: &Problems, look: Look) -> String {
    let word = look.paint(Tone::Good, "ok");
    let services = crate::render::quantity::count(stack.services.len(), "service");
    let verdict = format!("{word}: {} with {services}", stack.scope());
    if found.is_empty() {
        return verdict;
    }
    format!(
        "{}\n{verdict}, {}",
        problems::text(found, look),
        problems::tally(found)
    )
}

fn unusable(found: &Problems, look: Look) -> String {
    let word = look.paint(Tone::Bad, "not usable");
    format!(
        "{}\n{word}: {}",
        problems::text(found, look),
        problems::tally(found)
    )
}

pub fn config(context: &Context, arguments: &StackArguments) -> Outcome {
    let place = context.stack_place(arguments)?;
    let resolved = project::resolve(&place, arguments, &ReleaseOptions::default())?;
    let shown = resolved.stack.redacted();
    let value = serde_json::to_value(&shown)
        .map_err(|error| Failure::bug("the stack does not encode").because(&error))?;
    context.output.either(&value, |_| {
        yaml::text(&render::stack::readable(value.clone()))
    })
}

pub fn init(context: &Context, arguments: &InitArguments) -> Outcome {
    let place = context.place(arguments.path.as_deref())?;
    let resolved = project::resolve(
        &place,
        &StackArguments::default(),
        &ReleaseOptions::default(),
    )?;
    let file = project::operations_file(&place.directory);
    let text = mainstay_stack::init(&resolved.stack);
    write_new(&file, &text, arguments.force).map_err(|error| {
        let shown = file.display();
        if error.kind() == io::ErrorKind::AlreadyExists {
            Failure::input(format!("`{shown}` is there already"))
                .hint("overwrite it: mainstay init --force")
        } else {
            Failure::environment(format!("cannot write `{shown}`")).because(&error)
        }
    })?;
    let document = serde_json::json!({ "file": file });
    let check = place.command("check");
    context.output.either(&document, |_| {
        format!("wrote {}; look at it, then: {check}", file.display())
    })
}

/// Whole or not at all; without `force` never over a file that is there.
fn write_new(file: &Path, text: &str, force: bool) -> io::Result<()> {
    use std::io::Write;
    if !force {
        return std::fs::File::create_new(file)?.write_all(text.as_bytes());
    }
    let beside = file.with_extension("yaml.new");
    std::fs::File::create(&beside)?.write_all(text.as_bytes())?;
    std::fs::rename(&beside, file)
}

pub fn schema(context: &Context) -> Outcome {
    context.output.document(&mainstay_stack::schema())
}
