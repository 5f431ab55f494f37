//! What certificate authorities are answered.

use crate::secure::{Authority, blind, connect, handshakes, secured};
use crate::support::{Proxy, Raw, Upstream, config, eventually};
use mainstay_proxy::config::{Redirect, TlsAlpn};
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

#[tokio::test]
async fn tokens_are_answered_before_any_route_and_redirect() {
    let app = Upstream::named("app").await;
    let authority = Authority::new();
    let (mut config, address) = config(vec![app.endpoint("app-1")]);
    config.tls.certificates = vec![authority.write("a", &["app.test"])];
    config.listeners[0].redirect = Some(Redirect {
        port: 443,
        except: Vec::new(),
    });
    let token = ("tok-en_1".to_owned(), "tok-en_1.thumbprint".to_owned());
    config.challenges.http.extend([token]);
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    let mut client = Raw::connect(address).await;
    let answer = client.get("/.well-known/acme-challenge/tok-en_1").await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "tok-en_1.thumbprint")
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(app.count(), 0);
    // Another's token is the service's own business.
    let answer = client.get("/.well-known/acme-challenge/other").await;
    assert_eq!(answer.text(), "app");

    config.revision = 2;
    config.challenges.http.clear();
    proxy.client.apply(&config).await.unwrap();
    let answer = client.get("/.well-known/acme-challenge/tok-en_1").await;
    assert_eq!(answer.text(), "app");
}

#[tokio::test]
async fn the_challenge_certificate_is_shown_to_who_asks_for_it_alone() {
    let app = Upstream::named("app").await;
    let authority = Authority::new();
    let served = authority.write("served", &["app.test"]);
    let proof = authority.write_with("proof", &["new.test"], |parameters| {
        let identifier = rcgen::CustomExtension::new_acme_identifier(&[7; 32]);
        parameters.custom_extensions = vec![identifier];
    });
    let (mut config, address) = secured(vec![app.endpoint("app-1")], vec![served]);
    config.challenges.tls_alpn = vec![TlsAlpn {
        host: "new.test".to_owned(),
        certificate: proof.certificate,
        key: proof.key,
    }];
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    let asking = Arc::new(blind(&["acme-tls/1"]));
    let mut stream = connect(&asking, address, "new.test").await.unwrap();
    assert_eq!(crate::secure::names_of(&stream), ["new.test"]);
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "it ends there");
    eventually("it is counted", async || {
        handshakes(&proxy, "challenged").await == 1
    })
    .await;
    // Neither the served name by this protocol, nor this name by another.
    assert!(connect(&asking, address, "app.test").await.is_err());
    let client = Arc::new(authority.client(&["http/1.1"]));
    assert!(connect(&client, address, "new.test").await.is_err());
    let mut client = authority.http1(address, "app.test").await;
    assert_eq!(client.get("/").await.text(), "app");
}
