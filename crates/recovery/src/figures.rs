//! What can be counted of a database: taken with its dump, and again from the restored copy.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The figures of one database, or of one directory (where "tables" are files and rows are bytes).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// By its full name: `public.orders`; for Redis `db0`.
    pub tables: BTreeMap<String, TableFigures>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableFigures {
    pub rows: u64,
    /// Over the content, whatever the order of rows. `None`: not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}
