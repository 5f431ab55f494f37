//! HashiCorp Vault's HTTP API, played from its documentation: KV versions 1 and 2, token and
//! AppRole log-in, namespaces, the answers of a sealed one. **No real Vault was asked.**
//!
//! Source: the pages "KV secrets engine – version 1 (API)", "– version 2 (API)", "AppRole auth
//! method (API)" and "HTTP API" of Vault's documentation.

use crate::asked::{answers, key, request, stores, told};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use mainstay_stack::secrets::{Part, SecretRequest, Source, Template};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const TOKEN: &str = "hvs.the-root-of-a-test";
const LOGGED_IN: &str = "hvs.of-a-role";

#[derive(Default)]
struct Player {
    asked: AtomicU32,
    logins: AtomicU32,
    /// Answers *sealed* this many times first.
    sealed: AtomicU32,
}

impl Player {
    fn answer(&self, request: &Request<()>, body: &Value) -> (u16, Value) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let header = |name: &str| {
            let value = request.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        if header("x-vault-request") != "true" {
            return (400, json!({ "errors": ["missing X-Vault-Request header"] }));
        }
        let left = self.sealed.load(Ordering::SeqCst);
        if left > 0 {
            self.sealed.store(left - 1, Ordering::SeqCst);
            return (503, json!({ "errors": ["Vault is sealed"] }));
        }
        let path = request.uri().path();
        if request.method() == Method::POST && path == "/v1/auth/approle/login" {
            self.logins.fetch_add(1, Ordering::SeqCst);
            return if body["role_id"] == "role" && body["secret_id"] == "the secret id" {
                (
                    200,
                    json!({ "auth": { "client_token": LOGGED_IN, "lease_duration": 1200 } }),
                )
            } else {
                (400, json!({ "errors": ["invalid role or secret ID"] }))
            };
        }
        if ![TOKEN, LOGGED_IN].contains(&header("x-vault-token")) {
            return (403, json!({ "errors": ["permission denied"] }));
        }
        let query = request.uri().query().unwrap_or_default();
        match (header("x-vault-namespace"), path, query) {
            ("", "/v1/kv/data/shop", "") => (200, second(3, "the third")),
            ("", "/v1/kv/data/shop", "version=1") => (200, second(1, "the first")),
            ("", "/v1/kv/data/shop", "version=2") => (
                404,
                json!({
                    "data": { "data": null, "metadata": { "version": 2, "deletion_time": "2026-11-01T00:00:00Z" } }
                }),
            ),
            ("", "/v1/kv/shop", _) => (
                404,
                json!({
                    "errors": [],
                    "warnings": ["Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use."]
                }),
            ),
            ("", "/v1/old/shop", "") => (
                200,
                json!({
                    "lease_duration": 2_764_800, "data": { "token": "of version one", "port": 5432 }
                }),
            ),
            ("team/a", "/v1/kv/data/with%20space", "") => (200, second(1, "of a namespace")),
            _ => (404, json!({ "errors": [] })),
        }
    }
}

fn second(version: u32, token: &str) -> Value {
    json!({
        "data": {
            "data": { "token": token, "user": "app", "password": "p@ss" },
            "metadata": { "version": version, "deletion_time": "", "destroyed": false }
        }
    })
}

async fn serve<S>(player: Arc<Player>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let player = player.clone();
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            let request = Request::from_parts(parts, ());
            let (status, answer) = player.answer(&request, &body);
            let answer = Full::new(Bytes::from(answer.to_string()));
            Ok::<_, hyper::Error>(Response::builder().status(status).body(answer).unwrap())
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Listens until the test's runtime ends.
async fn play(player: Arc<Player>, tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (player, tls) = (player.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(player, stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(player, stream).await;
                        }
                    }
                }
            });
        }
    });
    address
}

fn vault(name: &str, path: &str, part: Part) -> SecretRequest {
    request(
        name,
        Source::Vault {
            path: path.to_owned(),
            version: None,
            address: None,
            namespace: None,
            part,
        },
    )
}

fn with_version(mut request: SecretRequest, wanted: &str) -> SecretRequest {
    if let Source::Vault { version, .. } = &mut request.source {
        *version = Some(wanted.to_owned());
    }
    request
}

#[tokio::test]
async fn both_versions_of_the_engine_are_read() {
    let player = Arc::new(Player::default());
    let address = format!("http://{}", play(player.clone(), None).await);
    let home = tempfile::tempdir().unwrap();
    let template = Template::parse("{user}:{password|urlencode}").unwrap();
    let mut spaced = vault("spaced", "kv/data/with space", key("token"));
    if let Source::Vault { namespace, .. } = &mut spaced.source {
        *namespace = Some("team/a".to_owned());
    }
    let requests = [
        vault("token", "kv/data/shop", key("token")),
        vault("user", "/kv/data/shop", Part::Template(template)),
        with_version(vault("first", "kv/data/shop", key("token")), "1"),
        with_version(vault("deleted", "kv/data/shop", key("token")), "2"),
        vault("of_one", "old/shop", key("token")),
        vault("number", "old/shop", key("port")),
        vault("wrong_path", "kv/shop", key("token")),
        vault("gone", "kv/data/gone", key("token")),
        vault("no_key", "kv/data/shop", key("tokn")),
        spaced,
    ];
    let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", TOKEN)];
    let answers = answers(&requests, &stores(home.path(), &variables)).await;
    let told = |name: &str| {
        let request = requests
            .iter()
            .find(|request| request.name == name)
            .unwrap();
        told(request, &answers)
    };
    for (name, value) in [
        ("token", "the third"),
        ("user", "app:p%40ss"),
        ("first", "the first"),
        ("of_one", "of version one"),
        ("number", "5432"),
        ("spaced", "of a namespace"),
    ] {
        assert_eq!(told(name).as_deref(), Ok(value), "{name}");
    }
    for (name, words) in [
        ("deleted", "was deleted"),
        ("wrong_path", "`data` after the mount"),
        ("gone", "[secret/missing]"),
        ("no_key", "it has `password`, `token`, `user`"),
    ] {
        let error = told(name).unwrap_err();
        assert!(error.contains(words) && error.contains(name), "{error}");
        assert!(
            !error.contains("the third") && !error.contains(TOKEN),
            "{error}"
        );
    }
    // What several secrets are parts of is asked for once.
    assert_eq!(player.asked.load(Ordering::SeqCst), 7);
}

#[tokio::test]
async fn a_role_logs_in_once() {
    let player = Arc::new(Player::default());
    let address = format!("http://{}", play(player.clone(), None).await);
    let home = tempfile::tempdir().unwrap();
    let requests = [
        vault("a", "kv/data/shop", key("token")),
        vault("b", "old/shop", key("token")),
    ];
    let role = |secret_id: &'static str| {
        let variables = [
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_ROLE_ID", "role"),
            ("VAULT_SECRET_ID", secret_id),
        ];
        stores(home.path(), &variables)
    };
    let right = answers(&requests, &role("the secret id")).await;
    assert_eq!(told(&requests[0], &right).as_deref(), Ok("the third"));
    assert_eq!(told(&requests[1], &right).as_deref(), Ok("of version one"));
    assert_eq!(player.logins.load(Ordering::SeqCst), 1);
    let wrong = answers(&requests, &role("one that is used up")).await;
    let error = told(&requests[1], &wrong).unwrap_err();
    assert!(
        error.contains("`b`") && error.contains("invalid role"),
        "{error}"
    );
    assert!(
        !error.contains("used up,") && !error.contains("one that is"),
        "{error}"
    );
    // Of `vault login`.
    std::fs::write(home.path().join(".vault-token"), format!("{TOKEN}\n")).unwrap();
    let variables = [("VAULT_ADDR", address.as_str())];
    let own = answers(&requests, &stores(home.path(), &variables)).await;
    assert_eq!(told(&requests[0], &own).as_deref(), Ok("the third"));
}

#[tokio::test]
async fn what_vault_refuses_is_told_with_what_to_do() {
    let player = Arc::new(Player::default());
    let address = format!("http://{}", play(player.clone(), None).await);
    let home = tempfile::tempdir().unwrap();
    let token = || [vault("a", "kv/data/shop", key("token"))];
    let asked = async |variables: &[(&str, &str)]| {
        let answers = answers(&token(), &stores(home.path(), variables)).await;
        told(&token()[0], &answers)
    };
    for (variables, words) in [
        (vec![], "VAULT_ADDR"),
        (vec![("VAULT_ADDR", "vault:8200")], "is no address"),
        (vec![("VAULT_ADDR", address.as_str())], "vault login"),
        (
            vec![("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "old")],
            "permission denied",
        ),
        (
            vec![("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", TOKEN)],
            "cannot be reached",
        ),
    ] {
        let error = asked(&variables).await.unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    // Sealed for a moment: asked again. Sealed for longer: told.
    let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", TOKEN)];
    player.sealed.store(2, Ordering::SeqCst);
    assert_eq!(asked(&variables).await.as_deref(), Ok("the third"));
    player.sealed.store(100, Ordering::SeqCst);
    let error = asked(&variables).await.unwrap_err();
    assert!(error.contains("sealed"), "{error}");
}

#[tokio::test]
async fn a_vault_with_an_authority_of_its_own_is_trusted_by_file_alone() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key_bytes = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            PrivateKeyDer::from(key_bytes),
        )
        .unwrap();
    let player = Arc::new(Player::default());
    let tls = TlsAcceptor::from(Arc::new(config));
    let address = play(player, Some(tls)).await;
    let address = format!("https://localhost:{}", address.port());
    let home = tempfile::tempdir().unwrap();
    let authority = home.path().join("ca.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let token = [vault("a", "kv/data/shop", key("token"))];
    let mut variables = vec![("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", TOKEN)];
    let strange = answers(&token, &stores(home.path(), &variables)).await;
    let error = told(&token[0], &strange).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    variables.push(("VAULT_CACERT", authority.to_str().unwrap()));
    let trusted = answers(&token, &stores(home.path(), &variables)).await;
    assert_eq!(told(&token[0], &trusted).as_deref(), Ok("the third"));
}
