//! The commands of replication.

use super::connect::Connect;
use super::connection::{Broken, Connection, Row, odd};
use super::streaming::Streaming;
use crate::postgres::login::Login;
use crate::postgres::lsn::{Lsn, SegmentSize};
use crate::postgres::sql::{identifier, literal};
use std::str::FromStr;

/// A connection that takes commands of replication.
pub struct Replication {
    pub(super) connection: Connection,
}

impl std::fmt::Debug for Replication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Replication");
        text.field("version", &self.connection.version);
        text.finish_non_exhaustive()
    }
}

/// Which cluster this is, and where it is (`IDENTIFY_SYSTEM`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// The same in every copy of the cluster.
    pub identifier: String,
    pub timeline: u32,
    /// Flushed to the server's disk.
    pub position: Lsn,
}

/// Where timelines branched off, oldest first: a history file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub name: String,
    pub content: String,
}

impl History {
    /// The timelines before this one, and where each ended.
    pub fn branches(&self) -> Vec<(u32, Lsn)> {
        let lines = self
            .content
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default());
        lines
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
            })
            .collect()
    }
}

impl Replication {
    /// # Errors
    /// No connection, or no log-in.
    pub async fn open(connect: &dyn Connect, login: &Login) -> Result<Self, Broken> {
        let connection = Connection::open(connect, login).await?;
        Ok(Self { connection })
    }

    /// The first number of the server's version.
    pub fn major(&self) -> u32 {
        let digits = self.connection.version.split(|c: char| !c.is_ascii_digit());
        digits
            .into_iter()
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }

    pub async fn identify(&mut self) -> Result<System, Broken> {
        let rows = self.connection.query("IDENTIFY_SYSTEM").await?;
        let row = rows.first().ok_or_else(|| odd("no system"))?;
        Ok(System {
            identifier: column(row, 0)?,
            timeline: column(row, 1)?,
            position: column(row, 2)?,
        })
    }

    pub async fn segment_size(&mut self) -> Result<SegmentSize, Broken> {
        let rows = self.connection.query("SHOW wal_segment_size").await?;
        let text: String = column(rows.first().ok_or_else(|| odd("no segment size"))?, 0)?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "kB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            _ => 1,
        };
        let bytes = digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit));
        bytes
            .and_then(SegmentSize::new)
            .ok_or_else(|| odd(format_args!("segments of {text}")))
    }

    /// Creates a slot that keeps the log from now on; one that is there is as good. Answers whether it was made.
    pub async fn create_slot(&mut self, slot: &str) -> Result<bool, Broken> {
        let slot = identifier(slot);
        let command = format!("CREATE_REPLICATION_SLOT {slot} PHYSICAL RESERVE_WAL");
        match self.connection.query(&command).await {
            Ok(_) => Ok(true),
            // duplicate_object
            Err(Broken::Refused { code, .. }) if code == "42710" => Ok(false),
            Err(broken) => Err(broken),
        }
    }

    /// Drops a slot, so that the server keeps nothing for it; one that is not there is as good.
    pub async fn drop_slot(&mut self, slot: &str) -> Result<(), Broken> {
        let command = format!("DROP_REPLICATION_SLOT {}", identifier(slot));
        match self.connection.query(&command).await {
            // undefined_object
            Err(Broken::Refused { code, .. }) if code == "42704" => Ok(()),
            other => other.map(drop),
        }
    }

    /// The history file of a timeline; the first has none.
    pub async fn history(&mut self, timeline: u32) -> Result<History, Broken> {
        let rows = self
            .connection
            .query(&format!("TIMELINE_HISTORY {timeline}"))
            .await?;
        let row = rows.first().ok_or_else(|| odd("no history"))?;
        Ok(History {
            name: column(row, 0)?,
            content: column(row, 1)?,
        })
    }

    /// Streams the log from `from` on.
    pub(crate) async fn stream(
        self,
        slot: &str,
        from: Lsn,
        timeline: u32,
    ) -> Result<Streaming, Broken> {
        let slot = identifier(slot);
        let command = format!("START_REPLICATION SLOT {slot} PHYSICAL {from} TIMELINE {timeline}");
        Streaming::begin(self.connection, &command).await
    }

    pub(super) fn label(text: &str) -> String {
        literal(text)
    }
}

pub(super) fn column<T: FromStr>(row: &Row, index: usize) -> Result<T, Broken> {
    let text = row.get(index).and_then(Option::as_deref);
    let text = text.ok_or_else(|| odd(format_args!("no column {index}")))?;
    text.parse().map_err(|_| odd(format_args!("`{text}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_of_a_history() {
        let history = History {
            name: "00000003.history".to_owned(),
            content:
                "1\t0/3000148\tno recovery target specified\n\n2\t0/5000000\tbefore 2026\n# x\n"
                    .to_owned(),
        };
        assert_eq!(
            history.branches(),
            [(1, Lsn(0x300_0148)), (2, Lsn(0x500_0000))]
        );
    }
}
