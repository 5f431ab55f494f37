//! Who we are to a registry: Docker's `config.json`, with its credential helpers.
//!
//! Source: the documentation of `docker login` ("Credential stores") and of
//! docker-credential-helpers: a helper is called `docker-credential-NAME get`, reads the registry
//! on standard input and answers JSON. Nothing is kept: every question reads the file anew, so that
//! a `docker login` is seen at once. Passwords are never in an argument, a log or an error.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use mainstay_model::Secret;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How Docker Hub is called in the file.
const HUB: &str = "https://index.docker.io/v1/";

/// For a helper to answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A larger file is not one of `docker login`.
const LIMIT_BYTES: u64 = 1 << 20;

/// Where the logins are.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    /// The directory of `config.json`; `None`: no logins.
    directory: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: HashMap<String, Login>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Login {
    /// Base64 of `user:password`.
    auth: Secret<String>,
    username: Option<String>,
    password: Secret<String>,
    identitytoken: Secret<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: Secret<String>,
}

/// What the engine is sent (`AuthConfig` of its API).
#[derive(Debug, Clone, Serialize)]
struct AuthConfig {
    username: String,
    password: Secret<String>,
    serveraddress: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identitytoken: Option<Secret<String>>,
}

impl Registries {
    /// `$DOCKER_CONFIG`, else `~/.docker`.
    pub fn from_environment() -> Self {
        let directory = std::env::var_os("DOCKER_CONFIG")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".docker")));
        Self { directory }
    }

    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: Some(directory.into()),
        }
    }

    /// `X-Registry-Auth` for one registry; `None`: nobody is logged in there.
    pub(super) async fn of(&self, registry: &str) -> Option<Secret<String>> {
        let auth = self.auth(&self.config().await?, registry).await?;
        encoded(&auth)
    }

    /// `X-Registry-Config` for several.
    pub(super) async fn of_all(&self, registries: &[String]) -> Option<Secret<String>> {
        let config = self.config().await?;
        let mut all = BTreeMap::new();
        for registry in registries {
            if let Some(auth) = self.auth(&config, registry).await {
                all.insert(auth.serveraddress.clone(), auth);
            }
        }
        (!all.is_empty()).then(|| encoded(&all)).flatten()
    }

    async fn config(&self) -> Option<Config> {
        let path = self.directory.as_ref()?.join("config.json");
        let size = tokio::fs::metadata(&path).await.ok()?.len();
        if size > LIMIT_BYTES {
            tracing::warn!(path = %path.display(), size, "not read: too large for a file of logins");
            return None;
        }
        let bytes = tokio::fs::read(&path).await.ok()?;
        match serde_json::from_slice(&bytes) {
            Ok(config) => Some(config),
            // The error's own text may quote the file.
            Err(error) => {
                tracing::warn!(path = %path.display(), line = error.line(), "the file of logins is not JSON");
                None
            }
        }
    }

    async fn auth(&self, config: &Config, registry: &str) -> Option<AuthConfig> {
        let key = if registry == "docker.io" {
            HUB
        } else {
            registry
        };
        let helper = config
            .cred_helpers
            .get(registry)
            .or(config.creds_store.as_ref());
        if let Some(helper) = helper
            && let Some(auth) = helped(helper, key).await
        {
            return Some(auth);
        }
        let login = config
            .auths
            .iter()
            .find(|(name, _)| host(name) == host(key))
            .map(|(_, login)| login)?;
        login.read(key)
    }
}

impl Login {
    fn read(&self, key: &str) -> Option<AuthConfig> {
        let pair = STANDARD
            .decode(self.auth.expose().trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| {
                let (user, password) = text.trim_end_matches('\0').split_once(':')?;
                Some((user.to_owned(), password.to_owned()))
            })
            .or_else(|| Some((self.username.clone()?, self.password.expose().clone())));
        let token = Some(self.identitytoken.clone()).filter(|token| !token.expose().is_empty());
        let (username, password) = pair.or_else(|| token.as_ref().map(|_| Default::default()))?;
        Some(AuthConfig {
            username,
            password: Secret::new(password),
            serveraddress: key.to_owned(),
            identitytoken: token,
        })
    }
}

/// Asks a credential helper; `None` where it has none, or does not answer.
async fn helped(helper: &str, key: &str) -> Option<AuthConfig> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !helper.chars().all(plain) {
        tracing::warn!(helper, "not a name of a credential helper");
        return None;
    }
    ask(&format!("docker-credential-{helper}"), key).await
}

async fn ask(program: &str, key: &str) -> Option<AuthConfig> {
    let answer = async {
        let mut child = Command::new(program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(key.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(DEADLINE, answer).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            tracing::warn!(program, %error, "a credential helper cannot be called");
            return None;
        }
        Err(_) => {
            tracing::warn!(program, "a credential helper does not answer");
            return None;
        }
    };
    // It ends with an error where it knows no login.
    let helped: Helped = serde_json::from_slice(&output.stdout)
        .ok()
        .filter(|_| output.status.success())?;
    let is_token = helped.username == "<token>";
    Some(AuthConfig {
        username: if is_token {
            String::new()
        } else {
            helped.username
        },
        password: if is_token {
            Secret::default()
        } else {
            helped.secret.clone()
        },
        serveraddress: key.to_owned(),
        identitytoken: is_token.then_some(helped.secret),
    })
}

/// The engine decodes the URL-safe alphabet, and takes what it cannot decode as nobody.
fn encoded(value: &impl Serialize) -> Option<Secret<String>> {
    let json = serde_json::to_vec(value).ok()?;
    Some(Secret::new(URL_SAFE.encode(json)))
}

/// Older versions of Docker wrote whole addresses.
fn host(name: &str) -> &str {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    name.split('/').next().unwrap_or(name)
}

/// The registry of an image's name; `docker.io` where none is written.
pub(super) fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests;
