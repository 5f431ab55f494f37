//! What the control plane tells the proxy: the whole truth at once, never a change to it.
//!
//! `PUT /v1/config` over the control socket applies as a whole or not at all, and is on disk
//! (fsync, rename) before it is answered. A restarted proxy serves the last one by itself.

mod tls;

pub use tls::{
    CertificateFile, CertificateStatus, Challenges, Hsts, Redirect, Secure, Tls, TlsAlpn,
    TlsVersion,
};

pub use crate::subnet::{Subnet, SubnetError};
use mainstay_model::{Bytes, duration_ms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Version of these messages; this one and the one before are accepted.
pub const PROTOCOL: u32 = 2;
/// The one before, without TLS.
pub const PROTOCOL_BEFORE: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub protocol: u32,
    /// Grows with each change; an older one is refused.
    pub revision: u64,
    pub listeners: Vec<Listener>,
    /// By name: `stack/environment/service`.
    pub pools: BTreeMap<String, Pool>,
    pub limits: Limits,
    /// Since protocol 2.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// Since protocol 2.
    #[serde(default, skip_serializing_if = "Challenges::is_empty")]
    pub challenges: Challenges,
}

impl Config {
    /// The oldest protocol that can say this; a proxy that was started from an older binary may
    /// still run.
    pub fn least_protocol(&self) -> u32 {
        let plain = |listener: &Listener| {
            listener.from.is_none() && listener.tls.is_none() && listener.redirect.is_none()
        };
        let says_nothing_new = self.tls.is_default() && self.challenges.is_empty();
        if says_nothing_new && self.listeners.iter().all(plain) {
            PROTOCOL_BEFORE
        } else {
            PROTOCOL
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// `main`, `whisper-transcriber/dev/app:8000`; labels metrics and log lines.
    pub name: String,
    pub address: SocketAddr,
    /// Connections from elsewhere are closed at once; `None`: from everywhere. Since protocol 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Subnet>,
    /// Connections are encrypted; only for HTTP. Since protocol 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Secure>,
    /// Plain requests are sent to the encrypted listener; only for HTTP without TLS. Since
    /// protocol 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    pub accept: Accept,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "accept", rename_all = "lowercase")]
pub enum Accept {
    /// Longest host, then longest path prefix wins; two equal ones are refused.
    Http { routes: Vec<Route> },
    /// Bytes are passed through to one pool.
    Tcp { pool: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub name: String,
    /// Empty: every host. `*.example.org` matches one or more labels in front.
    pub hosts: Vec<String>,
    /// Matches whole segments.
    pub path: String,
    pub strip_prefix: bool,
    pub pool: String,
    /// Until the response's head; answered with 504.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// Longer request bodies are answered with 413.
    pub max_body: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    pub balance: Balance,
    pub endpoints: Vec<Endpoint>,
    pub health: Option<HealthCheck>,
    /// For metric labels.
    pub service: String,
    pub environment: String,
    pub stack: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    RoundRobin,
    LeastConnections,
    ClientIp,
}

/// One instance. What is no longer listed takes no new request, finishes those it has, and stays
/// in the status with its count until they ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Full name: `stack-env-app-r12-1`.
    pub instance: String,
    /// `r12`
    pub release: String,
    pub address: SocketAddr,
    /// Share of the requests relative to the others; 0: no new requests.
    pub weight: u32,
}

/// Checks that eject only: readiness is the runtime's to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// `None`: a connection that opens.
    pub path: Option<String>,
    #[serde(with = "duration_ms")]
    pub interval: Duration,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// Failures in a row until ejected; passes in a row until back. The last endpoint of a pool
    /// is never ejected.
    pub failures: u32,
    pub passes: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Of one request's head.
    pub max_header: Bytes,
    #[serde(with = "duration_ms")]
    pub header_timeout: Duration,
    /// Without a byte of the body.
    #[serde(with = "duration_ms")]
    pub body_timeout: Duration,
    #[serde(with = "duration_ms")]
    pub idle_timeout: Duration,
    #[serde(with = "duration_ms")]
    pub connect_timeout: Duration,
    pub max_connections: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header: Bytes(64 << 10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            connect_timeout: Duration::from_secs(2),
            max_connections: 10_000,
        }
    }
}

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub protocol: u32,
    pub pid: u32,
    pub version: String,
    /// 0: none applied yet.
    pub revision: u64,
    pub listeners: Vec<ListenerStatus>,
    pub endpoints: Vec<EndpointStatus>,
    #[serde(default)]
    pub certificates: Vec<CertificateStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    pub name: String,
    pub address: SocketAddr,
    pub connections: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    pub pool: String,
    pub instance: String,
    pub address: SocketAddr,
    /// `None`: no longer configured, finishing what it has.
    pub weight: Option<u32>,
    /// Requests, WebSockets and TCP connections not ended yet.
    pub in_flight: u64,
    pub ejected: bool,
    /// Since the proxy started, for rates: all, and those with a 5xx or no answer.
    pub requests: u64,
    pub errors: u64,
}
