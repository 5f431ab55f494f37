//! Who a request comes from: a bearer token, or the page's cookie.
//!
//! The cookie is `HttpOnly` and `SameSite=Strict`: no script reads it, and no other site's page
//! sends it.

use super::error::ApiError;
use crate::account::{Caller, token_hash};
use crate::app::App;
use crate::moment::Moment;
use crate::settings::Environment;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use std::sync::Arc;

/// The page's cookie.
pub(crate) const COOKIE: &str = "session";

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Arc<App>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let app = Arc::<App>::from_ref(state);
        let Some(token) = token(&parts.headers) else {
            return match app.settings.environment {
                Environment::Development => Ok(Self::anonymous()),
                Environment::Other => Err(ApiError::unauthorized("not logged in")),
            };
        };
        let session = app.store.session(&token_hash(token), Moment::now()).await?;
        let Some((name, admin)) = session else {
            app.metrics
                .count("auth_failures_total", &[("reason", "token")], 1);
            return Err(ApiError::unauthorized("the token is not valid, or no more"));
        };
        Ok(Self { name, admin })
    }
}

/// A caller who may see and do everything.
#[derive(Debug)]
pub(crate) struct AdminOnly;

impl<S: Send + Sync> FromRequestParts<S> for AdminOnly
where
    Arc<App>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.admin {
            Ok(Self)
        } else if caller == Caller::anonymous() {
            Err(ApiError::unauthorized("not logged in"))
        } else {
            Err(ApiError::new(StatusCode::FORBIDDEN, "admins only"))
        }
    }
}

/// The token a request carries.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| cookie(headers))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| value)
}

/// Counts one upload of the caller; 429 where that is one too many in this minute.
pub(crate) async fn within_quota(app: &App, caller: &Caller) -> Result<(), ApiError> {
    let limit = app.settings.uploads_per_minute;
    let taken = app.quota.take("upload", &caller.name, limit).await;
    taken.map_err(|exceeded| {
        app.metrics
            .count("rate_limited_total", &[("what", "upload")], 1);
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("more than {limit} uploads a minute"),
        )
        .retry_after(exceeded.retry_after)
    })
}
