//! Looking at stacks on this machine's real disk and ports.

use super::*;
use crate::arguments::Global;
use std::net::TcpListener;

async fn diagnose_compose(compose: &str) -> Vec<(String, Option<String>)> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("compose.yaml"), compose).unwrap();
    let place = Place::new(&Global::default(), Some(directory.path()), Vec::new()).unwrap();
    let found = diagnose(&place, true).await;
    found
        .into_iter()
        .map(|one| (one.code, one.subject))
        .collect()
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named_with_its_service() {
    let found = diagnose_compose(
        "name: x\nservices:\n  app:\n    x-mainstay:\n      command: [no-such-program-7f3a]\n",
    )
    .await;
    let expected = ("command-not-found".to_owned(), Some("app".to_owned()));
    assert_eq!(found, [expected]);
}

#[tokio::test]
async fn a_port_that_somebody_has_is_found_by_binding_it() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    let compose = format!(
        "name: x\nservices:\n  app:\n    ports: [\"127.0.0.1:{port}:80\"]\n    x-mainstay:\n      command: [sh]\n"
    );
    let expected = ("port-taken".to_owned(), Some("app".to_owned()));
    assert_eq!(diagnose_compose(&compose).await, [expected]);
    drop(other);
    assert_eq!(diagnose_compose(&compose).await, []);
}
