//! Probes from outside, as blackbox_exporter tells them: is there an answer, how long does each part
//! take, until when is the certificate good.
//!
//! A probe resolves, connects, shakes hands where it is to, and (over HTTP) asks once and follows
//! redirects. Certificates are verified unless told otherwise: one that is not trusted fails the probe.

mod connect;
mod http;

use std::time::{Duration, Instant};

use crate::Page;

/// What is probed, and what counts as success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A connection over TCP, with TLS on top where `tls` says so: `host:port`.
    Tcp { address: String, tls: bool },
    /// A `GET` of a URL.
    Http { url: String, expect: Expect },
}

/// Which answers over HTTP are a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// None: any from 200 to 299.
    pub statuses: Vec<u16>,
    /// Whether redirects are followed; else the first answer counts.
    pub follow: bool,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            follow: true,
        }
    }
}

/// How it is probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// For the whole probe.
    pub timeout: Duration,
    /// Whether any certificate will do.
    pub insecure_skip_verify: bool,
    /// PEM: who is trusted, instead of those the system trusts.
    pub ca_pem: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            insecure_skip_verify: false,
            ca_pem: None,
        }
    }
}

/// What a probe saw so far; it is told also of one that failed.
#[derive(Debug, Default)]
struct Seen {
    address: Option<std::net::IpAddr>,
    lookup: Duration,
    connect: Duration,
    tls: Duration,
    processing: Duration,
    transfer: Duration,
    handshake: Option<Handshake>,
    answer: Option<Answer>,
    redirects: u32,
}

/// What TLS came to.
#[derive(Debug)]
struct Handshake {
    version: &'static str,
    /// Seconds since the epoch; of the first certificate of the chain to expire.
    expires: f64,
}

/// What HTTP came to.
#[derive(Debug)]
struct Answer {
    status: u16,
    version: f64,
    length: f64,
    body: f64,
    encrypted: bool,
}

/// Probes once.
pub async fn probe(probe: &Probe, settings: &Settings) -> Page {
    let (began, mut seen) = (Instant::now(), Seen::default());
    let trying = async {
        match probe {
            Probe::Tcp { address, tls } => connect::tcp(address, *tls, settings, &mut seen).await,
            Probe::Http { url, expect } => http::get(url, expect, settings, &mut seen).await,
        }
    };
    let tried = tokio::time::timeout(settings.timeout, trying).await;
    let outcome = tried.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    if let Err(error) = &outcome {
        tracing::debug!(?probe, %error, "a probe failed");
    }
    let mut page = Page::default();
    let success = f64::from(u8::from(outcome.is_ok()));
    page.gauge(
        "probe_success",
        "Displays whether or not the probe was a success",
        &[],
        success,
    );
    let help = "Returns how long the probe took to complete in seconds";
    page.gauge(
        "probe_duration_seconds",
        help,
        &[],
        began.elapsed().as_secs_f64(),
    );
    let help = "Indicates if probe failed due to regex";
    page.gauge("probe_failed_due_to_regex", help, &[], 0.0);
    seen.tell(&mut page);
    if matches!(probe, Probe::Http { .. }) {
        seen.tell_http(&mut page);
    }
    page
}

impl Seen {
    fn tell(&self, page: &mut Page) {
        let help = "Returns the time taken for probe dns lookup in seconds";
        page.gauge(
            "probe_dns_lookup_time_seconds",
            help,
            &[],
            self.lookup.as_secs_f64(),
        );
        if let Some(address) = self.address {
            let help = "Specifies whether probe ip protocol is IP4 or IP6";
            page.gauge(
                "probe_ip_protocol",
                help,
                &[],
                if address.is_ipv4() { 4.0 } else { 6.0 },
            );
            let help = "Specifies the hash of IP address. It's useful to detect if the IP address changes.";
            page.gauge("probe_ip_addr_hash", help, &[], f64::from(hash(address)));
        }
        let Some(handshake) = &self.handshake else {
            return;
        };
        let help = "Returns last SSL chain expiry in unixtime";
        page.gauge(
            "probe_ssl_earliest_cert_expiry",
            help,
            &[],
            handshake.expires,
        );
        let help = "Returns the TLS version used or NaN when unknown";
        page.gauge(
            "probe_tls_version_info",
            help,
            &[("version", handshake.version)],
            1.0,
        );
    }

    fn tell_http(&self, page: &mut Page) {
        let help = "Duration of http request by phase, summed over all redirects";
        for (phase, took) in [
            ("resolve", self.lookup),
            ("connect", self.connect),
            ("tls", self.tls),
            ("processing", self.processing),
            ("transfer", self.transfer),
        ] {
            let labels = [("phase", phase)];
            page.gauge(
                "probe_http_duration_seconds",
                help,
                &labels,
                took.as_secs_f64(),
            );
        }
        let none = Answer {
            status: 0,
            version: 0.0,
            length: 0.0,
            body: 0.0,
            encrypted: false,
        };
        let answer = self.answer.as_ref().unwrap_or(&none);
        let encrypted = f64::from(u8::from(answer.encrypted));
        for (name, help, value) in [
            (
                "status_code",
                "Response HTTP status code",
                f64::from(answer.status),
            ),
            (
                "content_length",
                "Length of http content response",
                answer.length,
            ),
            (
                "uncompressed_body_length",
                "Length of uncompressed response body",
                answer.body,
            ),
            (
                "redirects",
                "The number of redirects",
                f64::from(self.redirects),
            ),
            (
                "ssl",
                "Indicates if SSL was used for the final redirect",
                encrypted,
            ),
            (
                "version",
                "Returns the version of HTTP of the probe response",
                answer.version,
            ),
        ] {
            page.gauge(&format!("probe_http_{name}"), help, &[], value);
        }
    }
}

/// FNV-1a of the address's bytes.
fn hash(address: std::net::IpAddr) -> u32 {
    let fold = |bytes: &[u8]| {
        let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        bytes.iter().fold(0x811c_9dc5, step)
    };
    match address {
        std::net::IpAddr::V4(address) => fold(&address.octets()),
        std::net::IpAddr::V6(address) => fold(&address.octets()),
    }
}
