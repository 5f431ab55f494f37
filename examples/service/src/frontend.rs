//! `sample-service frontend`: the page of a profile as a service of its own, beside its API.
//!
//! Static on purpose: it stands for what a build tool leaves and a web server hands out.

use crate::faults::FaultSwitch;
use crate::serve::{self, Routers};
use crate::settings::Settings;
use anyhow::Context;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// # Errors
/// When the profile has no page, or the port is taken.
pub(crate) async fn run(mut settings: Settings) -> anyhow::Result<()> {
    let profile = settings.profile;
    let form = profile
        .form
        .with_context(|| format!("SAMPLE_PROFILE={}: has no frontend", profile.name))?;
    // The metrics port is the API's.
    settings.metrics_listen = None;
    serve::start_fault(&settings).await?;
    let api = settings.frontend.api_url.trim_end_matches('/').to_owned();
    let config = json!({
        "api_url": settings.frontend.api_url,
        "app_env": settings.frontend.app_env,
        "release": settings.release,
        "instance": settings.instance,
    });
    let health = json!({"status": "pass", "frontend": profile.name});
    let main = Router::new()
        .route("/", get(async move || form.html(&api)))
        .route("/config.json", get(async move || Json(config)))
        .route("/health", get(async move || Json(health)))
        .fallback(crate::web::nothing_here);
    let faults = Arc::new(FaultSwitch::new(settings.faults.clone()));
    let routers = Routers {
        main,
        metrics: Router::new(),
    };
    serve::serve(&settings, faults, routers, CancellationToken::new()).await
}
