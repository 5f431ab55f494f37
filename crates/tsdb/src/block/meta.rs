//! `meta.json` of a block, and how blocks are named.

use std::fs;
use std::path::Path;

use mainstay_series::Window;
use serde::{Deserialize, Serialize};

use crate::error::{At as _, StoreError};

/// The only version of blocks there is.
const VERSION: u32 = 1;

/// What a block says of itself. Unknown fields of newer Prometheus versions are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) ulid: String,
    pub(crate) min_time: i64,
    /// The first instant after it.
    pub(crate) max_time: i64,
    #[serde(default)]
    pub(crate) stats: Stats,
    pub(crate) compaction: Compaction,
    pub(crate) version: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the names of the file")]
pub(crate) struct Stats {
    pub(crate) num_samples: u64,
    pub(crate) num_series: u64,
    pub(crate) num_chunks: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) num_tombstones: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Compaction {
    pub(crate) level: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parents: Vec<Parent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Parent {
    pub(crate) ulid: String,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
}

impl Meta {
    pub(crate) fn new(ulid: String, min_time: i64, max_time: i64, compaction: Compaction) -> Self {
        Self {
            ulid,
            min_time,
            max_time,
            stats: Stats::default(),
            compaction,
            version: VERSION,
        }
    }

    pub(crate) fn window(&self) -> Window {
        Window {
            start_ms: self.min_time,
            end_ms: self.max_time.saturating_sub(1),
        }
    }

    pub(crate) fn read(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("meta.json");
        let bytes = fs::read(&path).at(&path)?;
        let meta: Self =
            serde_json::from_slice(&bytes).map_err(|error| StoreError::corrupt(&path, error))?;
        if meta.version != VERSION {
            let reason = format!("version {} of blocks is not known", meta.version);
            return Err(StoreError::corrupt(&path, reason));
        }
        if meta.min_time > meta.max_time {
            return Err(StoreError::corrupt(&path, "it ends before it begins"));
        }
        Ok(meta)
    }

    /// Writes it beside and renames it.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join("meta.json");
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| StoreError::corrupt(&path, error))?;
        super::replace(&path, &text)
    }
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A ULID: 48 bits of time, 80 of chance. Version 7 of UUIDs has the same order, and its fixed bits
/// stand within the chance.
pub(crate) fn ulid(now_ms: i64) -> String {
    let now_ms = now_ms.max(0) as u64;
    let time = uuid::Timestamp::from_unix(
        uuid::NoContext,
        now_ms / 1000,
        (now_ms % 1000) as u32 * 1_000_000,
    );
    let mut number = uuid::Uuid::new_v7(time).as_u128();
    let mut text = [0; 26];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(number & 31) as usize];
        number >>= 5;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether a name is that of a block.
pub(crate) fn is_ulid(name: &str) -> bool {
    name.len() == 26 && name.bytes().all(|byte| ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulids_are_names_of_blocks_in_the_order_of_time() {
        let (a, b) = (ulid(1_700_000_000_000), ulid(1_700_000_000_001));
        assert!(is_ulid(&a) && a < b && !is_ulid("wal"), "{a} {b}");
        assert!(a.starts_with("01HF7YAT00"), "{a}");
    }
}
