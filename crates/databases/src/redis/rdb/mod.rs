//! Reads an RDB file as it passes: how many keys each database has, and what they hold.
//!
//! It exists because these figures are then of exactly the moment that the copy is of. Content is compared as
//! a client sees it: neither the order of a set nor the way in which the server packs small values counts.
//! Memory is that of the largest single value. A type that is not known (a newer server's) is told as such.
//!
//! Source: `rdb.h` and `rdb.c` of Redis 7.0, and what 7.4 added.

mod content;
mod lzf;
mod packed;
mod source;
mod tail;

use content::{Sum, digest};
use mainstay_recovery::{Figures, TableFigures};
use source::Source;
use std::collections::BTreeMap;
use std::io::Read;

pub(super) use tail::Tail;

/// What an RDB file holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Rdb {
    /// Up to and including its checksum, in bytes.
    pub(super) length: u64,
    pub(super) figures: Figures,
    /// Keys that have a time to live, whatever database they are in.
    pub(super) expiring: u64,
    /// What the server says of itself: `redis-ver`, `ctime` in seconds.
    pub(super) about: BTreeMap<String, String>,
}

/// Why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RdbError {
    #[error("it ends too early")]
    Short,
    #[error("reading it: {0}")]
    Read(std::io::Error),
    #[error("it is no RDB file")]
    NoRdb,
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Nothing says that it is damaged.
    #[error("it holds something of type {0}, which is not known here")]
    Unknown(u8),
}

mod opcode {
    pub(super) const SLOT_INFO: u8 = 0xf4;
    pub(super) const FUNCTION: u8 = 0xf5;
    pub(super) const MODULE_AUX: u8 = 0xf7;
    pub(super) const IDLE: u8 = 0xf8;
    pub(super) const FREQUENCY: u8 = 0xf9;
    pub(super) const AUX: u8 = 0xfa;
    pub(super) const RESIZE: u8 = 0xfb;
    pub(super) const EXPIRES_MS: u8 = 0xfc;
    pub(super) const EXPIRES_S: u8 = 0xfd;
    pub(super) const SELECT: u8 = 0xfe;
    pub(super) const END: u8 = 0xff;
}

/// Database, and what was summed up in it.
#[derive(Default)]
struct Counted {
    keys: u64,
    sum: Sum,
}

/// Reads one RDB file to its end. What comes after it is left.
pub(super) fn read(source: &mut dyn Read) -> Result<Rdb, RdbError> {
    let mut source = Source::new(source);
    let magic: [u8; 9] = source.array()?;
    if !(magic.starts_with(b"REDIS0") || magic.starts_with(b"VALKEY")) {
        return Err(RdbError::NoRdb);
    }
    let mut databases: BTreeMap<String, Counted> = BTreeMap::new();
    let mut rdb = Rdb::default();
    let mut selected = "db0".to_owned();
    let mut expires: Option<i64> = None;
    loop {
        let kind = source.byte()?;
        match kind {
            opcode::AUX => {
                let (name, value) = (source.string()?, source.string()?);
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                rdb.about.insert(text(name), text(value));
            }
            opcode::SELECT => selected = format!("db{}", source.length()?),
            opcode::RESIZE => source.skip_lengths(2)?,
            opcode::SLOT_INFO => source.skip_lengths(3)?,
            opcode::EXPIRES_MS => expires = Some(i64::from_le_bytes(source.array()?)),
            opcode::EXPIRES_S => {
                expires = Some(i64::from(i32::from_le_bytes(source.array()?)) * 1000);
            }
            opcode::IDLE => source.skip_lengths(1)?,
            opcode::FREQUENCY => drop(source.byte()?),
            opcode::FUNCTION => {
                let library = source.string()?;
                count(&mut databases, "functions", digest(&[&library]));
            }
            opcode::MODULE_AUX => drop(content::module(&mut source)?),
            opcode::END => {
                let _: [u8; 8] = source.array()?;
                break;
            }
            _ => {
                let key = source.string()?;
                let value = content::value(&mut source, kind)?;
                rdb.expiring += u64::from(expires.is_some());
                let expires = expires.take().unwrap_or(-1).to_le_bytes();
                count(&mut databases, &selected, digest(&[&key, &expires, &value]));
            }
        }
    }
    rdb.length = source.position();
    rdb.figures = figures(databases);
    Ok(rdb)
}

fn count(databases: &mut BTreeMap<String, Counted>, name: &str, digest: content::Digest) {
    if !databases.contains_key(name) {
        databases.insert(name.to_owned(), Counted::default());
    }
    if let Some(counted) = databases.get_mut(name) {
        counted.keys += 1;
        counted.sum.add(&digest);
    }
}

fn figures(databases: BTreeMap<String, Counted>) -> Figures {
    let table = |(name, counted): (String, Counted)| {
        let figures = TableFigures {
            rows: counted.keys,
            checksum: Some(counted.sum.to_string()),
        };
        (name, figures)
    };
    Figures {
        tables: databases.into_iter().map(table).collect(),
    }
}

#[cfg(test)]
mod tests;
