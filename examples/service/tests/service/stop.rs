//! An instance that is asked to end lets nobody down.

use super::harness::{Request, Service};
use rustix::process::Signal;
use std::io::Read;

fn start(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Service {
    let path = folder.path().join("jobs.db");
    Service::start(&[&[("DATABASE_PATH", path.to_str().unwrap())], more].concat())
}

#[test]
fn a_request_in_flight_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(&folder, &[("FAULT_LATENCY", "500ms"), ("LAME_DUCK", "0ms")]);
    let request = Request::get("/status").write(service.address());
    // The first log line after this is of a request that came later, so ours was taken in.
    assert_eq!(service.get("/health").status, 200);
    service.signal(Signal::TERM);
    service.logged("stopping");
    assert_eq!(request.read().status, 200);
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn who_has_not_heard_yet_is_still_served() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(&folder, &[("LAME_DUCK", "2s")]);
    service.signal(Signal::TERM);
    service.logged("stopping");
    assert_eq!(service.get("/status").status, 200);
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn idle_connections_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(&folder, &[]);
    let mut idle = Request::get("/status").write(service.address()).stream;
    service.logged("request");
    service.signal(Signal::TERM);
    // Ends only when the service closes it.
    idle.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn who_never_ends_is_cut_off_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(
        &folder,
        &[("FAULT_HEALTH", "hang"), ("SHUTDOWN_DEADLINE", "200ms")],
    );
    let _hangs = Request::get("/health").write(service.address());
    assert_eq!(service.get("/status").status, 200);
    service.signal(Signal::TERM);
    service.logged("requests were still in flight at the deadline");
    assert_eq!(service.ended().code(), Some(0));
}
