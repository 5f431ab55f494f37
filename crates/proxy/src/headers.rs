//! What a proxy takes off a message and what it puts on.
//!
//! Sources: RFC 9110 section 7.6.1 (hop-by-hop fields), RFC 9112 section 3.2 (host and target).

use crate::request_id;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use std::net::IpAddr;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes off what concerns only the connection a message came over.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        remove_named_by_connection(headers);
        headers.remove(CONNECTION);
    }
    for name in [&KEEP_ALIVE, &PROXY_CONNECTION] {
        headers.remove(name);
    }
    for name in [&TE, &TRAILER, &TRANSFER_ENCODING, &UPGRADE] {
        headers.remove(name);
    }
}

fn remove_named_by_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Naming one of these would take away what the proxy itself vouches for.
        .filter(|name| ![HOST, CONTENT_LENGTH].contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

/// Puts on what the endpoint is told about the client. The address is the peer's: nobody in
/// front of this proxy is trusted to name another, but a list it sent is kept and added to.
pub(crate) fn add_forwarded(
    headers: &mut HeaderMap,
    client: &ClientAddress,
    host: &HeaderValue,
    scheme: &'static str,
) {
    headers.remove(EXPECT);
    // For what is put on here and the request's id: one growth instead of three.
    headers.reserve(6);
    let list = match headers.get(X_FORWARDED_FOR) {
        None => client.text.clone(),
        Some(_) => joined(headers, &client.text),
    };
    headers.insert(X_FORWARDED_FOR, list);
    headers.insert(X_REAL_IP, client.text.clone());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    headers.insert(X_FORWARDED_HOST, host.clone());
}

/// HTTP/2 may divide the cookies among several fields; HTTP/1 has one (RFC 9113, section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut values = headers.get_all(COOKIE).iter();
    if values.next().is_none() || values.next().is_none() {
        return;
    }
    let values: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&values.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

fn joined(headers: &HeaderMap, client: &HeaderValue) -> HeaderValue {
    let mut list = Vec::with_capacity(64);
    for value in headers.get_all(X_FORWARDED_FOR) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(client.as_bytes());
    HeaderValue::from_bytes(&list).unwrap_or_else(|_| client.clone())
}

/// A client's address, and as a header says it.
#[derive(Debug, Clone)]
pub(crate) struct ClientAddress {
    pub(crate) ip: IpAddr,
    text: HeaderValue,
}

impl ClientAddress {
    pub(crate) fn new(ip: IpAddr) -> Self {
        // An IPv4 client of a dual-stack socket is an IPv4 client.
        let ip = ip.to_canonical();
        let text = HeaderValue::try_from(ip.to_string());
        Self {
            ip,
            text: text.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
        }
    }

    pub(crate) fn text(&self) -> &HeaderValue {
        &self.text
    }
}

/// The client's own request id where it is one, else a fresh one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut values = headers.get_all(X_REQUEST_ID).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if request_id::is_valid(value.as_bytes()) => value.clone(),
        _ => request_id::fresh(),
    }
}
