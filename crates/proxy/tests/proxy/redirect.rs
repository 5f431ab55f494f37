//! Plain requests are sent to the encrypted listener, where that answers for the host.

use crate::secure::Authority;
use crate::support::{Answer, Proxy, Raw, Upstream, config};
use mainstay_proxy::config::Redirect;
use std::net::SocketAddr;

async fn ask(address: SocketAddr, host: &str, target: &str) -> Answer {
    let mut client = Raw::connect(address).await;
    let request = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nhi");
    client.send(request).await;
    client.answer().await
}

#[tokio::test]
async fn the_same_path_and_query_under_https() {
    let app = Upstream::named("app").await;
    let authority = Authority::new();
    let (mut config, address) = config(vec![app.endpoint("app-1")]);
    config.tls.certificates = vec![authority.write("a", &["app.test", "*.app.test"])];
    config.listeners[0].redirect = Some(Redirect {
        port: 443,
        except: vec!["/health".to_owned()],
    });
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    for (host, target, location) in [
        ("app.test", "/", "https://app.test/"),
        (
            "App.Test:80",
            "/a%2Fb/?q=1&r=%20",
            "https://app.test/a%2Fb/?q=1&r=%20",
        ),
        ("www.app.test", "//x", "https://www.app.test//x"),
        (
            "app.test",
            "http://www.app.test/x",
            "https://www.app.test/x",
        ),
        ("app.test", "/healthy", "https://app.test/healthy"),
    ] {
        let answer = ask(address, host, target).await;
        assert_eq!(answer.status, 308, "{host}{target}");
        assert_eq!(answer.header("location"), Some(location));
        assert!(answer.header("x-request-id").is_some());
    }
    assert_eq!(app.count(), 0);
    // Where no certificate answers for the host, nobody is sent.
    for (host, target) in [
        ("other.test", "/"),
        ("a.b.app.test", "/"),
        ("127.0.0.1", "/"),
        ("app.test", "/health"),
        ("app.test", "/health/deep?x"),
        ("app.test", "/.well-known/acme-challenge/theirs"),
    ] {
        assert_eq!(
            ask(address, host, target).await.text(),
            "app",
            "{host}{target}"
        );
    }

    config.revision = 2;
    config.listeners[0].redirect = Some(Redirect {
        port: 8443,
        except: Vec::new(),
    });
    proxy.client.apply(&config).await.unwrap();
    let answer = ask(address, "app.test", "/health").await;
    assert_eq!(
        answer.header("location"),
        Some("https://app.test:8443/health")
    );
}
