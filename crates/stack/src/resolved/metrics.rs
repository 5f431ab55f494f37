//! What is measured: of the instances of a service, and from outside.

use mainstay_model::duration_ms;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How metrics of a service's instances are collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsRule {
    pub collect: Collect,
    /// Begins with `/`.
    pub path: String,
    /// `None`: the instance's own.
    pub port: Option<u16>,
    /// `None`: the server's.
    pub interval_ms: Option<u64>,
    /// `None`: it is not asked in a language of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exporter: Option<ExporterRule>,
}

/// Whether metrics are collected over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collect {
    /// From instances that answer with metrics when they are asked.
    Found,
    Always,
    Never,
}

impl Default for MetricsRule {
    fn default() -> Self {
        Self {
            collect: Collect::Found,
            path: "/metrics".to_owned(),
            port: None,
            interval_ms: None,
            exporter: None,
        }
    }
}

/// How a server that has no metrics of its own is asked for figures. What is not said here is
/// taken from what the service itself is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExporterRule {
    pub kind: Exporter,
    pub user: Option<String>,
    /// Of PostgreSQL.
    pub database: Option<String>,
    /// The secret that is the password; one of the stack's.
    pub secret: Option<String>,
}

impl ExporterRule {
    pub const fn new(kind: Exporter) -> Self {
        Self {
            kind,
            user: None,
            database: None,
            secret: None,
        }
    }
}

/// Servers that are asked in a language of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exporter {
    Postgres,
    Redis,
}

/// Something that is looked at from outside, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideProbe {
    pub name: String,
    pub question: Question,
    /// Any certificate will do.
    pub insecure: bool,
    /// `None`: the server's.
    pub interval_ms: Option<u64>,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
}

/// What is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Question {
    /// GET of a URL. `statuses` empty: any from 200 to 299.
    Http {
        url: String,
        statuses: Vec<u16>,
        follow: bool,
    },
    /// A connection to `host:port`.
    Tcp { address: String },
    /// A handshake with `host:port`.
    Tls { address: String },
    /// Records of a name, asked of `server` (`host:port`).
    Dns {
        server: String,
        name: String,
        record: RecordType,
    },
}

impl Question {
    /// The thing that is asked.
    pub fn target(&self) -> &str {
        match self {
            Self::Http { url, .. } => url,
            Self::Tcp { address } | Self::Tls { address } => address,
            Self::Dns { server, .. } => server,
        }
    }
}

/// Types of records of the Domain Name System (RFC 1035, 3596, 2782, 8659).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    A,
    Aaaa,
    Caa,
    Cname,
    Mx,
    Ns,
    Soa,
    Srv,
    Txt,
}

impl RecordType {
    pub(crate) const WORDS: &'static [&'static str] =
        &["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"];

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "CAA" => Self::Caa,
            "CNAME" => Self::Cname,
            "MX" => Self::Mx,
            "NS" => Self::Ns,
            "SOA" => Self::Soa,
            "SRV" => Self::Srv,
            "TXT" => Self::Txt,
            _ => return None,
        })
    }

    /// As it stands in a question.
    pub const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Caa => 257,
        }
    }
}
