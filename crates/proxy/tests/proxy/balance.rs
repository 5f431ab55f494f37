//! Who gets the next request.

use crate::support::{Proxy, Raw, Upstream, config, text};
use mainstay_proxy::config::Balance;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;

async fn from(client: IpAddr, proxy: SocketAddr) -> Raw {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(client, 0)).unwrap();
    Raw::over(socket.connect(proxy).await.unwrap())
}

#[tokio::test]
async fn round_robin_follows_the_weights_smoothly() {
    let (a, b) = (Upstream::named("a").await, Upstream::named("b").await);
    let (mut many, mut few) = (a.endpoint("app-1"), b.endpoint("app-2"));
    (many.weight, few.weight) = (3, 1);
    let (proxy, mut config, address) = Proxy::serving(vec![many, few]).await;
    let mut client = Raw::connect(address).await;
    let mut seen = String::new();
    for _ in 0..8 {
        seen.push_str(&client.get("/").await.text());
    }
    assert_eq!(seen, "aabaaaba");

    config.revision = 2;
    let endpoints = &mut config.pools.get_mut("shop/dev/app").unwrap().endpoints;
    (endpoints[0].weight, endpoints[1].weight) = (0, 1);
    proxy.client.apply(&config).await.unwrap();
    for _ in 0..4 {
        assert_eq!(client.get("/").await.text(), "b");
    }
}

#[tokio::test]
async fn least_connections_goes_where_least_is_in_flight() {
    let hold = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&hold);
    let slow = Upstream::serving(move |_| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.unwrap().forget();
            text("slow")
        }
    })
    .await;
    let quick = Upstream::named("quick").await;
    let proxy = Proxy::start().await;
    let (mut config, address) = config(vec![slow.endpoint("app-1"), quick.endpoint("app-2")]);
    config.pools.get_mut("shop/dev/app").unwrap().balance = Balance::LeastConnections;
    proxy.client.apply(&config).await.unwrap();
    let mut waiting = Raw::connect(address).await;
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    crate::support::eventually("one is in flight", async || slow.count() == 1).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..5 {
        assert_eq!(client.get("/").await.text(), "quick");
    }
    hold.add_permits(1);
    assert_eq!(waiting.answer().await.text(), "slow");
}

#[tokio::test]
async fn a_client_keeps_its_endpoint_and_only_those_of_a_lost_one_move() {
    let upstreams = [
        Upstream::named("a").await,
        Upstream::named("b").await,
        Upstream::named("c").await,
    ];
    let names = ["app-1", "app-2", "app-3"];
    let endpoints: Vec<_> = (0..3).map(|i| upstreams[i].endpoint(names[i])).collect();
    let proxy = Proxy::start().await;
    let (mut config, address) = config(endpoints);
    config.pools.get_mut("shop/dev/app").unwrap().balance = Balance::ClientIp;
    proxy.client.apply(&config).await.unwrap();

    let clients = (1..=60).map(|n| IpAddr::from([127, 0, 0, n]));
    let mut homes = HashMap::new();
    for client in clients.clone() {
        let mut raw = from(client, address).await;
        let home = raw.get("/").await.text();
        assert_eq!(raw.get("/").await.text(), home);
        homes.insert(client, home);
    }
    for name in ["a", "b", "c"] {
        let count = homes.values().filter(|home| *home == name).count();
        assert!((8..=35).contains(&count), "{name} got {count} of 60");
    }

    config.revision = 2;
    config.pools.get_mut("shop/dev/app").unwrap().endpoints[0].weight = 0;
    proxy.client.apply(&config).await.unwrap();
    for client in clients {
        let now = from(client, address).await.get("/").await.text();
        assert_ne!(now, "a");
        let before = &homes[&client];
        assert!(before == "a" || *before == now, "{client} moved");
    }
}
