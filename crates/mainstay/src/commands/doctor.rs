//! `doctor`: what is wrong with a stack that does not come up, and what to do.
//!
//! With a server it is the server's diagnosis; without one, what can be seen from here.

use super::Context;
use crate::client::CallError;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::render::environment;
use mainstay_server::api::types::Diagnosis;
use std::path::Path;

pub async fn doctor(context: &Context, directory: Option<&Path>) -> Outcome {
    let place = Place::new(&context.global, directory)?;
    let client = place.client()?;
    let problems = match client.get::<serde_json::Value>("/health").await {
        Ok(_) => {
            let scope = place.scope(&client).await?;
            let answer: Result<Vec<Diagnosis>, CallError> =
                client.get(&path(&scope, "/doctor")).await;
            answer.map_err(|error| client.explain(error))?
        }
        Err(error) => return Err(client.explain(error)),
    };
    context.output.either(&problems, |look| {
        if problems.is_empty() {
            "nothing is wrong".to_owned()
        } else {
            environment::diagnoses(&problems, look)
        }
    })?;
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::quiet(1))
    }
}
