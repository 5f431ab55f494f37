//! What can be known afterwards: the access log and the metrics.

use crate::support::{DEADLINE, Proxy, Raw, Upstream, endpoint, free_address, text};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::path::Path;
use tokio::time::Instant;

/// The log's lines once there are `count` of them.
async fn lines(directory: &Path, count: usize) -> Vec<Value> {
    let path = directory.join("proxy/access.log");
    let deadline = Instant::now() + DEADLINE;
    loop {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        if lines.len() >= count {
            assert_eq!(lines.len(), count, "{text}");
            let parsed = lines.iter().map(|line| serde_json::from_str(line).unwrap());
            return parsed.collect();
        }
        assert!(Instant::now() < deadline, "not {count} lines:\n{text}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_request_is_a_line() {
    let app = Upstream::serving(|request| async move {
        let _ = request.into_body().collect().await;
        text("hello")
    })
    .await;
    let (proxy, _, address) = Proxy::serving(vec![app.endpoint("shop-dev-app-r1-1")]).await;
    let mut client = Raw::connect(address).await;
    client
        .send(
            "POST /a%20b/\"c?token=secret HTTP/1.1\r\nHost: App.test:8080\r\n\
             X-Request-ID: id-1\r\nContent-Length: 7\r\n\r\n1234567",
        )
        .await;
    assert_eq!(client.answer().await.status, 200);
    client.send("GET / HTTP/1.1\r\nX: y\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    let mut client = Raw::connect(address).await;
    client.send("nonsense\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);

    // Two connections may be two workers', whose lines come in either order.
    let lines = lines(proxy.directory.path(), 3).await;
    let with = |field: &str, value: &str| {
        let mut found = lines.iter().filter(|line| line[field] == value);
        found.next().expect("a line with this value")
    };
    let served = with("request_id", "id-1");
    for (field, value) in [
        ("request_id", "id-1"),
        ("listener", "main"),
        ("route", "route /"),
        ("service", "app"),
        ("release", "r1"),
        ("instance", "shop-dev-app-r1-1"),
        ("client", "127.0.0.1"),
        ("method", "POST"),
        ("host", "App.test:8080"),
        ("path", "/a%20b/\"c"),
    ] {
        assert_eq!(served[field], value, "{served}");
    }
    for (field, value) in [
        ("status", 200),
        ("bytes_in", 7),
        ("bytes_out", 5),
        ("retries", 0),
    ] {
        assert_eq!(served[field], value, "{served}");
    }
    assert!(served["duration_ms"].as_f64().unwrap() >= served["upstream_ms"].as_f64().unwrap());
    assert!(served["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(served.get("error"), None);
    assert_eq!(with("error", "no Host header")["status"], 400);
    assert_eq!(with("error", "request malformed")["status"], 400);
    let all = std::fs::read_to_string(proxy.directory.path().join("proxy/access.log"));
    assert!(
        !all.unwrap().contains("secret"),
        "a query's value was logged"
    );
}

#[tokio::test]
async fn what_went_wrong_stands_in_the_line() {
    let dead = endpoint("app-0", free_address(), 1);
    let (proxy, _, address) = Proxy::serving(vec![dead]).await;
    assert_eq!(Raw::connect(address).await.get("/").await.status, 503);
    let hang = Upstream::serving(|_| std::future::pending()).await;
    let (other, _, address) = Proxy::serving(vec![hang.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    crate::support::eventually("it is in flight", async || hang.count() == 1).await;
    drop(client);
    let refused = &lines(proxy.directory.path(), 1).await[0];
    assert_eq!(
        (&refused["status"], &refused["error"]),
        (&503.into(), &"no endpoint".into())
    );
    assert_eq!(refused["upstream_ms"], Value::Null);
    let gone = &lines(other.directory.path(), 1).await[0];
    assert_eq!(
        (&gone["status"], &gone["instance"]),
        (&499.into(), &"app-1".into())
    );
}

#[tokio::test]
async fn requests_are_counted_by_route_and_instance() {
    let app = Upstream::named("app").await;
    let (proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..5 {
        assert_eq!(client.get("/").await.status, 200);
    }
    let metrics = proxy.client.metrics().await.unwrap();
    let labels = "listener=\"main\",route=\"route /\",stack=\"shop\",environment=\"dev\",\
                  service=\"app\",release=\"r1\",instance=\"app-1\"";
    for line in [
        format!("mainstay_proxy_requests_total{{{labels},code=\"200\"}} 5"),
        format!("mainstay_proxy_request_duration_seconds_count{{{labels}}} 5"),
        "mainstay_proxy_connections{listener=\"main\"} 1".to_owned(),
        "mainstay_proxy_config_revision 1".to_owned(),
        "mainstay_proxy_access_log_dropped_lines_total 0".to_owned(),
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}\n{metrics}"
        );
    }
    let in_flight = metrics
        .lines()
        .find(|line| line.starts_with("mainstay_proxy_in_flight"));
    assert!(in_flight.unwrap().ends_with(" 0"));
}
