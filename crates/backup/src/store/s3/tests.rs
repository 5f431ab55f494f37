//! Where requests go, and what is never shown.

use super::{Bucketed, Patience};
use crate::S3;
use mainstay_model::Secret;

fn s3(endpoint: &str, path_style: bool) -> S3 {
    S3 {
        endpoint: endpoint.to_owned(),
        bucket: "backups".to_owned(),
        prefix: "shop".to_owned(),
        region: "eu-central-1".to_owned(),
        access_key: Secret::new("AKIAKEY".to_owned()),
        secret_key: Secret::new("hunter2".to_owned()),
        session_token: Some(Secret::new("token3".to_owned())),
        path_style,
    }
}

#[test]
fn where_requests_go_in_either_style() {
    for (endpoint, path_style, host, port, encrypted) in [
        (
            "https://s3.example.org",
            false,
            "backups.s3.example.org",
            443,
            true,
        ),
        ("https://s3.example.org", true, "s3.example.org", 443, true),
        ("http://minio:9000/", true, "minio", 9000, false),
        ("http://[::1]:9000", true, "::1", 9000, false),
    ] {
        let store = Bucketed::new(&s3(endpoint, path_style), Patience::default()).unwrap();
        let http = &store.inner.storage.http;
        let went = (http.host.as_str(), http.port, http.encrypted);
        assert_eq!(went, (host, port, encrypted), "{endpoint}");
        assert_eq!(store.inner.key("config").unwrap(), "shop/config");
    }
}

#[test]
fn an_endpoint_that_is_none_is_refused_and_nothing_shows_a_secret() {
    for endpoint in ["", "s3.example.org", "ftp://s3.example.org", "https://"] {
        let failure = Bucketed::new(&s3(endpoint, true), Patience::default()).unwrap_err();
        assert!(failure.hint.is_some(), "{endpoint}: {failure}");
    }
    let store = Bucketed::new(&s3("https://s3.example.org", true), Patience::default()).unwrap();
    let text = format!("{store:?}");
    assert_eq!(text, "Bucketed(\"s3:https://s3.example.org/backups/shop\")");
}
