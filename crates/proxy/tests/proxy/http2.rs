//! HTTP/2 clients: the same service as for the others, and bounds of their own.

use crate::secure::{Authority, secured, serving};
use crate::support::{Proxy, Reply, Upstream, eventually, text};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, Version};
use mainstay_model::Bytes as Size;
use mainstay_proxy::config::{Accept, Config};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Answers with what it was asked.
async fn told(request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        let values = parts.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        values.join("|")
    };
    let (host, cookie, proto) = (
        header("host"),
        header("cookie"),
        header("x-forwarded-proto"),
    );
    let length = body.collect().await.unwrap().to_bytes().len();
    let (method, version, uri) = (parts.method, parts.version, parts.uri);
    text(format!(
        "{method} {uri} {version:?} {host} {proto} [{cookie}] {length}"
    ))
}

/// An endpoint that answers once it may, and how to let it.
async fn gated() -> (Upstream, Arc<Semaphore>) {
    let open = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&open);
    let app = Upstream::serving(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            text("done")
        }
    })
    .await;
    (app, open)
}

async fn changed(
    app: &Upstream,
    change: impl FnOnce(&mut Config),
) -> (Proxy, Authority, SocketAddr) {
    let authority = Authority::new();
    let certificate = authority.write("app", &["app.test"]);
    let (mut config, address) = secured(vec![app.endpoint("app-1")], vec![certificate]);
    change(&mut config);
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    (proxy, authority, address)
}

#[tokio::test]
async fn requests_are_translated() {
    let app = Upstream::serving(told).await;
    let (proxy, authority, _, address) = serving(vec![app.endpoint("app-1")]).await;
    let mut client = authority.http2(address, "app.test").await;
    let answer = client.get("/a?b=c").await;
    assert_eq!(answer.version(), Version::HTTP_2);
    assert!(answer.headers().contains_key("x-request-id"));
    assert_eq!(
        answer.into_body(),
        "GET /a?b=c HTTP/1.1 app.test https [] 0"
    );

    let mut request = client.request("/");
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.append("cookie", "a=1".parse().unwrap());
    headers.append("cookie", "b=2".parse().unwrap());
    headers.insert("te", "trailers".parse().unwrap());
    *request.body_mut() = Full::new(Bytes::from(vec![b'x'; 3 << 20]));
    let answer = client.send(request).await.unwrap();
    let length = 3 << 20;
    assert_eq!(
        answer.into_body(),
        format!("POST / HTTP/1.1 app.test https [a=1; b=2] {length}")
    );
    let log = proxy.directory.path().join("proxy/access.log");
    eventually("the log says it", async || {
        let log = std::fs::read_to_string(&log).unwrap();
        let line = "\"protocol\":\"HTTP/2\",\"host\":\"app.test\",\"path\":\"/a\",\"status\":200";
        log.contains(line)
    })
    .await;
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let (app, open) = gated().await;
    let (proxy, authority, _, address) = serving(vec![app.endpoint("app-1")]).await;
    let client = authority.http2(address, "app.test").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut sender = client.sender.clone();
        let request = client.request("/");
        tasks.spawn(async move {
            sender.ready().await.unwrap();
            let response = sender.send_request(request).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        });
    }
    eventually("all are in flight", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 50
    })
    .await;
    assert_eq!(proxy.status().await.listeners[0].connections, 1);
    open.add_permits(50);
    while let Some(body) = tasks.join_next().await {
        assert_eq!(body.unwrap(), "done");
    }
    assert_eq!(proxy.endpoint("app-1").await.unwrap().in_flight, 0);
}

#[tokio::test]
async fn what_two_servers_could_read_in_two_ways_is_refused() {
    let app = Upstream::serving(told).await;
    let (_proxy, authority, _, address) = serving(vec![app.endpoint("app-1")]).await;
    let mut client = authority.http2(address, "app.test").await;
    let mut check = async |headers: &[(&'static str, &'static str)], status: u16| {
        let mut request = client.request("/");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        match client.send(request).await {
            Ok(answer) => assert_eq!(answer.status().as_u16(), status, "{headers:?}"),
            // Reset by the layer below, before any of it was looked at.
            Err(_) => assert_eq!(status, 0, "{headers:?}"),
        }
    };
    check(&[("host", "APP.test")], 200).await;
    check(&[("host", "other.test")], 400).await;
    check(&[("host", "app.test"), ("host", "app.test")], 400).await;
    check(&[("content-length", "0"), ("content-length", "0")], 400).await;
    check(&[], 200).await;
    let mut request = client.request("/");
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = "app.test:443".parse().unwrap();
    match client.send(request).await {
        Ok(answer) => assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED),
        Err(error) => panic!("CONNECT is answered: {error}"),
    }
    assert_eq!(app.count(), 2);
}

#[tokio::test]
async fn bounds_hold() {
    let app = Upstream::serving(told).await;
    let (_proxy, authority, address) = changed(&app, |config| {
        config.limits.max_header = Size(4096);
        let Accept::Http { routes } = &mut config.listeners[0].accept else {
            panic!("the first listener speaks HTTP");
        };
        routes[0].max_body = Size(1000);
    })
    .await;
    let mut client = authority.http2(address, "app.test").await;
    let mut request = client.request("/");
    let long = "x".repeat(5000);
    request.headers_mut().insert("x", long.parse().unwrap());
    // hyper's client heeds the limit that it is told of; either side may be the one to refuse.
    if let Ok(answer) = client.send(request).await {
        assert_eq!(answer.status().as_u16(), 431);
    }
    assert_eq!(app.count(), 0);
    let mut client = authority.http2(address, "app.test").await;
    let mut request = client.request("/");
    *request.method_mut() = Method::POST;
    *request.body_mut() = Full::new(Bytes::from(vec![b'x'; 1001]));
    let answer = client.send(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        client.get("/").await.status(),
        200,
        "the connection goes on"
    );
}

#[tokio::test]
async fn a_listener_that_is_taken_out_lets_requests_end() {
    let (app, open) = gated().await;
    let (proxy, authority, mut config, address) = serving(vec![app.endpoint("app-1")]).await;
    let mut client = authority.http2(address, "app.test").await;
    let mut sender = client.sender.clone();
    let request = client.request("/");
    let waiting = tokio::spawn(async move { sender.send_request(request).await });
    eventually("it is in flight", async || app.count() == 1).await;
    config.revision = 2;
    config.listeners.clear();
    proxy.client.apply(&config).await.unwrap();
    eventually("no new ones are taken", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    open.add_permits(1);
    let response = waiting.await.unwrap().unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "done"
    );
    tokio::time::timeout(crate::support::DEADLINE, &mut client.ended)
        .await
        .expect("the connection ends")
        .unwrap();
}

#[tokio::test]
async fn an_idle_connection_ends_with_a_word() {
    let app = Upstream::serving(told).await;
    let idle = Duration::from_millis(300);
    let (_proxy, authority, address) =
        changed(&app, |config| config.limits.idle_timeout = idle).await;
    let mut client = authority.http2(address, "app.test").await;
    assert_eq!(client.get("/").await.status(), 200);
    tokio::time::timeout(crate::support::DEADLINE, client.ended)
        .await
        .expect("the connection ends")
        .unwrap();
}

/// CVE-2023-44487.
#[tokio::test]
async fn who_asks_in_order_to_give_up_is_cut_off() {
    let (app, _open) = gated().await;
    let (proxy, authority, _, address) = serving(vec![app.endpoint("app-1")]).await;
    let client = authority.http2(address, "app.test").await;
    let mut sender = client.sender.clone();
    let mut given_up = 0;
    while given_up < 2000 && sender.ready().await.is_ok() {
        let sending = sender.send_request(client.request("/"));
        // Long enough for the request to get on its way.
        if tokio::time::timeout(Duration::from_millis(1), sending)
            .await
            .is_err()
        {
            given_up += 1;
        }
    }
    assert!((100..2000).contains(&given_up), "{given_up}");
    tokio::time::timeout(crate::support::DEADLINE, client.ended)
        .await
        .expect("the connection ends")
        .unwrap();
    eventually("nothing is left of it", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 0
    })
    .await;
    assert!(
        !authority
            .http2(address, "app.test")
            .await
            .sender
            .is_closed()
    );
}

/// The window stays closed: the client has the answer's head and reads none of the rest.
#[tokio::test]
async fn who_does_not_take_the_answer_does_not_hold_the_endpoint() {
    let app = Upstream::serving(|_| async { text(vec![b'x'; 8 << 20]) }).await;
    let stalled = Duration::from_millis(300);
    let (proxy, authority, address) =
        changed(&app, |config| config.limits.body_timeout = stalled).await;
    let mut client = authority.http2(address, "app.test").await;
    let mut sender = client.sender.clone();
    let response = sender.send_request(client.request("/")).await.unwrap();
    eventually("the endpoint is let go", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 0
    })
    .await;
    assert!(
        response.into_body().collect().await.is_err(),
        "it was reset"
    );
    // The connection is not at fault.
    let answer = client.get("/").await;
    assert_eq!(answer.into_body().len(), 8 << 20);
}
