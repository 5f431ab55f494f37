//! `#[serde(with = …)]`: labels as a mapping of names to values.

use std::collections::BTreeMap;

use mainstay_series::Labels;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(labels: &Labels, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    BTreeMap::<String, String>::deserialize(deserializer).map(Labels::from_pairs)
}
