//! `/api/v1/write`: remote write 1.0 and 2.0.
//!
//! Sources: <https://prometheus.io/docs/specs/prw/remote_write_spec/>,
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>. What can be stored is stored; what
//! cannot is answered with 400 and its reason, so that the sender does not send it again. 5xx: the
//! sender shall come again.

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mainstay_exposition::Batch;
use mainstay_exposition::remote::{RemoteError, WriteVersion, Written, decode_write};

use crate::failure::{Failure, Kind, PlainError};
use crate::pool::Ticket;
use crate::routes::Api;
use crate::sources::{Stored, Writer};
use crate::time;
use tokio::time::timeout;

/// Reasons that are told.
const REASONS: usize = 10;

pub(crate) async fn write(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, PlainError> {
    let Some(writer) = api.sources.writer.clone() else {
        let message = "remote write receiver is off";
        return Err(PlainError::new(StatusCode::NOT_FOUND, message));
    };
    let version = version(request.headers())?;
    // Before the body is read: so many bodies are in memory and not more.
    let place = api.writes.admit()?;
    let body = body(&api, request).await?;
    let limit = api.options.unpacked_bytes;
    let latest_ms = time::now_ms().saturating_add(time::millis(api.options.ahead));
    let work = move |_: &Ticket| match decode_write(&body, version, limit) {
        Ok(written) => store(&*writer, written, latest_ms),
        Err(error) => Err(Failure::bad_data(error.to_string())),
    };
    let outcome = api.writes.run_admitted(place, api.options.timeout, work);
    let outcome = outcome.await?;
    Ok(answer(&outcome))
}

/// The body as it was sent.
pub(crate) async fn body(api: &Api, request: Request) -> Result<bytes::Bytes, PlainError> {
    let limit = api.options.body_bytes;
    let read = to_bytes(request.into_body(), limit);
    let body = timeout(api.options.body_timeout, read).await;
    let body = body.map_err(|_| {
        let message = "the body did not arrive in time";
        PlainError::new(StatusCode::REQUEST_TIMEOUT, message)
    })?;
    body.map_err(|_| {
        let message = format!("the body is larger than {limit} bytes, or ended too early");
        PlainError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    })
}

/// Which message it is. Old senders say neither type nor encoding.
fn version(headers: &HeaderMap) -> Result<WriteVersion, PlainError> {
    let unsupported = |message| Err(PlainError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|encoding| *encoding != "snappy")
    {
        return unsupported(format!(
            "{} encoding (compression) is not accepted by this server; only snappy is acceptable",
            time::quoted(encoding)
        ));
    }
    let Some(kind) = text(header::CONTENT_TYPE).filter(|kind| !kind.is_empty()) else {
        return Ok(WriteVersion::V1);
    };
    match WriteVersion::of_content_type(kind) {
        Some(version) => Ok(version),
        None => unsupported(format!(
            "{} is not accepted by this server; send application/x-protobuf with \
             proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request",
            time::quoted(kind)
        )),
    }
}

/// What became of a request.
#[derive(Debug, Default)]
struct Outcome {
    samples: u64,
    exemplars: u64,
    /// Why something was not stored.
    reasons: Vec<String>,
}

fn store(writer: &dyn Writer, mut written: Written, latest_ms: i64) -> Result<Outcome, Failure> {
    let mut reasons = std::mem::take(&mut written.reasons);
    if written.native_histograms > 0 {
        let count = written.native_histograms;
        reasons.push(format!(
            "native histograms are not supported yet: {count} were left out"
        ));
    }
    let ahead = drop_later(&mut written.batch, latest_ms);
    if ahead > 0 {
        reasons.push(format!("out of bounds: {ahead} samples are in the future"));
    }
    let stored = if written.batch.is_empty() {
        Stored::default()
    } else {
        writer.write(&mut written.batch)?
    };
    if stored.rejected > 0 {
        reasons.extend(stored.reasons.into_iter().take(REASONS));
        reasons.push(format!("{} samples were not taken", stored.rejected));
    }
    Ok(Outcome {
        samples: stored.samples,
        exemplars: stored.exemplars,
        reasons,
    })
}

/// Takes the samples out that are later than that, with their exemplars. How many there were.
fn drop_later(batch: &mut Batch, latest_ms: i64) -> u64 {
    let before = batch.rows.len();
    if batch.rows.iter().all(|row| row.time_ms <= latest_ms) {
        return 0;
    }
    let mut places = Vec::with_capacity(before);
    let mut kept = 0u32;
    for row in &batch.rows {
        let keep = row.time_ms <= latest_ms;
        places.push(keep.then_some(kept));
        kept += u32::from(keep);
    }
    let place = |row: u32| places.get(row as usize).copied().flatten();
    batch.rows.retain(|row| row.time_ms <= latest_ms);
    batch.new = std::mem::take(&mut batch.new)
        .into_iter()
        .filter_map(|(row, labels)| Some((place(row)?, labels)))
        .collect();
    batch.exemplars.retain_mut(|exemplar| {
        let place = place(exemplar.row);
        exemplar.row = place.unwrap_or_default();
        place.is_some()
    });
    (before - batch.rows.len()) as u64
}

fn answer(outcome: &Outcome) -> Response {
    let counts = [
        (
            "x-prometheus-remote-write-samples-written",
            outcome.samples.to_string(),
        ),
        (
            "x-prometheus-remote-write-histograms-written",
            "0".to_owned(),
        ),
        (
            "x-prometheus-remote-write-exemplars-written",
            outcome.exemplars.to_string(),
        ),
    ];
    if outcome.reasons.is_empty() {
        (StatusCode::NO_CONTENT, counts).into_response()
    } else {
        let error = PlainError::new(StatusCode::BAD_REQUEST, outcome.reasons.join("; "));
        (counts, error).into_response()
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::new(Kind::BadData, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_exposition::Exemplar;
    use mainstay_series::Labels;

    #[test]
    fn samples_of_the_future_go_and_the_rest_stays_together() {
        let of = |name: &str| Labels::from_pairs([("__name__", name)]);
        let mut batch = Batch::default();
        for (name, time_ms) in [("a", 1), ("b", 100), ("c", 2)] {
            batch.exemplars.push(Exemplar {
                row: batch.rows.len() as u32,
                labels: of(name),
                value: 1.0,
                time_ms,
            });
            batch.push(of(name), time_ms, 1.0);
        }
        assert_eq!(drop_later(&mut batch, 100), 0);
        assert_eq!(drop_later(&mut batch, 99), 1);
        assert_eq!(batch.new, [(0, of("a")), (1, of("c"))]);
        let times: Vec<_> = batch.rows.iter().map(|row| row.time_ms).collect();
        assert_eq!(times, [1, 2]);
        let rows: Vec<_> = batch
            .exemplars
            .iter()
            .map(|e| (e.row, e.labels.clone()))
            .collect();
        assert_eq!(rows, [(0, of("a")), (1, of("c"))]);
    }
}
