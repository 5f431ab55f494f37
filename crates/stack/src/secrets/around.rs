//! What surrounds the secrets of a stack: the variables that stores are reached by, the values that
//! the documentation shows, who gets what.

use super::definitions::Definitions;
use super::section::{Surroundings, section};
use super::source::SecretRequest;
use crate::decode::Found;
use crate::interpolate::{Lookup, Variables};
use crate::project::Reading;
use crate::resolved::{FileKind, StackSecret};
use crate::tree::Node;
use mainstay_model::{EnvironmentName, Secret, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

/// What the stores of secrets are reached by: the names that their own tools read. They may stand
/// in the shell, in `.env`, or in the `variables` of an environment.
const STORE_VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "VAULT_ADDR",
    "VAULT_TOKEN",
    "VAULT_NAMESPACE",
    "VAULT_CACERT",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "VAULT_AUTH_PATH",
    "VAULT_KUBERNETES_ROLE",
    "MAINSTAY_AGE_KEY",
    "MAINSTAY_AGE_KEY_FILE",
];

/// Everything that can be granted. `own` is the section of mainstay.yaml, and what the environment
/// lays over it.
pub(crate) fn definitions(
    reading: &mut Reading<'_>,
    own: [Option<&Node>; 2],
    environment: &EnvironmentName,
    tree: &Node,
    variables: &Variables,
) -> Definitions {
    let around = Surroundings {
        environment,
        variables,
        examples: &examples(reading),
    };
    let own = section(own[0], own[1], &around, &mut reading.problems);
    Definitions::new(own, tree, variables, &mut reading.problems)
}

/// Which services get each secret.
pub(super) fn users(
    services: &BTreeMap<ServiceName, Found>,
) -> BTreeMap<String, BTreeSet<ServiceName>> {
    let mut users: BTreeMap<String, BTreeSet<ServiceName>> = BTreeMap::new();
    for (service, found) in services {
        let files = found.service.files.iter();
        let files = files.filter(|file| file.kind == FileKind::Secret);
        let names = files.map(|file| &file.name);
        // What the service is asked with, by us.
        let exporter = found.service.metrics.exporter.iter();
        let asked_with = exporter.filter_map(|exporter| exporter.secret.as_ref());
        for name in names
            .chain(found.service.secrets.values())
            .chain(asked_with)
        {
            users
                .entry(name.clone())
                .or_default()
                .insert(service.clone());
        }
    }
    users
}

/// Those that services and backups get.
pub(crate) fn of_stack(requests: &[SecretRequest]) -> BTreeMap<String, StackSecret> {
    let used = requests.iter().filter(|request| request.is_used());
    used.map(|request| {
        let secret = StackSecret {
            source: request.source.to_string(),
            value: None,
            fingerprint: None,
        };
        (request.name.clone(), secret)
    })
    .collect()
}

/// What the documentation shows, where `.env.example` is there. It may be written any way: it is
/// no file that the stack is made of, and its mistakes are nobody's problem.
fn examples(reading: &Reading<'_>) -> BTreeMap<String, String> {
    let path = reading.directory.join(".env.example");
    let text = reading.loader.read(&path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (!name.starts_with('#')).then(|| (name.trim().to_owned(), value.to_owned()))
    });
    lines.collect()
}

pub(crate) fn store_variables(variables: &Variables) -> BTreeMap<String, Secret<String>> {
    STORE_VARIABLES
        .iter()
        .filter_map(|name| {
            let value = variables.get(name).filter(|value| !value.is_empty())?;
            Some(((*name).to_owned(), Secret::new(value.to_owned())))
        })
        .collect()
}
