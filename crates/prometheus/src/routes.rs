//! Which path is answered by what.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, handler::Handler};

use crate::options::Options;
use crate::pool::{Pool, Ticket};
use crate::reply::{Answered, Reply};
use crate::sources::Sources;
use crate::{
    admin, compress, exemplars, federate, health, labels, metadata, query, read, rules, status,
    targets, write,
};

/// What every handler has.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) sources: Sources,
    pub(crate) options: Arc<Options>,
    pub(crate) queries: Pool,
    /// Everything else that reads the store.
    pub(crate) lookups: Pool,
    pub(crate) reads: Pool,
    pub(crate) writes: Pool,
}

impl Api {
    /// Asks sources on a blocking thread.
    pub(crate) async fn lookup(
        &self,
        work: impl FnOnce(&Sources) -> Reply + Send + 'static,
    ) -> Answered {
        let sources = self.sources.clone();
        let work = move |_: &Ticket| Ok(work(&sources));
        self.lookups.run(self.options.timeout, work).await
    }
}

/// The API, to be nested where it shall be. Unknown paths below it are answered here too.
pub fn router(sources: Sources, options: Options) -> Router {
    let api = Api {
        queries: Pool::new(options.concurrency, options.queue),
        lookups: Pool::new(options.concurrency, options.queue),
        reads: Pool::new(options.read_concurrency, options.write_queue),
        writes: Pool::new(options.write_concurrency, options.write_queue),
        options: Arc::new(options),
        sources,
    };
    let when_ready = from_fn_with_state(api.clone(), health::when_ready);
    Router::new()
        .merge(reading())
        .route("/federate", get(federate::federate))
        .layer(from_fn(compress::gzip))
        .merge(changing())
        .route("/-/ready", get(health::ready))
        .route_layer(when_ready)
        .route("/api/v1/status/walreplay", get(status::wal_replay))
        .route("/-/healthy", get(health::healthy))
        .route("/-/reload", lifecycle(health::reload))
        .route("/-/quit", lifecycle(health::lifecycle_is_off))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(preflight))
        .with_state(api)
}

/// For requests that read, by GET or by a form.
fn both<T: 'static, H: Handler<T, Api>>(handler: H) -> MethodRouter<Api> {
    get(handler.clone()).post(handler)
}

fn reading() -> Router<Api> {
    Router::new()
        .route("/api/v1/query", both(query::instant))
        .route("/api/v1/query_range", both(query::range))
        .route("/api/v1/query_exemplars", both(exemplars::exemplars))
        .route("/api/v1/format_query", both(query::format))
        .route("/api/v1/parse_query", both(query::parse))
        .route("/api/v1/series", both(labels::series))
        .route("/api/v1/labels", both(labels::names))
        .route("/api/v1/label/{name}/values", get(labels::values))
        .route("/api/v1/metadata", get(metadata::metrics))
        .route("/api/v1/targets", get(targets::targets))
        .route("/api/v1/targets/metadata", get(metadata::of_targets))
        .route("/api/v1/scrape_pools", get(targets::pools))
        .route("/api/v1/rules", get(rules::rules))
        .route("/api/v1/alerts", get(rules::alerts))
        .route("/api/v1/alertmanagers", get(rules::alertmanagers))
        .route("/api/v1/status/config", get(status::configuration))
        .route("/api/v1/status/flags", get(status::flags))
        .route("/api/v1/status/runtimeinfo", get(status::runtime))
        .route("/api/v1/status/buildinfo", get(status::build))
        .route("/api/v1/status/tsdb", get(status::tsdb))
}

fn changing() -> Router<Api> {
    let admin = "/api/v1/admin/tsdb";
    Router::new()
        .route("/api/v1/write", post(write::write))
        .route("/api/v1/read", post(read::read))
        .route(
            &format!("{admin}/delete_series"),
            post(admin::delete_series).put(admin::delete_series),
        )
        .route(
            &format!("{admin}/clean_tombstones"),
            post(admin::clean_tombstones).put(admin::clean_tombstones),
        )
        .route(
            &format!("{admin}/snapshot"),
            post(admin::snapshot).put(admin::snapshot),
        )
}

fn lifecycle<T: 'static, H: Handler<T, Api>>(handler: H) -> MethodRouter<Api> {
    post(handler.clone()).put(handler).get(health::needs_post)
}

/// `OPTIONS` of anything of the API is answered with nothing: there is no CORS here.
async fn preflight(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS && request.uri().path().starts_with("/api/v1/") {
        return StatusCode::NO_CONTENT.into_response();
    }
    next.run(request).await
}

async fn not_found() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, kind, "404 page not found\n").into_response()
}

async fn wrong_method() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::METHOD_NOT_ALLOWED, kind, "Method Not Allowed\n").into_response()
}
