//! Log in for a token, and log out.

use super::caller::{COOKIE, token};
use super::error::ApiError;
use crate::account::{new_token, token_hash, verify_password};
use crate::app::App;
use crate::moment::Moment;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Of one name, for whoever guesses passwords.
const TRIES_PER_MINUTE: u64 = 20;

/// For a turn at checking a password.
const TURN: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

/// As in RFC 6749, section 5.1.
#[derive(Serialize)]
struct Answer {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
}

/// `POST`: name and password, as JSON or as a form.
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let Login { username, password } = credentials(&headers, request).await?;
    let tried = app.quota.take("login", &username, TRIES_PER_MINUTE).await;
    if let Err(exceeded) = tried {
        app.metrics
            .count("rate_limited_total", &[("what", "login")], 1);
        return Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many tries with this name",
        )
        .retry_after(exceeded.retry_after));
    }
    if !check(&app, &username, password).await? {
        app.metrics
            .count("auth_failures_total", &[("reason", "password")], 1);
        tracing::warn!(event = "login_failed", "log-in failed");
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "name or password is wrong",
        ));
    }
    let token = new_token()
        .map_err(|error| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let now = Moment::now();
    let time = app.settings.session_time;
    let expires = Moment(now.0 + time.as_millis() as i64);
    app.store
        .put_session(&token_hash(&token), &username, now, expires)
        .await?;
    let cookie = set_cookie(&token, time);
    let answer = Answer {
        access_token: token,
        token_type: "bearer",
        expires_in: time.as_secs(),
    };
    Ok((cookie, Json(answer)).into_response())
}

/// `DELETE`: the token is worth nothing from now on.
pub(crate) async fn logout(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    if let Some(token) = token(&headers) {
        app.store.end_session(&token_hash(token)).await?;
    }
    Ok((StatusCode::NO_CONTENT, set_cookie("", Duration::ZERO)))
}

async fn credentials(headers: &HeaderMap, request: Request) -> Result<Login, ApiError> {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let read = if is_json {
        Json::from_request(request, &())
            .await
            .map(|Json(login)| login)
            .map_err(|rejection| (rejection.status(), rejection.body_text()))
    } else {
        Form::from_request(request, &())
            .await
            .map(|Form(login)| login)
            .map_err(|rejection| (rejection.status(), rejection.body_text()))
    };
    read.map_err(|(status, text)| {
        ApiError::new(status, text).hint("send username and password, as JSON or as a form")
    })
}

async fn check(app: &App, username: &str, password: String) -> Result<bool, ApiError> {
    let stored = app.store.user(username).await?.map(|user| user.password);
    let Ok(Ok(_turn)) = tokio::time::timeout(TURN, app.logins.acquire()).await else {
        return Err(
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many log-ins at once")
                .retry_after(Duration::from_secs(1)),
        );
    };
    tokio::task::spawn_blocking(move || verify_password(&password, stored.as_deref()))
        .await
        .map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the check broke off"))
}

fn set_cookie(token: &str, time: Duration) -> [(HeaderName, String); 1] {
    let cookie = format!(
        "{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}",
        time.as_secs()
    );
    [(header::SET_COOKIE, cookie)]
}
