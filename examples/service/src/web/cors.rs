//! Which other sites' pages may call the API from a browser: `CORS_ORIGINS`.
//!
//! An entry is an origin (`https://app.example.org`) or a bare host, which means it under any
//! scheme and port. Credentials are not allowed across sites: the cookie is `SameSite=Strict`.

use crate::app::App;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Answers preflights, and marks the answers to those who may read them.
pub(crate) async fn cors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let allowed = origin(request.headers(), &app.settings.cors_origins);
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight && allowed.is_some() {
        let answer = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, x-request-id",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        (StatusCode::NO_CONTENT, answer).into_response()
    } else {
        next.run(request).await
    };
    if let Some(origin) = allowed {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

fn origin(headers: &HeaderMap, allowed: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let (_, authority) = text.split_once("://")?;
    let host = authority.split(':').next()?;
    let is_allowed = allowed.iter().any(|entry| entry == text || entry == host);
    is_allowed.then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_an_origin_or_a_host() {
        let allowed = ["localhost", "https://app.example.org"].map(str::to_owned);
        for (text, may) in [
            ("http://localhost:3000", true),
            ("https://app.example.org", true),
            ("http://app.example.org", false),
            ("http://localhost.evil.example", false),
            ("null", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(text));
            assert_eq!(origin(&headers, &allowed).is_some(), may, "{text}");
        }
    }
}
