//! Active checks: an endpoint that fails several in a row is passed over until it passes again.
//!
//! They only eject. Whether an instance is ready for its first request is the runtime's to say,
//! and the last endpoint of a pool is never ejected: a failing answer is better than none.

use crate::config::HealthCheck;
use crate::endpoint::Endpoint;
use crate::proxy::Proxy;
use crate::request_id;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

/// Results in a row.
#[derive(Debug, Default)]
struct Streak {
    failures: u32,
    passes: u32,
}

impl Streak {
    fn add(&mut self, passed: bool) {
        if passed {
            self.failures = 0;
            self.passes = self.passes.saturating_add(1);
        } else {
            self.passes = 0;
            self.failures = self.failures.saturating_add(1);
        }
    }
}

/// Checks one endpoint until it is taken out (the task is aborted) or the proxy is gone.
pub(crate) async fn watch(proxy: Weak<Proxy>, endpoint: Arc<Endpoint>, check: HealthCheck) {
    // Spread over the interval, so that many endpoints are not asked all at once.
    tokio::time::sleep(check.interval.mul_f64(request_id::unit())).await;
    let mut ticks = tokio::time::interval(check.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut streak = Streak::default();
    loop {
        ticks.tick().await;
        let passed = passes(&endpoint, check.path.as_deref(), check.timeout).await;
        streak.add(passed);
        let Some(proxy) = proxy.upgrade() else { return };
        let ejected = endpoint.ejected.load(Ordering::Relaxed);
        if !ejected && streak.failures >= check.failures {
            proxy.eject(&endpoint);
        } else if ejected && streak.passes >= check.passes {
            endpoint.ejected.store(false, Ordering::Relaxed);
            tracing::info!(instance = endpoint.key.instance, "endpoint is back");
        }
    }
}

async fn passes(endpoint: &Endpoint, path: Option<&str>, timeout: Duration) -> bool {
    let asked = tokio::time::timeout(timeout, ask(endpoint, path)).await;
    match asked {
        Ok(Ok(passed)) => passed,
        Ok(Err(error)) => {
            tracing::debug!(%error, instance = endpoint.key.instance, "health check failed");
            false
        }
        Err(_) => false,
    }
}

/// Over a connection of its own: what is asked is whether a new client would be served.
async fn ask(endpoint: &Endpoint, path: Option<&str>) -> io::Result<bool> {
    let address = endpoint.key.address;
    let stream = TcpStream::connect(address).await?;
    let Some(path) = path else {
        return Ok(true);
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let request = Request::get(path)
        .header(HOST, address.to_string())
        .header(USER_AGENT, "mainstay-proxy (health check)")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = sender.send_request(request);
    // A connection that ended may have brought the answer at the same moment.
    let connection = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    let response = tokio::select! {
        response = answer => response.map_err(io::Error::other)?,
        () = connection => return Ok(false),
    };
    let status = response.status();
    Ok(status.is_success() || status.is_redirection())
}
