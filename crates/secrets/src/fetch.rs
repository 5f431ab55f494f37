//! All requests at once: each goes to its store, every answer is kept.

use crate::age::Identity;
use crate::encrypted::{EncryptedError, EncryptedFile, Values};
use crate::identities::{self, IdentityError};
use crate::remote::Remote;
use crate::{age, file};
use mainstay_model::{Content, Problem, Problems, Secret, did_you_mean};
use mainstay_stack::secrets::{Answers, SecretRequest, Source, Unavailable};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For one secret, all tries together.
const DEADLINE: Duration = Duration::from_secs(30);

/// How the stores are reached.
#[derive(Debug, Clone, Default)]
pub struct Stores {
    /// By the names that the stores' own tools read: `VAULT_ADDR`, `AWS_REGION` …
    pub variables: BTreeMap<String, Secret<String>>,
    /// `~/.config`, or where the user has it.
    pub configuration: PathBuf,
    /// Where other tools leave their files: `.aws`, `.vault-token`.
    pub home: PathBuf,
}

impl Stores {
    /// One that is set, and to something.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.expose().as_str();
        Some(value).filter(|value| !value.is_empty())
    }
}

/// How far a question may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine: no store elsewhere is asked, and its secrets get no answer. Neither do those
    /// of an encrypted file that cannot be opened here, with a warning.
    Here,
    Everywhere,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Fetched {
    pub answers: Answers,
    pub warnings: Problems,
}

pub(crate) type Answer = Result<Secret<Content>, Unavailable>;

/// Asks for all of `requests`.
pub async fn fetch(requests: &[&SecretRequest], stores: &Stores, reach: Reach) -> Fetched {
    let mut fetching = Fetching {
        stores,
        reach,
        identities: None,
        files: BTreeMap::new(),
        remote: Remote::default(),
        warnings: Problems::default(),
    };
    let mut answers = Answers::new();
    for request in requests {
        if reach == Reach::Here && request.source.is_remote() {
            continue;
        }
        let asked = fetching.one(request);
        let answer = match tokio::time::timeout(DEADLINE, asked).await {
            Ok(None) => continue,
            Ok(Some(answer)) => answer,
            Err(_) => {
                let seconds = DEADLINE.as_secs();
                let message = format!(
                    "secret `{}`: {} does not answer within {seconds} s",
                    request.name, request.source
                );
                Err(Unavailable::unreachable(message))
            }
        };
        answers.insert(request.name.clone(), answer);
    }
    Fetched {
        answers,
        warnings: fetching.warnings,
    }
}

/// What is found out once and holds for all requests.
struct Fetching<'a> {
    stores: &'a Stores,
    reach: Reach,
    identities: Option<Result<Vec<Identity>, IdentityError>>,
    files: BTreeMap<PathBuf, Result<Values, EncryptedError>>,
    remote: Remote,
    warnings: Problems,
}

impl Fetching<'_> {
    /// `None` where there is nothing to ask: the value is known already, or is made of others.
    async fn one(&mut self, request: &SecretRequest) -> Option<Answer> {
        match &request.source {
            Source::Environment { .. } | Source::Template(_) => None,
            Source::File { path, .. } => Some(file::read(request, path, &mut self.warnings).await),
            Source::Age { file, key } => self.encrypted(request, file, key),
            Source::Aws { .. } | Source::Vault { .. } => {
                let warnings = &mut self.warnings;
                Some(self.remote.value(request, self.stores, warnings).await)
            }
        }
    }

    fn encrypted(&mut self, request: &SecretRequest, path: &Path, key: &str) -> Option<Answer> {
        let name = &request.name;
        let stores = self.stores;
        let known = self
            .identities
            .get_or_insert_with(|| identities::load(stores));
        let identities = match known {
            Ok(identities) => identities.as_slice(),
            Err(error) => {
                let message = format!("secret `{name}`: {error}");
                let hint = error.hint();
                if self.reach == Reach::Here {
                    let message = format!("{message}; it is not checked");
                    let problem = Problem::warning("secret/not-checked", message);
                    let problem = problem.at(request.place.clone()).hint(hint);
                    self.warnings.push(problem);
                    return None;
                }
                return Some(Err(Unavailable::unreachable(message).hint(hint)));
            }
        };
        let values = self
            .files
            .entry(path.to_owned())
            .or_insert_with(|| EncryptedFile::new(path).read(identities));
        Some(match values {
            Ok(values) => value(name, path, key, values),
            Err(error) => Err(unavailable(name, error)),
        })
    }
}

fn value(name: &str, path: &Path, key: &str, values: &Values) -> Answer {
    if let Some(value) = values.get(key) {
        return Ok(Secret::new(Content::new(value.expose().as_bytes())));
    }
    let message = format!("secret `{name}`: `{}` has no `{key}`", path.display());
    let missing = Unavailable::missing(message);
    Err(match did_you_mean(key, values.keys().map(String::as_str)) {
        Some(near) => missing.hint(format!("did you mean `{near}`?")),
        None => missing.hint(format!("set it: mainstay secret set {name}")),
    })
}

fn unavailable(name: &str, error: &EncryptedError) -> Unavailable {
    let message = format!("secret `{name}`: {error}");
    match error {
        EncryptedError::NotFound(_) => {
            Unavailable::missing(message).hint(format!("make it: mainstay secret set {name}"))
        }
        EncryptedError::Age {
            error: age::AgeError::NotForUs(_),
            ..
        } => Unavailable::unreachable(message)
            .hint("let somebody who can open it add you: mainstay secret keys add YOUR-RECIPIENT"),
        _ => Unavailable::unreachable(message),
    }
}
