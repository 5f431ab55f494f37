//! Requests that become connections.

use crate::support::{Proxy, Raw, Reply, Upstream, eventually, text};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Agrees to any upgrade and sends back what it gets, after a greeting.
pub(crate) async fn echo(mut request: Request<Incoming>) -> Reply {
    let Some(protocol) = request.headers().get("upgrade").cloned() else {
        return text("no upgrade");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        stream.write_all(b"hello ").await.unwrap();
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            stream.write_all(&buffer[..read]).await.unwrap();
        }
    });
    let mut response = text("");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("upgrade", protocol);
    response
        .headers_mut()
        .insert("connection", "upgrade".parse().unwrap());
    response
        .headers_mut()
        .insert("sec-websocket-accept", "y".parse().unwrap());
    response
}

#[tokio::test]
async fn bytes_go_both_ways_and_count_as_in_flight() {
    let app = Upstream::serving(echo).await;
    let (proxy, mut config, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    // The first frame may come with the request.
    client.send(format!("{ASK}early")).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("connection"), Some("upgrade"));
    assert_eq!(answer.header("sec-websocket-accept"), Some("y"));
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(client.bytes(11).await, b"hello early");
    for message in ["one", "GET / HTTP/1.1\r\n\r\n", "\0\u{1}binary"] {
        client.send(message).await;
        assert_eq!(client.bytes(message.len()).await, message.as_bytes());
    }
    assert_eq!(proxy.endpoint("app-1").await.unwrap().in_flight, 1);

    // Taken out, it stays until it ends.
    config.revision = 2;
    config
        .pools
        .get_mut("shop/dev/app")
        .unwrap()
        .endpoints
        .clear();
    proxy.client.apply(&config).await.unwrap();
    client.send("still").await;
    assert_eq!(client.bytes(5).await, b"still");
    let draining = proxy.endpoint("app-1").await.unwrap();
    assert_eq!((draining.weight, draining.in_flight), (None, 1));
    drop(client);
    eventually("it ended", async || proxy.endpoint("app-1").await.is_none()).await;
}

#[tokio::test]
async fn only_allowed_protocols_reach_the_endpoint() {
    let app = Upstream::serving(echo).await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    for lines in [
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: keep-alive\r\nUpgrade: websocket\r\n",
        "Upgrade: websocket\r\n",
    ] {
        let mut client = Raw::connect(address).await;
        client
            .send(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
            .await;
        assert_eq!(client.answer().await.text(), "no upgrade", "{lines}");
        assert_eq!(client.get("/").await.status, 200, "the connection goes on");
    }
}

#[tokio::test]
async fn an_endpoint_may_refuse() {
    let app = Upstream::serving(|_| async {
        let mut answer = text("not here");
        *answer.status_mut() = StatusCode::FORBIDDEN;
        answer
    })
    .await;
    let (proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client.send(ASK).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "not here"));
    assert_eq!(client.get("/").await.status, 403);
    assert_eq!(proxy.endpoint("app-1").await.unwrap().in_flight, 0);
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let switch = "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
            stream.write_all(switch.as_bytes()).await.unwrap();
            open.push(stream);
        }
    });
    let endpoint = crate::support::endpoint("app-1", upstream, 1);
    let (proxy, _, address) = Proxy::serving(vec![endpoint]).await;
    let mut client = Raw::connect(address).await;
    assert_eq!(client.get("/").await.status, 502);
    client.send(ASK).await;
    assert_eq!(client.answer().await.status, 502);
    assert_eq!(proxy.endpoint("app-1").await.unwrap().in_flight, 0);
}
