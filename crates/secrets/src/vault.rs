//! HashiCorp Vault: the KV engine, versions 1 and 2, over its HTTP API.
//!
//! Source: Vault's API documentation (KV secrets engine; token, AppRole and Kubernetes auth
//! methods). The path is the one of that API, so that `kv/data/shop` is version 2 and `kv/shop`
//! version 1. Tried against a player of that documentation, not against a real Vault, which Debian
//! has no package of: `docs/secrets.md` says so.

use crate::fetch::Stores;
use crate::http::{self, Address, Answer, Call};
use crate::remote::Failed;
use hyper::{Method, StatusCode};
use mainstay_model::{Content, Secret};
use mainstay_stack::secrets::Unavailable;
use serde_json::Value;
use std::path::Path;

/// Where Kubernetes puts the token of a pod's account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Which secret, and of which Vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(crate) path: String,
    pub(crate) version: Option<String>,
}

/// One Vault, and one of its namespaces.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    pub(crate) address: Address,
    namespace: Option<String>,
    authority: Option<String>,
}

impl Vault {
    pub(crate) fn new(
        address: Option<&str>,
        namespace: Option<&str>,
        stores: &Stores,
    ) -> Result<Self, Unavailable> {
        let text = address
            .or_else(|| stores.variable("VAULT_ADDR"))
            .ok_or_else(|| {
                Unavailable::unreachable("no Vault is named")
                    .hint("set VAULT_ADDR, or say `address: https://vault.example.org:8200`")
            })?;
        let address = Address::parse(text).ok_or_else(|| {
            Unavailable::unreachable(format!("`{text}` is no address of a Vault"))
                .hint("such as https://vault.example.org:8200")
        })?;
        let namespace = namespace.or_else(|| stores.variable("VAULT_NAMESPACE"));
        Ok(Self {
            address,
            namespace: namespace.map(str::to_owned),
            authority: stores.variable("VAULT_CACERT").map(str::to_owned),
        })
    }

    /// A token of the caller: one that is there, or one that is logged in for.
    pub(crate) async fn token(&self, stores: &Stores) -> Result<Secret<String>, Failed> {
        let own = |token: &str| Secret::new(token.trim().to_owned());
        if let Some(token) = stores.variable("VAULT_TOKEN") {
            return Ok(own(token));
        }
        let path = |method: &str| {
            let path = stores.variable("VAULT_AUTH_PATH").unwrap_or(method);
            format!("/v1/auth/{}/login", path.trim_matches('/'))
        };
        if let (Some(role), Some(secret)) = (
            stores.variable("VAULT_ROLE_ID"),
            stores.variable("VAULT_SECRET_ID"),
        ) {
            let body = serde_json::json!({ "role_id": role, "secret_id": secret });
            return self.login(path("approle"), &body).await;
        }
        if let Some(role) = stores.variable("VAULT_KUBERNETES_ROLE") {
            let jwt = std::fs::read_to_string(SERVICE_ACCOUNT).map_err(|error| {
                Unavailable::unreachable(format!(
                    "no token of a Kubernetes account: cannot read `{SERVICE_ACCOUNT}`: {error}"
                ))
            })?;
            let body = serde_json::json!({ "role": role, "jwt": jwt.trim() });
            return self.login(path("kubernetes"), &body).await;
        }
        // What `vault login` leaves.
        let left = std::fs::read_to_string(stores.home.join(".vault-token"));
        left.ok()
            .map(|token| own(&token))
            .filter(|token| !token.expose().is_empty())
            .ok_or_else(|| {
                Unavailable::unreachable("there is no Vault token").hint(
                    "log in: vault login; or set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID",
                )
                .into()
            })
    }

    async fn login(&self, path: String, body: &Value) -> Result<Secret<String>, Failed> {
        let answer = self
            .ask(
                Method::POST,
                path.clone(),
                None,
                body.to_string().into_bytes(),
            )
            .await?;
        let json = answer.json().unwrap_or_default();
        let token = json["auth"]["client_token"].as_str();
        match token.filter(|_| answer.status.is_success()) {
            Some(token) => Ok(Secret::new(token.to_owned())),
            None => Err(Self::refused(&answer, &json, &path)
                .hint("are role and secret id right, and not used up?")
                .into()),
        }
    }

    /// All keys of the secret, as a JSON object.
    pub(crate) async fn value(
        &self,
        question: &Question,
        token: &Secret<String>,
    ) -> Result<Secret<Content>, Failed> {
        let path = encoded(&question.path);
        let mut path = format!("/v1/{path}");
        if let Some(version) = &question.version {
            path = format!("{path}?version={}", encoded(version));
        }
        let answer = self
            .ask(Method::GET, path.clone(), Some(token), Vec::new())
            .await?;
        let json = answer.json().unwrap_or_default();
        if !answer.status.is_success() {
            return Err(Self::refused(&answer, &json, &question.path).into());
        }
        let data = &json["data"];
        // Version 2 has its own data within, beside what it knows of it.
        let data = if data["data"].is_object() && data["metadata"].is_object() {
            &data["data"]
        } else {
            data
        };
        if !data.is_object() {
            let message = format!("Vault has no keys at `{}`", question.path);
            return Err(Unavailable::missing(message).into());
        }
        Ok(Secret::new(Content::new(data.to_string())))
    }

    async fn ask(
        &self,
        method: Method,
        path: String,
        token: Option<&Secret<String>>,
        body: Vec<u8>,
    ) -> Result<Answer, Failed> {
        // Vault refuses what was forged from a browser: every request says that it is meant.
        let mut headers = vec![("x-vault-request", "true".to_owned())];
        if let Some(token) = token {
            headers.push(("x-vault-token", token.expose().clone()));
        }
        if let Some(namespace) = &self.namespace {
            headers.push(("x-vault-namespace", namespace.clone()));
        }
        http::send(&Call {
            method,
            address: &self.address,
            path,
            headers,
            body,
            authority: self.authority.as_deref().map(Path::new),
        })
        .await
        .map_err(|error| Failed::silent(Unavailable::unreachable(format!("Vault: {error}"))))
    }

    /// What Vault says of it; it does not repeat what was sent.
    fn refused(answer: &Answer, json: &Value, path: &str) -> Unavailable {
        let said = |list: &Value| {
            let texts = list.as_array().into_iter().flatten();
            let texts: Vec<&str> = texts.filter_map(Value::as_str).collect();
            texts.join("; ").chars().take(300).collect::<String>()
        };
        let (errors, warnings) = (said(&json["errors"]), said(&json["warnings"]));
        let status = answer.status;
        let mut message = format!("Vault answers {} for `{path}`", status.as_u16());
        for text in [errors, warnings.clone()] {
            if !text.is_empty() {
                message = format!("{message}: {}", text.trim());
            }
        }
        match status {
            StatusCode::NOT_FOUND if json["data"]["metadata"].is_object() => {
                Unavailable::missing(format!("the version at `{path}` was deleted"))
                    .hint("undelete it, or say which `version` is meant")
            }
            StatusCode::NOT_FOUND if warnings.contains("versioned") => {
                Unavailable::missing(message)
                    .hint("version 2 of the engine has `data` after the mount: `kv/data/shop`")
            }
            StatusCode::NOT_FOUND => Unavailable::missing(message).hint(
                "is the path right, with `data` after the mount for version 2, and the namespace?",
            ),
            StatusCode::FORBIDDEN => Unavailable::unreachable(message)
                .hint("the token is too old, or its policy does not let it read that path"),
            StatusCode::SERVICE_UNAVAILABLE => {
                Unavailable::unreachable(message).hint("it is sealed, or standing by")
            }
            _ => Unavailable::unreachable(message),
        }
    }
}

/// Percent-encoded, but for what separates a path.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
