//! The control socket: what the control plane asks and tells.

use crate::client::Refusal;
use crate::config::Config;
use crate::proxy::{ApplyError, Proxy};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// A configuration of 50,000 endpoints is about 8 MB.
const MAX_CONFIG_BYTES: usize = 32 << 20;
/// For a whole connection: the calls are short, and each opens its own.
const DEADLINE: Duration = Duration::from_secs(30);
const MAX_CONNECTIONS: usize = 64;

/// Why the control socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("another proxy answers on {0}\nhint: end it first, or use another socket")]
    Answered(PathBuf),
    #[error("cannot listen on {path}: {source}")]
    Bind { path: PathBuf, source: io::Error },
}

/// Opens the socket for its owner only. One that nobody answers on is replaced.
pub(crate) fn open(path: &Path) -> Result<UnixListener, ControlError> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(ControlError::Answered(path.to_owned()));
    }
    bind(path).map_err(|source| ControlError::Bind {
        path: path.to_owned(),
        source,
    })
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Bound under another name and renamed once it has its mode: nobody finds it open wider.
    let next = path.with_extension("next");
    for stale in [&next, path] {
        match fs::remove_file(stale) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let listener = UnixListener::bind(&next)?;
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600))?;
    fs::rename(&next, path)?;
    Ok(listener)
}

/// Answers until the proxy's process ends.
pub(crate) async fn serve(listener: UnixListener, proxy: Arc<Proxy>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let proxy = Arc::clone(&proxy);
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(DEADLINE, connection(stream, proxy)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept on the control socket");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: UnixStream, proxy: Arc<Proxy>) {
    let service = service_fn(|request| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, Infallible>(answer(&proxy, request).await) }
    });
    let served = Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "control connection ended");
    }
}

async fn answer(proxy: &Arc<Proxy>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let method = request.method().clone();
    match (method, request.uri().path()) {
        (Method::PUT, "/v1/config") => put_config(proxy, request).await,
        (Method::GET, "/v1/status") => json(StatusCode::OK, &proxy.status()),
        (Method::GET, "/metrics") => text(proxy.metrics()),
        (Method::POST, "/v1/shutdown") => {
            proxy.end();
            json(StatusCode::ACCEPTED, &serde_json::json!({}))
        }
        (method, path) => refuse(
            StatusCode::NOT_FOUND,
            format!("there is no {method} {path} here"),
        ),
    }
}

async fn put_config(proxy: &Arc<Proxy>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), MAX_CONFIG_BYTES);
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("the configuration is longer than {MAX_CONFIG_BYTES} bytes");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, message);
        }
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let config: Config = match serde_json::from_slice(&body) {
        Ok(config) => config,
        Err(error) => {
            let message = format!("the configuration does not parse: {error}");
            return refuse(StatusCode::BAD_REQUEST, message);
        }
    };
    let revision = config.revision;
    match proxy.apply(config).await {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({ "revision": revision })),
        Err(error) => {
            let status = match &error {
                ApplyError::Protocol(_) | ApplyError::Invalid(_) => StatusCode::BAD_REQUEST,
                ApplyError::Stale { .. } | ApplyError::Bind { .. } => StatusCode::CONFLICT,
                ApplyError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
                ApplyError::Ending => StatusCode::SERVICE_UNAVAILABLE,
            };
            tracing::warn!(%error, revision, "configuration refused");
            refuse(status, error.to_string())
        }
    }
}

fn text(text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn refuse(status: StatusCode, error: String) -> Response<Full<Bytes>> {
    json(status, &Refusal { error })
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
