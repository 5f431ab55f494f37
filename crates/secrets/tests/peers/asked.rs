//! Requests as a stack makes them, and what comes of fetching.

use mainstay_model::{Place, Secret};
use mainstay_secrets::{Reach, Stores, fetch};
use mainstay_stack::secrets::{Answers, Part, Rules, SecretRequest, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(crate) fn request(name: &str, source: Source) -> SecretRequest {
    SecretRequest {
        name: name.to_owned(),
        source,
        rules: Rules::default(),
        place: Place {
            file: "mainstay.yaml".to_owned(),
            line: 1,
            column: 1,
        },
        users: BTreeSet::new(),
        backups: false,
    }
}

/// Variables as the shell has them; files of this user are looked for in `home`.
pub(crate) fn stores(home: &Path, variables: &[(&str, &str)]) -> Stores {
    let variables = variables.iter();
    let variables: BTreeMap<_, _> = variables
        .map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned())))
        .collect();
    Stores {
        variables,
        configuration: home.join(".config"),
        home: home.to_owned(),
    }
}

pub(crate) async fn answers(requests: &[SecretRequest], stores: &Stores) -> Answers {
    let requests: Vec<&SecretRequest> = requests.iter().collect();
    fetch(&requests, stores, Reach::Everywhere).await.answers
}

/// The value in the end, or what is said of it.
pub(crate) fn told(request: &SecretRequest, answers: &Answers) -> Result<String, String> {
    match request.value(answers, &[]) {
        Ok(value) => Ok(String::from_utf8_lossy(value.expose().bytes()).into_owned()),
        Err(error) => Err(format!(
            "[{}] {} ({})",
            error.code,
            error.message,
            error.hint.unwrap_or_default()
        )),
    }
}

pub(crate) fn key(name: &str) -> Part {
    Part::Key(name.to_owned())
}
