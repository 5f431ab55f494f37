//! What every profile shares, asked of each of them.

use super::harness::{Postgres, Redis, Request, Service};
use serde_json::{Value, json};

/// Name, variable that tells the environment, where its health is, path for log-in, and words for
/// a good and a bad health.
const PROFILES: [(&str, &str, &str, &str, [&str; 2]); 5] = [
    (
        "whisper-transcriber",
        "ENVIRONMENT",
        "/health",
        "/token",
        ["pass", "fail"],
    ),
    (
        "whisperengine",
        "ENV_MODE",
        "/health",
        "/token",
        ["healthy", "unhealthy"],
    ),
    (
        "whispercache",
        "NODE_ENV",
        "/api/health",
        "/api/auth/login",
        ["healthy", "unhealthy"],
    ),
    (
        "deep-echo",
        "ENVIRONMENT",
        "/health",
        "/api/login",
        ["healthy", "unhealthy"],
    ),
    (
        "rag-admin",
        "ENVIRONMENT",
        "/health",
        "/api/login",
        ["healthy", "unhealthy"],
    ),
];

fn start(profile: &str, folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Service {
    let path = folder.path().join("data.db");
    let variables = [
        ("SAMPLE_PROFILE", profile),
        ("DATABASE_PATH", path.to_str().unwrap()),
        ("METRICS_PORT", "off"),
    ];
    Service::start(&[&variables, more].concat())
}

#[test]
fn each_tells_how_it_is_in_its_guides_words() {
    for (profile, environment, health, _, [good, _]) in PROFILES {
        let folder = tempfile::tempdir().unwrap();
        let service = start(profile, &folder, &[(environment, "development")]);
        let answer = service.json(health);
        assert_eq!(answer["status"], good, "{profile}: {answer}");
        assert!(answer["timestamp"].is_string(), "{profile}: {answer}");
        for check in ["database", "redis", "response_time"] {
            let check = &answer["checks"][check];
            assert_eq!(check["status"], good, "{profile}: {answer}");
        }
        let status = service.json("/status");
        assert_eq!(status["profile"], profile);
        assert_eq!(status["database"], "sqlite");
        assert!([200, 307].contains(&service.get("/").status), "{profile}");
        assert_eq!(service.get("/nowhere").status, 404);
        let metrics = service.get("/metrics").text();
        for series in [
            "http_requests_total{method=\"GET\",endpoint=\"/status\",status=\"200\"} 1",
            "http_request_duration_seconds_count{method=\"GET\",endpoint=\"/status\"} 1",
            "active_users_total 0",
            "database_connections_active 0",
            "database_connections_max 1",
        ] {
            let is_there = metrics.lines().any(|line| line == series);
            assert!(is_there, "{profile}: {series}\n{metrics}");
        }
        assert!(metrics.contains(&format!("profile=\"{profile}\"")));
    }
}

#[test]
fn faults_work_in_each() {
    for (profile, environment, health, _, [good, bad]) in PROFILES {
        let folder = tempfile::tempdir().unwrap();
        let variables = [(environment, "development"), ("FAULTS_ENABLED", "true")];
        let service = start(profile, &folder, &variables);
        let set = |faults: Value| service.post("/admin/faults", &faults);
        set(json!({"error_rate": 1.0, "health": "fail"}));
        assert_eq!(service.get("/status").status, 500, "{profile}");
        let answer = service.get(health);
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (503, &json!(bad))
        );
        assert_eq!(service.get("/metrics").status, 200, "{profile}");
        set(json!({}));
        assert_eq!(service.json(health)["status"], good, "{profile}");
        assert_eq!(service.get("/status").status, 200, "{profile}");
        let mut crashes = Service::spawn(&[("SAMPLE_PROFILE", profile), ("FAULT_START", "crash")]);
        assert_eq!(crashes.ended().code(), Some(1), "{profile}");
    }
}

#[test]
fn in_production_each_asks_who_is_there() {
    let password = "correct horse battery";
    for (profile, environment, _, login, _) in PROFILES {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, format!("{password}\n")).unwrap();
        let variables = [
            (environment, "production"),
            ("ADMIN_USER", "root"),
            ("ADMIN_PASSWORD_FILE", file.to_str().unwrap()),
        ];
        let mut service = start(profile, &folder, &variables);
        service.logged("admin made");
        assert_eq!(service.get("/admin/stats").status, 401, "{profile}");
        let answer = service.post(login, &json!({"username": "root", "password": password}));
        let token = answer["access_token"].as_str().unwrap();
        let stats = Request::get("/admin/stats").bearer(token);
        let stats = stats.send(service.address()).json();
        assert_eq!(stats["all_instances"]["users"], 1, "{profile}");
        assert_eq!(service.metric("active_users_total"), 1, "{profile}");
        let mut refused = Service::spawn(&[
            ("SAMPLE_PROFILE", profile),
            (environment, "production"),
            ("FAULTS_ENABLED", "true"),
        ]);
        assert_eq!(refused.ended().code(), Some(1), "{profile}");
    }
}

#[test]
fn each_works_on_postgresql_and_redis() {
    let test = "each_works_on_postgresql_and_redis";
    let (Some(postgres), Some(redis)) = (Postgres::start(test), Redis::start(test)) else {
        return;
    };
    let (url, redis) = (postgres.url(), redis.url());
    for (profile, environment, health, _, [good, _]) in PROFILES {
        let service = Service::start(&[
            ("SAMPLE_PROFILE", profile),
            ("DATABASE_URL", &url),
            ("REDIS_URL", &redis),
            ("DATABASE_POOL_SIZE", "3"),
            ("METRICS_PORT", "off"),
            (environment, "development"),
        ]);
        assert_eq!(service.json("/status")["database"], "postgresql");
        let answer = service.json(health);
        assert_eq!(answer["status"], good, "{profile}: {answer}");
        assert_eq!(answer["checks"]["redis"]["detail"], "answers");
        assert_eq!(service.metric("database_connections_max"), 3, "{profile}");
    }
}

#[test]
fn the_log_has_the_guides_fields() {
    for (profile, environment, id, duration) in [
        (
            "whisper-transcriber",
            "ENVIRONMENT",
            "request_id",
            "duration_ms",
        ),
        ("whispercache", "NODE_ENV", "requestId", "duration"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let variables = [(environment, "development"), ("FAULT_ERROR_RATE", "0.5")];
        let mut service = start(profile, &folder, &variables);
        for _ in 0..2 {
            let request = Request::get("/status").header("x-request-id", "req_abc123");
            request.send(service.address());
        }
        let [good, bad] = ["INFO", "ERROR"].map(|level| {
            let line = service.logged("request");
            assert_eq!(line["level"], level, "{line}");
            line
        });
        assert_eq!(good[id], "req_abc123", "{good}");
        assert!(good[duration].is_number(), "{good}");
        assert!(good["timestamp"].is_string(), "{good}");
        assert!(bad["error"].is_string(), "{bad}");
    }
}

#[test]
fn variables_that_do_nothing_are_named_in_the_log() {
    let mut service = Service::spawn(&[
        ("AUTO_SCALING_ENABLED", "true"),
        ("LOG_LEVEL", "DEBUG"),
        ("FAULT_START", "never-bind"),
    ]);
    let line = service.logged("a variable that does nothing here");
    assert_eq!(line["name"], "AUTO_SCALING_ENABLED");
    assert!(line["why"].is_string(), "{line}");
}

#[test]
fn metrics_can_be_turned_off() {
    let folder = tempfile::tempdir().unwrap();
    let off = [("MONITORING_ENABLED", "false")];
    let service = start("whisper-transcriber", &folder, &off);
    assert_eq!(service.get("/metrics").status, 404);
}
