//! `/api/v1/read`: remote read, answered in samples.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/>. Streamed chunks
//! are not written; every client also takes samples, and one that does not is told so.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mainstay_exposition::remote::{ReadQuery, ReadRequest, ReadResponse, ReadResult};
use mainstay_series::{Labels, MatchOp, Matcher, Samples, Selection, Storage};

use crate::failure::{Failure, Kind, PlainError};
use crate::pool::Ticket;
use crate::routes::Api;
use crate::write::body;

pub(crate) async fn read(State(api): State<Api>, request: Request) -> Result<Response, PlainError> {
    let place = api.reads.admit()?;
    let body = body(&api, request).await?;
    let limit = api.options.unpacked_bytes;
    let storage = api.sources.storage.clone();
    let external = api.sources.status.external_labels();
    let most = api.options.read_samples;
    let work = move |ticket: &Ticket| {
        let request = ReadRequest::decode(&body, limit)?;
        if !request.takes_samples {
            let message = "server does not support any of the requested response types; \
                           supported: SAMPLES";
            return Err(Failure::bad_data(message));
        }
        let mut response = ReadResponse::default();
        let mut left = most;
        for query in &request.queries {
            let series = one(&*storage, query, &external, &mut left, ticket);
            let series = series?
                .ok_or_else(|| Failure::bad_data(format!("exceeded sample limit ({most})")))?;
            response.result(
                series
                    .iter()
                    .map(|(labels, samples)| (labels, &samples[..])),
            );
        }
        Ok(response.encode()?)
    };
    let body = api
        .reads
        .run_admitted(place, api.options.timeout, work)
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-protobuf"),
        (header::CONTENT_ENCODING, "snappy"),
    ];
    Ok((StatusCode::OK, headers, body).into_response())
}

/// The series of one query; nothing: there are more samples than are left.
fn one(
    storage: &dyn Storage,
    query: &ReadQuery,
    external: &Labels,
    left: &mut usize,
    ticket: &Ticket,
) -> Result<Option<ReadResult>, Failure> {
    // A query without any matcher meets nothing, as in Prometheus.
    if query.matchers.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let matchers: Vec<_> = query.matchers.iter().map(|m| stored(m, external)).collect();
    let selection = Selection {
        matchers: &matchers,
        window: query.window,
        function: &query.hints.function,
        range_ms: query.hints.range_ms,
        step_ms: query.hints.step_ms,
    };
    let internal =
        |error: mainstay_series::StorageError| Failure::new(Kind::Internal, error.to_string());
    let mut found = Vec::new();
    let mut samples = Samples::default();
    for series in storage.select(&selection).map_err(internal)? {
        ticket.go_on()?;
        samples.clear();
        series.read(query.window, &mut samples).map_err(internal)?;
        match left.checked_sub(samples.len()) {
            Some(rest) => *left = rest,
            None => return Ok(None),
        }
        if !samples.is_empty() {
            found.push((with(series.labels(), external), samples.iter().collect()));
        }
    }
    Ok(Some(found))
}

/// A matcher of an external label, which is attached on the way out, meets series without it.
fn stored(matcher: &Matcher, external: &Labels) -> Matcher {
    let attached = external.get(matcher.name());
    if matcher.op() == MatchOp::Equal && attached == Some(matcher.value()) {
        Matcher::equal(matcher.name(), "")
    } else {
        matcher.clone()
    }
}

/// Labels with the external ones that they have not.
fn with(labels: &Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return labels.clone();
    }
    Labels::from_pairs(external.iter().chain(labels.iter()))
}
