//! Requests reach endpoints, and answers come back whole.

use crate::support::{Proxy, Raw, Upstream, eventually, text};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Response, StatusCode};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Answers with the request's head as the endpoint saw it, one header a line.
async fn mirror() -> Upstream {
    Upstream::serving(|request| async move {
        let mut lines = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            writeln!(lines, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        text(lines)
    })
    .await
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

#[tokio::test]
async fn requests_go_round_over_the_endpoints() {
    let (a, b) = (Upstream::named("a").await, Upstream::named("b").await);
    let (proxy, _, address) = Proxy::serving(vec![a.endpoint("app-1"), b.endpoint("app-2")]).await;
    let mut client = Raw::connect(address).await;
    let mut seen = String::new();
    for _ in 0..6 {
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200);
        seen.push_str(&answer.text());
    }
    assert_eq!(seen, "ababab");
    let status = proxy.status().await;
    assert_eq!((status.revision, status.pid), (1, proxy.pid()));
    for endpoint in status.endpoints {
        assert_eq!((endpoint.requests, endpoint.in_flight), (3, 0));
    }
}

#[tokio::test]
async fn the_endpoint_is_told_about_the_client() {
    let app = mirror().await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    let seen = client.get("/a?b=c").await.text();
    for line in [
        "GET /a?b=c",
        "host: app.test",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: app.test",
        "x-real-ip: 127.0.0.1",
    ] {
        assert!(has(&seen, line), "{line}\n{seen}");
    }

    client
        .send(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\
             X-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\r\n",
        )
        .await;
    let seen = client.answer().await.text();
    for line in [
        "x-forwarded-for: 1.1.1.1, 2.2.2.2, 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: a",
        "x-real-ip: 127.0.0.1",
    ] {
        assert!(has(&seen, line), "{line}\n{seen}");
    }
    assert!(!seen.contains("6.6.6.6") && !seen.contains("evil"));
}

#[tokio::test]
async fn a_request_id_is_kept_when_it_is_one_and_made_otherwise() {
    let app = mirror().await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    let mut ask = async |line: &str| {
        client
            .send(format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n"))
            .await;
        let answer = client.answer().await;
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert!(has(&answer.text(), &format!("x-request-id: {id}")));
        id
    };
    assert_eq!(ask("X-Request-ID: abc-123\r\n").await, "abc-123");
    let fresh = ask("").await;
    assert_eq!(fresh.len(), 36);
    assert_ne!(ask("").await, fresh);
    for bad in [
        "X-Request-ID: a b\r\n".to_owned(),
        "X-Request-ID: {\"a\":1}\r\n".to_owned(),
        "X-Request-ID:\r\n".to_owned(),
        "X-Request-ID: a\r\nX-Request-ID: b\r\n".to_owned(),
        format!("X-Request-ID: {}\r\n", "x".repeat(200)),
    ] {
        assert_eq!(ask(&bad).await.len(), 36, "{bad}");
    }
}

#[tokio::test]
async fn what_concerns_one_connection_is_not_passed_on() {
    let app = Upstream::serving(|request| async move {
        let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let mut response = text(names.join(" "));
        for (name, value) in [
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("upgrade", "h2c"),
            ("x-end-to-end", "1"),
        ] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    })
    .await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop, keep-alive, Host\r\nX-Hop: 1\r\n\
             Keep-Alive: 5\r\nTE: trailers\r\nTrailer: X\r\nProxy-Connection: close\r\n\
             Upgrade: h2c\r\nX-End-To-End: 1\r\n\r\n",
        )
        .await;
    let answer = client.answer().await;
    assert_eq!(
        answer.text(),
        "host x-end-to-end x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip x-request-id"
    );
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "upgrade",
    ] {
        assert_eq!(answer.header(name), None, "{}", answer.head);
    }
    assert_eq!(answer.header("x-end-to-end"), Some("1"));
}

#[tokio::test]
async fn answers_without_a_body_end_with_their_head() {
    let app = Upstream::serving(|request| async move {
        let mut response = match request.uri().path() {
            "/204" | "/304" => Response::new(Full::default().boxed()),
            _ => text("hello"),
        };
        *response.status_mut() = match request.uri().path() {
            "/204" => StatusCode::NO_CONTENT,
            "/304" => StatusCode::NOT_MODIFIED,
            _ => StatusCode::OK,
        };
        response
            .headers_mut()
            .insert("etag", "\"x\"".parse().unwrap());
        response
    })
    .await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.answer_to_head().await;
    assert_eq!(
        (answer.status, answer.header("content-length")),
        (200, Some("5"))
    );
    for (path, status) in [("/204", 204), ("/304", 304)] {
        let answer = client.get(path).await;
        assert_eq!(
            (answer.status, answer.header("etag")),
            (status, Some("\"x\""))
        );
        assert_eq!(answer.header("transfer-encoding"), None);
    }
    assert_eq!(client.get("/").await.text(), "hello");
    assert_eq!(app.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn connections_to_endpoints_are_kept_alive() {
    let app = Upstream::named("app").await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..50 {
        assert_eq!(client.get("/").await.text(), "app");
    }
    assert_eq!(app.connections.load(Ordering::SeqCst), 1);
}

/// A body that is not read to its end leaves a connection that nobody may use again.
#[tokio::test]
async fn a_connection_with_half_a_body_is_not_used_again() {
    let app = Upstream::serving(|_| async { text(vec![b'x'; 8 << 20]) }).await;
    let (proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    for _ in 0..3 {
        let mut client = Raw::connect(address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut [0; 1000])
            .await
            .unwrap();
        drop(client);
        eventually("the request ended", async || {
            proxy.endpoint("app-1").await.unwrap().in_flight == 0
        })
        .await;
    }
    let answer = Raw::connect(address).await.get("/").await;
    assert_eq!(answer.body.len(), 8 << 20);
    assert_eq!(app.connections.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn chunks_go_both_ways() {
    let app = Upstream::serving(|request| async move {
        let length = request.headers().contains_key("content-length");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let parts = [
            format!("{length} "),
            String::from_utf8(body.into()).unwrap(),
        ];
        let frames = parts.map(|part| Ok::<_, Infallible>(Frame::data(part.into())));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        Response::new(http_body_util::combinators::BoxBody::new(body))
    })
    .await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..2 {
        client
            .send(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                 3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
            )
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        assert_eq!(answer.text(), "false abcde");
    }
    // A client of HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    let mut old = Raw::connect(address).await;
    old.send("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        .await;
    let answer = old.answer().await;
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.text(), "true abc");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let app = Upstream::serving(|request| async move {
        if request.uri().path() == "/1" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        text(request.uri().path().to_owned())
    })
    .await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    let request = |n| format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    let requests: Vec<String> = (1..=20).map(request).collect();
    client.send(requests.concat()).await;
    for n in 1..=20 {
        assert_eq!(client.answer().await.text(), format!("/{n}"));
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it_once_the_body_is_wanted() {
    let app = Upstream::serving(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(body)
    })
    .await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client
        .send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 100);
    client.send("abc").await;
    assert_eq!(client.answer().await.text(), "abc");
    // What would be refused anyway is not asked for.
    client
        .send(
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer().await.status, 413);
    assert!(client.is_ended().await);
}

#[tokio::test]
async fn an_endpoint_hears_that_the_client_went_away() {
    let (gone, went) = tokio::sync::oneshot::channel::<()>();
    let gone = std::sync::Mutex::new(Some(gone));
    let app = Upstream::serving(move |_| {
        let gone = gone.lock().unwrap().take();
        async move {
            let _held_until_dropped = gone;
            std::future::pending().await
        }
    })
    .await;
    let (proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("it is in flight", async || app.count() == 1).await;
    drop(client);
    let heard = tokio::time::timeout(crate::support::DEADLINE, went).await;
    assert!(heard.expect("the endpoint hears of it").is_err());
    eventually("nothing is in flight", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 0
    })
    .await;
}

#[tokio::test]
async fn large_bodies_come_through_whole() {
    let app = Upstream::serving(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(body)
    })
    .await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let body: Vec<u8> = (0..9_000_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 3) as u8)
        .collect();
    let mut client = Raw::connect(address).await;
    for _ in 0..2 {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        client.send(head).await;
        client.send(&body).await;
        let answer = client.answer().await;
        assert!(answer.body == body, "{} bytes came back", answer.body.len());
    }
}
