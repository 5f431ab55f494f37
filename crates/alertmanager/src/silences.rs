//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use mainstay_alert::engine::{Silence, SilenceDraft, SilenceMatcher, SilenceState};
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alerts::time;
use crate::asked::filters;
use crate::blocking::Api;
use crate::reply::{Answered, Failure, json};

#[derive(Debug, Serialize)]
struct Status {
    state: SilenceState,
}

#[derive(Debug, Serialize)]
struct Shown {
    status: Status,
    #[serde(flatten)]
    silence: Silence,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default)]
    is_equal: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<Condition>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

#[derive(Debug, Serialize)]
struct Set {
    #[serde(rename = "silenceID")]
    id: String,
}

fn shown(silence: Silence, now: Timestamp) -> Shown {
    Shown {
        status: Status {
            state: silence.state(now),
        },
        silence,
    }
}

/// Those that have every filter among their matchers, as it stands.
pub(crate) async fn list(
    State(api): State<Api>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answered {
    let filters: Vec<SilenceMatcher> = filters(&pairs)?.iter().map(SilenceMatcher::of).collect();
    let work = move |source: &dyn crate::Alerting| {
        let now = source.now();
        let wanted = |silence: &Silence| filters.iter().all(|m| silence.matchers.contains(m));
        let silences = source.silences().into_iter().filter(wanted);
        Ok(silences
            .map(|silence| shown(silence, now))
            .collect::<Vec<_>>())
    };
    Ok(json(&api.ask(work).await?))
}

pub(crate) async fn get(State(api): State<Api>, Path(id): Path<String>) -> Answered {
    let work = move |source: &dyn crate::Alerting| {
        let found = source
            .silence(&id)
            .map(|silence| shown(silence, source.now()));
        found.ok_or_else(|| Failure::missing(format!("there is no silence `{id}`")))
    };
    Ok(json(&api.ask(work).await?))
}

pub(crate) async fn post(State(api): State<Api>, body: Bytes) -> Answered {
    let posted: Posted = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad(format!("parsing silence body failed: {error}")))?;
    let needed = |text: &str, name: &str| {
        time(Some(text))?.ok_or_else(|| Failure::bad(format!("`{name}` is needed")))
    };
    let matchers = posted.matchers.into_iter().map(|condition| SilenceMatcher {
        name: condition.name,
        value: condition.value,
        is_regex: condition.is_regex,
        is_equal: condition.is_equal.unwrap_or(true),
    });
    let draft = SilenceDraft {
        id: posted.id.filter(|id| !id.is_empty()),
        matchers: matchers.collect(),
        starts_at: needed(&posted.starts_at, "startsAt")?,
        ends_at: needed(&posted.ends_at, "endsAt")?,
        created_by: posted.created_by,
        comment: posted.comment,
    };
    let id = api
        .ask(move |source| Ok(source.set_silence(draft)?))
        .await?;
    Ok(json(&Set { id }))
}

pub(crate) async fn delete(State(api): State<Api>, Path(id): Path<String>) -> Answered {
    api.ask(move |source| Ok(source.expire_silence(&id)?))
        .await?;
    Ok(StatusCode::OK.into_response())
}
