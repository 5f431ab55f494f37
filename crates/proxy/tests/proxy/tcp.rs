//! Listeners that pass bytes through.

use crate::support::{Proxy, Raw, config, endpoint, eventually, free_address};
use mainstay_proxy::config::{Accept, Config, Endpoint};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Sends back what it gets, with its name before it, until the client ends its half.
async fn echo(name: &'static str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                write.write_all(name.as_bytes()).await.unwrap();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.write_all(b" bye").await.unwrap();
            });
        }
    });
    address
}

fn tcp(endpoints: Vec<Endpoint>) -> (Config, SocketAddr) {
    let (mut config, address) = config(endpoints);
    config.listeners[0].accept = Accept::Tcp {
        pool: "shop/dev/app".to_owned(),
    };
    (config, address)
}

#[tokio::test]
async fn bytes_go_both_ways_until_both_sides_ended() {
    let proxy = Proxy::start().await;
    let dead = endpoint("db-0", free_address(), 100);
    let (mut config, address) = tcp(vec![dead, endpoint("db-1", echo("db: ").await, 100)]);
    proxy.client.apply(&config).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = Raw::connect(address).await;
        client.send("anything\0").await;
        assert_eq!(client.bytes(13).await, b"db: anything\0");
        clients.push(client);
    }
    assert_eq!(proxy.endpoint("db-1").await.unwrap().in_flight, 4);

    config.revision = 2;
    config.pools.get_mut("shop/dev/app").unwrap().endpoints =
        vec![endpoint("db-2", echo("new: ").await, 100)];
    proxy.client.apply(&config).await.unwrap();
    let mut late = Raw::connect(address).await;
    assert_eq!(late.bytes(5).await, b"new: ");
    assert_eq!(proxy.endpoint("db-1").await.unwrap().in_flight, 4);
    for mut client in clients {
        client.send("last").await;
        client.stream.shutdown().await.unwrap();
        let mut rest = String::new();
        client.stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "last bye");
    }
    eventually("it is drained", async || {
        proxy.endpoint("db-1").await.is_none()
    })
    .await;
    let metrics = proxy.client.metrics().await.unwrap();
    let line = metrics.lines().find(|line| {
        line.starts_with("mainstay_proxy_tcp_connections_total") && line.contains("db-1")
    });
    assert!(line.unwrap().ends_with(" 4"), "{metrics}");
}

#[tokio::test]
async fn without_an_endpoint_the_connection_ends() {
    let proxy = Proxy::start().await;
    let (config, address) = tcp(vec![endpoint("db-0", free_address(), 100)]);
    proxy.client.apply(&config).await.unwrap();
    assert!(Raw::connect(address).await.is_ended().await);
}

#[tokio::test]
async fn who_comes_from_elsewhere_is_not_let_in() {
    let proxy = Proxy::start().await;
    let (mut config, address) = tcp(vec![endpoint("db-1", echo("db: ").await, 100)]);
    config.listeners[0].from = Some("127.0.0.0/8".parse().unwrap());
    proxy.client.apply(&config).await.unwrap();
    assert_eq!(Raw::connect(address).await.bytes(4).await, b"db: ");
    config.revision = 2;
    config.listeners[0].from = Some("172.18.0.0/16".parse().unwrap());
    proxy.client.apply(&config).await.unwrap();
    let mut client = Raw::connect(address).await;
    let mut heard = Vec::new();
    let _ = client.stream.read_to_end(&mut heard).await;
    assert_eq!(heard, b"");
}
