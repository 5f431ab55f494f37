//! What was acknowledged is done, whatever happens to the instances.

use super::harness::{Service, WITH_TWO_SEGMENTS, recording, wait_until};
use rustix::process::Signal;
use std::collections::BTreeSet;

/// Long enough to be caught in the middle, at 100 ms for each second.
const LONG: [(f64, f64); 1] = [(60.0, 0.3)];
const SLOW: (&str, &str) = ("WORK_PACE", "100ms");
const QUICK_LEASE: (&str, &str) = ("JOB_LEASE", "1s");

struct Place {
    database: String,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("jobs.db");
        Self {
            database: database.to_str().unwrap().to_owned(),
            _folder: folder,
        }
    }

    fn start(&self, more: &[(&str, &str)]) -> Service {
        Service::start(&[&[("DATABASE_PATH", self.database.as_str())], more].concat())
    }
}

#[test]
fn acknowledged_uploads_survive_kill_9() {
    let place = Place::new();
    let takes_only = place.start(&[("WORKERS", "0")]);
    let content = recording(&WITH_TWO_SEGMENTS);
    let ids: Vec<_> = (0..5).map(|_| takes_only.upload(&content)).collect();
    takes_only.kill();
    let works = place.start(&[]);
    for id in ids {
        assert_eq!(works.finished(&id)["state"], "done");
    }
}

#[test]
fn a_job_of_a_killed_instance_is_done_by_another() {
    let place = Place::new();
    let first = place.start(&[SLOW, QUICK_LEASE]);
    let id = first.upload(&recording(&LONG));
    first.until_state(&id, "running");
    first.kill();
    let second = place.start(&[QUICK_LEASE]);
    let job = second.finished(&id);
    assert_eq!(job["state"], "done");
    assert_eq!(job["attempts"], 2);
}

#[test]
fn an_instance_that_ends_in_order_hands_its_job_over_at_once() {
    let place = Place::new();
    // With a lease of ten minutes nothing but the hand-over brings it back in time.
    let lease = ("JOB_LEASE", "10m");
    let mut first = place.start(&[SLOW, lease]);
    let id = first.upload(&recording(&LONG));
    first.until_state(&id, "running");
    first.signal(Signal::TERM);
    assert!(first.ended().success());
    let second = place.start(&[lease]);
    let job = second.finished(&id);
    assert_eq!(job["state"], "done");
    assert_eq!(job["attempts"], 1);
}

#[test]
fn two_instances_on_one_file_do_each_job_once() {
    let place = Place::new();
    let both = [place.start(&[]), place.start(&[])];
    let content = recording(&WITH_TWO_SEGMENTS);
    let ids: Vec<_> = (0..20).map(|n| both[n % 2].upload(&content)).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 20);
    for (n, id) in ids.iter().enumerate() {
        // Asked of the other one than took it.
        let job = both[(n + 1) % 2].finished(id);
        assert_eq!(
            (&job["state"], &job["attempts"]),
            (&"done".into(), &1.into())
        );
    }
    let done = "jobs_processed_total{outcome=\"done\"}";
    wait_until(|| both[0].metric(done) + both[1].metric(done) == 20);
}
