//! Who may do what.

use super::harness::{Request, Service, WITH_TWO_SEGMENTS, recording};
use serde_json::json;

const PASSWORD: &str = "correct horse battery";

fn start(folder: &tempfile::TempDir, environment: &str) -> Service {
    let path = folder.path().join("jobs.db");
    let mut service = Service::start(&[
        ("DATABASE_PATH", path.to_str().unwrap()),
        ("ENVIRONMENT", environment),
        ("ADMIN_USER", "root"),
        ("ADMIN_PASSWORD", PASSWORD),
    ]);
    service.logged("admin made");
    service
}

fn log_in(service: &Service) -> String {
    let login = json!({"username": "root", "password": PASSWORD});
    let answer = Request::json("/token", &login).send(service.address());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn only_name_and_password_together_give_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, "production");
    for (name, password) in [("root", "wrong"), ("nobody", PASSWORD), ("", "")] {
        let login = json!({"username": name, "password": password});
        let answer = Request::json("/token", &login).send(service.address());
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"], "name or password is wrong");
    }
    let form = format!("username=root&password={}", PASSWORD.replace(' ', "+"));
    let answer = Request::post("/token", form.as_bytes())
        .header("content-type", "application/x-www-form-urlencoded")
        .send(service.address());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["token_type"], "bearer");
}

#[test]
fn in_production_nothing_is_done_for_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, "production");
    let content = recording(&WITH_TWO_SEGMENTS);
    for request in [
        Request::post("/jobs", &content),
        Request::get("/jobs"),
        Request::get("/jobs/some-id"),
        Request::get("/admin/stats"),
        Request::get("/jobs").bearer("made-up"),
        Request::get("/jobs").header("cookie", "session=made-up"),
    ] {
        let answer = request.send(service.address());
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(service.get("/health").status, 200);
}

#[test]
fn a_token_holds_as_header_and_as_cookie_until_log_out() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, "production");
    let token = log_in(&service);
    let cookie = format!("theme=dark; session={token}");
    for request in [
        Request::get("/admin/stats").bearer(&token),
        Request::get("/admin/stats").header("cookie", &cookie),
    ] {
        let answer = request.send(service.address());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["all_instances"]["users"], 1);
    }
    let out = Request::new("DELETE", "/token", &[]).bearer(&token);
    assert_eq!(out.send(service.address()).status, 204);
    let after = Request::get("/admin/stats").bearer(&token);
    assert_eq!(after.send(service.address()).status, 401);
}

#[test]
fn a_job_is_its_owners_and_the_admins() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, "development");
    let token = log_in(&service);
    let content = recording(&WITH_TWO_SEGMENTS);
    let hers = Request::post("/jobs", &content).bearer(&token);
    let hers = hers.send(service.address()).json()["id"].clone();
    let hers = format!("/jobs/{}", hers.as_str().unwrap());
    let anybodys = format!("/jobs/{}", service.upload(&content));
    assert_eq!(service.get(&hers).status, 404);
    assert_eq!(service.get(&anybodys).status, 200);
    for path in [&hers, &anybodys] {
        let answer = Request::get(path).bearer(&token).send(service.address());
        assert_eq!(answer.status, 200);
    }
    assert_eq!(service.json("/jobs")["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn no_password_and_no_token_reaches_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(&folder, "development");
    let token = log_in(&service);
    let path = format!("/jobs?token={token}&password=hunter2");
    Request::get(&path).bearer(&token).send(service.address());
    loop {
        let line = service.logged("request");
        let text = line.to_string();
        assert!(
            !text.contains(&token) && !text.contains("hunter2"),
            "{text}"
        );
        if line["path"] == "/jobs" {
            break;
        }
    }
}
