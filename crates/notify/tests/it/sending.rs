//! What is sent over real sockets, what is made of each answer, and that no secret shows.

use crate::support::{
    Answer, NOW, PATIENCE, Receiver, alert, block_on, fine, free_port, integration, notification,
    sender, serve_one,
};
use mainstay_alert::AlertStatus::Firing;
use mainstay_alert::config::Integration;
use mainstay_notify::{Failure, FailureKind};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

fn send(integration: &Integration) -> Result<(), Failure> {
    send_within(integration, PATIENCE)
}

fn send_within(integration: &Integration, within: Duration) -> Result<(), Failure> {
    let notification = notification(integration, vec![alert(Firing, "a")]);
    block_on(sender().send(integration, &notification, NOW, within))
}

/// A receiver that always answers the same.
fn always(status: u16, body: &'static str) -> Receiver {
    Receiver::start(move |_| (status, Vec::new(), body.to_owned()))
}

#[test]
fn a_request_is_whole() {
    let receiver = always(200, "ok");
    let integration = integration(&format!(
        "  webhook_configs: [{{url: 'http://127.0.0.1:{}/in?token=1', http_config: {{basic_auth: {{username: u, password: p}}, http_headers: {{X-Own: {{values: [one]}}}}}}}}]",
        receiver.port
    ));
    send(&integration).unwrap();
    let request = receiver.next();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/in?token=1")
    );
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["authorization"], "Basic dTpw");
    assert_eq!(request.headers["x-own"], "one");
    assert_eq!(
        request.headers["host"],
        format!("127.0.0.1:{}", receiver.port)
    );
    assert!(request.headers["user-agent"].starts_with("mainstay/"));
    assert_eq!(request.json()["status"], "firing");
}

#[test]
fn secrets_of_files_are_read_at_each_use() {
    let receiver = always(200, "ok");
    let directory = tempfile::tempdir().unwrap();
    let (url, token) = (directory.path().join("url"), directory.path().join("token"));
    let integration = integration(&format!(
        "  slack_configs: [{{api_url_file: '{}', channel: c, http_config: {{authorization: {{credentials_file: '{}'}}}}}}]",
        url.display(),
        token.display()
    ));
    let failure = send(&integration).unwrap_err();
    assert!(
        failure.retry && failure.kind == FailureKind::Configuration,
        "{failure:?}"
    );
    std::fs::write(&url, format!("http://127.0.0.1:{}/a\n", receiver.port)).unwrap();
    for expected in ["first", "second"] {
        std::fs::write(&token, format!("{expected}\n")).unwrap();
        send(&integration).unwrap();
        assert_eq!(
            receiver.next().headers["authorization"],
            format!("Bearer {expected}")
        );
    }
}

#[test]
fn each_answer_has_its_verdict() {
    let kinds = [
        "  webhook_configs: [{url: 'URL'}]",
        "  slack_configs: [{api_url: 'URL', channel: c}]",
        "  pagerduty_configs: [{routing_key: k, url: 'URL'}]",
        "  opsgenie_configs: [{api_key: k, api_url: 'URL'}]",
        "  discord_configs: [{webhook_url: 'URL'}]",
        "  telegram_configs: [{bot_token: t, chat_id: 1, api_url: 'URL'}]",
        "  msteams_configs: [{webhook_url: 'URL'}]",
        "  msteamsv2_configs: [{webhook_url: 'URL'}]",
    ];
    for (status, retry, kind) in [
        (400, false, FailureKind::Client),
        (401, false, FailureKind::Authentication),
        (403, false, FailureKind::Authentication),
        (404, false, FailureKind::Client),
        (302, false, FailureKind::Client),
        (429, true, FailureKind::RateLimited),
        (500, true, FailureKind::Server),
        (503, true, FailureKind::Server),
    ] {
        let receiver = always(status, "the reason");
        for receiver_text in kinds {
            let url = format!("http://127.0.0.1:{}/x", receiver.port);
            let failure = send(&integration(&receiver_text.replace("URL", &url))).unwrap_err();
            assert_eq!(
                (failure.retry, failure.kind),
                (retry, kind),
                "{status} {receiver_text}"
            );
            assert_eq!(failure.message, format!("answered {status}: the reason"));
        }
    }
    for (status, body) in [(200, "ok"), (202, "{}"), (204, "")] {
        let receiver = always(status, body);
        let url = format!("http://127.0.0.1:{}/x", receiver.port);
        for receiver_text in kinds.into_iter().filter(|kind| !kind.contains("slack")) {
            send(&integration(&receiver_text.replace("URL", &url))).unwrap();
        }
    }
}

#[test]
fn what_vendors_say_about_it_is_passed_on() {
    let json = || vec![("content-type", "application/json; charset=utf-8".to_owned())];
    for (receiver_text, answer, wanted) in [
        (
            "  slack_configs: [{api_url: 'URL', channel: c}]",
            (
                200,
                json(),
                "{\"ok\":false,\"error\":\"channel_not_found\"}",
            ),
            Some("Slack answered: channel_not_found"),
        ),
        (
            "  slack_configs: [{api_url: 'URL', channel: c}]",
            (200, json(), "{\"ok\":true}"),
            None,
        ),
        (
            "  slack_configs: [{api_url: 'URL', channel: c}]",
            (200, Vec::new(), "no_text"),
            Some("Slack answered: no_text"),
        ),
        (
            "  pagerduty_configs: [{routing_key: k, url: 'URL'}]",
            (
                400,
                json(),
                "{\"status\":\"invalid event\",\"message\":\"Event object is invalid\",\"errors\":[\"Length of 'routing_key'\"]}",
            ),
            Some("answered 400: Event object is invalid: Length of 'routing_key'"),
        ),
        (
            "  telegram_configs: [{bot_token: t, chat_id: 1, api_url: 'URL'}]",
            (
                400,
                json(),
                "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: chat not found\"}",
            ),
            Some("answered 400: Bad Request: chat not found"),
        ),
    ] {
        let (status, headers, body) = answer;
        let receiver = Receiver::start(move |_| (status, headers.clone(), body.to_owned()));
        let url = format!("http://127.0.0.1:{}/x", receiver.port);
        let sent = send(&integration(&receiver_text.replace("URL", &url)));
        assert_eq!(sent.err().map(|failure| failure.message).as_deref(), wanted);
    }
}

#[test]
fn a_receiver_that_repeats_secrets_shows_none() {
    let receiver = Receiver::start(|request| {
        let all = format!("{} {:?} {}", request.path, request.headers, request.body);
        (400, Vec::new(), all)
    });
    let base = format!("http://127.0.0.1:{}", receiver.port);
    for receiver_text in [
        "  slack_configs: [{api_url: 'URL/services/hidden-a', channel: c}]",
        "  pagerduty_configs: [{routing_key: hidden-b, url: 'URL/x', description: d, details: {}}]",
        "  opsgenie_configs: [{api_key: hidden-c, api_url: 'URL'}]",
        "  telegram_configs: [{bot_token: 'hidden-d', chat_id: 1, api_url: 'URL'}]",
        "  discord_configs: [{webhook_url: 'URL/hidden-e', http_config: {basic_auth: {username: u, password: hidden-f}}}]",
        "  webhook_configs: [{url: 'URL/hidden-g', http_config: {authorization: {credentials: hidden-h}, http_headers: {x-y: {secrets: [hidden-i]}}}}]",
    ] {
        let failure = send(&integration(&receiver_text.replace("URL", &base))).unwrap_err();
        assert!(!format!("{failure:?}").contains("hidden"), "{failure:?}");
        assert!(failure.message.starts_with("answered 400: "), "{failure:?}");
    }
    let port = free_port();
    let failure = send(&integration(&format!(
        "  slack_configs: [{{api_url: 'http://127.0.0.1:{port}/hidden', channel: c}}]"
    )))
    .unwrap_err();
    assert!(!format!("{failure:?}").contains("hidden"));
    assert!(
        failure.retry && failure.kind == FailureKind::Connection,
        "{failure:?}"
    );
}

#[test]
fn a_receiver_that_does_not_answer_costs_its_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let integration = integration(&format!(
        "  webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]"
    ));
    let failure = send_within(&integration, Duration::from_millis(200)).unwrap_err();
    assert!(
        failure.retry && failure.kind == FailureKind::Deadline,
        "{failure:?}"
    );
}

#[test]
fn a_redirect_that_keeps_the_method_is_followed_without_credentials() {
    let second = always(200, "ok");
    let target = format!("http://127.0.0.1:{}/there", second.port);
    let first = Receiver::start(move |request| match request.path.as_str() {
        "/away" => (307, vec![("location", target.clone())], String::new()),
        "/near" => (308, vec![("location", "/end".to_owned())], String::new()),
        "/loop" => (307, vec![("location", "/loop".to_owned())], String::new()),
        _ => fine(),
    });
    let to = |path: &str, more: &str| {
        integration(&format!(
            "  webhook_configs: [{{url: 'http://127.0.0.1:{}{path}', http_config: {{authorization: {{credentials: secret-x}}{more}}}}}]",
            first.port
        ))
    };
    send(&to("/away", "")).unwrap();
    assert!(first.next().headers.contains_key("authorization"));
    let request = second.next();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/there")
    );
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(request.json()["status"], "firing");
    send(&to("/near", "")).unwrap();
    assert_eq!(first.next().path, "/near");
    let request = first.next();
    assert_eq!(request.path, "/end");
    assert!(request.headers.contains_key("authorization"));
    let failure = send(&to("/loop", "")).unwrap_err();
    assert!(!failure.retry, "{failure:?}");
    let failure = send(&to("/away", ", follow_redirects: false")).unwrap_err();
    assert_eq!(failure.message, "answered 307");
    assert!(second.is_quiet());
}

#[test]
fn updates_of_opsgenie_come_one_after_the_other() {
    let receiver = always(202, "{}");
    let integration = integration(&format!(
        "  opsgenie_configs: [{{api_key: k, api_url: 'http://127.0.0.1:{}', update_alerts: true}}]",
        receiver.port
    ));
    send(&integration).unwrap();
    let seen: Vec<_> = (0..3)
        .map(|_| receiver.next())
        .map(|request| request.method)
        .collect();
    assert_eq!(seen, ["POST", "PUT", "PUT"]);
}

/// A server of TLS that answers one request; its certificate in PEM.
fn encrypted(answer: fn() -> Answer) -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve_one(StreamOwned::new(connection, stream), &|_| answer());
        }
    });
    (port, cert.pem())
}

#[test]
fn tls_is_trusted_by_what_the_configuration_says() {
    let (port, certificate) = encrypted(fine);
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, certificate).unwrap();
    let to = |tls: &str| {
        integration(&format!(
            "  webhook_configs: [{{url: 'https://127.0.0.1:{port}/', http_config: {{tls_config: {{{tls}}}}}}}]"
        ))
    };
    send(&to(&format!("ca_file: '{}'", ca.display()))).unwrap();
    send(&to(&format!(
        "ca_file: '{}', server_name: localhost",
        ca.display()
    )))
    .unwrap();
    send(&to("insecure_skip_verify: true")).unwrap();
    let failure = send(&to("")).unwrap_err();
    assert!(
        failure.message.contains("TLS with 127.0.0.1"),
        "{failure:?}"
    );
    let failure = send(&to(&format!(
        "ca_file: '{}', server_name: other.example",
        ca.display()
    )))
    .unwrap_err();
    assert!(
        failure.message.contains("TLS with 127.0.0.1"),
        "{failure:?}"
    );
}

#[test]
fn an_answer_without_end_is_cut() {
    let receiver = Receiver::start(|_| (500, Vec::new(), "x".repeat(4 << 20)));
    let integration = integration(&format!(
        "  webhook_configs: [{{url: 'http://127.0.0.1:{}/'}}]",
        receiver.port
    ));
    let failure = send(&integration).unwrap_err();
    assert!(failure.message.len() < 500, "{}", failure.message.len());
}
