//! The process: what survives it, what it refuses, how it ends.

use crate::support::{Proxy, Raw, Upstream, command, config, eventually, free_address, text};
use mainstay_proxy::{Client, ClientError};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn signal(proxy: &Proxy, signal: Signal) {
    let pid = Pid::from_raw(proxy.pid().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Runs a proxy that is to refuse its start; its words.
fn refused_start(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

fn refusal(error: ClientError) -> String {
    match error {
        ClientError::Refused { message, .. } => message,
        other => panic!("not refused: {other}"),
    }
}

#[tokio::test]
async fn a_killed_proxy_serves_the_last_configuration_again() {
    let (a, b) = (Upstream::named("a").await, Upstream::named("b").await);
    let (proxy, mut config, address) = Proxy::serving(vec![a.endpoint("app-1")]).await;
    config.revision = 7;
    config.pools.get_mut("shop/dev/app").unwrap().endpoints = vec![b.endpoint("app-2")];
    proxy.client.apply(&config).await.unwrap();
    let mut directory = proxy.kill();
    for _ in 0..3 {
        let proxy = Proxy::start_in(directory).await;
        assert_eq!(proxy.status().await.revision, 7);
        assert_eq!(Raw::connect(address).await.get("/").await.text(), "b");
        directory = proxy.kill();
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_be_applied_changes_nothing() {
    let (a, b) = (Upstream::named("a").await, Upstream::named("b").await);
    let (proxy, config, address) = Proxy::serving(vec![a.endpoint("app-1")]).await;
    let mut next = config.clone();
    next.revision = 2;
    next.pools.get_mut("shop/dev/app").unwrap().endpoints = vec![b.endpoint("app-2")];

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (free, taken_at) = (free_address(), taken.local_addr().unwrap());
    let mut bad = next.clone();
    for (name, address) in [("free", free), ("taken", taken_at)] {
        let mut listener = config.listeners[0].clone();
        (listener.name, listener.address) = (name.to_owned(), address);
        bad.listeners.push(listener);
    }
    let message = refusal(proxy.client.apply(&bad).await.unwrap_err());
    let expected = format!("listener taken cannot listen on {taken_at}");
    assert!(
        message.contains(&expected) && message.contains("hint: "),
        "{message}"
    );
    // Nothing of it is in force, not even what could have been.
    assert!(std::net::TcpStream::connect(free).is_err());
    assert_eq!(proxy.status().await.revision, 1);
    assert_eq!(Raw::connect(address).await.get("/").await.text(), "a");

    let mut bad = next.clone();
    bad.listeners[0].accept = mainstay_proxy::config::Accept::Tcp {
        pool: "no/such/pool".to_owned(),
    };
    let message = refusal(proxy.client.apply(&bad).await.unwrap_err());
    assert!(
        message.contains("listener main: there is no pool no/such/pool"),
        "{message}"
    );

    proxy.client.apply(&next).await.unwrap();
    proxy
        .client
        .apply(&next)
        .await
        .expect("the same again is no change");
    assert_eq!(Raw::connect(address).await.get("/").await.text(), "b");
    let message = refusal(proxy.client.apply(&config).await.unwrap_err());
    assert_eq!(message, "revision 1 is not newer than 2, which is in force");
    let mut foreign = next.clone();
    (foreign.protocol, foreign.revision) = (99, 3);
    let message = refusal(proxy.client.apply(&foreign).await.unwrap_err());
    assert!(
        message.starts_with("protocol 99 is not spoken"),
        "{message}"
    );

    // What is on disk is what is in force.
    let proxy = Proxy::start_in(proxy.kill()).await;
    assert_eq!(proxy.status().await.revision, 2);
}

#[tokio::test]
async fn listeners_come_and_go_and_requests_in_flight_end_normally() {
    let open = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&open);
    let slow = Upstream::serving(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            text("done")
        }
    })
    .await;
    let (proxy, mut config, old) = Proxy::serving(vec![slow.endpoint("app-1")]).await;
    let mut waiting = Raw::connect(old).await;
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut idle = Raw::connect(old).await;
    eventually("it is in flight", async || slow.count() == 1).await;

    let new = free_address();
    config.revision = 2;
    config.listeners[0].address = new;
    proxy.client.apply(&config).await.unwrap();
    eventually("the old address is closed", async || {
        tokio::net::TcpStream::connect(old).await.is_err()
    })
    .await;
    assert!(idle.is_ended().await);
    open.add_permits(2);
    assert_eq!(waiting.answer().await.text(), "done");
    assert!(waiting.is_ended().await);
    assert_eq!(Raw::connect(new).await.get("/").await.text(), "done");
}

#[tokio::test]
async fn the_socket_is_its_owners_and_a_stale_one_is_replaced() {
    let proxy = Proxy::start().await;
    let socket = proxy.client.socket().to_owned();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let directory = proxy.kill();
    assert!(socket.exists(), "a killed proxy leaves its socket");
    let proxy = Proxy::start_in(directory).await;
    assert_eq!(proxy.status().await.revision, 0);
}

#[tokio::test]
async fn a_second_proxy_is_refused() {
    let proxy = Proxy::start().await;
    let words = refused_start(command(proxy.directory.path()));
    assert!(
        words.contains("another proxy runs on the directory"),
        "{words}"
    );
    assert_eq!(proxy.status().await.revision, 0, "the first goes on");

    // Another directory, the same socket.
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(proxy.client.socket(), other.path().join("proxy.sock")).unwrap();
    let words = refused_start(command(other.path()));
    assert!(words.contains("another proxy answers on"), "{words}");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("proxy/config.json");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    for (text, words) in [
        (
            r#"{"format":"mainstay-proxy-config","version":"3.0","config":{"other":1}}"#,
            "has version 3.0 and this program reads up to 2.x",
        ),
        (
            r#"{"format":"other","version":"1.0"}"#,
            "is not a proxy configuration",
        ),
        (
            r#"{"format":"mainstay-proxy-config"#,
            "is not a proxy configuration",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let said = refused_start(command(directory.path()));
        assert!(said.contains(words) && said.contains("hint: "), "{said}");
    }
}

/// It would otherwise be beyond the reach of whoever could give it another address.
#[tokio::test]
async fn an_address_that_was_taken_meanwhile_does_not_keep_the_proxy_down() {
    let app = Upstream::named("app").await;
    let (proxy, mut config, first) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let second = free_address();
    let mut listener = config.listeners[0].clone();
    (listener.name, listener.address) = ("second".to_owned(), second);
    config.listeners.push(listener);
    config.revision = 2;
    proxy.client.apply(&config).await.unwrap();
    let directory = proxy.kill();
    let taken = std::net::TcpListener::bind(second).unwrap();
    let proxy = Proxy::start_in(directory).await;
    assert_eq!(Raw::connect(first).await.get("/").await.text(), "app");
    let listeners = proxy.status().await.listeners;
    assert_eq!(listeners.len(), 1);
    drop(taken);
    config.revision = 3;
    proxy.client.apply(&config).await.unwrap();
    assert_eq!(Raw::connect(second).await.get("/").await.text(), "app");
}

#[tokio::test]
async fn it_ends_when_told_to_after_what_is_in_flight() {
    for by_signal in [true, false] {
        let open = Arc::new(Semaphore::new(0));
        let gate = Arc::clone(&open);
        let slow = Upstream::serving(move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                text("done")
            }
        })
        .await;
        let (mut proxy, _, address) = Proxy::serving(vec![slow.endpoint("app-1")]).await;
        let mut waiting = Raw::connect(address).await;
        waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        eventually("it is in flight", async || slow.count() == 1).await;
        signal(&proxy, Signal::INT);
        signal(&proxy, Signal::HUP);
        assert_eq!(proxy.status().await.revision, 1, "those do not end it");
        if by_signal {
            signal(&proxy, Signal::TERM);
        } else {
            proxy.client.shutdown().await.unwrap();
        }
        eventually("it listens no more", async || {
            tokio::net::TcpStream::connect(address).await.is_err()
        })
        .await;
        open.add_permits(1);
        assert_eq!(waiting.answer().await.text(), "done");
        let ended = std::sync::Mutex::new(None);
        let child = std::sync::Mutex::new(proxy.child());
        eventually("it ends", async || {
            *ended.lock().unwrap() = child.lock().unwrap().try_wait().unwrap();
            ended.lock().unwrap().is_some()
        })
        .await;
        assert!(ended.into_inner().unwrap().unwrap().success());
        assert!(!proxy.client.socket().exists());
        let log = proxy.directory.path().join("proxy/access.log");
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.lines().count(), 1, "the last lines are written: {log}");
    }
}

#[tokio::test]
async fn without_a_proxy_the_client_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let client = Client::new(directory.path().join("none.sock"));
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
    let (config, _) = config(vec![]);
    assert!(client.apply(&config).await.is_err());
}
