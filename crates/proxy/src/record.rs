//! What is remembered of one request for the access log and the metrics; written when dropped,
//! so that a request that is cut off is written as well.

use crate::access_log::json_string;
use crate::connection::Connection;
use crate::headers::{self, ClientAddress};
use crate::table::{Route, TcpRoute};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Request, Uri, Version};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The client went away before it was answered; nginx's number for it.
const CLIENT_GONE: u16 = 499;
/// It did while it was answered.
pub(crate) const CLIENT_WENT_AWAY: &str = "client went away";

#[derive(Debug)]
pub(crate) struct Record {
    connection: Arc<Connection>,
    began: Instant,
    pub(crate) request_id: HeaderValue,
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    pub(crate) route: Option<Arc<Route>>,
    /// The chosen endpoint's index among the route's members.
    member: Option<usize>,
    /// Further attempts after the first.
    retries: u64,
    chosen_at: Option<Instant>,
    answered_at: Option<Instant>,
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) error: Option<&'static str>,
}

impl Record {
    pub(crate) fn begin(connection: &Arc<Connection>, request: &Request<Incoming>) -> Box<Self> {
        Box::new(Self {
            connection: Arc::clone(connection),
            began: Instant::now(),
            request_id: headers::request_id(request.headers()),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            host: host(request),
            route: None,
            member: None,
            retries: 0,
            chosen_at: None,
            answered_at: None,
            status: CLIENT_GONE,
            bytes_in: 0,
            bytes_out: 0,
            error: None,
        })
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.version == Version::HTTP_2
    }

    /// An endpoint was chosen, at the first attempt (0) or a later one.
    pub(crate) fn chosen(&mut self, route: &Arc<Route>, member: usize, attempt: usize) {
        self.route = Some(Arc::clone(route));
        self.member = Some(member);
        self.retries = attempt as u64;
        self.chosen_at = Some(Instant::now());
    }

    /// No connection to the chosen endpoint could be opened.
    pub(crate) fn not_reached(&mut self) {
        if let (Some(route), Some(index)) = (&self.route, self.member.take()) {
            let endpoint = &route.pool.members[index].endpoint;
            endpoint.requests.fetch_add(1, Ordering::Relaxed);
            endpoint.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.chosen_at = None;
    }

    pub(crate) fn upstream_answered(&mut self) {
        self.answered_at = Some(Instant::now());
    }

    fn write(&self, out: &mut Vec<u8>, stamp: &[u8], duration: Duration) {
        let upstream = self.chosen_at.zip(self.answered_at);
        let table;
        let member = self.route.as_ref().zip(self.member);
        let (release, instance) = member.map_or(("", ""), |(route, index)| {
            let key = &route.pool.members[index].endpoint.key;
            (&key.release, &key.instance)
        });
        let listener = if let Some(route) = &self.route {
            &route.listener
        } else {
            table = self.connection.place.listener.table.load();
            &table.name
        };
        let route = self.route.as_deref();
        Line {
            request_id: self.request_id.as_bytes(),
            listener,
            route: route.map_or("", |route| &route.name),
            service: route.map_or("", |route| &route.pool.service),
            release,
            instance,
            client: &self.connection.client,
            method: self.method.as_str(),
            protocol: protocol(self.version),
            host: self.host.as_ref().map_or(b"", HeaderValue::as_bytes),
            path: self.uri.path(),
            status: self.status,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration,
            upstream: upstream.map(|(from, to)| to.duration_since(from)),
            retries: self.retries,
            error: self.error,
        }
        .write(out, stamp);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let now = Instant::now();
        self.connection.wire.end(now);
        if self.status == CLIENT_GONE || self.error == Some(CLIENT_WENT_AWAY) {
            self.connection.wire.note_cancelled();
        }
        let duration = now.duration_since(self.began);
        let failed = self.status >= 500;
        match (&self.route, self.member) {
            (Some(route), Some(index)) => {
                let endpoint = &route.pool.members[index].endpoint;
                endpoint.requests.fetch_add(1, Ordering::Relaxed);
                if failed {
                    endpoint.errors.fetch_add(1, Ordering::Relaxed);
                }
                route.series[index].request(self.status, duration, self.retries);
            }
            (Some(route), None) => route.unserved.request(self.status, duration, self.retries),
            (None, _) => {
                let table = self.connection.place.listener.table.load();
                table.unrouted.request(self.status, duration, self.retries);
            }
        }
        let log = &self.connection.place.shared.log;
        log.line(self.connection.worker, unix_millis(), |out, stamp| {
            self.write(out, stamp, duration);
        });
    }
}

/// HTTP/2 says it in the target.
fn host(request: &Request<Incoming>) -> Option<HeaderValue> {
    if let Some(host) = request.headers().get(HOST) {
        return Some(host.clone());
    }
    let authority = request.uri().authority()?;
    HeaderValue::from_str(authority.as_str()).ok()
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// Notes a request that never became one: hyper or the timer refused it.
pub(crate) fn refused(connection: &Arc<Connection>, status: u16, error: &'static str) {
    let table = connection.place.listener.table.load();
    table.unrouted.request(status, Duration::ZERO, 0);
    let log = &connection.place.shared.log;
    log.line(connection.worker, unix_millis(), |out, stamp| {
        Line {
            listener: &table.name,
            status,
            error: Some(error),
            ..Line::of(&connection.client)
        }
        .write(out, stamp);
    });
}

/// What is remembered of one connection through a TCP listener.
#[derive(Debug)]
pub(crate) struct TcpLine {
    connection: Arc<Connection>,
    began: Instant,
    pub(crate) route: Arc<TcpRoute>,
    pub(crate) member: Option<usize>,
    pub(crate) retries: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) error: Option<&'static str>,
}

impl TcpLine {
    pub(crate) fn begin(connection: &Arc<Connection>, route: Arc<TcpRoute>) -> Self {
        Self {
            connection: Arc::clone(connection),
            began: Instant::now(),
            route,
            member: None,
            retries: 0,
            bytes_in: 0,
            bytes_out: 0,
            error: None,
        }
    }
}

impl Drop for TcpLine {
    fn drop(&mut self) {
        let route = &self.route;
        let key = self
            .member
            .map(|index| &route.pool.members[index].endpoint.key);
        let series = match self.member {
            Some(index) => &route.series[index],
            None => &route.unserved,
        };
        series.tcp_connection(self.retries);
        let log = &self.connection.place.shared.log;
        log.line(self.connection.worker, unix_millis(), |out, stamp| {
            Line {
                listener: &route.listener,
                route: &route.listener,
                service: &route.pool.service,
                release: key.map_or("", |key| &key.release),
                instance: key.map_or("", |key| &key.instance),
                method: "TCP",
                bytes_in: self.bytes_in,
                bytes_out: self.bytes_out,
                duration: self.began.elapsed(),
                retries: self.retries,
                error: self.error,
                ..Line::of(&self.connection.client)
            }
            .write(out, stamp);
        });
    }
}

/// The fields of a line, in their order.
struct Line<'a> {
    request_id: &'a [u8],
    listener: &'a str,
    route: &'a str,
    service: &'a str,
    release: &'a str,
    instance: &'a str,
    client: &'a ClientAddress,
    method: &'a str,
    protocol: &'a str,
    host: &'a [u8],
    /// Without the query: its values may be secret.
    path: &'a str,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    duration: Duration,
    /// From the choice of the endpoint to its response's head.
    upstream: Option<Duration>,
    retries: u64,
    error: Option<&'static str>,
}

impl<'a> Line<'a> {
    fn of(client: &'a ClientAddress) -> Self {
        Self {
            request_id: b"",
            listener: "",
            route: "",
            service: "",
            release: "",
            instance: "",
            client,
            method: "",
            protocol: "",
            host: b"",
            path: "",
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            upstream: None,
            retries: 0,
            error: None,
        }
    }

    fn write(&self, out: &mut Vec<u8>, stamp: &[u8]) {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(stamp);
        out.push(b'"');
        for (name, text) in [
            (&b",\"request_id\":"[..], self.request_id),
            (b",\"listener\":", self.listener.as_bytes()),
            (b",\"route\":", self.route.as_bytes()),
            (b",\"service\":", self.service.as_bytes()),
            (b",\"release\":", self.release.as_bytes()),
            (b",\"instance\":", self.instance.as_bytes()),
            (b",\"client\":", self.client.text().as_bytes()),
            (b",\"method\":", self.method.as_bytes()),
            (b",\"protocol\":", self.protocol.as_bytes()),
            (b",\"host\":", self.host),
            (b",\"path\":", self.path.as_bytes()),
        ] {
            out.extend_from_slice(name);
            json_string(out, text);
        }
        let _ = write!(
            out,
            ",\"status\":{},\"bytes_in\":{},\"bytes_out\":{},\"duration_ms\":",
            self.status, self.bytes_in, self.bytes_out
        );
        millis(out, self.duration);
        out.extend_from_slice(b",\"upstream_ms\":");
        match self.upstream {
            Some(upstream) => millis(out, upstream),
            None => out.extend_from_slice(b"null"),
        }
        let _ = write!(out, ",\"retries\":{}", self.retries);
        if let Some(error) = self.error {
            out.extend_from_slice(b",\"error\":");
            json_string(out, error.as_bytes());
        }
        out.push(b'}');
    }
}

/// With microseconds behind the point.
fn millis(out: &mut Vec<u8>, duration: Duration) {
    let micros = duration.as_micros() as u64;
    let _ = write!(out, "{}.{:03}", micros / 1000, micros % 1000);
}

fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as i64
}
