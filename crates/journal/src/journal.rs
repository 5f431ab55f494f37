//! The synchronous core: one connection, one writer, reads as they are asked.

use crate::chain::{Head, Verdict};
use crate::error::JournalError;
use crate::event::NewEvent;
use crate::schema;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use tokio::sync::watch;

/// The journal, open for writing. There is one per file; the server's directory lock sees to it.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    head: Head,
    announced: watch::Sender<u64>,
}

/// Reads; got from [`Journal::rows`], [`Writer::rows`] or
/// [`JournalHandle::read`](crate::JournalHandle::read).
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub(crate) connection: &'a Connection,
}

/// One transaction under way: all of it is written, or nothing.
#[derive(Debug)]
pub struct Writer<'a> {
    pub(crate) transaction: Transaction<'a>,
    pub(crate) head: Head,
}

impl Journal {
    /// Opens the file, makes it where it is missing, migrates it where it is older (after a
    /// backup), and refuses it where its major version is newer.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::over(schema::open(path, schema::MIGRATIONS)?)
    }

    /// A journal that ends with its value: for tests.
    pub fn in_memory() -> Result<Self, JournalError> {
        Self::over(schema::open_in_memory()?)
    }

    pub(crate) fn over(connection: Connection) -> Result<Self, JournalError> {
        let head = Head::read(&connection)?;
        let (announced, _) = watch::channel(head.seq);
        Ok(Self {
            connection,
            head,
            announced,
        })
    }

    /// Everything that can be read.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            connection: &self.connection,
        }
    }

    /// Runs `write` in one transaction, durable when this returns `Ok`. After an error nothing of
    /// it is there.
    pub fn write<T, E: From<JournalError>>(
        &mut self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let mut writer = Writer {
            transaction: begun.map_err(JournalError::from)?,
            head: self.head.clone(),
        };
        let value = write(&mut writer)?;
        let Writer { transaction, head } = writer;
        transaction.commit().map_err(JournalError::from)?;
        if head.seq != self.head.seq {
            self.announced.send_replace(head.seq);
        }
        self.head = head;
        Ok(value)
    }

    /// One event in a transaction of its own; its `seq`.
    pub fn append(&mut self, event: &NewEvent) -> Result<u64, JournalError> {
        self.write(|writer| writer.append(event))
    }

    /// The newest event.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The `seq` of the newest committed event. Whoever follows reads the rows after the last one
    /// it has seen, whenever this changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.announced.subscribe()
    }

    /// Walks the whole chain.
    pub fn verify(&self) -> Result<Verdict, JournalError> {
        self.rows().verify()
    }

    /// Limits the size of the file, as a full disk would: for tests.
    #[doc(hidden)]
    pub fn limit_pages(&mut self, pages: u32) -> Result<(), JournalError> {
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        Ok(())
    }
}

impl Writer<'_> {
    /// What stands there, with what this transaction has written.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            connection: &self.transaction,
        }
    }
}
