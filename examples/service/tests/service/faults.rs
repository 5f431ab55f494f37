//! Each fault does what it says, since other tests build on it.

use super::harness::{Request, Service};
use rustix::process::Signal;
use serde_json::json;
use std::net::TcpStream;
use std::process::Command;

fn start(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Service {
    let path = folder.path().join("jobs.db");
    Service::start(&[&[("DATABASE_PATH", path.to_str().unwrap())], more].concat())
}

#[test]
fn failing_health_is_503_and_everything_else_works() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("FAULT_HEALTH", "fail")]);
    let answer = service.get("/health");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["status"], "fail");
    assert_eq!(service.get("/status").status, 200);
}

#[test]
fn hanging_health_never_answers() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("FAULT_HEALTH", "hang")]);
    let probe = Request::get("/health").write(service.address());
    // Whatever was asked later is answered, the probe is not.
    for _ in 0..20 {
        assert_eq!(service.get("/status").status, 200);
    }
    probe.stream.set_nonblocking(true).unwrap();
    let nothing = probe.stream.peek(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_share_of_requests_fails_but_never_a_probe() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("FAULT_ERROR_RATE", "0.25")]);
    let statuses = |path| {
        (0..20)
            .map(|_| service.get(path).status)
            .collect::<Vec<_>>()
    };
    let failed = statuses("/status").iter().filter(|s| **s == 500).count();
    assert_eq!(failed, 5);
    assert!(statuses("/health").iter().all(|status| *status == 200));
}

#[test]
fn the_process_crashes_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(&folder, &[("FAULT_CRASH_AFTER", "100ms")]);
    assert_eq!(service.ended().code(), Some(3));
}

#[test]
fn a_crash_at_the_start_exits_with_1_and_says_why() {
    let mut service = Service::spawn(&[("FAULT_START", "crash")]);
    assert_eq!(service.ended().code(), Some(1));
    let errors = service.errors();
    assert!(
        errors.starts_with("error: crashing at the start"),
        "{errors}"
    );
}

#[test]
fn a_hanging_start_takes_connections_and_a_never_binding_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut hangs = start(&folder, &[("FAULT_START", "hang")]);
    hangs.logged("answering nobody, as FAULT_START asks");
    TcpStream::connect(hangs.address()).unwrap();
    let mut never = Service::spawn(&[("FAULT_START", "never-bind")]);
    never.logged("never binding, as FAULT_START asks");
    assert!(never.is_running());
}

#[test]
fn a_slow_start_ends_in_a_working_service() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("FAULT_START", "slow:200ms")]);
    assert_eq!(service.get("/health").status, 200);
}

#[test]
fn who_refuses_to_stop_goes_on_serving() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(&folder, &[("FAULT_STOP", "refuse")]);
    service.signal(Signal::TERM);
    service.logged("not stopping, as the fault asks");
    assert_eq!(service.get("/status").status, 200);
    assert!(service.is_running());
}

#[test]
fn faults_come_and_go_while_running_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("FAULTS_ENABLED", "true")]);
    let set = |faults| Request::json("/admin/faults", &faults).send(service.address());
    assert_eq!(
        set(json!({"error_rate": 1.0, "health": "fail"})).status,
        200
    );
    assert_eq!(service.get("/status").status, 500);
    assert_eq!(service.get("/health").status, 503);
    assert_eq!(set(json!({})).status, 200);
    assert_eq!(service.get("/status").status, 200);
    assert_eq!(service.get("/health").status, 200);
    assert_eq!(set(json!({"error_rate": 7})).status, 422);
    assert_eq!(set(json!({"explode": true})).status, 422);
}

#[test]
fn elsewhere_there_is_no_such_path() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[]);
    let faults = Request::json("/admin/faults", &json!({"error_rate": 1.0}));
    assert_eq!(faults.send(service.address()).status, 404);
}

#[test]
fn the_service_can_ask_itself_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("FAULTS_ENABLED", "true")]);
    let port = service.address().port().to_string();
    let ask = || {
        Command::new(env!("CARGO_BIN_EXE_sample-service"))
            .arg("health")
            .env("PORT", &port)
            .output()
            .unwrap()
    };
    assert!(ask().status.success());
    let faults = Request::json("/admin/faults", &json!({"health": "fail"}));
    assert_eq!(faults.send(service.address()).status, 200);
    let unhealthy = ask();
    assert_eq!(unhealthy.status.code(), Some(1));
    let errors = String::from_utf8(unhealthy.stderr).unwrap();
    assert!(errors.contains("unhealthy: HTTP/1.1 503"), "{errors}");
    service.kill();
    assert_eq!(ask().status.code(), Some(1));
}
