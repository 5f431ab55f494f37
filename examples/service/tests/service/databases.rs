//! The same on PostgreSQL and with Redis, and what happens when they go.

use super::harness::{Postgres, Redis, Request, Service, WITH_TWO_SEGMENTS, recording, wait_until};
use rustix::process::Signal;
use serde_json::json;

const SLOW: (&str, &str) = ("WORK_PACE", "100ms");

#[test]
fn on_postgresql_jobs_survive_and_move_between_instances() {
    let test = "on_postgresql_jobs_survive_and_move_between_instances";
    let Some(postgres) = Postgres::start(test) else {
        return;
    };
    let url = postgres.url();
    let start = |more: &[(&str, &str)]| {
        Service::start(&[&[("DATABASE_URL", url.as_str()), ("JOB_LEASE", "1s")], more].concat())
    };
    let first = start(&[SLOW]);
    assert_eq!(first.json("/status")["database"], "postgresql");
    let long = first.upload(&recording(&[(60.0, 0.3)]));
    first.until_state(&long, "running");
    let waiting = first.upload(&recording(&WITH_TWO_SEGMENTS));
    first.kill();
    let mut second = start(&[]);
    assert_eq!(second.finished(&long)["attempts"], 2);
    assert_eq!(second.finished(&waiting)["state"], "done");
    assert_eq!(second.json("/jobs")["jobs"].as_array().unwrap().len(), 2);
    second.signal(Signal::TERM);
    assert!(second.ended().success());
}

#[test]
fn on_postgresql_two_instances_do_each_job_once() {
    let test = "on_postgresql_two_instances_do_each_job_once";
    let Some(postgres) = Postgres::start(test) else {
        return;
    };
    let url = postgres.url();
    let variables = [("DATABASE_URL", url.as_str()), ("WORKERS", "2")];
    // Both at once: both lay the schema.
    let both = [Service::spawn(&variables), Service::spawn(&variables)].map(Service::listening);
    let content = recording(&WITH_TWO_SEGMENTS);
    let ids: Vec<_> = (0..20).map(|n| both[n % 2].upload(&content)).collect();
    for (n, id) in ids.iter().enumerate() {
        let job = both[(n + 1) % 2].finished(id);
        assert_eq!(
            (&job["state"], &job["attempts"]),
            (&json!("done"), &json!(1))
        );
    }
    let done = "jobs_processed_total{outcome=\"done\"}";
    wait_until(|| both[0].metric(done) + both[1].metric(done) == 20);
}

#[test]
fn log_in_works_on_postgresql() {
    let Some(postgres) = Postgres::start("log_in_works_on_postgresql") else {
        return;
    };
    let mut service = Service::start(&[
        ("DATABASE_URL", &postgres.url()),
        ("ADMIN_USER", "root"),
        ("ADMIN_PASSWORD", "dev"),
    ]);
    service.logged("admin made");
    let login = json!({"username": "root", "password": "dev"});
    let answer = Request::json("/token", &login).send(service.address());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let stats = Request::get("/admin/stats").bearer(&token);
    assert_eq!(stats.send(service.address()).status, 200);
}

#[test]
fn without_its_database_it_is_unhealthy_until_it_is_back() {
    let test = "without_its_database_it_is_unhealthy_until_it_is_back";
    let Some(mut postgres) = Postgres::start(test) else {
        return;
    };
    let service = Service::start(&[("DATABASE_URL", &postgres.url())]);
    assert_eq!(service.json("/health")["status"], "pass");
    postgres.kill();
    let health = service.until("/health", |health| health["status"] == "fail");
    assert_eq!(health["checks"]["database"]["status"], "fail");
    assert_eq!(service.get("/health").status, 503);
    let upload = Request::post("/jobs", &recording(&WITH_TWO_SEGMENTS)).send(service.address());
    assert_eq!(upload.status, 503);
    assert_eq!(upload.header("retry-after"), Some("1"));
    assert_eq!(service.metric("dependency_up{dependency=\"database\"}"), 0);
    postgres.start_again();
    service.until("/health", |health| health["status"] == "pass");
    let id = service.upload(&recording(&WITH_TWO_SEGMENTS));
    assert_eq!(service.finished(&id)["state"], "done");
}

#[test]
fn a_database_that_cannot_be_reached_ends_the_start_without_its_password() {
    let mut service = Service::spawn(&[(
        "DATABASE_URL",
        "postgresql://me:hunter2@127.0.0.1:1/nothing",
    )]);
    assert_eq!(service.ended().code(), Some(1));
    let errors = service.errors();
    assert!(
        errors.contains("cannot open the postgresql database"),
        "{errors}"
    );
    assert!(!errors.contains("hunter2"), "{errors}");
}

#[test]
fn with_redis_finished_jobs_are_at_hand_and_limits_hold_together() {
    let test = "with_redis_finished_jobs_are_at_hand_and_limits_hold_together";
    let Some(redis) = Redis::start(test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let url = redis.url();
    let variables = [
        ("DATABASE_PATH", path.to_str().unwrap()),
        ("REDIS_URL", url.as_str()),
        ("UPLOADS_PER_MINUTE", "2"),
    ];
    let both = [Service::start(&variables), Service::start(&variables)];
    assert_eq!(both[0].json("/health")["checks"]["redis"]["status"], "pass");
    let content = recording(&WITH_TWO_SEGMENTS);
    let id = both[0].upload(&content);
    let job = both[0].finished(&id);
    assert_eq!(both[1].json(&format!("/jobs/{id}")), job);
    assert!(both[1].metric("cache_requests_total{result=\"hit\"}") > 0);
    // Of five more at least one is over the limit of both together, even at the turn of a minute.
    let statuses: Vec<_> = (0..5)
        .map(|n| {
            Request::post("/jobs", &content)
                .send(both[n % 2].address())
                .status
        })
        .collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn without_redis_it_warns_and_works_on() {
    let Some(mut redis) = Redis::start("without_redis_it_warns_and_works_on") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let service = Service::start(&[
        ("DATABASE_PATH", path.to_str().unwrap()),
        ("REDIS_URL", &redis.url()),
    ]);
    redis.kill();
    let health = service.until("/health", |health| health["status"] == "warn");
    assert_eq!(health["checks"]["redis"]["status"], "warn");
    assert_eq!(service.get("/health").status, 200);
    let id = service.upload(&recording(&WITH_TWO_SEGMENTS));
    assert_eq!(service.finished(&id)["state"], "done");
    redis.start_again();
    service.until("/health", |health| health["status"] == "pass");
}
