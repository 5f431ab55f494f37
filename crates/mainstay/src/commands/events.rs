//! `events` and `journal verify`: what the journal says.

use super::Context;
use crate::arguments::EventsArguments;
use crate::client::{Patience, Stream};
use crate::failure::{Failure, Outcome};
use crate::render::history;
use mainstay_model::Scope;
use mainstay_server::api::types::{Event, JournalVerdict};
use std::fmt::Write as _;

pub async fn events(context: &Context, arguments: &EventsArguments) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = if arguments.all {
        None
    } else {
        Some(place.scope(&client).await?)
    };
    let filter = filter(scope.as_ref());
    let mut page = format!("/api/v1/events?limit={}{filter}", arguments.limit);
    if let Some(after) = arguments.after {
        let _ = write!(page, "&after={after}");
    }
    let events: Vec<Event> = client.ask(&page).await?;
    print(context, &events, arguments.follow)?;
    if !arguments.follow {
        return Ok(());
    }
    let seen = events
        .last()
        .map(|event| event.seq)
        .or(arguments.after)
        .unwrap_or(0);
    let mut stream = Stream::new(&client, Patience::RESTART, |last| {
        let after = last.map_or(seen.to_string(), str::to_owned);
        format!("/api/v1/events?follow=true&after={after}{filter}")
    });
    while let Some(message) = stream.next().await {
        let message = message.map_err(|error| client.explain(error))?;
        if let Ok(event) = serde_json::from_str::<Event>(&message.data) {
            print(context, std::slice::from_ref(&event), true)?;
        }
    }
    Ok(())
}

fn filter(scope: Option<&Scope>) -> String {
    scope
        .map(|scope| format!("&stack={}&environment={}", scope.stack, scope.environment))
        .unwrap_or_default()
}

/// `streams`: one object a line; otherwise one document.
fn print(context: &Context, events: &[Event], streams: bool) -> Outcome {
    let output = &context.output;
    if output.json && !streams {
        return output.document(&events);
    }
    for event in events {
        if output.json {
            output.object(event)?;
        } else {
            output.data(&history::event(event, output.look))?;
        }
    }
    Ok(())
}

pub async fn verify(context: &Context) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let verdict: JournalVerdict = client.ask("/api/v1/journal/verify").await?;
    context
        .output
        .either(&verdict, |look| history::verdict(&verdict, look))?;
    if verdict.intact {
        return Ok(());
    }
    Err(
        Failure::environment("the journal was changed outside of Mainstay, or its disk lost data")
            .hint("keep a copy of the data directory before anything else writes to it"),
    )
}
