//! A WebSocket tells how a job goes on.

use super::harness::{Frame, Service, Socket, WITH_TWO_SEGMENTS, recording};
use rustix::process::Signal;

fn start(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Service {
    let path = folder.path().join("jobs.db");
    Service::start(&[&[("DATABASE_PATH", path.to_str().unwrap())], more].concat())
}

fn socket(service: &Service, id: &str) -> Socket {
    Socket::connect(service.address(), &format!("/ws/progress/{id}")).unwrap()
}

#[test]
fn it_tells_of_progress_until_the_job_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[("WORK_PACE", "100ms")]);
    let id = service.upload(&recording(&[(12.0, 0.3)]));
    let mut socket = socket(&service, &id);
    let mut progress = Vec::new();
    let last = loop {
        match socket.next() {
            Frame::Text(job) if job["state"] == "running" => {
                progress.push(job["progress"].as_f64().unwrap());
            }
            Frame::Text(job) if job["state"] == "queued" => {}
            Frame::Text(job) => break job,
            Frame::Close(code) => panic!("closed with {code} before the end"),
        }
    };
    assert_eq!(last["state"], "done");
    assert_eq!(last["result"]["duration_s"], 12.0);
    assert_eq!(socket.next(), Frame::Close(1000));
    assert!(progress.len() > 1, "{progress:?}");
    assert!(progress.is_sorted(), "{progress:?}");
}

#[test]
fn another_instance_tells_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let takes_only = start(&folder, &[("WORKERS", "0")]);
    let id = takes_only.upload(&recording(&WITH_TWO_SEGMENTS));
    let mut socket = socket(&takes_only, &id);
    assert!(matches!(socket.next(), Frame::Text(job) if job["state"] == "queued"));
    let _works = start(&folder, &[]);
    loop {
        match socket.next() {
            Frame::Text(job) if job["state"] == "done" => break,
            Frame::Text(_) => {}
            Frame::Close(code) => panic!("closed with {code} before the end"),
        }
    }
}

#[test]
fn at_the_end_of_the_instance_it_says_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(&folder, &[("WORKERS", "0")]);
    let id = service.upload(&recording(&WITH_TWO_SEGMENTS));
    let mut socket = socket(&service, &id);
    assert!(matches!(socket.next(), Frame::Text(_)));
    service.signal(Signal::TERM);
    assert_eq!(socket.next(), Frame::Close(1012));
    assert!(service.ended().success());
}

#[test]
fn there_is_none_for_a_job_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(&folder, &[]);
    let refused = Socket::connect(service.address(), "/ws/progress/nothing").err();
    assert!(refused.unwrap().contains(" 404 "));
}
