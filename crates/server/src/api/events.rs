//! Events of the journal: a page, or a stream that can be resumed.

use super::auth::Actor;
use super::sent::Asked;
use super::types::{ApiError, Event, Role};
use crate::control::Control;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use mainstay_model::{EnvironmentName, StackName};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Rows read at a time, and the most one page has.
const PAGE: u32 = 1000;

#[derive(Debug, Clone, Deserialize)]
pub struct EventQuery {
    pub stack: Option<StackName>,
    pub environment: Option<EnvironmentName>,
    pub operation: Option<Uuid>,
    /// Only those with a higher `seq`. Without it, a page has the last ones.
    pub after: Option<u64>,
    pub limit: Option<u32>,
    #[serde(default)]
    pub follow: bool,
}

impl EventQuery {
    pub(crate) fn page(&self) -> u32 {
        self.limit.unwrap_or(PAGE).min(PAGE)
    }
}

pub(super) async fn list(
    State(control): State<Arc<Control>>,
    actor: Actor,
    headers: HeaderMap,
    Asked(mut query): Asked<EventQuery>,
) -> Result<Response, ApiError> {
    actor.needs(Role::Viewer)?;
    // What a browser's EventSource sends when it comes back.
    let last_id = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    query.after = last_id.or(query.after);
    if !query.follow {
        return Ok(Json(control.events(&query).await?).into_response());
    }
    let events = follow(control, query).map(|event| {
        sse::Event::default()
            .id(event.seq.to_string())
            .json_data(&event)
            .or_else(|_| Ok::<_, Infallible>(sse::Event::default().comment("event not shown")))
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

/// All events after `query.after` (without it: those from now on), then new ones as they come,
/// until the server shuts down.
fn follow(control: Arc<Control>, query: EventQuery) -> impl Stream<Item = Event> {
    let changes = control.event_changes();
    stream::unfold(
        (control, query, changes),
        |(control, mut query, mut changes)| async move {
            loop {
                let after = match query.after {
                    Some(after) => after,
                    None => *changes.borrow_and_update(),
                };
                changes.mark_unchanged();
                let events = control.events_after(&query, after).await.ok()?;
                query.after = Some(events.last().map_or(after, |event| event.seq));
                if !events.is_empty() {
                    return Some((stream::iter(events), (control, query, changes)));
                }
                tokio::select! {
                    changed = changes.changed() => changed.ok()?,
                    () = control.stopping() => return None,
                }
            }
        },
    )
    .flatten()
}
