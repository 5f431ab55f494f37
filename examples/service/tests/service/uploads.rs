//! A recording goes in and comes back measured; what is none is refused with the reason.

use super::harness::{Request, Service, WITH_TWO_SEGMENTS, boundary_form, recording, wait_until};
use serde_json::Value;

fn start(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Service {
    let path = folder.path().join("jobs.db");
    let path = path.to_str().unwrap();
    Service::start(&[&[("DATABASE_PATH", path)], more].concat())
}

fn spans(job: &Value) -> Vec<(f64, f64)> {
    let segments = job["result"]["segments"].as_array().unwrap();
    let span = |s: &Value| (s["start_s"].as_f64().unwrap(), s["end_s"].as_f64().unwrap());
    segments.iter().map(span).collect()
}

#[test]
fn a_recording_comes_back_with_its_segments_from_a_form_and_from_a_body() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[]);
    let content = recording(&WITH_TWO_SEGMENTS);
    let (kind, form) = boundary_form("file", Some("talk.wav"), &content);
    let from_form = Request::post("/jobs?wait=30s", &form)
        .header("content-type", &kind)
        .send(service.address());
    let from_body = Request::post("/jobs?wait=30s&name=talk.wav", &content).send(service.address());
    for answer in [from_form, from_body] {
        assert_eq!(answer.status, 202, "{}", answer.text());
        let job = answer.json();
        assert_eq!(job["state"], "done");
        assert_eq!(job["name"], "talk.wav");
        assert_eq!(job["bytes"], content.len());
        assert_eq!(job["result"]["duration_s"], 2.0);
        assert_eq!(job["result"]["sample_rate_hz"], 8000);
        assert_eq!(spans(&job), [(0.5, 1.0), (1.5, 2.0)]);
        let place = answer.header("location").unwrap();
        assert_eq!(service.json(place), job);
    }
    assert_eq!(service.json("/jobs")["jobs"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_recording_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("MAX_UPLOAD_BYTES", "40000")]);
    let good = recording(&WITH_TWO_SEGMENTS);
    let mut compressed = good.clone();
    compressed[20] = 0x11;
    let (kind, no_file) = boundary_form("comment", None, b"hello");
    let (too_large, far_too_large) = (vec![0; 40_001], vec![0; 400_000]);
    let cases: [(&[u8], &str, u16, &str); 7] = [
        (b"", "audio/wav", 400, "no recording"),
        (b"<html>", "audio/wav", 422, "not a WAV file"),
        (&good[..good.len() - 10], "audio/wav", 422, "cut off"),
        (&compressed, "audio/wav", 415, "codec 0x0011"),
        (&no_file, &kind, 400, "no file"),
        (&too_large, "audio/wav", 413, "larger than 40000 bytes"),
        (&far_too_large, "audio/wav", 413, "larger than 40000 bytes"),
    ];
    for (body, kind, status, message) in cases {
        let answer = Request::post("/jobs", body)
            .header("content-type", kind)
            .send(service.address());
        let problem = answer.json();
        assert_eq!(answer.status, status, "{problem}");
        let text = problem["error"].as_str().unwrap();
        assert!(text.contains(message), "{text}");
        assert!(problem["hint"].is_string(), "{problem}");
    }
    assert_eq!(service.json("/jobs")["jobs"], serde_json::json!([]));
}

#[test]
fn every_answer_says_which_release_and_instance_gave_it() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        ("MAINSTAY_RELEASE", "r12"),
        ("MAINSTAY_INSTANCE", "app-r12-1"),
    ];
    let mut service = start(&folder, &names);
    for path in ["/", "/health", "/status", "/metrics", "/jobs", "/nowhere"] {
        let answer = Request::get(path)
            .header("x-request-id", "my-own-id")
            .send(service.address());
        assert_eq!(answer.header("x-release"), Some("r12"), "{path}");
        assert_eq!(answer.header("x-instance"), Some("app-r12-1"), "{path}");
        assert_eq!(answer.header("x-request-id"), Some("my-own-id"), "{path}");
    }
    let line = service.logged("request");
    assert_eq!(line["request_id"], "my-own-id");
    assert_eq!(line["status"], 200);
    let made_up = service.get("/status");
    assert_eq!(made_up.header("x-request-id").map(str::len), Some(36));
}

#[test]
fn too_many_uploads_a_minute_are_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("UPLOADS_PER_MINUTE", "2")]);
    let content = recording(&WITH_TWO_SEGMENTS);
    // A minute may begin in between: then the count begins again, once.
    let answers: Vec<_> = (0..5)
        .map(|_| Request::post("/jobs", &content).send(service.address()))
        .collect();
    let refused = answers.iter().find(|answer| answer.status == 429);
    let refused = refused.expect("the third or fifth is refused");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("rate_limited_total{what=\"upload\"}"));
}

#[test]
fn what_happened_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[]);
    let id = service.upload(&recording(&WITH_TWO_SEGMENTS));
    service.finished(&id);
    service.get("/nowhere");
    // A worker counts its job just after it can be seen.
    let done = "jobs_processed_total{outcome=\"done\"}";
    wait_until(|| service.metric(done) == 1);
    let metrics = service.get("/metrics").text();
    for line in [
        "http_requests_total{method=\"POST\",endpoint=\"/jobs\",status=\"202\"} 1",
        "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"} 1",
        "http_request_duration_seconds_count{method=\"POST\",endpoint=\"/jobs\"} 1",
        "transcription_jobs{state=\"done\"} 1",
        "transcription_queue_size 0",
        "dependency_up{dependency=\"database\"} 1",
    ] {
        assert!(
            metrics.lines().any(|seen| seen == line),
            "{line}\n{metrics}"
        );
    }
}
