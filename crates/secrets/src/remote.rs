//! Stores on other machines, each asked once for what several secrets are parts of.
//!
//! One that cannot be reached or does not let the caller in is not asked again for the next
//! secret: a deploy that cannot work says so after one deadline, not after twenty.

use crate::aws::{self, Credentials};
use crate::fetch::{Answer, Stores};
use crate::vault::{self, Vault};
use mainstay_model::{Content, Problem, Problems, Secret};
use mainstay_stack::secrets::{SecretRequest, Source, Unavailable};
use std::collections::BTreeMap;

/// Address and namespace.
type Place = (String, Option<String>);

/// Why a store gave no value.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) error: Unavailable,
    /// Nobody answered: neither will they the next time.
    pub(crate) silent: bool,
}

impl From<Unavailable> for Failed {
    fn from(error: Unavailable) -> Self {
        Self {
            error,
            silent: false,
        }
    }
}

impl Failed {
    pub(crate) fn silent(error: Unavailable) -> Self {
        Self {
            error,
            silent: true,
        }
    }
}

/// What was found out so far.
#[derive(Default)]
pub(crate) struct Remote {
    credentials: Option<Result<Credentials, Unavailable>>,
    of_aws: BTreeMap<aws::Question, Answer>,
    tokens: BTreeMap<Place, Result<Secret<String>, Unavailable>>,
    of_vault: BTreeMap<(Place, vault::Question), Answer>,
    /// Places that did not answer.
    gone: BTreeMap<String, Unavailable>,
}

impl Remote {
    pub(crate) async fn value(
        &mut self,
        request: &SecretRequest,
        stores: &Stores,
        warnings: &mut Problems,
    ) -> Answer {
        let name = &request.name;
        let answer = match &request.source {
            Source::Aws {
                secret,
                version,
                region,
                endpoint,
                ..
            } => {
                let question = aws::Question {
                    secret: secret.clone(),
                    version: version.clone(),
                    region: region.clone(),
                    endpoint: endpoint.clone(),
                };
                self.aws(question, stores).await
            }
            Source::Vault {
                path,
                version,
                address,
                namespace,
                ..
            } => {
                let question = vault::Question {
                    path: path.trim_matches('/').to_owned(),
                    version: version.clone(),
                };
                let vault = Vault::new(address.as_deref(), namespace.as_deref(), stores);
                match vault {
                    Ok(vault) => {
                        warn_of_clear_text(request, &vault, warnings);
                        self.vault(&vault, namespace.clone(), question, stores)
                            .await
                    }
                    Err(error) => Err(error),
                }
            }
            _ => Err(Unavailable::unreachable("it is in no store elsewhere")),
        };
        answer.map_err(|mut error| {
            error.message = format!("secret `{name}`: {}", error.message);
            error
        })
    }

    async fn aws(&mut self, question: aws::Question, stores: &Stores) -> Answer {
        if let Some(answer) = self.of_aws.get(&question) {
            return answer.clone();
        }
        let place = format!("aws {:?} {:?}", question.region, question.endpoint);
        if let Some(error) = self.gone.get(&place) {
            return Err(error.clone());
        }
        let credentials = match &self.credentials {
            Some(known) => known.clone(),
            None => Credentials::find(stores).await,
        };
        self.credentials = Some(credentials.clone());
        let answer = aws::value(&question, stores, &credentials?).await;
        let answer = self.heard(place, answer);
        self.of_aws.insert(question, answer.clone());
        answer
    }

    async fn vault(
        &mut self,
        vault: &Vault,
        namespace: Option<String>,
        question: vault::Question,
        stores: &Stores,
    ) -> Answer {
        let place = (vault.address.to_string(), namespace);
        let key = (place.clone(), question);
        if let Some(answer) = self.of_vault.get(&key) {
            return answer.clone();
        }
        if let Some(error) = self.gone.get(&place.0) {
            return Err(error.clone());
        }
        let token = match self.tokens.get(&place) {
            Some(known) => known.clone(),
            None => vault.token(stores).await.map_err(|failed| failed.error),
        };
        self.tokens.insert(place.clone(), token.clone());
        let answer = vault.value(&key.1, &token?).await;
        let answer = self.heard(place.0, answer);
        self.of_vault.insert(key, answer.clone());
        answer
    }

    /// A place that nobody answers at is not asked again; one that refuses one secret is.
    fn heard(&mut self, place: String, answer: Result<Secret<Content>, Failed>) -> Answer {
        answer.map_err(|failed| {
            if failed.silent {
                self.gone.insert(place, failed.error.clone());
            }
            failed.error
        })
    }
}

/// A token and a secret go over the network as they are.
fn warn_of_clear_text(request: &SecretRequest, vault: &Vault, warnings: &mut Problems) {
    let address = &vault.address;
    if !address.encrypted && !address.is_loopback() {
        let name = &request.name;
        let message = format!("secret `{name}` is asked for at {address}, unencrypted");
        let problem = Problem::warning("secret/clear-text", message).at(request.place.clone());
        warnings
            .push(problem.hint("whoever is between can read the token and the secret: use https"));
    }
}
