//! One request to a target: its body, whole and bounded.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use hyper::{Method, Response, StatusCode};
use mainstay_exposition::{Format, FormatError, accept};
use mainstay_targets::{Job, ScrapeProtocol};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::client::{Client, ClientError, Url, chain};

/// What a body may have where the job says nothing. A million series fit; a gigabyte does not.
pub(crate) const BODY_BYTES: u64 = 128 << 20;

/// What all bodies that are being read may have together.
pub(crate) const BUDGET_BYTES: usize = 512 << 20;

/// Who asks.
pub(crate) const AGENT: &str = concat!("Mainstay/", env!("CARGO_PKG_VERSION"));

/// Memory for bodies, in KiB.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_BYTES >> 10)))
    }

    /// Room for so many bytes. Who gets none waits until others are done, or until its own deadline.
    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = (bytes >> 10) as u32 + 1;
        Arc::clone(&self.0).acquire_many_owned(permits).await.ok()
    }
}

/// Why a target has no body for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("no whole answer within {}", mainstay_targets::format_duration(*.0))]
    Late(Duration),
    #[error("{0}")]
    Client(#[from] ClientError),
    #[error("server returned HTTP status {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Format(#[from] FormatError),
    #[error("body size limit exceeded: more than {0} bytes")]
    TooLarge(u64),
    #[error("the body is not gzip: {0}")]
    Gzip(String),
    #[error("the body is compressed as `{0}`, which was not asked for")]
    Encoding(String),
}

/// A body as it came.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: Format,
    gzip: bool,
    limit: u64,
    /// Given back when the body is dropped.
    _room: Vec<OwnedSemaphorePermit>,
}

impl Body {
    /// Its bytes, unpacked. Takes time; not for the runtime's threads.
    pub(crate) fn unpack(self) -> Result<Vec<u8>, FetchError> {
        if !self.gzip {
            return Ok(self.bytes);
        }
        let mut bytes = Vec::with_capacity(self.bytes.len() * 8);
        let mut decoder = MultiGzDecoder::new(self.bytes.as_slice()).take(self.limit + 1);
        decoder
            .read_to_end(&mut bytes)
            .map_err(|error| FetchError::Gzip(error.to_string()))?;
        if bytes.len() as u64 > self.limit {
            return Err(FetchError::TooLarge(self.limit));
        }
        Ok(bytes)
    }
}

/// How a job's targets are asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    headers: HeaderMap,
    fallback: Option<Format>,
    limit: u64,
}

impl Question {
    pub(crate) fn new(job: &Job, timeout: Duration) -> Self {
        let mut headers = HeaderMap::new();
        let protocols: Vec<Format> = job
            .protocols
            .iter()
            .map(|protocol| format(*protocol))
            .collect();
        if let Ok(value) = HeaderValue::try_from(accept(&protocols)) {
            headers.insert(ACCEPT, value);
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let encoding = if job.compression { "gzip" } else { "identity" };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if let Ok(value) = HeaderValue::try_from(timeout.as_secs_f64().to_string()) {
            let name = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
            headers.insert(name, value);
        }
        let limit = job.limits.body_bytes;
        Self {
            headers,
            fallback: job.fallback.map(format),
            // More than half of all the room would let one target wait for itself.
            limit: if limit == 0 {
                BODY_BYTES
            } else {
                limit.min(BUDGET_BYTES as u64 / 2)
            },
        }
    }

    /// Asks within the timeout, from the first byte sent to the last received.
    pub(crate) async fn ask(
        &self,
        client: &mut Client,
        url: &Url,
        timeout: Duration,
        budget: &Budget,
    ) -> Result<Body, FetchError> {
        let asked = tokio::time::timeout(timeout, self.exchange(client, url, budget)).await;
        let outcome = asked.unwrap_or(Err(FetchError::Late(timeout)));
        if outcome.is_err() {
            client.disconnect();
        }
        outcome
    }

    async fn exchange(
        &self,
        client: &mut Client,
        url: &Url,
        budget: &Budget,
    ) -> Result<Body, FetchError> {
        let response = client
            .send(Method::GET, url, &self.headers, Bytes::new())
            .await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let format = Format::of_content_type(header(CONTENT_TYPE), self.fallback)?;
        let gzip = match header(CONTENT_ENCODING).unwrap_or("identity") {
            "gzip" | "x-gzip" => true,
            "identity" | "" => false,
            other => return Err(FetchError::Encoding(other.to_owned())),
        };
        let (bytes, room) = self.read(response, budget).await?;
        Ok(Body {
            bytes,
            format,
            gzip,
            limit: self.limit,
            _room: room,
        })
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        budget: &Budget,
    ) -> Result<(Vec<u8>, Vec<OwnedSemaphorePermit>), FetchError> {
        /// Room is taken in steps of this.
        const STEP: usize = 256 << 10;
        let (mut bytes, mut room, mut taken) = (Vec::new(), Vec::new(), 0);
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::Exchange(chain(&error)))?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            let wanted = bytes.len() + data.len();
            if wanted as u64 > self.limit {
                return Err(FetchError::TooLarge(self.limit));
            }
            while taken < wanted {
                room.extend(budget.take(STEP).await);
                taken += STEP;
            }
            bytes.extend_from_slice(data);
        }
        Ok((bytes, room))
    }
}

fn format(protocol: ScrapeProtocol) -> Format {
    match protocol {
        ScrapeProtocol::Protobuf => Format::Protobuf,
        ScrapeProtocol::OpenMetrics1 | ScrapeProtocol::OpenMetrics0 => Format::OpenMetrics,
        ScrapeProtocol::Text1 | ScrapeProtocol::Text0 => Format::Text,
    }
}
