//! The schema's revision, and which releases it suits.
//!
//! What the database has is kept with the environment: it outlives the release that brought it,
//! also where that release failed and the one before runs again.

use crate::api::types::ApiError;
use crate::control::Control;
use crate::environment::{Environment, Schema};
use crate::store;
use mainstay_journal::Release;
use mainstay_model::ReleaseNumber;

/// What the database has, and what a release needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stands {
    pub(crate) now: Option<Schema>,
    pub(crate) release: ReleaseNumber,
    pub(crate) needed: Option<String>,
}

impl Stands {
    /// Why the release cannot run on this schema, as far as that is known.
    pub(crate) fn forbids(&self) -> Option<String> {
        let now = self.now.as_ref()?;
        let (revision, since, release) = (&now.revision, now.release, self.release);
        match &self.needed {
            Some(needed) if needed == revision => None,
            Some(needed) => Some(format!(
                "the schema is at {revision} since {since}, and {release} ran with {needed}"
            )),
            None => Some(format!(
                "the schema is at {revision} since {since}, and which one {release} ran with is not known"
            )),
        }
    }
}

impl Control {
    pub(crate) async fn schema_stands(
        &self,
        environment: &Environment,
        release: ReleaseNumber,
    ) -> Result<Stands, ApiError> {
        let now = environment.inner().kept.schema.clone();
        let releases = self.store.releases(&environment.scope).await?;
        Ok(Stands {
            now,
            release,
            needed: needed(&releases, release),
        })
    }
}

/// What it left itself, or else what the next migration found. Newest first.
fn needed(releases: &[Release], number: ReleaseNumber) -> Option<String> {
    let schema = |release: &Release| store::record(release).schema;
    let own = releases.iter().find(|release| release.number == number);
    if let Some(after) = own.and_then(schema).and_then(|schema| schema.after) {
        return Some(after);
    }
    let later = releases
        .iter()
        .rev()
        .filter(|release| release.number > number);
    later.filter_map(schema).find_map(|schema| schema.before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stored_release;
    use mainstay_journal::ReleaseStatus;
    use serde_json::json;

    /// Newest first, with the schema that each found and left.
    fn releases() -> Vec<Release> {
        let changes = [
            (1, json!(null)),
            (2, json!({"before": "a", "after": "a"})),
            (3, json!({"before": "a", "after": "b"})),
            (4, json!(null)),
            (5, json!({"before": "b", "after": null})),
        ];
        let release = |(number, schema)| {
            let mut release = stored_release(number, ReleaseStatus::Superseded);
            release.record = json!({ "schema": schema });
            release
        };
        changes.into_iter().rev().map(release).collect()
    }

    #[test]
    fn a_release_needs_what_it_left_or_what_the_next_one_found() {
        let needed = |number| needed(&releases(), ReleaseNumber(number));
        assert_eq!(needed(1).as_deref(), Some("a"));
        assert_eq!(needed(2).as_deref(), Some("a"));
        assert_eq!(needed(3).as_deref(), Some("b"));
        assert_eq!(needed(4).as_deref(), Some("b"));
        assert_eq!(needed(5), None);
    }

    #[test]
    fn only_a_known_and_equal_schema_allows_it() {
        let stands = |now: Option<&str>, needed: Option<&str>| Stands {
            now: now.map(|revision| Schema {
                revision: revision.to_owned(),
                release: ReleaseNumber(3),
            }),
            release: ReleaseNumber(2),
            needed: needed.map(str::to_owned),
        };
        assert_eq!(stands(None, Some("a")).forbids(), None);
        assert_eq!(stands(Some("a"), Some("a")).forbids(), None);
        assert!(stands(Some("b"), Some("a")).forbids().is_some());
        assert!(stands(Some("b"), None).forbids().is_some());
    }
}
