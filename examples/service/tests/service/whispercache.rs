//! Memories go in, come back, and are proven by their hashes.

use super::harness::{Postgres, Redis, Request, Service};
use serde_json::{Value, json};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn start(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Service {
    let path = folder.path().join("cache.db");
    let variables = [
        ("SAMPLE_PROFILE", "whispercache"),
        ("NODE_ENV", "development"),
        ("METRICS_PORT", "off"),
        ("DATABASE_PATH", path.to_str().unwrap()),
    ];
    Service::start(&[&variables, more].concat())
}

fn remember(service: &Service, content: &str) -> String {
    let answer = service.post("/api/memory", &json!({"content": content}));
    answer["id"].as_str().unwrap().to_owned()
}

fn proof(service: &Service, id: &str) -> Value {
    service.post("/api/proof/generate", &json!({"memory_id": id}))
}

/// Stores, reads, proves, and is told a lie.
fn story(service: &Service) {
    let ids: Vec<_> = ["the sea", "the moon", "the sand"]
        .map(|content| remember(service, content))
        .into();
    let shown = service.json(&format!("/api/memory/{}", ids[1]));
    assert_eq!(shown["content"], "the moon");
    let proof = proof(service, &ids[1]);
    assert_eq!(proof["size"], 3);
    assert_eq!(proof["hash"], shown["hash"]);
    assert_eq!(proof["root"], service.json("/api/memory")["root"]);
    assert_eq!(service.post("/api/proof/verify", &proof)["valid"], true);
    let mut lie = proof.clone();
    lie["hash"] = service.json(&format!("/api/memory/{}", ids[0]))["hash"].clone();
    assert_eq!(service.post("/api/proof/verify", &lie)["valid"], false);
    let mut nonsense = proof.clone();
    nonsense["root"] = "abc".into();
    let answer = Request::json("/api/proof/verify", &nonsense).send(service.address());
    assert_eq!(answer.status, 422);
    // The same again comes from the cache.
    assert_eq!(self::proof(service, &ids[1]), proof);
    assert_eq!(service.metric("whispercache_proofs_generated"), 2);
    assert_eq!(service.metric("whispercache_proofs_verified"), 1);
    assert_eq!(service.metric("whispercache_proofs_failed"), 2);
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("\nwhispercache_proof_cache_hit_rate 0.5\n"));
}

#[test]
fn a_memory_is_kept_and_proven() {
    let folder = tempfile::tempdir().unwrap();
    story(&start(&folder, &[]));
}

#[test]
fn the_same_on_postgresql_with_redis() {
    let test = "the_same_on_postgresql_with_redis";
    let (Some(postgres), Some(redis)) = (Postgres::start(test), Redis::start(test)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (postgres, redis) = (postgres.url(), redis.url());
    let variables = [
        ("DATABASE_URL", postgres.as_str()),
        ("REDIS_URL", redis.as_str()),
        ("ENCRYPTION_KEY", KEY),
    ];
    let service = start(&folder, &variables);
    story(&service);
    assert!(service.metric("whispercache_database_size_bytes") > 0);
}

#[test]
fn under_a_key_nothing_is_readable_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let key = [("ENCRYPTION_KEY", KEY)];
    let service = start(&folder, &key);
    let id = remember(&service, "where the treasure lies");
    service.kill();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"treasure"));
    }
    let service = start(&folder, &key);
    let path = format!("/api/memory/{id}");
    assert_eq!(service.json(&path)["content"], "where the treasure lies");
    let without = start(&folder, &[]);
    assert_eq!(without.get(&path).status, 500);
}

#[test]
fn the_metrics_of_the_guide_are_there_at_each_of_its_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.db");
    let mut service = Service::spawn(&[
        ("SAMPLE_PROFILE", "whispercache"),
        ("NODE_ENV", "development"),
        ("METRICS_PORT", "0"),
        ("DATABASE_PATH", path.to_str().unwrap()),
    ]);
    let scrapes = service.logged("listening for scrapes")["address"].clone();
    let scrapes = scrapes.as_str().unwrap().parse().unwrap();
    let service = service.listening();
    remember(&service, "the sea");
    service.get("/nowhere");
    for (at, path) in [
        (service.address(), "/metrics"),
        (service.address(), "/api/metrics/prometheus"),
        (scrapes, "/metrics"),
    ] {
        let metrics = Request::get(path).send(at).text();
        for name in [
            "whispercache_requests_total",
            "whispercache_requests_success",
            "whispercache_requests_error 1",
            "whispercache_request_latency_ms{quantile=\"0.95\"}",
            "whispercache_proofs_generated 0",
            "whispercache_proofs_verified 0",
            "whispercache_proof_cache_hit_rate 0",
            "whispercache_memory_heap_used_mb",
            "whispercache_memory_heap_total_mb",
            "whispercache_memory_rss_mb",
            "whispercache_uptime_seconds",
            "whispercache_event_loop_lag_ms",
        ] {
            let is_there = metrics.lines().any(|line| line.starts_with(name));
            assert!(is_there, "{path}: {name}\n{metrics}");
        }
    }
    let nothing = Request::get("/api/memory").send(scrapes);
    assert_eq!(nothing.status, 404);
    let stats = service.json("/api/metrics/stats");
    assert!(stats["stats"]["memory"]["rss_mb"].as_f64().unwrap() > 0.0);
    assert_eq!(service.json("/api/metrics/health")["status"], "healthy");
}

#[test]
fn a_page_from_elsewhere_may_call_where_it_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("CORS_ORIGINS", "localhost")]);
    let asked = |origin| {
        let ask = Request::new("OPTIONS", "/api/memory", &[])
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = ask.send(service.address());
        let allowed = answer.header("access-control-allow-origin");
        (answer.status, allowed.map(str::to_owned))
    };
    let ours = "http://localhost:3000";
    assert_eq!(asked(ours), (204, Some(ours.to_owned())));
    assert_eq!(asked("https://evil.example"), (405, None));
}

#[test]
fn the_frontend_is_a_page_of_its_own() {
    let page = |url: &str| {
        let variables = [("SAMPLE_PROFILE", "whispercache"), ("VITE_API_URL", url)];
        let frontend = Service::start_as(&["frontend"], &variables);
        assert_eq!(frontend.json("/config.json")["app_env"], "production");
        frontend.get("/").text()
    };
    assert!(page("").contains("fetch(\"http://localhost:4000/api/memory\""));
    assert!(page("/").contains("fetch(\"/api/memory\""));
}
