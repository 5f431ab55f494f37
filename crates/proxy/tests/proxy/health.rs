//! Endpoints that fail: passed over, tried again, never all of them.

use crate::support::{Proxy, Raw, Upstream, config, endpoint, eventually, free_address, text};
use hyper::StatusCode;
use mainstay_proxy::config::HealthCheck;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn check(path: Option<&str>) -> HealthCheck {
    HealthCheck {
        path: path.map(ToOwned::to_owned),
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(500),
        failures: 3,
        passes: 2,
    }
}

/// Serves all requests; its health is what the switch says.
async fn switched(name: &'static str, healthy: &Arc<AtomicBool>) -> Upstream {
    let healthy = Arc::clone(healthy);
    Upstream::serving(move |request| {
        let healthy = healthy.load(Ordering::SeqCst);
        async move {
            let mut answer = text(name);
            if request.uri().path() == "/health" && !healthy {
                *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            answer
        }
    })
    .await
}

#[tokio::test]
async fn an_endpoint_that_fails_its_checks_is_passed_over_until_it_passes() {
    let (up, sick) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicBool::new(true)),
    );
    let (a, b) = (switched("a", &up).await, switched("b", &sick).await);
    let proxy = Proxy::start().await;
    let (mut config, address) = config(vec![a.endpoint("app-1"), b.endpoint("app-2")]);
    config.pools.get_mut("shop/dev/app").unwrap().health = Some(check(Some("/health")));
    proxy.client.apply(&config).await.unwrap();

    let ejected = async |instance: &str| proxy.endpoint(instance).await.unwrap().ejected;
    sick.store(false, Ordering::SeqCst);
    eventually("it is ejected", async || ejected("app-2").await).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..6 {
        assert_eq!(client.get("/").await.text(), "a");
    }
    let metrics = proxy.client.metrics().await.unwrap();
    let line = metrics
        .lines()
        .find(|line| line.starts_with("mainstay_proxy_ejections_total") && line.contains("app-2"));
    assert!(line.unwrap().ends_with(" 1"), "{metrics}");

    // The last one is kept, however sick.
    up.store(false, Ordering::SeqCst);
    let asked = a.count();
    eventually("it failed often enough", async || a.count() > asked + 10).await;
    assert!(!ejected("app-1").await);
    assert_eq!(client.get("/").await.text(), "a");

    sick.store(true, Ordering::SeqCst);
    eventually("it is back", async || !ejected("app-2").await).await;
    // Now that another one is there, the sick one goes.
    eventually("the sick one is ejected", async || ejected("app-1").await).await;
    assert_eq!(client.get("/").await.text(), "b");
}

#[tokio::test]
async fn without_a_path_a_connection_that_opens_is_enough() {
    let app = Upstream::named("app").await;
    let dead = free_address();
    let proxy = Proxy::start().await;
    let (mut config, _) = config(vec![app.endpoint("app-1"), endpoint("app-2", dead, 1)]);
    config.pools.get_mut("shop/dev/app").unwrap().health = Some(check(None));
    proxy.client.apply(&config).await.unwrap();
    eventually("it is ejected", async || {
        proxy.endpoint("app-2").await.unwrap().ejected
    })
    .await;
    assert!(!proxy.endpoint("app-1").await.unwrap().ejected);
}

/// The only one left must not stay ejected when its neighbour is taken out.
#[tokio::test]
async fn taking_the_healthy_one_out_brings_the_ejected_one_back() {
    let healthy = Arc::new(AtomicBool::new(false));
    let (good, sick) = (
        Upstream::named("good").await,
        switched("sick", &healthy).await,
    );
    let proxy = Proxy::start().await;
    let (mut config, address) = config(vec![good.endpoint("app-1"), sick.endpoint("app-2")]);
    config.pools.get_mut("shop/dev/app").unwrap().health = Some(check(Some("/health")));
    proxy.client.apply(&config).await.unwrap();
    eventually("it is ejected", async || {
        proxy.endpoint("app-2").await.unwrap().ejected
    })
    .await;
    config.revision = 2;
    let pool = config.pools.get_mut("shop/dev/app").unwrap();
    pool.endpoints.remove(0);
    proxy.client.apply(&config).await.unwrap();
    assert!(!proxy.endpoint("app-2").await.unwrap().ejected);
    assert_eq!(Raw::connect(address).await.get("/").await.text(), "sick");
}

/// Also with a body: nothing of it was sent.
#[tokio::test]
async fn a_refused_connection_is_tried_elsewhere() {
    let app = Upstream::serving(|request| async move {
        let body = http_body_util::BodyExt::collect(request.into_body()).await;
        text(body.unwrap().to_bytes())
    })
    .await;
    let dead = endpoint("app-0", free_address(), 100);
    let (proxy, _, address) = Proxy::serving(vec![dead, app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..20 {
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
            .await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "body"));
    }
    assert_eq!(app.count(), 20);
    let metrics = proxy.client.metrics().await.unwrap();
    let retries = metrics
        .lines()
        .find(|line| line.starts_with("mainstay_proxy_retries_total") && line.contains("app-1"));
    assert!(!retries.unwrap().ends_with(" 0"), "{metrics}");
}

#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_again() {
    use tokio::io::AsyncReadExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).await.unwrap_or(0) > 0 {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let other = Upstream::named("other").await;
    let mut rare = other.endpoint("app-2");
    rare.weight = 1;
    let (_proxy, _, proxy_address) =
        Proxy::serving(vec![endpoint("app-1", address, 1000), rare]).await;
    let answer = Raw::connect(proxy_address).await.get("/").await;
    assert_eq!(answer.status, 502);
    assert_eq!((seen.load(Ordering::SeqCst), other.count()), (1, 0));
}

/// Instances close idle connections; the next request must not be lost to that.
#[tokio::test]
async fn a_kept_connection_that_the_endpoint_closed_costs_no_request() {
    let address = free_address();
    let mut first = Some(Upstream::at(address, "first").await);
    let (_proxy, _, proxy_address) = Proxy::serving(vec![endpoint("app-1", address, 1)]).await;
    let mut client = Raw::connect(proxy_address).await;
    assert_eq!(client.get("/").await.text(), "first");
    for _ in 0..10 {
        first.take();
        let again = Upstream::at(address, "again").await;
        assert_eq!(client.get("/").await.text(), "again");
        first = Some(again);
    }
}
