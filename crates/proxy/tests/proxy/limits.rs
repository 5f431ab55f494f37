//! Sizes, times and numbers, each with the answer that says which limit it was.

use crate::support::{Proxy, Raw, Upstream, config, endpoint, eventually, free_address, text};
use http_body_util::BodyExt as _;
use mainstay_model::Bytes as Size;
use mainstay_proxy::config::{Accept, Config};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// A proxy before one endpoint that reads every body and answers with its length.
async fn serving(change: impl FnOnce(&mut Config)) -> (Proxy, Upstream, SocketAddr) {
    let upstream = Upstream::serving(|request| async move {
        match request.into_body().collect().await {
            Ok(body) => text(body.to_bytes().len().to_string()),
            Err(_) => text("broken"),
        }
    })
    .await;
    let (proxy, address) = behind(vec![upstream.endpoint("app-1")], change).await;
    (proxy, upstream, address)
}

async fn behind(
    endpoints: Vec<mainstay_proxy::config::Endpoint>,
    change: impl FnOnce(&mut Config),
) -> (Proxy, SocketAddr) {
    let proxy = Proxy::start().await;
    let (mut config, address) = config(endpoints);
    change(&mut config);
    proxy.client.apply(&config).await.unwrap();
    (proxy, address)
}

fn first_route(config: &mut Config) -> &mut mainstay_proxy::config::Route {
    let Accept::Http { routes } = &mut config.listeners[0].accept else {
        panic!("the first listener speaks HTTP");
    };
    &mut routes[0]
}

#[tokio::test]
async fn a_head_that_is_too_long() {
    let (_proxy, upstream, address) = serving(|config| config.limits.max_header = Size(4096)).await;
    let mut client = Raw::connect(address).await;
    let long = "x".repeat(3000);
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n");
    client.send(format!("{head}\r\n")).await;
    assert_eq!(client.answer().await.status, 200);
    client.send(format!("{head}Y: {long}\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 431);
    assert!(client.is_ended().await);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_body_that_is_too_long_by_its_own_word() {
    let (_proxy, upstream, address) =
        serving(|config| first_route(config).max_body = Size(1000)).await;
    let mut client = Raw::connect(address).await;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:";
    client
        .send(format!("{post} 1000\r\n\r\n{}", "x".repeat(1000)))
        .await;
    assert_eq!(client.answer().await.text(), "1000");
    client.send(format!("{post} 1001\r\n\r\n")).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("1000 bytes"), "{}", answer.text());
    assert!(client.is_ended().await);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_body_that_turns_out_too_long() {
    let (_proxy, _upstream, address) =
        serving(|config| first_route(config).max_body = Size(1000)).await;
    let mut client = Raw::connect(address).await;
    let chunk = format!("258\r\n{}\r\n", "x".repeat(600));
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{head}{chunk}0\r\n\r\n")).await;
    assert_eq!(client.answer().await.text(), "600");
    client.send(format!("{head}{chunk}{chunk}")).await;
    assert_eq!(client.answer().await.status, 413);
    assert!(client.is_ended().await);
}

/// The answer must survive that the client goes on sending.
#[tokio::test]
async fn a_client_that_goes_on_sending_reads_the_413() {
    let (_proxy, _upstream, address) =
        serving(|config| first_route(config).max_body = Size(1000)).await;
    let mut client = Raw::connect(address).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n";
    client.send(head).await;
    let (read, mut write) = client.stream.into_split();
    let sending = tokio::spawn(async move {
        for _ in 0..200 {
            if write.write_all(&[b'x'; 10_000]).await.is_err() {
                break;
            }
        }
        write
    });
    let mut answer = String::new();
    let mut read = tokio::io::BufReader::new(read);
    tokio::io::AsyncReadExt::read_to_string(&mut read, &mut answer)
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn a_head_that_does_not_end() {
    let (_proxy, _upstream, address) = serving(|config| {
        config.limits.header_timeout = Duration::from_millis(200);
    })
    .await;
    let mut client = Raw::connect(address).await;
    assert_eq!(client.get("/").await.status, 200);
    client.send("GET / HTTP/1.1\r\nHo").await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (408, Some("close"))
    );
    assert!(client.is_ended().await);
}

/// One byte at a time buys no more time.
#[tokio::test]
async fn a_head_that_trickles() {
    let (_proxy, _upstream, address) = serving(|config| {
        config.limits.header_timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
    let (read, mut write) = client.stream.into_split();
    let trickle = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let mut read = tokio::io::BufReader::new(read);
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 408 "));
    trickle.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_ends_without_a_word() {
    let (proxy, _upstream, address) = serving(|config| {
        config.limits.header_timeout = Duration::from_secs(60);
        config.limits.idle_timeout = Duration::from_millis(200);
    })
    .await;
    let mut client = Raw::connect(address).await;
    assert_eq!(client.get("/").await.status, 200);
    assert!(client.is_ended().await);
    eventually("it is counted out", async || {
        proxy.status().await.listeners[0].connections == 0
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_never_says_a_word_ends() {
    let (_proxy, _upstream, address) = serving(|config| {
        config.limits.header_timeout = Duration::from_millis(200);
    })
    .await;
    assert!(Raw::connect(address).await.is_ended().await);
}

#[tokio::test]
async fn a_body_that_stops_coming() {
    let (proxy, upstream, address) = serving(|config| {
        config.limits.body_timeout = Duration::from_millis(200);
    })
    .await;
    let mut client = Raw::connect(address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    assert_eq!(client.answer().await.status, 408);
    assert!(client.is_ended().await);
    eventually("nothing is in flight", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 0
    })
    .await;
    assert_eq!(upstream.count(), 1);
}

/// A long upload is no slow answer: the endpoint's time begins when it has the whole request.
#[tokio::test]
async fn a_slow_upload_is_not_held_against_the_endpoint() {
    let (_proxy, _upstream, address) = serving(|config| {
        first_route(config).timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = Raw::connect(address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        .await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        client.send("x").await;
    }
    assert_eq!(client.answer().await.text(), "10");
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer() {
    let silent = Upstream::serving(|_| std::future::pending()).await;
    let (proxy, address) = behind(vec![silent.endpoint("app-1")], |config| {
        first_route(config).timeout = Duration::from_millis(200);
    })
    .await;
    let mut client = Raw::connect(address).await;
    let answer = client.get("/").await;
    assert_eq!(answer.status, 504);
    assert!(
        answer
            .text()
            .contains("service app did not answer within 200ms")
    );
    let id = answer.header("x-request-id").unwrap();
    assert!(answer.text().contains(id), "{}", answer.text());
    let status = proxy.endpoint("app-1").await.unwrap();
    assert_eq!((status.in_flight, status.errors), (0, 1));
    assert_eq!(client.get("/").await.status, 504, "the connection is kept");
}

/// The head came, then nothing: the client must not take what it has for the whole.
#[tokio::test]
async fn an_endpoint_that_goes_silent_in_its_body() {
    let address = raw_endpoint(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", false).await;
    let (proxy, address) = behind(vec![endpoint("app-1", address, 1)], |config| {
        config.limits.body_timeout = Duration::from_millis(200);
    })
    .await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK") && answer.ends_with(b"abc"));
    eventually("nothing is in flight", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 0
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_breaks_off() {
    for words in ["", "HTTP/1.1 200", "nonsense\r\n\r\n"] {
        let address = raw_endpoint(words.as_bytes(), true).await;
        let (_proxy, address) = behind(vec![endpoint("app-1", address, 1)], |_| {}).await;
        let mut client = Raw::connect(address).await;
        let answer = client.get("/").await;
        assert_eq!(answer.status, 502, "{words:?}");
        assert!(answer.text().contains("service app"), "{}", answer.text());
    }
}

/// Answers every connection with the same bytes, then closes or stays silent.
async fn raw_endpoint(words: &'static [u8], close: bool) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
            let _ = stream.write_all(words).await;
            if !close {
                open.push(stream);
            }
        }
    });
    address
}

#[tokio::test]
async fn a_service_without_an_endpoint() {
    let resting = Upstream::named("resting").await;
    for endpoints in [
        vec![],
        vec![endpoint("app-1", free_address(), 1)],
        vec![endpoint("app-1", resting.address, 0)],
    ] {
        let (_proxy, address) = behind(endpoints, |_| {}).await;
        let mut client = Raw::connect(address).await;
        let answer = client.get("/").await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("1"))
        );
        assert!(answer.text().contains("service app"), "{}", answer.text());
        assert_eq!(client.get("/").await.status, 503, "the connection is kept");
    }
    assert_eq!(resting.count(), 0);
}

#[tokio::test]
async fn more_connections_than_there_are_places() {
    let (proxy, _upstream, address) = serving(|config| config.limits.max_connections = 2).await;
    let mut first = Raw::connect(address).await;
    let mut second = Raw::connect(address).await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    let mut third = Raw::connect(address).await;
    let answer = third.answer().await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    assert!(third.is_ended().await);
    drop(second);
    eventually("a place is free", async || {
        proxy.status().await.listeners[0].connections == 1
    })
    .await;
    assert_eq!(Raw::connect(address).await.get("/").await.status, 200);
    let metrics = proxy.client.metrics().await.unwrap();
    assert!(metrics.contains("mainstay_proxy_connections_refused_total 1\n"));
}

/// A client that reads nothing must not hold an instance for ever.
#[tokio::test]
async fn a_client_that_does_not_read() {
    let large = Upstream::serving(|_| async { text(vec![b'x'; 64 << 20]) }).await;
    let (proxy, address) = behind(vec![large.endpoint("app-1")], |config| {
        config.limits.body_timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("it is in flight", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 1
    })
    .await;
    eventually("it was given up", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 0
    })
    .await;
    drop(client);
}
