//! All requests at once: each goes to its store, every answer is kept.

use crate::file;
use mainstay_model::{Problems, Secret};
use mainstay_stack::secrets::{Answers, SecretRequest, Source, Unavailable};
use std::collections::BTreeMap;
use std::time::Duration;

/// For one secret, all tries together.
const DEADLINE: Duration = Duration::from_secs(30);

/// How the stores are reached.
#[derive(Debug, Clone, Default)]
pub struct Stores {
    /// By the names that the stores' own tools read: `VAULT_ADDR`, `AWS_REGION` …
    pub variables: BTreeMap<String, Secret<String>>,
}

/// How far a question may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine: no store elsewhere is asked, and its secrets get no answer.
    Here,
    Everywhere,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Fetched {
    pub answers: Answers,
    pub warnings: Problems,
}

/// Asks for all of `requests`.
pub async fn fetch(requests: &[&SecretRequest], stores: &Stores, reach: Reach) -> Fetched {
    let mut fetched = Fetched::default();
    for request in requests {
        if reach == Reach::Here && request.source.is_remote() {
            continue;
        }
        let asked = one(request, stores, &mut fetched.warnings);
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
        fetched.answers.insert(request.name.clone(), answer);
    }
    fetched
}

type Answer = Result<Secret<mainstay_model::Content>, Unavailable>;

/// `None` where there is nothing to ask: the value is known already, or is made of others.
async fn one(request: &SecretRequest, _stores: &Stores, warnings: &mut Problems) -> Option<Answer> {
    match &request.source {
        Source::Environment { .. } | Source::Template(_) => None,
        Source::File { path, .. } => Some(file::read(request, path, warnings).await),
        Source::Age { .. } | Source::Aws { .. } | Source::Vault { .. } => {
            let kind = request.source.kind();
            let message = format!(
                "secret `{}`: `from: {kind}` is not supported yet",
                request.name
            );
            Some(Err(Unavailable::unreachable(message)))
        }
    }
}
