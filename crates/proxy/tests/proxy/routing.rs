//! Which route a request takes.

use crate::support::{Proxy, Raw, Upstream, config, pool, route, text};
use mainstay_proxy::config::Accept;

/// Endpoints that answer with their name and the target they were asked for.
async fn echoing(name: &'static str) -> Upstream {
    Upstream::serving(move |request| async move { text(format!("{name} {}", request.uri())) }).await
}

#[tokio::test]
async fn the_longest_host_then_the_longest_path_wins() {
    let names = ["any", "any-api", "wild", "deep", "exact", "exact-api"];
    let proxy = Proxy::start().await;
    let (mut config, address) = config(vec![]);
    config.pools.clear();
    let mut routes = Vec::new();
    let mut upstreams = Vec::new();
    for (name, host, path) in [
        (names[0], "", "/"),
        (names[1], "", "/api"),
        (names[2], "*.example.org", "/"),
        (names[3], "*.deep.example.org", "/"),
        (names[4], "www.example.org", "/"),
        (names[5], "WWW.example.org", "/api/"),
    ] {
        let upstream = echoing(name).await;
        config
            .pools
            .insert(name.to_owned(), pool(vec![upstream.endpoint(name)]));
        upstreams.push(upstream);
        let mut route = route(path, name);
        route.name = name.to_owned();
        if !host.is_empty() {
            route.hosts = vec![host.to_owned()];
        }
        routes.push(route);
    }
    config.listeners[0].accept = Accept::Http { routes };
    proxy.client.apply(&config).await.unwrap();

    let mut client = Raw::connect(address).await;
    for (host, path, name) in [
        ("other.test", "/", "any"),
        ("other.test", "/api", "any-api"),
        ("other.test", "/api/x?y=1", "any-api"),
        ("other.test", "/apix", "any"),
        ("other.test", "/x/api", "any"),
        ("a.example.org", "/api", "wild"),
        ("a.b.example.org", "/", "wild"),
        ("example.org", "/", "any"),
        ("a.deep.example.org", "/", "deep"),
        ("deep.example.org", "/", "wild"),
        ("www.example.org:8080", "/", "exact"),
        ("WWW.EXAMPLE.ORG", "/api/1", "exact-api"),
        ("www.example.org", "/apix", "exact"),
    ] {
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.text(), format!("{name} {path}"), "{host}{path}");
    }
}

#[tokio::test]
async fn a_prefix_is_stripped_and_the_query_stays() {
    let app = echoing("app").await;
    let proxy = Proxy::start().await;
    let (mut config, address) = config(vec![app.endpoint("app-1")]);
    let mut stripped = route("/api", "shop/dev/app");
    stripped.strip_prefix = true;
    config.listeners[0].accept = Accept::Http {
        routes: vec![stripped],
    };
    proxy.client.apply(&config).await.unwrap();
    let mut client = Raw::connect(address).await;
    for (path, seen) in [
        ("/api", "/"),
        ("/api/", "/"),
        ("/api?a=b", "/?a=b"),
        ("/api/v1/x?a=b&c", "/v1/x?a=b&c"),
        ("/api//x", "//x"),
        ("/api/%2e%2e/x", "/%2e%2e/x"),
    ] {
        assert_eq!(client.get(path).await.text(), format!("app {seen}"));
    }
    let answer = client.get("/other").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("no route matches"));
}

/// RFC 9112, section 3.2.2: the target's host counts, whatever the header says.
#[tokio::test]
async fn an_absolute_target_takes_precedence_over_the_header() {
    let app = Upstream::serving(|request| async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        text(format!("{host} {}", request.uri()))
    })
    .await;
    let (_proxy, _, address) = Proxy::serving(vec![app.endpoint("app-1")]).await;
    let mut client = Raw::connect(address).await;
    client
        .send("GET http://real.test/x?y HTTP/1.1\r\nHost: other.test\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.text(), "real.test /x?y");
    client
        .send("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.text(), "a.test *");
}
