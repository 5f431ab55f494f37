//! Requests reach endpoints, and answers come back whole.

use crate::support::{Proxy, Raw, Upstream};

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
