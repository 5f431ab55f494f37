//! Whether a copy is what was saved, and whether what was saved looks right.

#[cfg(test)]
mod tests;

use crate::figures::{Figures, TableFigures};
use mainstay_model::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Copies before this one that it is held against.
const BEFORE: usize = 5;
/// A copy below this share of what was usual is suspicious, in percent.
const SUSPICIOUS_PERCENT: u64 = 50;
/// Rows or bytes below which halving is everyday life.
const SMALL_ROWS: u64 = 100;
const SMALL_BYTES: u64 = 64 << 10;

/// One way in which a restored copy is not what was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    Missing {
        table: String,
        rows: u64,
    },
    Added {
        table: String,
        rows: u64,
    },
    Rows {
        table: String,
        saved: u64,
        restored: u64,
    },
    Content {
        table: String,
    },
}

/// What is different, by table. Checksums are compared where both sides have one.
pub fn differences(saved: &Figures, restored: &Figures) -> Vec<Difference> {
    let mut all = Vec::new();
    for (table, figures) in &saved.tables {
        let table = table.clone();
        match restored.tables.get(&table) {
            None => all.push(Difference::Missing {
                table,
                rows: figures.rows,
            }),
            Some(other) => all.extend(difference(table, figures, other)),
        }
    }
    let added = restored.tables.iter();
    let added = added.filter(|(table, _)| !saved.tables.contains_key(*table));
    all.extend(added.map(|(table, figures)| Difference::Added {
        table: table.clone(),
        rows: figures.rows,
    }));
    all
}

fn difference(table: String, saved: &TableFigures, restored: &TableFigures) -> Option<Difference> {
    if saved.rows != restored.rows {
        return Some(Difference::Rows {
            table,
            saved: saved.rows,
            restored: restored.rows,
        });
    }
    match (&saved.checksum, &restored.checksum) {
        (Some(a), Some(b)) if a != b => Some(Difference::Content { table }),
        _ => None,
    }
}

/// How much one copy of a source is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amount {
    pub bytes: u64,
    /// Where they were taken.
    pub figures: Option<Figures>,
}

/// Why a copy that says it is whole is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Suspicion {
    Empty,
    /// Smaller than the file says it must be.
    BelowMinimum {
        bytes: u64,
        minimum: u64,
    },
    /// Much smaller than it was.
    Shrunk {
        bytes: u64,
        usual: u64,
    },
    NoTables {
        before: usize,
    },
    /// A table lost most of its rows.
    Rows {
        table: String,
        rows: u64,
        usual: u64,
    },
    /// A table that always had rows is not there.
    Gone {
        table: String,
        usual: u64,
    },
}

impl Suspicion {
    /// Whether it cannot be right: told as a failure, where the others are a warning.
    pub const fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Empty | Self::BelowMinimum { .. } | Self::NoTables { .. }
        )
    }
}

/// What is suspicious about a copy. `before` are earlier ones of the same source, the newest first; `minimum` in
/// bytes is what its source says it has at least. The median of the last few counts, so that one odd copy changes
/// nothing.
pub fn suspicious(now: &Amount, before: &[Amount], minimum: u64) -> Vec<Suspicion> {
    if now.bytes == 0 {
        return vec![Suspicion::Empty];
    }
    let before = &before[..before.len().min(BEFORE)];
    let mut all = Vec::new();
    let bytes = now.bytes;
    if bytes < minimum {
        all.push(Suspicion::BelowMinimum { bytes, minimum });
    }
    let usual = median(before.iter().map(|amount| amount.bytes));
    if let Some(usual) = usual.filter(|usual| shrank(bytes, *usual, SMALL_BYTES)) {
        all.push(Suspicion::Shrunk { bytes, usual });
    }
    if let Some(figures) = &now.figures {
        all.extend(of_tables(figures, before));
    }
    all
}

fn of_tables(now: &Figures, before: &[Amount]) -> Vec<Suspicion> {
    let before: Vec<&Figures> = before
        .iter()
        .filter_map(|amount| amount.figures.as_ref())
        .collect();
    let Some(last) = before.first() else {
        return Vec::new();
    };
    if now.tables.is_empty() && !last.tables.is_empty() {
        let before = last.tables.len();
        return vec![Suspicion::NoTables { before }];
    }
    let mut all = Vec::new();
    for table in last.tables.keys() {
        let rows = before
            .iter()
            .filter_map(|figures| figures.tables.get(table));
        let usual = median(rows.map(|figures| figures.rows)).unwrap_or(0);
        let table = table.clone();
        match now.tables.get(&table).map(|figures| figures.rows) {
            None if usual > 0 => all.push(Suspicion::Gone { table, usual }),
            Some(rows) if shrank(rows, usual, SMALL_ROWS) => {
                all.push(Suspicion::Rows { table, rows, usual });
            }
            _ => {}
        }
    }
    all
}

fn shrank(now: u64, usual: u64, small: u64) -> bool {
    usual > small && now.saturating_mul(100) < usual.saturating_mul(SUSPICIOUS_PERCENT)
}

/// The upper one of two in the middle.
fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { table, rows } => {
                write!(f, "`{table}` is missing: {rows} rows were saved")
            }
            Self::Added { table, rows } => {
                write!(f, "`{table}` was not saved, and has {rows} rows")
            }
            Self::Rows {
                table,
                saved,
                restored,
            } => write!(f, "`{table}` has {restored} rows, {saved} were saved"),
            Self::Content { table } => write!(f, "`{table}` has as many rows, with other content"),
        }
    }
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty"),
            Self::BelowMinimum { bytes, minimum } => write!(
                f,
                "it has {}, less than the {} that `minimum` asks for",
                Bytes(*bytes),
                Bytes(*minimum)
            ),
            Self::Shrunk { bytes, usual } => {
                write!(f, "it has {}, usual is {}", Bytes(*bytes), Bytes(*usual))
            }
            Self::NoTables { before } => write!(f, "it has no tables, the last one had {before}"),
            Self::Rows { table, rows, usual } => {
                write!(f, "`{table}` has {rows} rows, usual is {usual}")
            }
            Self::Gone { table, usual } => {
                write!(f, "`{table}` is not there any more, it had {usual} rows")
            }
        }
    }
}
