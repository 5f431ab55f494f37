//! What the proxy answers in an endpoint's stead: challenges of certificate authorities, and
//! where the encrypted listener is.

use crate::body::ResponseBody;
use crate::connection::Connection;
use crate::table::Table;
use crate::target::Target;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Response, StatusCode};

/// RFC 8555, section 8.3.
const CHALLENGE: &str = "/.well-known/acme-challenge/";

/// The answer, where the request is one for the proxy itself.
pub(crate) fn answer(
    connection: &Connection,
    method: &Method,
    target: &Target,
) -> Option<Response<ResponseBody>> {
    let table = connection.place.listener.table.load();
    if table.challenges.is_none() && table.redirect.is_none() {
        return None;
    }
    challenge(&table, method, target).or_else(|| redirect(connection, &table, target))
}

/// A token that is not ours goes on to the routes: a service may ask for certificates itself.
fn challenge(table: &Table, method: &Method, target: &Target) -> Option<Response<ResponseBody>> {
    let token = target.path().strip_prefix(CHALLENGE)?;
    let authorization = table.challenges.as_ref()?.get(token)?;
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    let mut response = Response::new(ResponseBody::Own(Some(authorization.clone().into())));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Some(response)
}

fn redirect(
    connection: &Connection,
    table: &Table,
    target: &Target,
) -> Option<Response<ResponseBody>> {
    let redirect = table.redirect.as_ref()?;
    let path = target.path();
    let is_below = |prefix: &String| {
        let prefix = prefix.trim_end_matches('/');
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Whoever asked for a certificate will be looked for here, and not behind one.
    let is_plain = path.starts_with(CHALLENGE) || redirect.except.iter().any(is_below);
    if is_plain || !connection.place.shared.tls.covers(&target.host) {
        return None;
    }
    let port = match redirect.port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let location = format!("https://{}{port}{}", target.host, target.path_and_query());
    let location = HeaderValue::try_from(location).ok()?;
    let mut response = Response::new(ResponseBody::Own(None));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    Some(response)
}
