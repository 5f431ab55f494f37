//! Remote read: what is asked, and the answer in samples.
//!
//! `STREAMED_XOR_CHUNKS` is not written: every client also takes `SAMPLES`.

use mainstay_series::{Labels, MatchOp, Matcher, Sample, Window};

use super::v1::put_series;
use super::{RemoteError, pack, unpack};
use crate::wire::{Fields, Value, WireError, packed, put_bytes, put_int, put_message};

/// A request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadRequest {
    pub queries: Vec<ReadQuery>,
    /// Whether the answer may be in samples; a client that says nothing takes it so.
    pub takes_samples: bool,
}

/// One selector.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadQuery {
    pub window: Window,
    pub matchers: Vec<Matcher>,
    pub hints: Hints,
}

/// What the samples are for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    pub step_ms: i64,
    pub function: String,
    pub range_ms: i64,
}

/// Queries of one request.
const LIMIT_QUERIES: usize = 1000;

impl ReadRequest {
    /// Reads the body of a request.
    pub fn decode(body: &[u8], limit: usize) -> Result<Self, RemoteError> {
        let message = unpack(body, limit)?;
        let (mut queries, mut types) = (Vec::new(), Vec::new());
        for field in Fields(&message) {
            match field? {
                (1, value) => queries.push(query(value)?),
                (2, value) => packed(value, |kind| types.push(kind))?,
                _ => {}
            }
            if queries.len() > LIMIT_QUERIES {
                let message = format!("there are more than {LIMIT_QUERIES} queries");
                return Err(RemoteError::Message(message));
            }
        }
        let takes_samples = types.is_empty() || types.contains(&0);
        Ok(Self {
            queries,
            takes_samples,
        })
    }

    /// The body of a request.
    pub fn encode(&self) -> Result<Vec<u8>, RemoteError> {
        let (mut message, mut scratch, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        for query in &self.queries {
            put_message(&mut message, 1, &mut scratch, |bytes| {
                put_int(bytes, 1, query.window.start_ms as u64);
                put_int(bytes, 2, query.window.end_ms as u64);
                for matcher in &query.matchers {
                    put_message(bytes, 3, &mut inner, |bytes| put_matcher(bytes, matcher));
                }
                put_message(bytes, 4, &mut inner, |bytes| {
                    put_int(bytes, 1, query.hints.step_ms as u64);
                    put_bytes(bytes, 2, query.hints.function.as_bytes());
                    put_int(bytes, 3, query.window.start_ms as u64);
                    put_int(bytes, 4, query.window.end_ms as u64);
                    put_int(bytes, 7, query.hints.range_ms as u64);
                });
            });
        }
        put_int(&mut message, 2, 0);
        pack(&message)
    }
}

fn put_matcher(into: &mut Vec<u8>, matcher: &Matcher) {
    let kind = match matcher.op() {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
    };
    put_int(into, 1, kind);
    put_bytes(into, 2, matcher.name().as_bytes());
    put_bytes(into, 3, matcher.value().as_bytes());
}

fn query(value: Value<'_>) -> Result<ReadQuery, RemoteError> {
    let mut query = ReadQuery {
        window: Window {
            start_ms: 0,
            end_ms: 0,
        },
        matchers: Vec::new(),
        hints: Hints::default(),
    };
    for field in Fields(value.bytes()?) {
        match field? {
            (1, number) => query.window.start_ms = number.int() as i64,
            (2, number) => query.window.end_ms = number.int() as i64,
            (3, value) => query.matchers.push(matcher(value)?),
            (4, value) => query.hints = hints(value)?,
            _ => {}
        }
    }
    Ok(query)
}

fn matcher(value: Value<'_>) -> Result<Matcher, RemoteError> {
    let (mut kind, mut name, mut text) = (0, "", "");
    for field in Fields(value.bytes()?) {
        match field? {
            (1, number) => kind = number.int(),
            (2, value) => name = value.text()?,
            (3, value) => text = value.text()?,
            _ => {}
        }
    }
    let op = match kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        _ => return Err(WireError("a matcher is of a type that does not exist").into()),
    };
    Matcher::new(op, name, text).map_err(|error| RemoteError::Message(error.to_string()))
}

fn hints(value: Value<'_>) -> Result<Hints, WireError> {
    let mut hints = Hints::default();
    for field in Fields(value.bytes()?) {
        match field? {
            (1, number) => hints.step_ms = number.int() as i64,
            (2, text) => text.text()?.clone_into(&mut hints.function),
            (7, number) => hints.range_ms = number.int() as i64,
            _ => {}
        }
    }
    Ok(hints)
}

/// The series of one query.
pub type ReadResult = Vec<(Labels, Vec<Sample>)>;

/// An answer in the making: a result for each query, in their order.
#[derive(Debug, Default)]
pub struct ReadResponse {
    message: Vec<u8>,
}

impl ReadResponse {
    /// Adds the result of one query.
    pub fn result<'a>(&mut self, series: impl IntoIterator<Item = (&'a Labels, &'a [Sample])>) {
        let (mut result, mut scratch) = (Vec::new(), Vec::new());
        for (labels, samples) in series {
            put_message(&mut result, 1, &mut scratch, |bytes| {
                put_series(bytes, labels, samples);
            });
        }
        put_bytes(&mut self.message, 1, &result);
    }

    /// How many bytes it has so far, for those who bound it.
    pub fn bytes(&self) -> usize {
        self.message.len()
    }

    /// The body; its `content-type` is `application/x-protobuf`, its `content-encoding` `snappy`.
    pub fn encode(&self) -> Result<Vec<u8>, RemoteError> {
        pack(&self.message)
    }

    /// Reads an answer in samples: the series of each query.
    pub fn decode(body: &[u8], limit: usize) -> Result<Vec<ReadResult>, RemoteError> {
        let message = unpack(body, limit)?;
        let mut results = Vec::new();
        for field in Fields(&message) {
            if let (1, result) = field? {
                let mut all = Vec::new();
                for field in Fields(result.bytes()?) {
                    if let (1, value) = field? {
                        all.push(series(value)?);
                    }
                }
                results.push(all);
            }
        }
        Ok(results)
    }
}

fn series(value: Value<'_>) -> Result<(Labels, Vec<Sample>), WireError> {
    let (mut pairs, mut samples) = (Vec::new(), Vec::new());
    for field in Fields(value.bytes()?) {
        match field? {
            (1, label) => pairs.push(super::v1::pair(label.bytes()?)?),
            (2, sample) => {
                let (time_ms, value) = super::series::sample(sample.bytes()?)?;
                samples.push(Sample { time_ms, value });
            }
            _ => {}
        }
    }
    Ok((Labels::from_pairs(pairs), samples))
}
