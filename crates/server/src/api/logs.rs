//! Log lines of instances as server-sent events.

use super::auth::Actor;
use super::environments::InScope;
use super::sent::Asked;
use super::types::{ApiError, LogLine, Role};
use crate::control::Control;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream::{self, StreamExt};
use mainstay_model::Timestamp;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
pub struct LogParameters {
    /// Comma-separated; none: every service.
    pub service: Option<String>,
    pub instance: Option<String>,
    /// Last lines of each instance; none: all.
    pub tail: Option<usize>,
    pub since: Option<Timestamp>,
    #[serde(default)]
    pub follow: bool,
}

pub(super) async fn follow(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Asked(parameters): Asked<LogParameters>,
) -> Result<impl IntoResponse, ApiError> {
    actor.needs(Role::Viewer)?;
    let lines = control.logs(&scope, &parameters)?;
    let stopping = Arc::clone(&control);
    let events = stream::unfold(lines, |mut lines| async move {
        lines.recv().await.map(|line: LogLine| (line, lines))
    })
    .map(|line| {
        sse::Event::default()
            .json_data(&line)
            .or_else(|_| Ok::<_, Infallible>(sse::Event::default().comment("line not shown")))
    })
    .take_until(async move { stopping.stopping().await });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(events).keep_alive(keep_alive))
}
