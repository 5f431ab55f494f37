//! Signature Version 4, in the `authorization` header.
//!
//! Source: "Create a signed AWS API request". Held against botocore in the tests.

use super::Credentials;
use mainstay_model::Timestamp;
use ring::{digest, hmac};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed. There is no query: no call of ours has one.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// As it is sent, percent-encoded.
    pub(super) path: &'a str,
    pub(super) host: &'a str,
    /// In lower case; all are signed. `x-amz-date` is one of them.
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: &'a [u8],
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) credentials: &'a Credentials,
}

/// `20150830T123600Z`
pub(super) fn date(now: Timestamp) -> String {
    // RFC 3339 without what it separates by: 2015-08-30T12:36:00.000Z
    let text = now.to_string();
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let second = digits.split(['.', 'Z']).next().unwrap_or_default();
    format!("{second}Z")
}

/// The header's value.
pub(super) fn authorization(request: &Request<'_>) -> String {
    let mut headers: BTreeMap<&str, &str> = BTreeMap::from([("host", request.host)]);
    headers.extend(
        request
            .headers
            .iter()
            .map(|(name, value)| (*name, value.trim())),
    );
    let date = headers.get("x-amz-date").copied().unwrap_or_default();
    let day = date.get(..8).unwrap_or_default();
    let names: Vec<&str> = headers.keys().copied().collect();
    let signed = names.join(";");
    let mut canonical = format!("{}\n{}\n\n", request.method, request.path);
    for (name, value) in &headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed}\n{}", sha256(request.body));
    let (region, service) = (request.region, request.service);
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!(
        "{ALGORITHM}\n{date}\n{scope}\n{}",
        sha256(canonical.as_bytes())
    );
    let secret = request.credentials.secret_key.expose();
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [day, region, service, "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    let signature = hex(&mac(&key, text.as_bytes()));
    let access = &request.credentials.access_key;
    format!(
        "{ALGORITHM} Credential={access}/{scope}, SignedHeaders={signed}, Signature={signature}"
    )
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, bytes).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Secret;

    fn example() -> Credentials {
        Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            token: None,
        }
    }

    fn signature(method: &str) -> String {
        let headers = [("x-amz-date", "20150830T123600Z".to_owned())];
        let authorization = authorization(&Request {
            method,
            path: "/",
            host: "example.amazonaws.com",
            headers: &headers,
            body: b"",
            region: "us-east-1",
            service: "service",
            credentials: &example(),
        });
        assert!(
            authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
            ),
            "{authorization}"
        );
        authorization
            .rsplit('=')
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// `get-vanilla` and `post-vanilla` of AWS's own test suite.
    #[test]
    fn the_examples_of_aws_hold() {
        assert_eq!(
            signature("GET"),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            signature("POST"),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }

    #[test]
    fn a_date_has_the_form_that_is_signed() {
        let at = Timestamp::from_millis(1_440_938_160_123);
        assert_eq!(date(at), "20150830T123600Z");
    }
}
