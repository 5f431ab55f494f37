//! The secrets of a stack that is about to become a release.
//!
//! A release without a value could not be started, and one whose secrets have no fingerprint
//! could not say later what has changed.

use crate::api::types::ApiError;
use crate::seal::HostKey;
use mainstay_stack::{FileKind, Stack};
use std::collections::BTreeSet;

/// Refuses a stack that lacks a value, and names every value by a keyed fingerprint. What the
/// client says of fingerprints counts for nothing.
pub(super) fn fingerprint(stack: &mut Stack, key: &HostKey) -> Result<(), ApiError> {
    let missing = missing(stack);
    if !missing.is_empty() {
        let names: Vec<&str> = missing.into_iter().collect();
        let names = names.join(", ");
        return Err(ApiError::invalid(format!("no value was sent for {names}"))
            .hint("deploy with the `mainstay` of this server, which fetches them"));
    }
    for (name, secret) in &mut stack.secrets {
        secret.fingerprint = secret.value.as_ref().map(|value| {
            let bytes = [b"secret\0", name.as_bytes(), b"\0", value.expose().bytes()];
            key.print(&bytes.concat())
        });
    }
    Ok(())
}

fn missing(stack: &Stack) -> BTreeSet<&str> {
    let mut missing = BTreeSet::new();
    for (name, secret) in &stack.secrets {
        if secret.value.is_none() {
            missing.insert(name.as_str());
        }
    }
    for service in stack.services.values() {
        let files = service.files.iter();
        let files = files.filter(|file| file.kind == FileKind::Secret && file.content.is_none());
        missing.extend(files.map(|file| file.name.as_str()));
        let variables = service.secrets.iter();
        let variables = variables.filter(|(name, _)| !service.environment.contains_key(*name));
        missing.extend(variables.map(|(_, secret)| secret.as_str()));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use mainstay_model::{Content, Secret};
    use mainstay_stack::StackSecret;

    fn stack(value: Option<&str>) -> Stack {
        let mut app = testing::service("app", 1);
        app.secrets.insert("URL".to_owned(), "url".to_owned());
        let mut stack = testing::stack([app]);
        let secret = StackSecret {
            source: "variable URL".to_owned(),
            value: value.map(|value| Secret::new(Content::new(value))),
            fingerprint: Some("as the client likes".to_owned()),
        };
        stack.secrets.insert("url".to_owned(), secret);
        stack
    }

    #[test]
    fn a_stack_without_a_value_is_refused_and_with_it_named() {
        let directory = tempfile::tempdir().unwrap();
        let key = HostKey::open(&directory.path().join("host.key")).unwrap();
        let error = fingerprint(&mut stack(None), &key).unwrap_err();
        assert!(error.message.contains("url"), "{}", error.message);
        let print = |value: &str| {
            let mut stack = stack(Some(value));
            let app = stack.services.values_mut().next().unwrap();
            let text = mainstay_stack::Value {
                text: Secret::new(value.to_owned()),
                secret: true,
            };
            app.environment.insert("URL".to_owned(), text);
            fingerprint(&mut stack, &key).unwrap();
            stack.secrets["url"].fingerprint.clone().unwrap()
        };
        assert_eq!(print("one"), print("one"));
        assert_ne!(print("one"), print("two"));
        assert!(!print("one").contains("client"));
    }
}
