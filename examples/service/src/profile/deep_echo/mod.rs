//! The deep-echo guide's service: a front that answers from its cache, and a second instance of
//! the same program behind it that does the work.
//!
//! Which of the two an instance is, is told by `COGNITIVE_SERVICE_URL`: with it, the work is
//! asked of another instance; without it, it is done here.

mod layers;
mod store;

use super::{Exchange, HealthWords, LogFields, Part, Paths, Profile, Variables};
use crate::account::{Caller, token_hash};
use crate::app::App;
use crate::cache::{Cache, hit_rate};
use crate::health::{Check, optional};
use crate::metrics::{Metrics, Page};
use crate::moment::Moment;
use crate::settings::Environment;
use crate::store::StoreError;
use crate::web::ApiError;
use crate::web::page::Form;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::Echo;

const PROCESS: &str = "/api/cognitive/process";

/// For the cognitive service.
const PATIENCE: Duration = Duration::from_secs(10);

const MAX_TEXT_BYTES: usize = 16 * 1024;
const MAX_DEPTH: u32 = 16;

pub(crate) const PROFILE: Profile = Profile {
    name: "deep-echo",
    title: "Deep Echo",
    note: "echoes a text in fading layers and keeps them at hand; nothing is understood",
    port: 8000,
    metrics_port: None,
    variables: Variables {
        environment: "ENVIRONMENT",
        default_environment: Environment::Development,
        database_path: "./data/deep-echo.db",
        metrics_enabled: "METRICS_ENABLED",
        cors_origins: "",
        idle: &[
            ("GITHUB_TOKEN", "nothing is asked of GitHub"),
            ("AWS_REGION", "nothing is asked of AWS"),
        ],
        only: &[],
    },
    paths: Paths {
        health: &["/health", "/api/health"],
        status: &["/status", "/api/status"],
        metrics: &["/metrics"],
        token: "/api/login",
    },
    health: HealthWords {
        verdicts: ["healthy", "degraded", "unhealthy"],
        memory: "memory",
    },
    log: LogFields::Snake,
    form: Some(Form {
        title: "Deep Echo",
        note: "Echoes a text in fading layers",
        path: "/api/echo",
        field: "text",
        example: "Is anybody there, down in the well?",
        button: "Call",
    }),
    count,
    schema: store::SCHEMA,
    part: |app| {
        Box::new(DeepEcho {
            app: app.clone(),
            cache: Arc::default(),
        })
    },
};

/// As the Flask exporter that the guide queries counts them.
fn count(metrics: &Metrics, exchange: &Exchange) {
    let status = exchange.status.to_string();
    let labels = [
        ("method", exchange.method),
        ("path", exchange.endpoint),
        ("status", status.as_str()),
    ];
    let name = "flask_http_request_duration_seconds";
    metrics.observe(name, &labels, exchange.took);
    metrics.count("flask_http_request_total", &[labels[0], labels[2]], 1);
}

#[derive(Debug, Clone)]
struct DeepEcho {
    app: Arc<App>,
    cache: Arc<Cache>,
}

impl FromRef<DeepEcho> for Arc<App> {
    fn from_ref(here: &DeepEcho) -> Self {
        here.app.clone()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Call {
    text: String,
    #[serde(default = "default_depth")]
    depth: u32,
}

fn default_depth() -> u32 {
    4
}

impl Call {
    fn check(&self) -> Result<(), ApiError> {
        let is_good = !self.text.trim().is_empty()
            && self.text.len() <= MAX_TEXT_BYTES
            && (1..=MAX_DEPTH).contains(&self.depth);
        if is_good {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("text has 1 to {MAX_TEXT_BYTES} bytes, depth is 1 to {MAX_DEPTH}"),
        ))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Layers {
    layers: Vec<String>,
    /// The instance that did the work.
    by: String,
}

/// `POST /api/echo`: from the cache, or from whoever does the work; kept in the history.
async fn echo(
    State(here): State<DeepEcho>,
    caller: Caller,
    Json(call): Json<Call>,
) -> Result<Json<Value>, ApiError> {
    call.check()?;
    let key = format!("echo:{}:{}", call.depth, token_hash(&call.text));
    let kept = here.cache.get(&here.app, &key).await;
    let kept: Option<Layers> = kept.and_then(|text| serde_json::from_str(&text).ok());
    let cached = kept.is_some();
    let layers = if let Some(layers) = kept {
        layers
    } else {
        let layers = here.work(&call).await?;
        if let Ok(text) = serde_json::to_string(&layers) {
            here.cache.put(&here.app, &key, text).await;
        }
        layers
    };
    let echo = Echo {
        id: uuid::Uuid::now_v7().to_string(),
        owner: caller.name,
        text: call.text,
        depth: call.depth,
        created: Moment::now(),
    };
    let answer = json!({
        "id": echo.id, "text": echo.text, "layers": layers.layers, "by": layers.by, "cached": cached,
    });
    here.app.store.add_echo(echo).await?;
    Ok(Json(answer))
}

/// `POST /api/cognitive/process`: the work itself, asked of one instance by another.
async fn process(
    State(here): State<DeepEcho>,
    Json(call): Json<Call>,
) -> Result<Json<Layers>, ApiError> {
    call.check()?;
    Ok(Json(here.work_here(&call).await))
}

/// `GET /api/history`: one's own last calls, newest first.
async fn history(State(here): State<DeepEcho>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let echoes = here.app.store.echoes(&caller.name).await?;
    Ok(Json(json!({"echoes": echoes})))
}

impl DeepEcho {
    async fn work(&self, call: &Call) -> Result<Layers, ApiError> {
        let Some(cognitive) = &self.app.settings.peers.cognitive else {
            return Ok(self.work_here(call).await);
        };
        let body = json!(call);
        let answer = cognitive.post(PROCESS, &[], &body, PATIENCE).await;
        let layers = answer
            .map_err(|error| error.to_string())
            .and_then(|(_, value)| {
                serde_json::from_value(value).map_err(|error| error.to_string())
            });
        layers.map_err(|error| {
            tracing::error!(error, "the cognitive service failed");
            ApiError::new(
                StatusCode::BAD_GATEWAY,
                "the cognitive service does not answer",
            )
            .retry_after(Duration::from_secs(1))
        })
    }

    async fn work_here(&self, call: &Call) -> Layers {
        let layers = layers::layers(&call.text, call.depth);
        // Real work would take its time.
        let pace = self.app.settings.work.pace;
        if !pace.is_zero() {
            tokio::time::sleep(pace.saturating_mul(layers.len() as u32)).await;
        }
        Layers {
            layers,
            by: self.app.settings.instance.clone(),
        }
    }
}

impl Part for DeepEcho {
    fn routes(&self) -> Router {
        Router::new()
            .route("/api/echo", post(echo))
            .route("/api/history", get(history))
            .route(PROCESS, post(process))
            .with_state(self.clone())
    }

    fn checks(&self) -> BoxFuture<'_, Vec<(&'static str, Check)>> {
        Box::pin(async {
            let peers = &self.app.settings.peers;
            let (cognitive, vectors) = tokio::join!(
                optional(peers.cognitive.as_ref(), "/health"),
                optional(peers.vector_store.as_ref(), super::HEARTBEAT),
            );
            vec![("cognitive", cognitive), ("vector_store", vectors)]
        })
    }

    fn gauges<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async {
            page.gauge("deep_echo_cache_hit_rate", hit_rate(&self.app));
            if let Ok(count) = self.app.store.echo_count().await {
                page.gauge("deep_echo_echoes", count);
            }
        })
    }

    fn facts(&self) -> BoxFuture<'_, Result<Value, StoreError>> {
        Box::pin(async {
            let role = if self.app.settings.peers.cognitive.is_some() {
                "front"
            } else {
                "works by itself"
            };
            let echoes = self.app.store.echo_count().await?;
            Ok(json!({"echoes": echoes, "role": role}))
        })
    }
}
