//! What is counted since the engine began.

use std::collections::BTreeMap;

use crate::config::{Configuration, IntegrationKind};

/// Of one kind of integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindCounters {
    /// Notifications that were begun.
    pub notifications: u64,
    /// Those that were given up.
    pub failed: u64,
    /// Tries.
    pub requests: u64,
    pub requests_failed: u64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Words that an alert fires, and that it is over.
    pub firing: u64,
    pub resolved: u64,
    pub invalid: u64,
    pub kinds: BTreeMap<IntegrationKind, KindCounters>,
}

impl Configuration {
    /// How many integrations there are of each kind.
    pub fn integration_counts(&self) -> BTreeMap<IntegrationKind, usize> {
        let mut counts = BTreeMap::new();
        for integration in self
            .receivers
            .iter()
            .flat_map(|receiver| &receiver.integrations)
        {
            *counts.entry(integration.kind()).or_insert(0) += 1;
        }
        counts
    }
}
