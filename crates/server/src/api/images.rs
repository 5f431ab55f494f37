//! Images over HTTP: a build streams in and its progress out, on one request.

use super::auth::Actor;
use super::environments::InScope;
use super::sent::Sent;
use super::types::{
    ApiError, ImageAudit, ImageBuild, ImageMessage, ImagePull, ImageQuery, ListedImage, Pruned,
    Role,
};
use crate::control::Control;
use crate::images::{Queue, Work};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt};
use mainstay_audit::Finding;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// Of the line that says what to build.
const MAX_LINE: usize = 256 << 10;

/// Of a build context: a disk that fills is worse than a build that fails.
const MAX_CONTEXT: u64 = 32 << 30;

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

pub(super) async fn build(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    body: Body,
) -> Result<Response, ApiError> {
    actor.needs(Role::Operator)?;
    let mut pieces: Pieces = Box::pin(
        body.into_data_stream()
            .map(|piece| piece.map_err(io::Error::other)),
    );
    let (line, rest) = first_line(&mut pieces).await?;
    let request: ImageBuild = serde_json::from_slice(&line)
        .map_err(|error| ApiError::invalid(format!("the first line of the body: {error}")))?;
    let first = stream::once(async move { Ok(rest) });
    let context = bounded(Box::pin(first.chain(pieces)));
    let queue = Queue::default();
    let work = Arc::clone(&control).build_image(scope, request, context, queue.clone());
    Ok(answer(queue, Box::pin(work)))
}

pub(super) async fn pull(
    State(control): State<Arc<Control>>,
    InScope(_): InScope,
    actor: Actor,
    Sent(request): Sent<ImagePull>,
) -> Result<Response, ApiError> {
    actor.needs(Role::Operator)?;
    let queue = Queue::default();
    let work = Arc::clone(&control).pull_image(request, queue.clone());
    Ok(answer(queue, Box::pin(work)))
}

pub(super) async fn audit(
    State(control): State<Arc<Control>>,
    InScope(_): InScope,
    actor: Actor,
    Sent(request): Sent<ImageAudit>,
) -> Result<Json<Vec<Finding>>, ApiError> {
    // It makes a container to look at the files.
    actor.needs(Role::Operator)?;
    control.audit_image(request).await.map(Json)
}

pub(super) async fn list(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Sent(request): Sent<ImageQuery>,
) -> Result<Json<Vec<ListedImage>>, ApiError> {
    actor.needs(Role::Viewer)?;
    control.list_images(&scope, request).await.map(Json)
}

pub(super) async fn prune(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Sent(request): Sent<ImageQuery>,
) -> Result<Json<Pruned>, ApiError> {
    actor.needs(Role::Operator)?;
    control
        .prune_images(&scope, request, &actor)
        .await
        .map(Json)
}

/// The line, and what came behind it in the same piece.
async fn first_line(pieces: &mut Pieces) -> Result<(Bytes, Bytes), ApiError> {
    let mut read = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece =
            piece.map_err(|error| ApiError::invalid(format!("the body breaks off: {error}")))?;
        read.extend_from_slice(&piece);
        if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
            let line = read.split_to(end + 1).freeze();
            return Ok((line, read.freeze()));
        }
        if read.len() > MAX_LINE {
            break;
        }
    }
    Err(ApiError::invalid(
        "the body does not begin with a line that says what to build",
    ))
}

/// Ends with an error where the context is too large.
fn bounded(pieces: Pieces) -> Pieces {
    let mut seen = 0_u64;
    Box::pin(pieces.map(move |piece| {
        let piece = piece?;
        seen += piece.len() as u64;
        if seen > MAX_CONTEXT {
            let limit = mainstay_model::Bytes(MAX_CONTEXT);
            return Err(io::Error::other(format!(
                "the build context is larger than {limit}"
            )));
        }
        Ok(piece)
    }))
}

/// The work as a body: polled by whoever reads it, ended when nobody does.
fn answer(queue: Queue, mut work: Work) -> Response {
    let mut ended = false;
    let lines = stream::poll_fn(move |context| {
        loop {
            if let Some(message) = queue.take() {
                return Poll::Ready(Some(encoded(&message)));
            }
            if ended {
                return Poll::Ready(None);
            }
            match work.as_mut().poll(context) {
                Poll::Ready(outcome) => {
                    ended = true;
                    queue.push(outcome);
                }
                Poll::Pending if queue.is_empty() => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    });
    (
        [(CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(lines),
    )
        .into_response()
}

fn encoded(message: &ImageMessage) -> io::Result<Bytes> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line.into())
}
