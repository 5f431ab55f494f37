//! What is taken out gets nothing new, keeps what it has, and is known until that ended.

use crate::support::{Proxy, Raw, Upstream, config, eventually, text};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_removed_endpoint_finishes_what_it_has_and_gets_nothing_new() {
    let open = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&open);
    let old = Upstream::serving(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            text("old")
        }
    })
    .await;
    let new = Upstream::named("new").await;
    let (proxy, mut config, address) = Proxy::serving(vec![old.endpoint("app-1")]).await;
    let mut waiting = Raw::connect(address).await;
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("the request is in flight", async || {
        proxy.endpoint("app-1").await.unwrap().in_flight == 1 && old.count() == 1
    })
    .await;

    config.revision += 1;
    config.pools.get_mut("shop/dev/app").unwrap().endpoints = vec![new.endpoint("app-2")];
    proxy.client.apply(&config).await.unwrap();
    let draining = proxy.endpoint("app-1").await.unwrap();
    assert_eq!((draining.weight, draining.in_flight), (None, 1));
    assert_eq!(Raw::connect(address).await.get("/").await.text(), "new");

    open.add_permits(1);
    assert_eq!(waiting.answer().await.text(), "old");
    eventually("the drained endpoint is forgotten", async || {
        proxy.endpoint("app-1").await.is_none()
    })
    .await;
    assert_eq!(old.count(), 1);
}

/// An instance that is told to stop waits for its connections; ours must not hold it up.
#[tokio::test]
async fn idle_connections_to_a_removed_endpoint_are_closed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = crate::support::endpoint("app-1", listener.local_addr().unwrap(), 1);
    let (proxy, mut config, address) = Proxy::serving(vec![endpoint]).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (mut kept, _) = listener.accept().await.unwrap();
    assert!(kept.read(&mut [0; 4096]).await.unwrap() > 0);
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    kept.write_all(answer.as_bytes()).await.unwrap();
    assert_eq!(client.answer().await.text(), "ok");
    config.revision += 1;
    config
        .pools
        .get_mut("shop/dev/app")
        .unwrap()
        .endpoints
        .clear();
    proxy.client.apply(&config).await.unwrap();
    let ended = tokio::time::timeout(crate::support::DEADLINE, kept.read(&mut [0; 1])).await;
    assert_eq!(ended.expect("the connection ends").unwrap(), 0);
}

/// Endpoints come and go at full speed; each is stopped as soon as the status says that nothing
/// is in flight there. Nobody notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_endpoints_are_replaced_hundreds_of_times() {
    const CLIENTS: usize = 64;
    const SWAPS: u64 = 300;
    let proxy = Proxy::start().await;
    let mut current = Upstream::named("0").await;
    let (mut config, address) = config(vec![current.endpoint("app-0")]);
    proxy.client.apply(&config).await.unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (done, served) = (Arc::clone(&done), Arc::clone(&served));
            tokio::spawn(async move {
                let mut client = Raw::connect(address).await;
                while !done.load(Ordering::Relaxed) {
                    let answer = client.get("/").await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    for swap in 1..=SWAPS {
        let name = format!("app-{swap}");
        let before = format!("app-{}", swap - 1);
        let next = Upstream::named(&swap.to_string()).await;
        config.revision += 1;
        let endpoints = &mut config.pools.get_mut("shop/dev/app").unwrap().endpoints;
        *endpoints = vec![next.endpoint(&name)];
        if swap % 2 == 0 {
            // Half of them stay in the configuration, with no weight.
            let mut resting = current.endpoint(&before);
            resting.weight = 0;
            endpoints.push(resting);
        }
        proxy.client.apply(&config).await.unwrap();
        eventually("the old endpoint is drained", async || {
            let old = proxy.endpoint(&before).await;
            old.is_none_or(|old| old.in_flight == 0)
        })
        .await;
        current = next;
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let served = served.load(Ordering::Relaxed);
    assert!(served > SWAPS, "only {served} requests");
    println!("{served} requests over {SWAPS} swaps");
}
