//! Answers in gzip, for whoever takes it.

use std::io::Write as _;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What is smaller is sent as it is.
const MIN_BYTES: u64 = 1024;

pub(crate) async fn gzip(request: Request, next: Next) -> Response {
    let wanted = accepts(request.headers());
    let mut response = next.run(request).await;
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().append(header::VARY, vary);
    let size = response.body().size_hint().exact();
    if !wanted || size.is_none_or(|size| size < MIN_BYTES) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Bodies are whole in memory already: this moves them.
    let Ok(plain) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let packed = tokio::task::spawn_blocking({
        let plain = plain.clone();
        move || pack(&plain)
    });
    let Ok(Some(packed)) = packed.await else {
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(packed))
}

fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    let into = Vec::with_capacity(plain.len() / 8);
    let mut encoder = GzEncoder::new(into, Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// Whether `gzip` is among what is accepted, and not at quality 0.
fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING);
    let values = values.iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|p| {
            let quality = p.strip_prefix("q=").map(str::parse::<f64>);
            quality.is_some_and(|quality| quality == Ok(0.0))
        });
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_gzip_gets_it() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts(&headers)
        };
        assert!(with("gzip") && with("deflate, GZIP;q=0.5") && with("br,gzip"));
        assert!(!with("deflate") && !with("gzip;q=0") && !with("") && !with("x-gzip"));
        assert!(!accepts(&HeaderMap::new()));
    }
}
