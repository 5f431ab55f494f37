//! The example stack of the repository resolves without a problem.

use crate::disk;
use mainstay_stack::{Request, resolve};

#[test]
fn the_whisper_transcriber_resolves_without_a_problem() {
    let directory = disk::repository().join("examples/whisper-transcriber");
    let request = Request {
        directory,
        ..Request::default()
    };
    let resolution = resolve(&disk::Disk, &request);
    // In development its administrator has a password that everybody knows; elsewhere it is refused.
    let known = ["secret/default-password"];
    let problems = resolution.problems.iter();
    let others: Vec<_> = problems.filter(|p| !known.contains(&&*p.code)).collect();
    assert!(others.is_empty(), "{}", resolution.problems);
    let stack = resolution.stack.expect("a stack without problems");
    assert_eq!(stack.name.as_str(), "whisper-transcriber");
    let app = stack.services.get("app").expect("its one service");
    assert_eq!(app.replicas, 2);
    assert!(stack.volumes["data"].shared);
    assert_eq!(stack.routes.len(), 1);
}
