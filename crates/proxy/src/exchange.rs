//! One request, from its head to the end of its response's body.

use crate::answer::Refusal;
use crate::body::{Download, RequestBody, ResponseBody, Upload, UploadState};
use crate::config::Limits;
use crate::connection::Connection;
use crate::endpoint::InFlight;
use crate::headers;
use crate::http2::Taking;
use crate::own;
use crate::pool::{Pick, Tried};
use crate::record::{CLIENT_WENT_AWAY, Record};
use crate::table::{Route, Serve};
use crate::target::Target;
use crate::upgrade;
use crate::upstream::{self, Idle, SendError};
use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, STRICT_TRANSPORT_SECURITY};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Version};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Endpoints one request is offered to before it is given up.
const MAX_ATTEMPTS: usize = 3;

/// Configurations one request follows; each turn means that one more was applied just now.
const MAX_REPLACED: usize = 100;

/// What holds an endpoint while a response's body is on its way.
#[derive(Debug)]
pub(crate) struct Passage {
    pub(crate) record: Box<Record>,
    in_flight: Option<InFlight>,
    sender: Option<SendRequest<RequestBody>>,
    upload: Option<Arc<Upload>>,
    worker: usize,
}

impl Passage {
    /// The connection is whole again once both bodies ended.
    pub(crate) fn finish(&mut self, response_ended: bool) {
        let uploaded = self
            .upload
            .as_ref()
            .is_none_or(|upload| upload.state() == UploadState::Ended);
        if let Some(upload) = &self.upload {
            self.record.bytes_in = upload.bytes();
        }
        let sender = self.sender.take();
        if let (Some(sender), Some(in_flight)) = (sender, &self.in_flight)
            && response_ended
            && uploaded
        {
            in_flight.0.put_idle(self.worker, Idle::new(sender));
        }
        if !response_ended && self.record.error.is_none() {
            self.record.error = Some(CLIENT_WENT_AWAY);
        }
        self.in_flight = None;
    }
}

/// Answers one request. Never fails: what goes wrong becomes a response.
pub(crate) async fn answer(
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let unambiguous = connection.wire.begin();
    let mut record = Record::begin(connection, &request);
    let target = if unambiguous {
        Target::read(&request)
    } else {
        let reason = "more than one length of the body";
        Err(Refusal::new(StatusCode::BAD_REQUEST, reason).closing())
    };
    let forwarded = match target {
        Err(refusal) => Err(refusal),
        Ok(target) => match own::answer(connection, request.method(), &target) {
            Some(response) => return answer_ourselves(response, record),
            None => forward(connection, &mut record, request, &target).await,
        },
    };
    match forwarded {
        Ok(forwarded) => respond(forwarded, record, connection),
        Err(refusal) => refuse(&refusal, record),
    }
}

fn answer_ourselves(
    mut response: Response<ResponseBody>,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    record.status = response.status().as_u16();
    record.bytes_out = response.body().size_hint().exact().unwrap_or_default();
    let id = record.request_id.clone();
    response.headers_mut().insert(headers::X_REQUEST_ID, id);
    response
}

fn refuse(refusal: &Refusal, mut record: Box<Record>) -> Response<ResponseBody> {
    record.status = refusal.status.as_u16();
    record.error = Some(refusal.reason);
    let text = refusal.text(&record.request_id);
    record.bytes_out = text.len() as u64;
    let mut response = refusal.response(Bytes::from(text));
    let id = record.request_id.clone();
    response.headers_mut().insert(headers::X_REQUEST_ID, id);
    response
}

/// A response's head and everything its body needs.
struct Forwarded {
    response: Response<Incoming>,
    sender: SendRequest<RequestBody>,
    in_flight: InFlight,
    upload: Option<Arc<Upload>>,
    upgrade: Option<Upgrade>,
    body_timeout: Duration,
}

/// A protocol that the client asked for, and its side of the connection to come.
struct Upgrade {
    protocol: &'static str,
    client: OnUpgrade,
}

/// From the client's request to the endpoint's answer.
async fn forward(
    connection: &Arc<Connection>,
    record: &mut Record,
    mut request: Request<Incoming>,
    target: &Target,
) -> Result<Forwarded, Refusal> {
    let upgrade = asked_upgrade(&mut request);
    let (mut parts, incoming) = request.into_parts();
    let (route, limits) = find_route(connection, target)?;
    record.route = Some(Arc::clone(&route));
    if incoming.size_hint().lower() > route.max_body {
        return Err(too_long(route.max_body));
    }
    let (body, upload) = RequestBody::new(incoming, route.max_body, limits.body_timeout);
    prepare(connection, record, target, &mut parts);
    if let Some(upgrade) = &upgrade {
        upgrade::add(upgrade.protocol, &mut parts.headers);
    }
    let mut offer = Offer {
        connection,
        target,
        route,
        limits,
        tried: Tried::default(),
        replaced: 0,
    };
    let request = Request::from_parts(parts, body);
    let taken = offer.make(record, request, upload.as_deref()).await?;
    Ok(Forwarded {
        response: taken.response,
        sender: taken.sender,
        in_flight: taken.in_flight,
        upload,
        upgrade,
        body_timeout: offer.limits.body_timeout,
    })
}

/// A request on its way to an endpoint that takes it.
struct Offer<'a> {
    connection: &'a Connection,
    target: &'a Target,
    route: Arc<Route>,
    limits: Limits,
    tried: Tried,
    replaced: usize,
}

/// What an endpoint answered, and what holds it.
struct Taken {
    response: Response<Incoming>,
    sender: SendRequest<RequestBody>,
    in_flight: InFlight,
}

impl Offer<'_> {
    /// Offers the request to one endpoint after the other until one takes it.
    async fn make(
        &mut self,
        record: &mut Record,
        mut request: Request<RequestBody>,
        upload: Option<&Upload>,
    ) -> Result<Taken, Refusal> {
        for attempt in 0..MAX_ATTEMPTS {
            let (in_flight, index) = self.pick(record)?;
            record.chosen(&self.route, index, attempt);
            *request.uri_mut() = self.target.uri_for(&self.route);
            let endpoint = &in_flight.0;
            let connect = self.limits.connect_timeout;
            let sending = upstream::send(endpoint, self.connection.worker, connect, request);
            let sent = tokio::select! {
                biased;
                sent = sending => sent,
                () = head_deadline(self.route.timeout, upload) => {
                    return Err(too_slow(&self.route));
                }
            };
            match sent {
                Ok((response, sender)) => {
                    record.upstream_answered();
                    return Ok(Taken {
                        response,
                        sender,
                        in_flight,
                    });
                }
                Err(SendError::Connect(unsent, error)) => {
                    tracing::debug!(%error, instance = endpoint.key.instance, "no connection");
                    record.not_reached();
                    self.tried.push(endpoint);
                    request = *unsent;
                }
                Err(SendError::Broken(error)) => {
                    return Err(broken(&self.route, endpoint, upload, &error));
                }
            }
        }
        Err(no_endpoint(&self.route))
    }

    /// An endpoint with the request counted in, under the newest configuration if need be.
    fn pick(&mut self, record: &mut Record) -> Result<(InFlight, usize), Refusal> {
        loop {
            match self.route.pool.pick(self.connection.client.ip, &self.tried) {
                Pick::Endpoint(in_flight, index) => return Ok((in_flight, index)),
                Pick::Replaced if self.replaced < MAX_REPLACED => {
                    self.replaced += 1;
                    self.route = find_route(self.connection, self.target)?.0;
                    record.route = Some(Arc::clone(&self.route));
                }
                Pick::Replaced | Pick::None => return Err(no_endpoint(&self.route)),
            }
        }
    }
}

type Found = (Arc<Route>, Limits);

fn find_route(connection: &Connection, target: &Target) -> Result<Found, Refusal> {
    let table = connection.place.listener.table.load();
    let Serve::Http(routes) = &table.serve else {
        let reason = "this listener no longer speaks HTTP";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason).closing());
    };
    match routes.find(&target.host, target.path()) {
        Some(route) => Ok((Arc::clone(route), table.limits.clone())),
        None => Err(Refusal::new(StatusCode::NOT_FOUND, "no route matches")),
    }
}

/// Makes the endpoint's request of the client's.
fn prepare(connection: &Connection, record: &Record, target: &Target, parts: &mut Parts) {
    if parts.version == Version::HTTP_2 {
        headers::join_cookies(&mut parts.headers);
    }
    parts.version = Version::HTTP_11;
    headers::remove_hop_by_hop(&mut parts.headers);
    let scheme = if connection.secure { "https" } else { "http" };
    let host = &target.host_header;
    headers::add_forwarded(&mut parts.headers, &connection.client, host, scheme);
    let id = record.request_id.clone();
    parts.headers.insert(headers::X_REQUEST_ID, id);
    parts.headers.insert(HOST, target.host_header.clone());
}

/// Ends once the endpoint had `timeout` for its answer: from now, or while the client still
/// sends its body, from the last byte of it.
async fn head_deadline(timeout: Duration, upload: Option<&Upload>) {
    let mut deadline = Instant::now() + timeout;
    loop {
        tokio::time::sleep_until(deadline.into()).await;
        let Some(upload) = upload else { return };
        let extended = upload.last_progress() + timeout;
        if extended <= deadline {
            return;
        }
        deadline = extended;
    }
}

/// hyper's handle of the connection is always taken off, so that it goes nowhere else.
fn asked_upgrade(request: &mut Request<Incoming>) -> Option<Upgrade> {
    let client = hyper::upgrade::on(&mut *request);
    let protocol = upgrade::wanted(request.method(), request.version(), request.headers())?;
    let has_body = !request.body().is_end_stream();
    (!has_body).then_some(Upgrade { protocol, client })
}

fn respond(
    forwarded: Forwarded,
    mut record: Box<Record>,
    connection: &Connection,
) -> Response<ResponseBody> {
    if forwarded.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(forwarded, record, connection);
    }
    let (mut parts, incoming) = forwarded.response.into_parts();
    parts.version = Version::HTTP_11;
    headers::remove_hop_by_hop(&mut parts.headers);
    let id = record.request_id.clone();
    parts.headers.insert(headers::X_REQUEST_ID, id);
    if connection.secure {
        add_hsts(connection, &mut parts.headers);
    }
    record.status = parts.status.as_u16();
    let idle = (!is_event_stream(&parts.headers)).then_some(forwarded.body_timeout);
    let passage = Passage {
        record,
        in_flight: Some(forwarded.in_flight),
        sender: Some(forwarded.sender),
        upload: forwarded.upload,
        worker: connection.worker,
    };
    let taking = passage.record.is_http2().then(Taking::present).flatten();
    let download = Download::new(incoming, passage, idle, taking);
    Response::from_parts(parts, ResponseBody::Upstream(Box::new(download)))
}

/// Unless the endpoint says it itself.
fn add_hsts(connection: &Connection, headers: &mut HeaderMap) {
    let table = connection.place.listener.table.load();
    let hsts = table.secure.as_ref().and_then(|secure| secure.hsts.clone());
    if let Some(hsts) = hsts {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(hsts);
    }
}

/// The endpoint agreed to another protocol: both sides become it once the client has the 101.
fn switch(
    mut forwarded: Forwarded,
    mut record: Box<Record>,
    connection: &Connection,
) -> Response<ResponseBody> {
    let headers = forwarded.response.headers();
    let upgrade = forwarded.upgrade.take();
    let Some(upgrade) = upgrade.filter(|asked| upgrade::agreed(asked.protocol, headers)) else {
        let reason = "endpoint switched to a protocol nobody asked for";
        return refuse(&Refusal::new(StatusCode::BAD_GATEWAY, reason), record);
    };
    connection.wire.become_raw();
    let endpoint = hyper::upgrade::on(&mut forwarded.response);
    let (mut parts, _) = forwarded.response.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    upgrade::add(upgrade.protocol, &mut parts.headers);
    let id = record.request_id.clone();
    parts.headers.insert(headers::X_REQUEST_ID, id);
    record.status = parts.status.as_u16();
    let passage = Passage {
        record,
        in_flight: Some(forwarded.in_flight),
        // It is no longer a connection that another request could use.
        sender: None,
        upload: None,
        worker: connection.worker,
    };
    tokio::spawn(upgrade::pass(passage, upgrade.client, endpoint));
    Response::from_parts(parts, ResponseBody::Own(None))
}

/// Server-sent events are silent for as long as nothing happens.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

fn too_long(max: u64) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "request body too long")
        .message(format!("the request's body is longer than {max} bytes"))
        .closing()
}

fn too_slow(route: &Route) -> Refusal {
    let (service, timeout) = (&route.pool.service, route.timeout);
    Refusal::new(StatusCode::GATEWAY_TIMEOUT, "endpoint too slow").message(format!(
        "service {service} did not answer within {}",
        mainstay_model::format_duration(timeout)
    ))
}

fn no_endpoint(route: &Route) -> Refusal {
    let service = &route.pool.service;
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no endpoint")
        .message(format!("no instance of service {service} takes requests"))
}

/// Whose fault it is that no response came: the upload's state tells.
fn broken(
    route: &Route,
    endpoint: &crate::endpoint::Endpoint,
    upload: Option<&Upload>,
    error: &hyper::Error,
) -> Refusal {
    match upload.map(Upload::state) {
        Some(UploadState::TooLong) => return too_long(route.max_body),
        Some(UploadState::Idle) => {
            let reason = "request body too slow";
            return Refusal::new(StatusCode::REQUEST_TIMEOUT, reason).closing();
        }
        Some(UploadState::Broken) => {
            let reason = "request body malformed or cut off";
            return Refusal::new(StatusCode::BAD_REQUEST, reason).closing();
        }
        _ => {}
    }
    tracing::debug!(%error, instance = endpoint.key.instance, "endpoint broke off");
    let service = &route.pool.service;
    Refusal::new(StatusCode::BAD_GATEWAY, "endpoint broke off").message(format!(
        "an instance of service {service} broke off before it answered"
    ))
}
