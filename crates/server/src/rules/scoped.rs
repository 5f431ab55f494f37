//! What the rules of a stack see of the store: the series of their environment, and those that
//! belong to no stack.
//!
//! Two environments of one stack bring the same rules to one server. Without this, each would fire for
//! the other.

use mainstay_model::Scope;
use mainstay_series::{LabelQuery, Matcher, Selection, Series, Storage, StorageError};
use std::collections::BTreeSet;

/// A store seen from one environment.
pub(super) struct Scoped<'a> {
    store: &'a dyn Storage,
    /// None: it sees everything.
    own: Vec<Matcher>,
}

impl<'a> Scoped<'a> {
    pub(super) fn new(store: &'a dyn Storage, scope: Option<&Scope>) -> Self {
        let own = scope.map(|scope| {
            [
                matcher("stack", scope.stack.as_str()),
                matcher("environment", scope.environment.as_str()),
            ]
        });
        Self {
            store,
            own: own.into_iter().flatten().collect(),
        }
    }

    fn with_own(&self, asked: &[Matcher]) -> Vec<Matcher> {
        asked.iter().chain(&self.own).cloned().collect()
    }
}

/// The value, or none at all.
fn matcher(name: &str, value: &str) -> Matcher {
    // Names of stacks and environments are letters, digits and `-`: nothing to a regular expression.
    Matcher::regex(name, format!("|{value}")).unwrap_or_else(|_| Matcher::equal(name, value))
}

impl Storage for Scoped<'_> {
    fn select(&self, selection: &Selection<'_>) -> Result<Vec<Box<dyn Series + '_>>, StorageError> {
        let matchers = self.with_own(selection.matchers);
        self.store.select(&Selection {
            matchers: &matchers,
            ..*selection
        })
    }

    fn label_names(&self, query: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> {
        let matchers = self.with_own(query.matchers);
        self.store.label_names(LabelQuery {
            matchers: &matchers,
            ..query
        })
    }

    fn label_values(
        &self,
        name: &str,
        query: LabelQuery<'_>,
    ) -> Result<BTreeSet<String>, StorageError> {
        let matchers = self.with_own(query.matchers);
        self.store.label_values(
            name,
            LabelQuery {
                matchers: &matchers,
                ..query
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_promql::promqltest::MemoryStorage;
    use mainstay_series::Window;

    #[test]
    fn an_environment_sees_its_own_series_and_those_of_nobody() {
        let store = MemoryStorage::load(
            "load 1m\n  up{stack=\"shop\", environment=\"dev\"} 1\n  up{stack=\"shop\", environment=\"production\"} 1\n  up{stack=\"other\", environment=\"dev\"} 1\n  up{job=\"node\"} 1\n",
        )
        .unwrap();
        let scope = Scope {
            stack: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
        };
        let seen = |scope: Option<&Scope>| {
            let scoped = Scoped::new(&store, scope);
            let matchers = [Matcher::equal("__name__", "up")];
            let found = scoped.select(&Selection::new(&matchers, Window::ALL));
            let found = found.unwrap();
            found
                .iter()
                .map(|series| series.labels().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            seen(Some(&scope)),
            [
                r#"up{environment="dev", stack="shop"}"#,
                r#"up{job="node"}"#
            ]
        );
        assert_eq!(seen(None).len(), 4);
    }
}
