//! `doctor`: what is wrong with a stack that does not come up, and what to do.
//!
//! The server's diagnosis where one runs and knows the stack; otherwise what can be seen from here.

use super::Context;
use crate::diagnose::diagnose;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::look::{Look, Tone};
use crate::render::environment;
use mainstay_server::api::types::Diagnosis;
use std::path::Path;

pub async fn doctor(context: &Context, directory: Option<&Path>) -> Outcome {
    let place = context.place(directory)?;
    let problems = problems(&place).await?;
    context
        .output
        .either(&problems, |look| text(&problems, &place, look))?;
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::quiet(1))
    }
}

async fn problems(place: &Place) -> Outcome<Vec<Diagnosis>> {
    let client = place.client()?;
    match client.get::<serde_json::Value>("/health").await {
        Ok(_) => {}
        Err(error) if error.is_nobody() && place.global.server.is_none() => {
            return Ok(diagnose(place, true).await);
        }
        Err(error) => return Err(client.explain(error)),
    }
    let scope = place.scope(&client).await?;
    match client.get(&path(&scope, "/doctor")).await {
        Ok(problems) => Ok(problems),
        // Its ports are not asked about: another environment of this server may have them.
        Err(error) if error.is_not_found() => Ok(diagnose(place, false).await),
        Err(error) => Err(client.explain(error)),
    }
}

fn text(problems: &[Diagnosis], place: &Place, look: Look) -> String {
    if problems.is_empty() {
        let status = place.command("status");
        let word = look.paint(Tone::Good, "nothing is wrong");
        return format!("{word} that can be seen from here; how it is: {status}");
    }
    environment::diagnoses(problems, look)
}
