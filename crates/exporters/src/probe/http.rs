//! One question over HTTP/1.1, and the redirects it leads to.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::handshake;
use hyper::header::{HOST, LOCATION, USER_AGENT};
use hyper::{Request, Uri, Version};
use hyper_util::rt::TokioIo;

use super::connect::{connect_to, encrypt, resolve};
use super::{Answer, Expect, Seen, Settings};

/// As many as Go's client follows.
const REDIRECTS: u32 = 10;
/// Bytes of one body; what comes after is not read.
const LIMIT_BYTES: usize = 64 << 20;

pub(super) async fn get(
    url: &str,
    expect: &Expect,
    settings: &Settings,
    seen: &mut Seen,
) -> Result<(), String> {
    let mut uri: Uri = url.parse().map_err(|_| format!("`{url}` is no URL"))?;
    let first = uri.host().unwrap_or_default().to_owned();
    loop {
        let settings = &Settings {
            // Nobody answers for another host.
            via: settings.via.filter(|_| uri.host() == Some(first.as_str())),
            ..settings.clone()
        };
        let location = once(&uri, settings, seen).await?;
        let status = seen.answer.as_ref().map_or(0, |answer| answer.status);
        let redirect = matches!(status, 301 | 302 | 303 | 307 | 308) && expect.follow;
        let Some(location) = location.filter(|_| redirect) else {
            let fits = if expect.statuses.is_empty() {
                (200..300).contains(&status)
            } else {
                expect.statuses.contains(&status)
            };
            return if fits {
                Ok(())
            } else {
                Err(format!("status {status} is no success"))
            };
        };
        seen.redirects += 1;
        if seen.redirects > REDIRECTS {
            return Err(format!("more than {REDIRECTS} redirects"));
        }
        uri = join(&uri, &location).ok_or_else(|| format!("`{location}` leads nowhere"))?;
    }
}

fn join(from: &Uri, location: &str) -> Option<Uri> {
    if location.contains("://") {
        return location.parse().ok();
    }
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let slash = if location.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{authority}{slash}{location}")
        .parse()
        .ok()
}

/// Where the answer leads.
async fn once(uri: &Uri, settings: &Settings, seen: &mut Seen) -> Result<Option<String>, String> {
    let encrypted = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("a URL begins with `http://` or `https://`".to_owned()),
    };
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let via = settings
        .via
        .and_then(|via| if encrypted { via.https } else { Some(via.http) });
    let address = match via {
        Some(address) => address,
        None => resolve(&host, port, seen).await?,
    };
    let stream = connect_to(address, seen).await?;
    if encrypted {
        let stream = encrypt(stream, &host, settings, seen).await?;
        exchange(TokioIo::new(stream), uri, true, seen).await
    } else {
        exchange(TokioIo::new(stream), uri, false, seen).await
    }
}

async fn exchange<S>(
    stream: S,
    uri: &Uri,
    encrypted: bool,
    seen: &mut Seen,
) -> Result<Option<String>, String>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(stream).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(
            HOST,
            uri.authority().map_or("", |authority| authority.as_str()),
        )
        .header(USER_AGENT, concat!("Mainstay/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let began = Instant::now();
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    seen.processing += began.elapsed();
    let began = Instant::now();
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let location = header(LOCATION).map(str::to_owned);
    let length = header(hyper::header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let version = match response.version() {
        Version::HTTP_10 => 1.0,
        Version::HTTP_2 => 2.0,
        _ => 1.1,
    };
    let status = response.status().as_u16();
    let (mut body, mut bytes) = (response.into_body(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > LIMIT_BYTES {
            break;
        }
    }
    seen.transfer += began.elapsed();
    connection.abort();
    let length = length.unwrap_or(-1.0);
    seen.answer = Some(Answer {
        status,
        version,
        length,
        body: bytes as f64,
        encrypted,
    });
    Ok(location)
}
