//! A front that answers from its cache, and an instance behind it that does the work.

use super::harness::{Postgres, Redis, Request, Service};
use serde_json::json;

fn start(more: &[(&str, &str)]) -> Service {
    Service::start(&[&[("SAMPLE_PROFILE", "deep-echo")], more].concat())
}

fn call(service: &Service, text: &str) -> serde_json::Value {
    service.post("/api/echo", &json!({"text": text}))
}

#[test]
fn the_front_asks_once_and_then_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let cognitive = start(&[
        ("DATABASE_PATH", &path("cognitive.db")),
        ("MAINSTAY_INSTANCE", "cognitive-1"),
    ]);
    let url = cognitive.url("http", "");
    let front = start(&[
        ("DATABASE_PATH", &path("main.db")),
        ("COGNITIVE_SERVICE_URL", &url),
    ]);
    let health = front.json("/health");
    assert_eq!(health["checks"]["cognitive"]["detail"], "answers");
    let first = call(&front, "is anybody there");
    assert_eq!(
        first["layers"],
        json!(["is anybody there", "anybody there", "there"])
    );
    assert_eq!(
        (&first["by"], &first["cached"]),
        (&json!("cognitive-1"), &json!(false))
    );
    assert_eq!(call(&front, "is anybody there")["cached"], true);
    // What is kept is answered without the one behind; what is not, is refused with the reason.
    cognitive.kill();
    assert_eq!(call(&front, "is anybody there")["cached"], true);
    let other = Request::json("/api/echo", &json!({"text": "and now?"})).send(front.address());
    assert_eq!(
        (other.status, other.header("retry-after")),
        (502, Some("1"))
    );
    let health = front.json("/health");
    assert_eq!(health["status"], "degraded", "{health}");
    let history = front.json("/api/history");
    assert_eq!(history["echoes"].as_array().unwrap().len(), 3);
}

#[test]
fn requests_are_counted_as_the_flask_exporter_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.db");
    let service = start(&[("DATABASE_PATH", path.to_str().unwrap())]);
    call(&service, "hello");
    let refused = Request::json("/api/echo", &json!({"text": " "})).send(service.address());
    assert_eq!(refused.status, 422);
    let metrics = service.get("/metrics").text();
    for line in [
        "flask_http_request_duration_seconds_bucket{method=\"POST\",path=\"/api/echo\",status=\"200\",le=\"10\"} 1",
        "flask_http_request_duration_seconds_count{method=\"POST\",path=\"/api/echo\",status=\"422\"} 1",
        "flask_http_request_total{method=\"POST\",status=\"422\"} 1",
        "cache_requests_total{result=\"miss\"} 1",
        "deep_echo_echoes 1",
    ] {
        assert!(
            metrics.lines().any(|seen| seen == line),
            "{line}\n{metrics}"
        );
    }
}

#[test]
fn instances_share_what_they_remember_on_postgresql_and_redis() {
    let test = "instances_share_what_they_remember_on_postgresql_and_redis";
    let (Some(postgres), Some(mut redis)) = (Postgres::start(test), Redis::start(test)) else {
        return;
    };
    let (postgres, url) = (postgres.url(), redis.url());
    let variables = [
        ("DATABASE_URL", postgres.as_str()),
        ("REDIS_URL", url.as_str()),
    ];
    let both = [start(&variables), start(&variables)];
    assert_eq!(call(&both[0], "hello there")["cached"], false);
    assert_eq!(call(&both[1], "hello there")["cached"], true);
    redis.kill();
    assert_eq!(call(&both[1], "hello there")["cached"], false);
    assert_eq!(both[0].json("/status")["echoes"], 3);
}
