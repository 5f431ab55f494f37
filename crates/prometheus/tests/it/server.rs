//! The API on a port of its own, below `/prometheus`.

use axum::Router;
use mainstay_prometheus::{Options, Sources, router};
use std::net::TcpListener;
use std::sync::Arc;

use crate::data;
use crate::http::Client;
use crate::parts::Parts;

/// A server; it ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) parts: Arc<Parts>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// With the data and Prometheus's limits.
    pub(crate) fn start() -> Self {
        Self::with(Options::default(), |_| {})
    }

    /// With other limits, or without some of its sources.
    pub(crate) fn with(options: Options, change: impl FnOnce(&mut Sources)) -> Self {
        Self::below("/prometheus", options, change)
    }

    /// Below another path; empty: on a listener of its own.
    pub(crate) fn below(
        prefix: &'static str,
        options: Options,
        change: impl FnOnce(&mut Sources),
    ) -> Self {
        let parts = Arc::new(Parts::default());
        parts.add(&data::some(data::START_MS));
        let mut sources = Sources {
            storage: parts.clone(),
            exemplars: parts.clone(),
            targets: parts.clone(),
            rules: parts.clone(),
            status: parts.clone(),
            writer: Some(parts.clone()),
            admin: Some(parts.clone()),
            reload: Some(parts.clone()),
        };
        change(&mut sources);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let app = match prefix {
            "" => router(sources, options),
            prefix => Router::new().nest(prefix, router(sources, options)),
        };
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            client: Client { port, prefix },
            parts,
            _runtime: runtime,
        }
    }
}
