//! Who asks, and whether they may.
//!
//! Over the unix socket it is a user of this machine: the server's own or root. Over TCP it is a
//! token; `Host` and `Origin` are checked first, against DNS rebinding and other people's web
//! pages.

use super::types::{ApiError, ErrorCode, Role};
use crate::tokens::Tokens;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mainstay_model::Secret;
use std::sync::Arc;
use tokio::net::UnixListener;

/// Who asked; stands in the journal with what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `user 1000`, `token ci`
    pub name: String,
    pub role: Role,
}

/// The peer of a connection over the unix socket.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    user: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let user = stream.io().peer_cred().ok().map(|peer| peer.uid());
        Self { user }
    }
}

fn refuse(status: StatusCode, message: &str, hint: &str) -> Response {
    let error = ApiError::new(ErrorCode::Denied, message).hint(hint);
    (status, axum::Json(error)).into_response()
}

/// Lets in the server's own user and root.
pub(super) async fn unix_peer(
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let own = rustix::process::geteuid().as_raw();
    match peer.user {
        Some(user) if user == own || user == 0 => {
            request.extensions_mut().insert(Actor {
                name: format!("user {user}"),
                role: Role::Admin,
            });
            next.run(request).await
        }
        _ => refuse(
            StatusCode::FORBIDDEN,
            "this socket belongs to another user",
            "run the command as the user who runs the server, or as root",
        ),
    }
}

/// Lets in tokens, on `Host`s that are ours.
pub(super) async fn tcp_token(
    State(tokens): State<Arc<Tokens>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(message) = own_origin(request.headers()) {
        return refuse(
            StatusCode::FORBIDDEN,
            message,
            "open the address that the server printed",
        );
    }
    if request.uri().path() == "/health" {
        return next.run(request).await;
    }
    let secret = secret(request.headers());
    let Some(token) = secret.and_then(|secret| tokens.authenticate(secret.expose())) else {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "no valid token",
            "send `Authorization: Bearer TOKEN`; make one with `mainstay token create NAME`",
        );
    };
    request.extensions_mut().insert(Actor {
        name: format!("token {}", token.name),
        role: token.role,
    });
    next.run(request).await
}

/// The token: of `Bearer`, or the password of `Basic`, whoever the user is. Tools that ask for
/// metrics often know the latter alone (RFC 7617).
fn secret(headers: &HeaderMap) -> Option<Secret<String>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    if let Some(token) = value.strip_prefix("Bearer ") {
        return Some(Secret::new(token.to_owned()));
    }
    let encoded = value.strip_prefix("Basic ")?;
    let pair = BASE64_STANDARD.decode(encoded).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (_, password) = pair.split_once(':')?;
    Some(Secret::new(password.to_owned()))
}

fn own_origin(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let (Some(host), None) = (host, hosts.next()) else {
        return Err("one Host header is needed");
    };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    if name != "localhost" && address.parse::<std::net::IpAddr>().is_err() {
        return Err("this Host is not ours");
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
        None => Ok(()),
        Some(Ok(origin)) if origin == format!("http://{host}") => Ok(()),
        Some(_) => Err("this Origin is not ours"),
    }
}

impl Actor {
    /// Refuses whoever has less than `role`.
    pub fn needs(&self, role: Role) -> Result<(), ApiError> {
        if self.role >= role {
            return Ok(());
        }
        let needed = format!("{role:?}").to_lowercase();
        let has = format!("{:?}", self.role).to_lowercase();
        Err(ApiError::new(
            ErrorCode::Denied,
            format!("{} is {has}, and this needs {needed}", self.name),
        )
        .hint(format!(
            "ask an admin for `mainstay token create NAME --role {needed}`"
        )))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::new(ErrorCode::Denied, "nobody is logged in"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn other_peoples_pages_and_names_are_refused() {
        let host = (header::HOST, "127.0.0.1:9900");
        assert!(own_origin(&headers(std::slice::from_ref(&host))).is_ok());
        let own = (header::ORIGIN, "http://127.0.0.1:9900");
        assert!(own_origin(&headers(&[host.clone(), own])).is_ok());
        for bad in [
            vec![],
            vec![(header::HOST, "evil.example")],
            vec![host.clone(), host.clone()],
            vec![host.clone(), (header::ORIGIN, "https://evil.example")],
            vec![host, (header::ORIGIN, "null")],
        ] {
            assert!(own_origin(&headers(&bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_viewer_cannot_operate() {
        let actor = Actor {
            name: "token ci".into(),
            role: Role::Viewer,
        };
        assert!(actor.needs(Role::Viewer).is_ok());
        assert!(actor.needs(Role::Operator).is_err());
    }
}
