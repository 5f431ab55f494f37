//! The journal on real files.

mod chain;
mod durability;
mod files;
mod handle;
mod rows;

use crate::{Journal, NewEvent};
use mainstay_model::{Scope, Timestamp};
use std::path::PathBuf;
use tempfile::TempDir;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn scope() -> Scope {
    Scope {
        stack: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
    }
}

fn event(n: i64) -> NewEvent {
    NewEvent {
        scope: Some(scope()),
        subject: Some(format!("app-r1-{n}")),
        data: serde_json::json!({ "n": n }),
        ..NewEvent::new(at(n), "test.event", format!("event {n}"))
    }
}

/// A journal in a directory of its own.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }

    fn open(&self) -> Journal {
        Journal::open(&self.path()).unwrap()
    }

    /// With so many events.
    fn with_events(&self, count: i64) -> Journal {
        let mut journal = self.open();
        for n in 1..=count {
            journal.append(&event(n)).unwrap();
        }
        journal
    }

    /// Anybody who has the file: no rules of ours.
    fn meddle(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.execute_batch(sql).unwrap();
    }
}
