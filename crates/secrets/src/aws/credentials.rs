//! Who asks AWS: variables, a profile, or what a container or machine is given.
//!
//! The last two are only asked where a variable says that they are there: a laptop must not wait
//! for an address that nobody has. Single sign-on, roles that are assumed and credential processes
//! are not followed; the error says so, and what to do.

use super::profile;
use crate::fetch::Stores;
use crate::http::{self, Address, Call};
use hyper::Method;
use mainstay_model::Secret;
use mainstay_stack::secrets::Unavailable;

/// Of the engine that runs containers (ECS, EKS).
const CONTAINER: &str = "http://169.254.170.2";
const METADATA_SECONDS: &str = "60";

#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: Secret<String>,
    pub(crate) token: Option<Secret<String>>,
}

impl Credentials {
    pub(crate) async fn find(stores: &Stores) -> Result<Self, Unavailable> {
        if let Some(found) = of_variables(stores) {
            return Ok(found);
        }
        let other = match profile::credentials(stores) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(other) => Some(other),
        };
        if let Some(found) = of_container(stores).await? {
            return Ok(found);
        }
        if let Some(found) = of_machine(stores).await? {
            return Ok(found);
        }
        let profile = profile::name(stores);
        Err(match other {
            Some(way) => Unavailable::unreachable(format!(
                "the AWS profile `{profile}` gets its credentials by `{way}`, which is not supported"
            ))
            .hint("let the AWS CLI do it: eval \"$(aws configure export-credentials --format env)\""),
            None => Unavailable::unreachable("there are no AWS credentials")
                .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
        })
    }
}

fn of_variables(stores: &Stores) -> Option<Credentials> {
    let text = |name: &str| stores.variable(name).map(str::to_owned);
    Some(Credentials {
        access_key: text("AWS_ACCESS_KEY_ID")?,
        secret_key: Secret::new(text("AWS_SECRET_ACCESS_KEY")?),
        token: text("AWS_SESSION_TOKEN").map(Secret::new),
    })
}

/// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, or `…_RELATIVE_URI` at the engine's own address.
async fn of_container(stores: &Stores) -> Result<Option<Credentials>, Unavailable> {
    let whole = match (
        stores.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        stores.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    ) {
        (_, Some(path)) => format!("{CONTAINER}{path}"),
        (Some(whole), None) => whole.to_owned(),
        (None, None) => return Ok(None),
    };
    let wrong = || Unavailable::unreachable("the address of the container's credentials is none");
    let after = whole.find("://").ok_or_else(wrong)? + 3;
    let at = whole[after..]
        .find('/')
        .map_or(whole.len(), |at| after + at);
    let address = Address::parse(&whole[..at]).ok_or_else(wrong)?;
    let token = match stores.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => std::fs::read_to_string(path).ok(),
        None => stores
            .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(str::to_owned),
    };
    let headers = token
        .map(|token| ("authorization", token.trim().to_owned()))
        .into_iter()
        .collect();
    let path = whole[at..].to_owned();
    get(&address, path, headers).await.map(Some)
}

/// The instance metadata service, version 2, where `AWS_EC2_METADATA_SERVICE_ENDPOINT` names it.
async fn of_machine(stores: &Stores) -> Result<Option<Credentials>, Unavailable> {
    let Some(text) = stores.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") else {
        return Ok(None);
    };
    if stores.variable("AWS_EC2_METADATA_DISABLED") == Some("true") {
        return Ok(None);
    }
    let address = Address::parse(text).ok_or_else(|| {
        Unavailable::unreachable(format!("`{text}` is no address of the metadata service"))
    })?;
    let token = ask(
        &address,
        Method::PUT,
        "/latest/api/token".to_owned(),
        vec![(
            "x-aws-ec2-metadata-token-ttl-seconds",
            METADATA_SECONDS.to_owned(),
        )],
    )
    .await?;
    let token = || vec![("x-aws-ec2-metadata-token", text_of(&token))];
    let base = "/latest/meta-data/iam/security-credentials/";
    let role = ask(&address, Method::GET, base.to_owned(), token()).await?;
    let role = text_of(&role);
    let role = role.lines().next().unwrap_or_default().trim();
    get(&address, format!("{base}{role}"), token())
        .await
        .map(Some)
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

async fn get(
    address: &Address,
    path: String,
    headers: Vec<(&'static str, String)>,
) -> Result<Credentials, Unavailable> {
    let body = ask(address, Method::GET, path, headers).await?;
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    match (text("AccessKeyId"), text("SecretAccessKey")) {
        (Some(access_key), Some(secret_key)) => Ok(Credentials {
            access_key,
            secret_key: Secret::new(secret_key),
            token: text("Token").map(Secret::new),
        }),
        _ => Err(
            Unavailable::unreachable(format!("{address} answers without AWS credentials"))
                .hint("has the task or the machine a role?"),
        ),
    }
}

async fn ask(
    address: &Address,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
) -> Result<Vec<u8>, Unavailable> {
    let answer = http::send(&Call {
        method,
        address,
        path,
        headers,
        body: Vec::new(),
        authority: None,
    })
    .await
    .map_err(|error| Unavailable::unreachable(format!("no AWS credentials: {error}")))?;
    if answer.status.is_success() {
        return Ok(answer.body);
    }
    let status = answer.status.as_u16();
    Err(Unavailable::unreachable(format!(
        "no AWS credentials: {address} answers {status}"
    )))
}
