//! Probes from outside, as blackbox_exporter tells them: is there an answer, how long does each part
//! take, until when is the certificate good.
//!
//! A probe resolves, connects, shakes hands where it is to, and (over HTTP) asks once and follows
//! redirects. Certificates are verified unless told otherwise: one that is not trusted fails the probe.

mod connect;
mod dns;
mod http;

use std::time::{Duration, Instant};

use crate::{Page, Told};

use std::net::SocketAddr;

/// What is probed, and what counts as success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A connection over TCP, with TLS on top where `tls` says so: `host:port`.
    Tcp { address: String, tls: bool },
    /// A `GET` of a URL.
    Http { url: String, expect: Expect },
    /// Records of a name, asked of `server` (`host:port`) over UDP, and over TCP where the answer does
    /// not fit.
    Dns {
        server: String,
        name: String,
        /// By its number (RFC 1035): 1 for `A`.
        record: u16,
    },
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
    /// Where to connect over HTTP instead of what the URL's host resolves to.
    pub via: Option<Via>,
}

/// Somebody who answers for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via {
    pub http: SocketAddr,
    /// `None`: what is encrypted is looked for by its name.
    pub https: Option<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            insecure_skip_verify: false,
            ca_pem: None,
            via: None,
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
    dns: Option<dns::Answer>,
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
    ask(probe, settings).await.page
}

/// Probes once, and says why it failed.
pub async fn ask(probe: &Probe, settings: &Settings) -> Told {
    let (began, mut seen) = (Instant::now(), Seen::default());
    let trying = async {
        match probe {
            Probe::Tcp { address, tls } => connect::tcp(address, *tls, settings, &mut seen).await,
            Probe::Http { url, expect } => http::get(url, expect, settings, &mut seen).await,
            Probe::Dns {
                server,
                name,
                record,
            } => dns::ask(server, name, *record, &mut seen).await,
        }
    };
    let tried = tokio::time::timeout(settings.timeout, trying).await;
    let outcome = tried.unwrap_or_else(|_| Err("no answer in time".to_owned()));
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
    seen.tell(&mut page);
    match probe {
        Probe::Dns { record, .. } => seen.tell_dns(*record, &mut page),
        Probe::Http { .. } => {
            without_expressions(&mut page);
            seen.tell_http(&mut page);
        }
        Probe::Tcp { .. } => without_expressions(&mut page),
    }
    Told {
        page,
        trouble: outcome.err(),
    }
}

fn without_expressions(page: &mut Page) {
    let help = "Indicates if probe failed due to regex";
    page.gauge("probe_failed_due_to_regex", help, &[], 0.0);
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

impl Seen {
    fn tell_dns(&self, record: u16, page: &mut Page) {
        let none = dns::Answer::default();
        let answer = self.dns.as_ref().unwrap_or(&none);
        let help = "Duration of DNS request by phase";
        for (phase, took) in [
            ("resolve", self.lookup),
            ("connect", self.connect),
            ("request", self.processing),
        ] {
            let labels = [("phase", phase)];
            page.gauge(
                "probe_dns_duration_seconds",
                help,
                &labels,
                took.as_secs_f64(),
            );
        }
        let help = "Displays whether or not the query was executed successfully";
        let answered = f64::from(u8::from(self.dns.is_some()));
        page.gauge("probe_dns_query_succeeded", help, &[], answered);
        for (name, value) in [
            ("answer", answer.answers),
            ("authority", answer.authorities),
            ("additional", answer.additionals),
        ] {
            let help = format!("Returns number of entries in the {name} resource record list");
            page.gauge(
                &format!("probe_dns_{name}_rrs"),
                &help,
                &[],
                f64::from(value),
            );
        }
        if record == dns::SOA {
            let help = "Returns the serial number of the zone";
            page.gauge(
                "probe_dns_serial",
                help,
                &[],
                f64::from(answer.serial.unwrap_or(0)),
            );
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
