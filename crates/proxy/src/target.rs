//! What a request is for: its host and its path, read strictly.
//!
//! Sources: RFC 9112 sections 3.2 and 3.2.2; RFC 9113 sections 8.1.1 and 8.3.1.

use crate::answer::Refusal;
use crate::table::Route;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, StatusCode, Uri, Version};

#[derive(Debug)]
pub(crate) struct Target {
    /// In lower case, without a port; what routes are chosen by.
    pub(crate) host: String,
    /// As the client said it.
    pub(crate) host_header: HeaderValue,
    path_and_query: PathAndQuery,
}

impl Target {
    /// Refuses what two servers could read in two ways.
    pub(crate) fn read(request: &Request<Incoming>) -> Result<Self, Refusal> {
        if request.method() == Method::CONNECT {
            let reason = "CONNECT is not served";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, reason).closing());
        }
        let headers = request.headers();
        check_transfer_encoding(headers)?;
        let mut hosts = headers.get_all(HOST).iter();
        let host_header = match (hosts.next(), hosts.next()) {
            (Some(_), Some(_)) => return Err(bad("more than one Host header")),
            (host, _) => host,
        };
        let authority = request
            .uri()
            .authority()
            .map(hyper::http::uri::Authority::as_str);
        let host_header = if request.version() == Version::HTTP_2 {
            check_length(headers)?;
            agreed_host(host_header, authority)?
        } else {
            let host_header = host_header.ok_or(bad("no Host header"))?;
            // An absolute target takes precedence over the header.
            authority.map_or_else(|| Ok(host_header.clone()), host_value)?
        };
        let host = host_of(host_header.as_bytes()).ok_or(bad("the Host header is malformed"))?;
        let path_and_query = match request.uri().path_and_query() {
            Some(path_and_query) => path_and_query.clone(),
            None => PathAndQuery::from_static("/"),
        };
        Ok(Self {
            host,
            host_header,
            path_and_query,
        })
    }

    /// What routes are chosen by.
    pub(crate) fn path(&self) -> &str {
        match self.path_and_query.path() {
            // `OPTIONS *` is about the server as a whole.
            "*" => "/",
            path => path,
        }
    }

    /// As the client wrote it, with its query.
    pub(crate) fn path_and_query(&self) -> &str {
        self.path_and_query.as_str()
    }

    /// The target as the endpoint of `route` gets it.
    pub(crate) fn uri_for(&self, route: &Route) -> Uri {
        let whole = || Uri::from(self.path_and_query.clone());
        if !route.strip_prefix || route.prefix.is_empty() {
            return whole();
        }
        let Some(rest) = self.path_and_query.as_str().strip_prefix(&route.prefix) else {
            return whole();
        };
        let stripped = if rest.starts_with('/') {
            rest.parse::<PathAndQuery>()
        } else {
            format!("/{rest}").parse::<PathAndQuery>()
        };
        stripped.map_or_else(|_| whole(), Uri::from)
    }
}

fn bad(reason: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, reason).closing()
}

fn host_value(authority: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(authority).map_err(|_| bad("the target's host is malformed"))
}

/// HTTP/2 says the host as `:authority`, as `Host`, or as both alike.
fn agreed_host(
    host_header: Option<&HeaderValue>,
    authority: Option<&str>,
) -> Result<HeaderValue, Refusal> {
    match (host_header, authority) {
        (None, None) => Err(bad("no host")),
        (Some(host), None) => Ok(host.clone()),
        (None, Some(authority)) => host_value(authority),
        (Some(host), Some(authority)) => {
            let alike = host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
            if alike {
                Ok(host.clone())
            } else {
                Err(bad("the Host header is not the request's authority"))
            }
        }
    }
}

/// Over HTTP/2 the frames say the length; a second one that is said beside it would be passed on.
fn check_length(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(bad("more than one length of the body")),
        (Some(value), None) if !value.as_bytes().iter().all(u8::is_ascii_digit) => {
            Err(bad("the length of the body is malformed"))
        }
        _ => Ok(()),
    }
}

/// Any other coding would have to be undone before the body could be passed on.
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    let (first, second) = (values.next(), values.next());
    match (first, second) {
        (None, _) => Ok(()),
        (Some(value), None)
            if value
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"chunked") =>
        {
            Ok(())
        }
        _ => {
            let reason = "only the transfer coding chunked is served";
            Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, reason).closing())
        }
    }
}

/// The host without its port, in lower case; `None` when it is none.
fn host_of(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let (host, port) = match text.rfind(':') {
        // The colons inside of brackets belong to the address.
        Some(at) if !text[at..].contains(']') => (&text[..at], &text[at + 1..]),
        _ => (text, ""),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]:%!$&'()*+;=".contains(&byte);
    let is_host = host.bytes().all(allowed) && port.bytes().all(|byte| byte.is_ascii_digit());
    is_host.then(|| host.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_port_case_and_final_dot() {
        for (header, host) in [
            ("Example.ORG", Some("example.org")),
            ("example.org:8080", Some("example.org")),
            ("example.org.:80", Some("example.org")),
            ("[::1]:80", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("127.0.0.1:1", Some("127.0.0.1")),
            ("", Some("")),
            ("a b", None),
            ("user@example.org", None),
            ("example.org/x", None),
            ("example.org:80x", None),
            ("a,b", None),
        ] {
            assert_eq!(host_of(header.as_bytes()).as_deref(), host, "{header}");
        }
    }
}
