//! Answers the proxy gives itself: what went wrong, for whom, and what to look for.

use crate::body::ResponseBody;
use bytes::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

/// What a client is told that sent no whole head in time; written past hyper.
pub(crate) const HEAD_TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
connection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 45\r\n\r\n\
408: the request's head did not come in time\n";

/// What a client is told that found no place; written past hyper.
pub(crate) const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
connection: close\r\nretry-after: 1\r\ncontent-type: text/plain; charset=utf-8\r\n\
content-length: 32\r\n\r\n503: too many connections, wait\n";

/// What a client is told that speaks plainly where TLS is spoken; written past hyper.
pub(crate) const SPEAKS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
connection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 37\r\n\r\n\
400: this port speaks TLS, use https\n";

/// A request that the proxy answers itself.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// For the client: lower case, no full stop, nothing secret.
    pub(crate) message: String,
    /// For the access log; a fixed set, so that it can be counted.
    pub(crate) reason: &'static str,
    /// Whether what the client sends next can no longer be understood or is not wanted.
    pub(crate) close: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            message: reason.to_owned(),
            reason,
            close: false,
        }
    }

    pub(crate) fn message(mut self, message: String) -> Self {
        self.message = message;
        self
    }

    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// One line of text: the message and the request's id.
    pub(crate) fn text(&self, request_id: &HeaderValue) -> String {
        let code = self.status.as_u16();
        let id = request_id.to_str().unwrap_or("none");
        format!("{code}: {} (request {id})\n", self.message)
    }

    /// The response, without the body's keeper.
    pub(crate) fn response(&self, body: Bytes) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::Own(Some(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, text);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_answers_say_their_own_length() {
        for answer in [HEAD_TOO_SLOW, SPEAKS_TLS, TOO_MANY_CONNECTIONS] {
            let text = std::str::from_utf8(answer).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let length = format!("content-length: {}", body.len());
            assert!(head.lines().any(|line| line == length), "{text}");
        }
    }
}
