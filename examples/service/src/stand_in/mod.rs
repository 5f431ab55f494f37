//! Plays third parties that a stack needs and that cannot be had here, in the shape of their
//! protocol and no further.
//!
//! Each says so in every answer for people: nothing in here is the real thing, and nothing that
//! works against it is thereby shown to work against the real thing.

mod discord;
mod llm;
mod vector_store;

use crate::faults::FaultSwitch;
use crate::serve::{self, Routers};
use crate::settings::Settings;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// # Errors
/// When there is no such stand-in, or its port is taken.
pub(crate) async fn run(who: String, mut settings: Settings) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    let router = match who.as_str() {
        "discord" => discord::router(&settings, stopping.clone())?,
        "vector-store" => vector_store::router(),
        "llm" => llm::router(&settings),
        _ => anyhow::bail!(
            "stand-in {who}: nobody to stand in for\n  hint: there is discord, vector-store and llm"
        ),
    };
    settings.metrics_listen = None;
    serve::start_fault(&settings).await?;
    let health = json!({"status": "pass", "stand_in_for": who, "real": false});
    let main = router
        .route("/health", get(async move || Json(health)))
        .fallback(crate::web::nothing_here);
    let faults = Arc::new(FaultSwitch::new(settings.faults.clone()));
    let routers = Routers {
        main,
        metrics: Router::new(),
    };
    serve::serve(&settings, faults, routers, stopping).await
}
