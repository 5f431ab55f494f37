//! What the proxy is told about encryption, and what it says of its certificates.
//!
//! Certificates and keys are named by path and never part of the configuration: who can read the
//! configuration need not be able to read a key. The proxy reads them again when they change.

use mainstay_model::{Timestamp, duration_ms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// For all encrypted listeners together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Chosen by the name that the client asks for: the same name first, then a wildcard. Where
    /// two are for one name, the first that can be read counts. Who asks for another name or for
    /// none gets the first of all.
    pub certificates: Vec<CertificateFile>,
    pub min_version: TlsVersion,
    #[serde(with = "duration_ms")]
    pub handshake_timeout: Duration,
    /// At the same time; connections beyond it are closed.
    pub max_handshakes: u32,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            min_version: TlsVersion::Tls12,
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: 512,
        }
    }
}

impl Tls {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A chain and its key, both PEM. Its names are those that stand in the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFile {
    /// Unique; labels metrics.
    pub name: String,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

/// An encrypted listener.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secure {
    /// Put on every answer that has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsts: Option<Hsts>,
}

/// `Strict-Transport-Security` (RFC 6797).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hsts {
    #[serde(with = "duration_ms")]
    pub max_age: Duration,
    pub include_subdomains: bool,
    pub preload: bool,
}

/// Answers 308 with the same host, path and query under `https`, for hosts that a certificate
/// which can be served is for. The others are served as they are: a certificate that is still
/// missing takes nothing down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Where clients reach the encrypted listener; 443 is not written out.
    pub port: u16,
    /// Paths that are served plainly, whole segments: `/health`.
    pub except: Vec<String>,
}

/// What a certificate authority is answered, before any route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenges {
    /// HTTP-01 (RFC 8555, section 8.3): key authorisations by token.
    pub http: BTreeMap<String, String>,
    /// TLS-ALPN-01 (RFC 8737).
    pub tls_alpn: Vec<TlsAlpn>,
}

impl Challenges {
    pub fn is_empty(&self) -> bool {
        self.http.is_empty() && self.tls_alpn.is_empty()
    }
}

/// The certificate shown to who asks for `host` with the protocol `acme-tls/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsAlpn {
    pub host: String,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// One of [`Tls::certificates`], as the proxy has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    pub name: String,
    /// What is served; nothing where it could never be read.
    pub names: Vec<String>,
    pub issuer: String,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    /// Why what lies there now is not served; what was read before is still.
    pub problem: Option<String>,
}
