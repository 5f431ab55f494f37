//! The task that empties a queue towards its receiver.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::{Method, StatusCode};
use mainstay_exposition::remote::{
    LIMIT_BYTES, WriteVersion, decode_write, encode_v1, encode_v2, pack, unpack,
};
use mainstay_series::{Labels, Sample};
use mainstay_targets::RemoteWrite;
use tokio::sync::watch;

use super::Shared;
use super::queue::Chunk;
use crate::client::{Client, Url};
use crate::fetch::AGENT;
use crate::scraper::Clock;

/// The longest pause that a receiver can ask for.
const LIMIT_RETRY: Duration = Duration::from_mins(5);
/// How much of a refusal is read, for the log.
const LIMIT_ANSWER: usize = 4096;

/// What one try came to.
enum Tried {
    Taken,
    /// For good.
    Refused(String),
    /// Try again, after so long if the receiver said so.
    Later(String, Option<Duration>),
}

pub(super) struct Sender {
    config: RemoteWrite,
    url: Url,
    client: Client,
    shared: Arc<Shared>,
    now_ms: Clock,
}

impl Sender {
    pub(super) fn new(config: &RemoteWrite, url: Url, shared: Arc<Shared>, now_ms: Clock) -> Self {
        Self {
            client: Client::new(config.client.clone()),
            config: config.clone(),
            url,
            shared,
            now_ms,
        }
    }

    /// Sends until it is stopped. Stopping it in the middle of a request means that it is sent again.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.send_all() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }

    async fn send_all(&mut self) {
        loop {
            let chunk = self.next().await;
            let Some(end) = chunk.end else {
                // Rung by an offer; looked at now and then in any case.
                let _ = tokio::time::timeout(LIMIT_RETRY, self.shared.bell.notified()).await;
                continue;
            };
            self.deliver(chunk).await;
            let shared = Arc::clone(&self.shared);
            let noted = tokio::task::spawn_blocking(move || shared.queue().acknowledge(end)).await;
            if let Ok(Err(error)) = noted {
                tracing::warn!(remote = %self.config.name, %error, "the queue's cursor cannot be written");
                tokio::time::sleep(self.config.queue.max_backoff).await;
            }
        }
    }

    /// A full request, or what there is when the first of it has waited long enough.
    async fn next(&self) -> Chunk {
        let most = self.config.queue.max_samples_per_send as u64;
        loop {
            let shared = Arc::clone(&self.shared);
            let chunk = tokio::task::spawn_blocking(move || shared.queue().peek(most)).await;
            let chunk = chunk.unwrap_or_default();
            let waited = (self.now_ms)().saturating_sub(chunk.first_ms).max(0) as u64;
            let deadline = self.config.queue.batch_deadline;
            let left = deadline.saturating_sub(Duration::from_millis(waited));
            // Half full is full: the next record may not have fitted any more.
            if chunk.end.is_none() || chunk.samples * 2 > most || left.is_zero() {
                return chunk;
            }
            let _ = tokio::time::timeout(left, self.shared.bell.notified()).await;
        }
    }

    /// Until the receiver took it, or refused it for good.
    async fn deliver(&mut self, chunk: Chunk) {
        let lose = |samples| {
            self.shared
                .counts
                .lost
                .fetch_add(samples, Ordering::Relaxed)
        };
        let Some((body, samples)) = self.body(&chunk) else {
            lose(chunk.samples);
            tracing::warn!(remote = %self.config.name, "what was queued cannot be read");
            return;
        };
        lose(chunk.samples.saturating_sub(samples));
        if samples == 0 {
            return;
        }
        let mut pause = self.config.queue.min_backoff;
        loop {
            let tried = self.once(body.clone()).await;
            let counts = &self.shared.counts;
            match tried {
                Tried::Taken => {
                    counts.sent.fetch_add(samples, Ordering::Relaxed);
                    self.tell(String::new());
                    return;
                }
                Tried::Refused(error) => {
                    counts.refused.fetch_add(samples, Ordering::Relaxed);
                    tracing::warn!(remote = %self.config.name, %error, samples, "samples were refused");
                    self.tell(error);
                    return;
                }
                Tried::Later(error, wanted) => {
                    counts.retries.fetch_add(1, Ordering::Relaxed);
                    self.tell(error);
                    let wait = wanted.map_or(pause, |wanted| wanted.min(LIMIT_RETRY).max(pause));
                    tokio::time::sleep(wait).await;
                    pause = (pause * 2).min(self.config.queue.max_backoff);
                }
            }
        }
    }

    fn tell(&self, error: String) {
        let mut last = self
            .shared
            .counts
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = error;
    }

    /// One request's body of the chunk's messages, and how many samples it has.
    fn body(&self, chunk: &Chunk) -> Option<(Bytes, u64)> {
        let mut message = Vec::new();
        for packed in &chunk.messages {
            message.extend_from_slice(&unpack(packed, LIMIT_BYTES).ok()?);
        }
        let oldest = self.config.queue.sample_age_limit;
        if !self.config.v2 && oldest.is_zero() {
            return Some((pack(&message).ok()?.into(), chunk.samples));
        }
        let written = decode_write(&pack(&message).ok()?, WriteVersion::V1, usize::MAX).ok()?;
        let since = if oldest.is_zero() {
            i64::MIN
        } else {
            (self.now_ms)() - oldest.as_millis() as i64
        };
        let series: Vec<(Labels, Sample)> = written
            .batch
            .new
            .into_iter()
            .filter_map(|(row, labels)| Some((labels, written.batch.rows.get(row as usize)?)))
            .filter(|(_, row)| row.time_ms >= since)
            .map(|(labels, row)| {
                (
                    labels,
                    Sample {
                        time_ms: row.time_ms,
                        value: row.value,
                    },
                )
            })
            .collect();
        let lent = series
            .iter()
            .map(|(labels, sample)| (labels, std::slice::from_ref(sample)));
        let message = if self.config.v2 {
            let metadata = self.shared.metadata();
            encode_v2(lent, |name| metadata.get(name))
        } else {
            encode_v1(lent, &[])
        };
        Some((pack(&message).ok()?.into(), series.len() as u64))
    }

    async fn once(&mut self, body: Bytes) -> Tried {
        let timeout = self.config.timeout;
        let tried = tokio::time::timeout(timeout, self.exchange(body)).await;
        if let Ok(tried) = tried {
            return tried;
        }
        self.client.disconnect();
        Tried::Later(
            format!("no answer within {} s", timeout.as_secs_f64()),
            None,
        )
    }

    async fn exchange(&mut self, body: Bytes) -> Tried {
        let version = if self.config.v2 {
            WriteVersion::V2
        } else {
            WriteVersion::V1
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(version.content_type()),
        );
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let name = HeaderName::from_static("x-prometheus-remote-write-version");
        headers.insert(name, HeaderValue::from_static(version.header()));
        let response = match self
            .client
            .send(Method::POST, &self.url, &headers, body)
            .await
        {
            Ok(response) => response,
            Err(error) => {
                self.client.disconnect();
                return Tried::Later(error.to_string(), None);
            }
        };
        let status = response.status();
        let wanted = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let wanted = wanted
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs);
        let answer = Limited::new(response.into_body(), LIMIT_ANSWER)
            .collect()
            .await;
        if answer.is_err() {
            self.client.disconnect();
        }
        let text = answer.map(|body| String::from_utf8_lossy(&body.to_bytes()).trim().to_owned());
        let text = text.unwrap_or_default();
        if status.is_success() {
            return Tried::Taken;
        }
        let error = format!("server returned HTTP status {status}: {text}");
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Tried::Later(error, wanted);
        }
        Tried::Refused(error)
    }
}
