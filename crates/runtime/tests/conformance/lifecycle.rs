//! Start, stop, end, adoption.

use crate::fixture::{Place, ended, healthy, id, scope, shell};
use libtest_mimic::{Failed, Trial};
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;
use mainstay_wire::shim::Exit;
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("an_instance_starts_and_stops", starts_and_stops),
        trial("a_dropped_target_is_opened_again", adoption),
    ]
}

/// A test with a runtime of its own.
pub(crate) fn trial<F: Future<Output = ()>>(
    name: &str,
    body: impl FnOnce() -> F + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(Failed::from)?;
        runtime.block_on(body());
        Ok(())
    })
}

async fn starts_and_stops() {
    let place = Place::new();
    let target = place.open();
    target.start(shell(1, "exec sleep 600")).await.unwrap();
    let status = healthy(&target, 1).await;
    assert!(status.pid.is_some());
    target
        .stop(&scope(), &id(1), Duration::from_secs(5))
        .await
        .unwrap();
    let status = ended(&target, 1).await;
    assert_eq!(
        status.phase,
        Phase::Exited {
            exit: Exit::Signal("SIGTERM".into()),
            requested: true
        }
    );
    target.remove(&scope(), &id(1)).await.unwrap();
    assert_eq!(target.observe(), []);
}

async fn adoption() {
    let place = Place::new();
    let target = place.open();
    target.start(shell(1, "exec sleep 600")).await.unwrap();
    let before = healthy(&target, 1).await;
    drop(target);
    let target = place.open();
    let after = healthy(&target, 1).await;
    assert_eq!(before, after);
    target.start(shell(1, "exec sleep 600")).await.unwrap();
    target
        .stop(&scope(), &id(1), Duration::from_secs(5))
        .await
        .unwrap();
    ended(&target, 1).await;
}
