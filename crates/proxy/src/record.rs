//! What is remembered of one request for the access log and the metrics; written when dropped,
//! so that a request that is cut off is written as well.

use crate::connection::Connection;
use crate::headers;
use crate::table::Route;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Uri};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The client went away before it was answered; nginx's number for it.
const CLIENT_GONE: u16 = 499;

#[derive(Debug)]
pub(crate) struct Record {
    connection: Arc<Connection>,
    began: Instant,
    pub(crate) request_id: HeaderValue,
    method: Method,
    uri: Uri,
    pub(crate) route: Option<Arc<Route>>,
    /// The chosen endpoint's index among the route's members.
    member: Option<usize>,
    retries: usize,
    chosen_at: Option<Instant>,
    answered_at: Option<Instant>,
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) error: Option<&'static str>,
}

impl Record {
    pub(crate) fn begin(connection: &Arc<Connection>, request: &Request<Incoming>) -> Self {
        Self {
            connection: Arc::clone(connection),
            began: Instant::now(),
            request_id: headers::request_id(request.headers()),
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: None,
            member: None,
            retries: 0,
            chosen_at: None,
            answered_at: None,
            status: CLIENT_GONE,
            bytes_in: 0,
            bytes_out: 0,
            error: None,
        }
    }

    pub(crate) fn chosen(&mut self, route: &Arc<Route>, member: usize, attempt: usize) {
        self.route = Some(Arc::clone(route));
        self.member = Some(member);
        self.retries = attempt;
        self.chosen_at = Some(Instant::now());
    }

    pub(crate) fn upstream_answered(&mut self) {
        self.answered_at = Some(Instant::now());
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let route = self.route.as_ref();
        let endpoint = self
            .member
            .zip(route)
            .map(|(index, route)| &route.pool.members[index].endpoint);
        if let Some(endpoint) = endpoint {
            endpoint.requests.fetch_add(1, Ordering::Relaxed);
            if self.status >= 500 {
                endpoint.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
        tracing::trace!(
            listener = %self.connection.listener.address,
            method = %self.method,
            path = self.uri.path(),
            status = self.status,
            "request"
        );
    }
}
