//! Remote write and remote read: snappy around protobuf.
//!
//! Sources: <https://prometheus.io/docs/specs/prw/remote_write_spec/>,
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/> and
//! <https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/>.

mod read;
mod series;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use crate::batch::Batch;
use crate::entry::MetricType;

pub use read::{Hints, ReadQuery, ReadRequest, ReadResponse, ReadResult};
pub use v1::encode as encode_v1;
pub use v2::encode as encode_v2;

/// Which message a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteVersion {
    /// `prometheus.WriteRequest`
    V1,
    /// `io.prometheus.write.v2.Request`
    V2,
}

impl WriteVersion {
    /// From a `content-type`; `None`: none that is known (status 415).
    pub fn of_content_type(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        match parts.find_map(|part| part.strip_prefix("proto=")) {
            None | Some("prometheus.WriteRequest") => Some(Self::V1),
            Some("io.prometheus.write.v2.Request") => Some(Self::V2),
            Some(_) => None,
        }
    }

    /// The `content-type` of such a request.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// Its `x-prometheus-remote-write-version`.
    pub fn header(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }
}

/// Why a message was refused whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    #[error("the body is not snappy: {0}")]
    Snappy(String),
    #[error("the body would be {bytes} bytes unpacked, more than {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("{0}")]
    Message(String),
}

impl From<crate::wire::WireError> for RemoteError {
    fn from(error: crate::wire::WireError) -> Self {
        Self::Message(error.to_string())
    }
}

/// What a write request came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    pub batch: Batch,
    /// Series that were left out because their labels are none, and the reasons of the first few.
    pub invalid: u64,
    pub reasons: Vec<String>,
    /// Native histograms that were left out.
    pub native_histograms: u64,
}

/// Bytes of one message, unpacked, where nothing else is said.
pub const LIMIT_BYTES: usize = 32 << 20;

/// Reads the body of a write request.
pub fn decode_write(
    body: &[u8],
    version: WriteVersion,
    limit: usize,
) -> Result<Written, RemoteError> {
    let message = unpack(body, limit)?;
    match version {
        WriteVersion::V1 => v1::decode(&message),
        WriteVersion::V2 => v2::decode(&message),
    }
}

/// Undoes snappy's block format, within a limit that is known before anything is unpacked.
pub fn unpack(body: &[u8], limit: usize) -> Result<Vec<u8>, RemoteError> {
    let snappy = |error: snap::Error| RemoteError::Snappy(error.to_string());
    let bytes = snap::raw::decompress_len(body).map_err(snappy)?;
    if bytes > limit {
        return Err(RemoteError::TooLarge { bytes, limit });
    }
    snap::raw::Decoder::new()
        .decompress_vec(body)
        .map_err(snappy)
}

/// Packs a message as snappy's block format.
pub fn pack(message: &[u8]) -> Result<Vec<u8>, RemoteError> {
    let packed = snap::raw::Encoder::new().compress_vec(message);
    packed.map_err(|error| RemoteError::Snappy(error.to_string()))
}

/// The numbers of types; both versions have the same.
const TYPES: [MetricType; 8] = [
    MetricType::Unknown,
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
    MetricType::Summary,
    MetricType::Info,
    MetricType::StateSet,
];

fn metric_type(number: u64) -> MetricType {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    TYPES.get(number).copied().unwrap_or_default()
}

fn type_number(kind: MetricType) -> u64 {
    TYPES.iter().position(|other| *other == kind).unwrap_or(0) as u64
}
