//! What may be known of the secrets of an environment: where each comes from, who has it, and
//! since which release it is what it is. From the journal, which holds no value.

use crate::api::types::{ApiError, SecretStatus};
use crate::control::Control;
use mainstay_journal::{Release, ReleaseStatus};
use mainstay_model::{Scope, ServiceName};
use serde_json::Value;
use std::collections::BTreeSet;

impl Control {
    pub async fn secrets(&self, scope: &Scope) -> Result<Vec<SecretStatus>, ApiError> {
        self.environment(scope)?;
        let releases = self.store.releases(scope).await?;
        Ok(statuses(&releases))
    }
}

/// Of the release that is current. `releases` are newest first.
fn statuses(releases: &[Release]) -> Vec<SecretStatus> {
    let was_current = |release: &&Release| {
        matches!(
            release.status,
            ReleaseStatus::Current | ReleaseStatus::Superseded
        )
    };
    let current = releases
        .iter()
        .position(|release| release.status == ReleaseStatus::Current);
    let Some(index) = current else {
        return Vec::new();
    };
    let current = &releases[index];
    let earlier: Vec<&Release> = releases[index..].iter().filter(was_current).collect();
    let secrets = current.definition["secrets"].as_object();
    secrets
        .into_iter()
        .flatten()
        .map(|(name, secret)| {
            let print = &secret["fingerprint"];
            let same =
                |release: &&&Release| release.definition["secrets"][name]["fingerprint"] == *print;
            let first = earlier.iter().take_while(same).last().unwrap_or(&current);
            SecretStatus {
                name: name.clone(),
                source: secret["source"].as_str().unwrap_or_default().to_owned(),
                services: users(&current.definition, name),
                release: first.number,
                changed_at: first.created_at,
                fingerprint: print
                    .as_str()
                    .unwrap_or_default()
                    .chars()
                    .take(12)
                    .collect(),
            }
        })
        .collect()
}

fn users(definition: &Value, secret: &str) -> BTreeSet<ServiceName> {
    let services = definition["services"].as_object().into_iter().flatten();
    let uses = |service: &Value| {
        let mut variables = service["secrets"].as_object().into_iter().flatten();
        let mut files = service["files"].as_array().into_iter().flatten();
        variables.any(|(_, name)| name == secret)
            || files.any(|file| file["kind"] == "secret" && file["name"] == secret)
    };
    services
        .filter(|(_, service)| uses(service))
        .filter_map(|(name, _)| ServiceName::new(name.as_str()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stored_release;
    use serde_json::json;

    #[test]
    fn a_secret_is_as_old_as_its_value() {
        use ReleaseStatus::{Current, Failed, Superseded};
        let mut releases: Vec<Release> = [
            (1, Superseded, "a"),
            (2, Superseded, "b"),
            (3, Failed, "c"),
            (4, Superseded, "b"),
            (5, Current, "b"),
        ]
        .into_iter()
        .map(|(number, status, print)| {
            let mut release = stored_release(number, status);
            release.definition = json!({
                "secrets": {"url": {"source": "variable URL", "fingerprint": print}},
                "services": {
                    "app": {"secrets": {"URL": "url"}},
                    "web": {"files": [{"kind": "secret", "name": "url"}, {"kind": "config", "name": "x"}]},
                    "db": {"files": [{"kind": "config", "name": "url"}]},
                },
            });
            release
        })
        .collect();
        releases.reverse();
        let statuses = statuses(&releases);
        assert_eq!(statuses.len(), 1);
        assert_eq!(statuses[0].release.0, 2);
        let users: Vec<&str> = statuses[0]
            .services
            .iter()
            .map(ServiceName::as_str)
            .collect();
        assert_eq!(users, ["app", "web"]);
    }
}
