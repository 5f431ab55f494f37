//! Reads a dump as it passes: which tables it has, how many rows, and what they hold.
//!
//! It exists because these figures are then of exactly the moment that the dump is of, and need neither a lock
//! nor a right that the dump does not. A row is what stands between its parentheses, so the same row counts the
//! same in every dump by the same program. Memory does not grow with what is read, but for the list of tables.
//!
//! What is relied on is how `mysqldump` and `mariadb-dump` write: a statement begins its line; in strings line
//! breaks are escaped; bodies of triggers and routines stand between two lines with `DELIMITER`.

use mainstay_recovery::{Figures, TableFigures};
use memchr::memchr2;
use ring::digest::{Context, SHA256};
use std::collections::BTreeMap;

/// Begins the last line of every dump that came to its end.
pub(super) const END: &[u8] = b"-- Dump completed";

const INSERT: &[u8] = b"INSERT INTO ";

/// Kept of a line, in bytes: more than any name takes.
const LINE: usize = 64 << 10;

/// What a dump holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) figures: Figures,
    /// Its last line says that it is whole.
    pub(super) complete: bool,
}

#[derive(Debug, Default)]
struct Counted {
    rows: u64,
    sum: u128,
}

/// Where in a dump the next byte stands.
enum At {
    /// In a line that is not of rows.
    Line,
    /// In the beginning of a statement that inserts, up to `VALUES`. Within the quotes of a name?
    Head {
        named: bool,
    },
    /// Before a row or the end of its statement.
    Between,
    Row(Box<Row>),
}

struct Row {
    digest: Context,
    depth: usize,
    string: bool,
    /// The next byte says nothing.
    escaped: bool,
}

/// Takes a dump in pieces.
pub(super) struct Scan {
    at: At,
    line: Vec<u8>,
    /// Within the body of something that is no table.
    elsewhere: bool,
    complete: bool,
    /// Whose rows come.
    table: String,
    tables: BTreeMap<String, Counted>,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self {
            at: At::Line,
            line: Vec::new(),
            elsewhere: false,
            complete: false,
            table: String::new(),
            tables: BTreeMap::new(),
        }
    }

    /// The next piece.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match &mut self.at {
                At::Line => self.line(bytes),
                At::Head { .. } => self.head(bytes),
                At::Between => self.between(bytes),
                At::Row(row) => {
                    let (taken, ended) = row.take(bytes);
                    if ended {
                        self.count();
                    }
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
    }

    /// All of it came.
    pub(super) fn end(mut self) -> Scanned {
        self.judge_line();
        let in_line = matches!(self.at, At::Line);
        let table = |(name, counted): (String, Counted)| {
            let checksum = Some(format!("{:032x}", counted.sum));
            let rows = counted.rows;
            (name, TableFigures { rows, checksum })
        };
        let tables = self.tables.into_iter().map(table).collect();
        Scanned {
            figures: Figures { tables },
            complete: in_line && self.complete,
        }
    }

    fn line(&mut self, bytes: &[u8]) -> usize {
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' {
                self.judge_line();
                self.line.clear();
                continue;
            }
            if self.line.len() < LINE {
                self.line.push(byte);
            }
            if self.line == INSERT && !self.elsewhere {
                self.at = At::Head { named: false };
                return at + 1;
            }
        }
        bytes.len()
    }

    /// A line is there as a whole.
    fn judge_line(&mut self) {
        let line = self.line.trim_ascii();
        if line.is_empty() {
            return;
        }
        self.complete = line.starts_with(END);
        if let Some(delimiter) = line.strip_prefix(b"DELIMITER ") {
            self.elsewhere = delimiter != b";";
        } else if let Some(rest) = line.strip_prefix(b"CREATE TABLE ")
            && !self.elsewhere
        {
            self.tables.entry(quoted_name(rest)).or_default();
        }
    }

    fn head(&mut self, bytes: &[u8]) -> usize {
        let At::Head { named } = &mut self.at else {
            return 0;
        };
        for (at, &byte) in bytes.iter().enumerate() {
            self.line.push(byte);
            if byte == b'`' {
                *named = !*named;
            }
            // A list of columns may stand before; a line this long is no statement of a dump.
            let values = !*named && self.line.ends_with(b" VALUES");
            if values || self.line.len() > LINE {
                self.table = quoted_name(&self.line[INSERT.len()..]);
                self.line.clear();
                self.complete = false;
                self.at = if values { At::Between } else { At::Line };
                return at + 1;
            }
        }
        bytes.len()
    }

    fn between(&mut self, bytes: &[u8]) -> usize {
        let next = bytes.iter().position(|byte| matches!(byte, b'(' | b';'));
        let Some(at) = next else {
            return bytes.len();
        };
        self.at = match bytes[at] {
            b'(' => At::Row(Box::new(Row::new())),
            _ => At::Line,
        };
        at + 1
    }

    /// A row ended.
    fn count(&mut self) {
        let At::Row(row) = std::mem::replace(&mut self.at, At::Between) else {
            return;
        };
        let whole = row.digest.finish();
        let half: [u8; 16] = std::array::from_fn(|at| whole.as_ref()[at]);
        if let Some(table) = self.tables.get_mut(&self.table) {
            table.rows += 1;
            table.sum = table.sum.wrapping_add(u128::from_le_bytes(half));
        }
    }
}

impl Row {
    fn new() -> Self {
        Self {
            digest: Context::new(&SHA256),
            depth: 1,
            string: false,
            escaped: false,
        }
    }

    /// How many bytes are of the row and what ends it, and whether it ended.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < bytes.len() {
            if self.escaped {
                self.escaped = false;
                at += 1;
                continue;
            }
            if self.string {
                let Some(next) = memchr2(b'\'', b'\\', &bytes[at..]) else {
                    break;
                };
                at += next;
                match bytes[at] {
                    b'\\' => self.escaped = true,
                    _ => self.string = false,
                }
            } else {
                match bytes[at] {
                    b'\'' => self.string = true,
                    b'(' => self.depth += 1,
                    b')' => self.depth -= 1,
                    _ => {}
                }
                if self.depth == 0 {
                    self.digest.update(&bytes[..at]);
                    return (at + 1, true);
                }
            }
            at += 1;
        }
        self.digest.update(bytes);
        (bytes.len(), false)
    }
}

/// The name in backquotes that begins here.
fn quoted_name(text: &[u8]) -> String {
    let mut name = Vec::new();
    let mut rest = text.strip_prefix(b"`").unwrap_or(text).iter().peekable();
    while let Some(&byte) = rest.next() {
        if byte == b'`' && rest.next_if(|next| **next == b'`').is_none() {
            break;
        }
        name.push(byte);
    }
    String::from_utf8_lossy(&name).into_owned()
}

#[cfg(test)]
mod tests;
