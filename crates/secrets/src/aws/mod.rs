//! AWS Secrets Manager: `GetSecretValue`, signed with Signature Version 4.
//!
//! Source: the AWS Secrets Manager API reference and "Signature Version 4 signing process". The
//! one call that is needed is signed here rather than by an SDK: see
//! `docs/decisions/0016-secrets.md`.

mod credentials;
mod profile;
mod sign;

pub(crate) use credentials::Credentials;

use crate::fetch::Stores;
use crate::http::{self, Address, Call};
use crate::remote::Failed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use mainstay_model::{Content, Secret, Timestamp};
use mainstay_stack::secrets::Unavailable;
use std::path::Path;

const SERVICE: &str = "secretsmanager";
const TARGET: &str = "secretsmanager.GetSecretValue";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

const LOG_IN: &str = "log in again: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is wrong or too old";

/// Which secret, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(crate) secret: String,
    pub(crate) version: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
}

/// The whole value.
pub(crate) async fn value(
    question: &Question,
    stores: &Stores,
    credentials: &Credentials,
) -> Result<Secret<Content>, Failed> {
    let region = region(question, stores)?;
    let address = endpoint(question, stores, &region)?;
    let mut body = serde_json::json!({ "SecretId": question.secret });
    if let Some(version) = &question.version {
        // An id is a UUID; anything else is a stage.
        let is_id = version.len() == 36 && version.matches('-').count() == 4;
        body[if is_id { "VersionId" } else { "VersionStage" }] = version.as_str().into();
    }
    let body = body.to_string().into_bytes();
    let mut headers = vec![
        ("content-type", CONTENT_TYPE.to_owned()),
        ("x-amz-date", sign::date(now())),
        ("x-amz-target", TARGET.to_owned()),
    ];
    if let Some(token) = &credentials.token {
        headers.push(("x-amz-security-token", token.expose().clone()));
    }
    let authorization = sign::authorization(&sign::Request {
        method: "POST",
        path: "/",
        host: &address.authority(),
        headers: &headers,
        body: &body,
        region: &region,
        service: SERVICE,
        credentials,
    });
    headers.push(("authorization", authorization));
    let answer = http::send(&Call {
        method: Method::POST,
        address: &address,
        path: "/".to_owned(),
        headers,
        body,
        authority: stores.variable("AWS_CA_BUNDLE").map(Path::new),
    })
    .await
    .map_err(|error| Failed::silent(Unavailable::unreachable(error.to_string())))?;
    let json = answer.json().unwrap_or_default();
    if !answer.status.is_success() {
        return Err(refused(answer.status.as_u16(), &json, &region).into());
    }
    if let Some(text) = json["SecretString"].as_str() {
        return Ok(Secret::new(Content::new(text)));
    }
    let binary = json["SecretBinary"].as_str();
    let binary = binary.and_then(|text| BASE64.decode(text).ok());
    binary
        .map(|bytes| Secret::new(Content::new(bytes)))
        .ok_or_else(|| {
            Unavailable::unreachable("AWS Secrets Manager answers without a value").into()
        })
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as i64)
}

fn region(question: &Question, stores: &Stores) -> Result<String, Unavailable> {
    let variable = || {
        let named = stores.variable("AWS_REGION");
        named.or_else(|| stores.variable("AWS_DEFAULT_REGION"))
    };
    // An ARN says where it is: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
    let arn = question.secret.strip_prefix("arn:");
    let of_arn = arn.and_then(|arn| arn.split(':').nth(2));
    question
        .region
        .as_deref()
        .or(of_arn.filter(|region| !region.is_empty()))
        .or_else(variable)
        .map(str::to_owned)
        .or_else(|| profile::region(stores))
        .ok_or_else(|| {
            Unavailable::unreachable("no AWS region is known")
                .hint("say `region: …` of the secret, or set AWS_REGION")
        })
}

fn endpoint(question: &Question, stores: &Stores, region: &str) -> Result<Address, Unavailable> {
    let named = question.endpoint.as_deref();
    let named = named.or_else(|| stores.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
    let named = named.or_else(|| stores.variable("AWS_ENDPOINT_URL"));
    let own = || {
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{SERVICE}.{region}.amazonaws.com{china}")
    };
    let text = named.map_or_else(own, str::to_owned);
    Address::parse(&text).ok_or_else(|| {
        Unavailable::unreachable(format!("`{text}` is no address of AWS"))
            .hint("such as https://secretsmanager.eu-central-1.amazonaws.com")
    })
}

/// AWS says why; it does not repeat what was signed.
fn refused(status: u16, json: &serde_json::Value, region: &str) -> Unavailable {
    let kind = json["__type"].as_str().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let said = json["Message"]
        .as_str()
        .or_else(|| json["message"].as_str());
    let said: String = said.unwrap_or_default().chars().take(200).collect();
    let message = match (kind, said.as_str()) {
        ("", "") => format!("AWS Secrets Manager answers {status}"),
        (kind, "") => format!("AWS Secrets Manager answers {status}: {kind}"),
        (kind, said) => format!("AWS Secrets Manager answers {status}: {kind}: {said}"),
    };
    match kind {
        "ResourceNotFoundException" => Unavailable::missing(message)
            .hint(format!("is its name right, and is it in the region {region}?")),
        "AccessDeniedException" => Unavailable::unreachable(message)
            .hint("whoever deploys needs `secretsmanager:GetSecretValue` on it, and `kms:Decrypt` where it has a key of its own"),
        "ExpiredTokenException" | "UnrecognizedClientException" | "InvalidClientTokenId"
        | "InvalidSignatureException" | "IncompleteSignature" | "SignatureDoesNotMatch" => {
            Unavailable::unreachable(message).hint(LOG_IN)
        }
        // A gate before AWS answers in words of its own.
        "" if matches!(status, 401 | 403) => Unavailable::unreachable(message).hint(LOG_IN),
        _ => Unavailable::unreachable(message),
    }
}
