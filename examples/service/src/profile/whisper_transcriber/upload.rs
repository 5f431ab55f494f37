//! Taking a recording in: `curl -F file=@speech.wav …/jobs`, or the bytes as the body.
//!
//! It is looked at before it is taken in: what cannot be worked off is refused here, with the
//! reason, and not an hour later as a failed job.

use super::Transcriber;
use super::audio::{Wav, WavError};
use super::jobs::{Wait, finished_within};
use super::store::NewJob;
use crate::account::Caller;
use crate::app::App;
use crate::moment::Moment;
use crate::web::{ApiError, within_quota};
use axum::Json;
use axum::extract::{FromRequest, Multipart, Query, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Deserialize;
use std::time::Duration;

/// For a place among the uploads.
const TURN: Duration = Duration::from_secs(10);

const MAX_NAME_CHARS: usize = 200;

const HOW: &str =
    "send a WAV file: curl -F file=@speech.wav URL, or curl --data-binary @speech.wav URL";

#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    /// The file's name, for a body that has none.
    name: Option<String>,
    #[serde(flatten)]
    wait: Wait,
}

/// `POST`: 202 and the job; with `?wait=10s` once it is finished, if that is in time.
pub(crate) async fn upload(
    State(here): State<Transcriber>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    within_quota(&here.app, &caller).await?;
    let wait = parameters.wait.duration()?;
    let job = {
        let Ok(Ok(_place)) = tokio::time::timeout(TURN, here.uploads.acquire()).await else {
            return Err(
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many uploads at once")
                    .retry_after(TURN),
            );
        };
        let (name, content) = recording(&here.app, request, parameters.name).await?;
        accept(&here, caller, name, content).await?
    };
    let job = finished_within(&here, &job, wait).await?;
    let location = super::JOB.replace("{id}", &job.id);
    let headers: [(HeaderName, String); 1] = [(header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, headers, Json(job)))
}

/// Keeps the recording and calls a worker; gives the new job's id.
async fn accept(
    here: &Transcriber,
    caller: Caller,
    name: String,
    content: Bytes,
) -> Result<String, ApiError> {
    Wav::parse(&content).map_err(|error| unreadable(&error))?;
    let id = uuid::Uuid::now_v7().to_string();
    let bytes = content.len() as u64;
    let job = NewJob {
        id: id.clone(),
        owner: caller.name,
        name,
        content,
    };
    here.app.store.add_job(job, Moment::now()).await?;
    here.bell.queued();
    here.app.metrics.count("uploads_total", &[], 1);
    here.app.metrics.count("upload_bytes_total", &[], bytes);
    Ok(id)
}

/// Name and bytes, from either form of body.
async fn recording(
    app: &App,
    request: Request,
    name: Option<String>,
) -> Result<(String, Bytes), ApiError> {
    let is_multipart = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    let (file_name, content) = if is_multipart {
        from_form(app, request).await?
    } else {
        let content = Bytes::from_request(request, &())
            .await
            .map_err(|rejection| too_large_or(app, rejection.status(), rejection.body_text()))?;
        (None, content)
    };
    if content.is_empty() {
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "no recording").hint(HOW));
    }
    if content.len() as u64 > app.settings.max_upload_bytes {
        return Err(too_large(app));
    }
    let name = name
        .or(file_name)
        .unwrap_or_else(|| "recording.wav".to_owned());
    Ok((name.chars().take(MAX_NAME_CHARS).collect(), content))
}

/// The first part that is a file, whatever its field is called.
async fn from_form(app: &App, request: Request) -> Result<(Option<String>, Bytes), ApiError> {
    let refused = |status, text| too_large_or(app, status, text);
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|rejection| refused(rejection.status(), rejection.body_text()))?;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| refused(error.status(), error.body_text()))?
    {
        if field.file_name().is_none() && field.name() != Some("file") {
            continue;
        }
        let name = field.file_name().map(str::to_owned);
        let content = field
            .bytes()
            .await
            .map_err(|error| refused(error.status(), error.body_text()))?;
        return Ok((name, content));
    }
    Err(ApiError::new(StatusCode::BAD_REQUEST, "the form holds no file").hint(HOW))
}

fn too_large(app: &App) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("larger than {} bytes", app.settings.max_upload_bytes),
    )
    .hint("send a shorter recording, or raise MAX_UPLOAD_BYTES")
}

fn too_large_or(app: &App, status: StatusCode, text: String) -> ApiError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        too_large(app)
    } else {
        ApiError::new(status, text).hint(HOW)
    }
}

fn unreadable(error: &WavError) -> ApiError {
    let status = if error.is_unsupported() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    ApiError::new(status, error.to_string())
        .hint("ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav makes one that is read")
}
