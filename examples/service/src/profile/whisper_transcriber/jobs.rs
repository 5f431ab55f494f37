//! Showing jobs.

use super::Transcriber;
use super::bell::next_change;
use super::job::{Job, JobState};
use super::store::Filter;
use crate::account::Caller;
use crate::settings::parse_duration;
use crate::web::ApiError;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

const MAX_LISTED: u32 = 200;

/// A request does not wait longer than this, whatever it asks for.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// How often somebody who waits looks without having been told.
pub(crate) const LOOK: Duration = Duration::from_millis(300);

/// A finished job does not change any more, so it may be kept at hand for long.
const KEEP_FINISHED: Duration = Duration::from_mins(10);

#[derive(Debug, Deserialize)]
pub(crate) struct ListParameters {
    state: Option<JobState>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct List {
    jobs: Vec<Job>,
}

/// `?wait=10s`: answer when the job is finished, at the latest after this.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wait {
    wait: Option<String>,
}

impl Wait {
    pub(crate) fn duration(&self) -> Result<Duration, ApiError> {
        let Some(text) = &self.wait else {
            return Ok(Duration::ZERO);
        };
        parse_duration(text)
            .map(|wait| wait.min(MAX_WAIT))
            .map_err(|_| {
                ApiError::new(
                    StatusCode::BAD_REQUEST,
                    format!("wait={text}: not a duration"),
                )
                .hint("write a number and ms, s or m, like 10s")
            })
    }
}

/// Newest first: one's own; an admin sees everybody's.
pub(crate) async fn list(
    State(here): State<Transcriber>,
    caller: Caller,
    Query(parameters): Query<ListParameters>,
) -> Result<Json<List>, ApiError> {
    let filter = Filter {
        owner: (!caller.admin).then_some(caller.name),
        state: parameters.state,
        limit: parameters.limit.unwrap_or(50).min(MAX_LISTED),
    };
    let jobs = here.app.store.jobs(&filter).await?;
    Ok(Json(List { jobs }))
}

/// One job.
pub(crate) async fn show(
    State(here): State<Transcriber>,
    caller: Caller,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<Job>, ApiError> {
    let wait = wait.duration()?;
    visible(&here, &caller, &id).await?;
    finished_within(&here, &id, wait).await.map(Json)
}

/// The job, where the caller may see it. Somebody else's is as one that is not there.
pub(crate) async fn visible(
    here: &Transcriber,
    caller: &Caller,
    id: &str,
) -> Result<Job, ApiError> {
    match find(here, id).await? {
        Some(job) if caller.may_see(&job.owner) => Ok(job),
        _ => Err(no_such_job()),
    }
}

/// The job as soon as it is finished, or as it is after `wait`.
pub(crate) async fn finished_within(
    here: &Transcriber,
    id: &str,
    wait: Duration,
) -> Result<Job, ApiError> {
    let deadline = Instant::now() + wait;
    let mut listener = here.bell.listen();
    loop {
        let job = find(here, id).await?.ok_or_else(no_such_job)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if job.state.is_final() || left.is_zero() || here.app.stopping.is_cancelled() {
            return Ok(job);
        }
        let changed = next_change(&mut listener, id, LOOK.min(left));
        here.app.stopping.run_until_cancelled(changed).await;
    }
}

async fn find(here: &Transcriber, id: &str) -> Result<Option<Job>, ApiError> {
    if let Some(job) = kept(here, id).await {
        return Ok(Some(job));
    }
    let job = here.app.store.job(id).await?;
    if let (Some(redis), Some(job)) = (&here.app.redis, &job)
        && job.state.is_final()
        && let Ok(text) = serde_json::to_string(job)
    {
        // An error shows in /health.
        let _ = redis.put(&key(id), &text, KEEP_FINISHED).await;
    }
    Ok(job)
}

/// A finished job that Redis has at hand.
async fn kept(here: &Transcriber, id: &str) -> Option<Job> {
    let redis = here.app.redis.as_ref()?;
    let job = redis
        .get(&key(id))
        .await
        .ok()
        .flatten()
        .and_then(|text| serde_json::from_str(&text).ok());
    let result = if job.is_some() { "hit" } else { "miss" };
    here.app
        .metrics
        .count("cache_requests_total", &[("result", result)], 1);
    job
}

fn key(id: &str) -> String {
    format!("sample-service:job:{id}")
}

fn no_such_job() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no such job")
}
