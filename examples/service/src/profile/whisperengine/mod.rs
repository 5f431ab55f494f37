//! The whisperengine guide's service: a bot in a Discord-like chat, with a memory in its database.
//!
//! It must not be there twice: two would answer each message twice. Nothing in here prevents
//! that; whoever runs it does (`x-mainstay: {singleton: true}`).

mod answer;
mod bot;
pub(crate) mod gateway;
mod store;

use super::{HealthWords, LogFields, Part, Paths, Profile, Variables, count_nothing};
use crate::app::App;
use crate::cache::hit_rate;
use crate::health::{Check, Finding, Verdict, optional, timed};
use crate::metrics::Page;
use crate::settings::Environment;
use crate::store::StoreError;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use bot::Bot;
use futures_util::future::BoxFuture;
use gateway::Connection;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) const PROFILE: Profile = Profile {
    name: "whisperengine",
    title: "WhisperEngine",
    note: "a bot that answers commands and remembers; without an LLM it says so",
    port: 9090,
    metrics_port: None,
    variables: Variables {
        environment: "ENV_MODE",
        default_environment: Environment::Development,
        database_path: "./data/whisperengine.db",
        metrics_enabled: "METRICS_ENABLED",
        cors_origins: "",
        idle: &[("JAVA_OPTS", "there is no Java in it")],
        only: &[],
    },
    paths: Paths {
        health: &["/health"],
        status: &["/status"],
        metrics: &["/metrics"],
        token: "/token",
    },
    health: HealthWords {
        verdicts: ["healthy", "degraded", "unhealthy"],
        memory: "memory_usage",
    },
    log: LogFields::Snake,
    form: None,
    count: count_nothing,
    schema: store::SCHEMA,
    part: |app| Box::new(WhisperEngine::new(app)),
};

#[derive(Debug, Clone)]
struct WhisperEngine {
    bot: Bot,
}

impl WhisperEngine {
    fn new(app: &Arc<App>) -> Self {
        for result in ["hit", "miss"] {
            app.metrics
                .count("cache_requests_total", &[("result", result)], 0);
        }
        Self {
            bot: Bot::new(app.clone()),
        }
    }

    /// Without its gateway the bot does nothing at all.
    fn discord(&self) -> Finding {
        match self.bot.connection() {
            Connection::NotConfigured => (Verdict::Pass, "not configured".to_owned()),
            Connection::Up { latency } => (
                Verdict::Pass,
                latency.map_or("connected".to_owned(), |latency| {
                    format!("connected, heartbeat {} ms", latency.as_millis())
                }),
            ),
            Connection::Down => (Verdict::Fail, "not connected".to_owned()),
        }
    }
}

impl Part for WhisperEngine {
    fn routes(&self) -> Router {
        Router::new().route("/", get(async || Redirect::temporary("/status")))
    }

    fn checks(&self) -> BoxFuture<'_, Vec<(&'static str, Check)>> {
        Box::pin(async {
            let peers = &self.bot.app.settings.peers;
            let (chroma, llm, discord) = tokio::join!(
                optional(peers.vector_store.as_ref(), super::HEARTBEAT),
                optional(peers.llm.as_ref(), "/models"),
                timed(async { self.discord() }),
            );
            vec![("chromadb", chroma), ("llm", llm), ("discord", discord)]
        })
    }

    fn gauges<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let connection = self.bot.connection();
            let up = matches!(connection, Connection::Up { .. });
            page.gauge("discord_connected", u8::from(up));
            if let Connection::Up {
                latency: Some(latency),
            } = connection
            {
                page.gauge("discord_gateway_latency_seconds", latency.as_secs_f64());
            }
            if let Some(left) = self.bot.rate_limit_left() {
                page.gauge("discord_rate_limit_remaining", left);
            }
            page.gauge("cache_hit_rate", hit_rate(&self.bot.app));
            if let Ok(count) = self.bot.app.store.user_memory_count().await {
                page.gauge("user_memories", count);
            }
        })
    }

    fn facts(&self) -> BoxFuture<'_, Result<Value, StoreError>> {
        Box::pin(async {
            let store = &self.bot.app.store;
            Ok(json!({
                "memories": store.user_memory_count().await?,
                "conversations": store.conversation_count().await?,
                "discord": format!("{:?}", self.bot.connection()),
                "model": null,
            }))
        })
    }

    fn work(&self, stopping: &CancellationToken) -> JoinSet<()> {
        let mut work = JoinSet::new();
        work.spawn(self.bot.clone().live(stopping.clone()));
        work
    }
}
