//! The rag-admin guide's service: takes documents in and answers questions with the passages that
//! hold the question's words.

mod documents;
mod query;
mod search;
mod store;

use super::{HealthWords, LogFields, Part, Paths, Profile, Variables, count_nothing};
use crate::app::App;
use crate::health::{Check, optional};
use crate::metrics::Page;
use crate::settings::Environment;
use crate::store::StoreError;
use crate::web::page::Form;
use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const PROFILE: Profile = Profile {
    name: "rag-admin",
    title: "RAG Admin",
    note: "finds passages by the words of a question; no model, no embeddings, nothing generated",
    port: 8000,
    metrics_port: None,
    variables: Variables {
        environment: "ENVIRONMENT",
        default_environment: Environment::Development,
        database_path: "./data/rag-admin.db",
        metrics_enabled: "METRICS_ENABLED",
        cors_origins: "",
        idle: &[("AWS_REGION", "nothing is asked of AWS")],
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
        title: "RAG Admin",
        note: "Answers with the passages that hold the question's words",
        path: "/api/query",
        field: "query",
        example: "How long are backups kept?",
        button: "Ask",
    }),
    count: count_nothing,
    schema: store::SCHEMA,
    part: |app| Box::new(RagAdmin { app: app.clone() }),
};

#[derive(Debug, Clone)]
pub(crate) struct RagAdmin {
    app: Arc<App>,
}

impl FromRef<RagAdmin> for Arc<App> {
    fn from_ref(here: &RagAdmin) -> Self {
        here.app.clone()
    }
}

impl Part for RagAdmin {
    fn routes(&self) -> Router {
        Router::new()
            .route("/api/documents", get(documents::list).post(documents::add))
            .route(
                "/api/documents/{id}",
                get(documents::show).delete(documents::remove),
            )
            .route("/api/query", post(query::query))
            .with_state(self.clone())
    }

    fn checks(&self) -> BoxFuture<'_, Vec<(&'static str, Check)>> {
        Box::pin(async {
            let vectors = self.app.settings.peers.vector_store.as_ref();
            let check = optional(vectors, super::HEARTBEAT).await;
            vec![("vector_store", check)]
        })
    }

    fn gauges<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async {
            if let Ok(corpus) = self.app.store.corpus().await {
                page.gauge("rag_documents", corpus.documents);
            }
        })
    }

    fn facts(&self) -> BoxFuture<'_, Result<Value, StoreError>> {
        Box::pin(async {
            let corpus = self.app.store.corpus().await?;
            Ok(json!({"documents": corpus.documents, "words": corpus.words, "model": null}))
        })
    }
}
