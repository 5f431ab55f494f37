//! The hash chain over the events.
//!
//! Source of the form: `docs/formats/journal.md`, "The chain". It shows changes to whoever kept a
//! head elsewhere; it does not keep anybody from making them.

use crate::error::JournalError;
use crate::journal::Rows;
use ring::digest::{Context, SHA256};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::fmt;

pub(crate) const HASH_BYTES: usize = 32;
pub(crate) type Hash = [u8; HASH_BYTES];

/// In the order in which they are hashed.
const COLUMNS: [&str; 11] = [
    "seq",
    "time",
    "stack",
    "environment",
    "kind",
    "subject",
    "rollout",
    "release",
    "message",
    "data",
    "actor",
];

/// The newest event: its number and its hash. Keep it elsewhere to notice tampering later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 0: there was none yet.
    pub seq: u64,
    pub hash: Hash,
}

impl Head {
    pub(crate) fn read(connection: &Connection) -> Result<Self, JournalError> {
        let head = connection.query_row("SELECT seq, hash FROM chain", [], |row| {
            Ok(Self {
                seq: number(row, 0)?,
                hash: row.get(1)?,
            })
        });
        head.map_err(JournalError::from)
    }

    /// The hash in hex.
    pub fn hash_hex(&self) -> String {
        hex(&self.hash)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash_hex())
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a walk over the chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Events walked over.
    pub events: u64,
    pub head: Head,
    /// The first row that does not fit.
    pub broken: Option<Broken>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub seq: u64,
    pub problem: String,
}

/// One value of an event in canonical form, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
}

impl<'a> From<Option<&'a str>> for Field<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

pub(crate) fn hash(previous: &Hash, fields: &[Field<'_>]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(previous);
    for field in fields {
        match field {
            Field::Null => context.update(&[0]),
            Field::Integer(value) => {
                context.update(&[1]);
                context.update(&value.to_le_bytes());
            }
            Field::Text(text) => {
                context.update(&[2]);
                context.update(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                context.update(text.as_bytes());
            }
        }
    }
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn number(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    let value: i64 = row.get(column)?;
    Ok(u64::try_from(value).unwrap_or(0))
}

impl Rows<'_> {
    /// The newest event.
    pub fn head(&self) -> Result<Head, JournalError> {
        Head::read(self.connection)
    }

    /// Checks the structure of the file, then walks the chain from the anchor of retention to the
    /// head. A file whose structure is damaged is an error.
    pub fn verify(&self) -> Result<Verdict, JournalError> {
        let check = "PRAGMA quick_check(1)";
        let detail: String = self.connection.query_row(check, [], |row| row.get(0))?;
        if detail != "ok" {
            return Err(JournalError::Damaged { detail });
        }
        let head = self.head()?;
        let anchor =
            self.connection
                .query_row("SELECT anchor_seq, anchor_hash FROM chain", [], |row| {
                    Ok((number(row, 0)?, row.get::<_, Hash>(1)?))
                });
        let (mut seq, mut last) = anchor?;
        let columns = COLUMNS.join(", ");
        let sql = format!("SELECT {columns}, hash FROM events ORDER BY seq");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut events = 0;
        let broken = loop {
            let Some(row) = rows.next()? else {
                break tail(seq, &last, &head);
            };
            match link(row, seq + 1, &last) {
                Ok(hash) => last = hash,
                Err(broken) => break Some(broken),
            }
            seq += 1;
            events += 1;
        };
        Ok(Verdict {
            events,
            head,
            broken,
        })
    }
}

/// The hash of a row that fits where it stands.
fn link(row: &Row<'_>, expected: u64, last: &Hash) -> Result<Hash, Broken> {
    let broken = |seq, problem: String| Broken { seq, problem };
    let unreadable = |error: rusqlite::Error| broken(expected, format!("cannot be read: {error}"));
    let seq = number(row, 0).map_err(unreadable)?;
    if seq != expected {
        let problem = format!("the next row has number {seq}: rows were removed or renumbered");
        return Err(broken(expected, problem));
    }
    let mut fields = [Field::Null; COLUMNS.len()];
    for (column, field) in fields.iter_mut().enumerate() {
        *field = match row.get_ref(column).map_err(unreadable)? {
            ValueRef::Null => Field::Null,
            ValueRef::Integer(value) => Field::Integer(value),
            ValueRef::Text(text) => Field::Text(std::str::from_utf8(text).map_err(|error| {
                broken(seq, format!("{} is not UTF-8: {error}", COLUMNS[column]))
            })?),
            _ => {
                return Err(broken(
                    seq,
                    format!("{} has a foreign type", COLUMNS[column]),
                ));
            }
        };
    }
    let stored: Hash = row.get(COLUMNS.len()).map_err(unreadable)?;
    let computed = hash(last, &fields);
    if stored == computed {
        Ok(stored)
    } else {
        let problem = "its content or a hash before it was changed".to_owned();
        Err(broken(seq, problem))
    }
}

fn tail(seq: u64, last: &Hash, head: &Head) -> Option<Broken> {
    let problem = if seq != head.seq {
        format!("the last row is {seq}, and {} were written", head.seq)
    } else if *last != head.hash {
        "its hash is not the one that was noted when it was written".to_owned()
    } else {
        return None;
    };
    let seq = seq.max(1);
    Some(Broken { seq, problem })
}
