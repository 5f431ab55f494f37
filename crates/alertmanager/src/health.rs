//! `/-/healthy`, `/-/ready`, `/-/reload`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::blocking::Api;

pub(crate) async fn well() -> &'static str {
    "OK"
}

pub(crate) async fn reload(State(api): State<Api>) -> Response {
    match api.ask(|source| Ok(source.reload()?)).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(failure) => {
            let message = format!("failed to reload config: {}\n", failure.message);
            (failure.status, message).into_response()
        }
    }
}
