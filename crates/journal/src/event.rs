//! Events: what happened, in order.

use crate::chain::{self, Field, HASH_BYTES};
use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use mainstay_model::{EnvironmentName, ReleaseNumber, Scope, StackName, Timestamp};
use rusqlite::types::ToSql;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The most rows that one read gives.
const PAGE_MAX: u32 = 10_000;

/// An event to be appended. No secrets in `message` and `data`: they are kept for ever and shown
/// to everybody who may read.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub time: Timestamp,
    pub scope: Option<Scope>,
    /// `rollout.started`, `instance.unhealthy`, `token.created` …
    pub kind: String,
    /// What it is about: an instance, a service.
    pub subject: Option<String>,
    pub rollout: Option<Uuid>,
    pub release: Option<ReleaseNumber>,
    pub message: String,
    pub data: Value,
    pub actor: Option<String>,
}

impl NewEvent {
    /// An event of the server as a whole; the other fields are set where they apply.
    pub fn new(time: Timestamp, kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            time,
            scope: None,
            kind: kind.into(),
            subject: None,
            rollout: None,
            release: None,
            message: message.into(),
            data: Value::Null,
            actor: None,
        }
    }
}

/// An event as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 1, 2, 3 … without gaps.
    pub seq: u64,
    pub time: Timestamp,
    pub scope: Option<Scope>,
    pub kind: String,
    pub subject: Option<String>,
    pub rollout: Option<Uuid>,
    pub release: Option<ReleaseNumber>,
    pub message: String,
    pub data: Value,
    pub actor: Option<String>,
}

/// Which events. All that is set has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only those with a higher `seq`, oldest first. `None`: the newest ones, in the same order.
    pub after: Option<u64>,
    pub stack: Option<StackName>,
    pub environment: Option<EnvironmentName>,
    pub rollout: Option<Uuid>,
    /// The kind itself, or what stands before its dot: `rollout` for `rollout.started`.
    pub kind: Option<String>,
    /// `None`, and more than 10 000: 10 000.
    pub limit: Option<u32>,
}

impl Writer<'_> {
    /// Appends one event; its `seq`.
    pub fn append(&mut self, event: &NewEvent) -> Result<u64, JournalError> {
        let seq = self.head.seq + 1;
        let data = event.data.to_string();
        let rollout = event.rollout.map(|id| id.to_string());
        let scope = event.scope.as_ref();
        let stack = scope.map(|scope| scope.stack.as_str());
        let environment = scope.map(|scope| scope.environment.as_str());
        let release = event.release.map(|release| i64::from(release.0));
        let fields: [Field<'_>; 11] = [
            Field::Integer(seq as i64),
            Field::Integer(event.time.as_millis()),
            stack.into(),
            environment.into(),
            Field::Text(&event.kind),
            event.subject.as_deref().into(),
            rollout.as_deref().into(),
            release.map_or(Field::Null, Field::Integer),
            Field::Text(&event.message),
            Field::Text(&data),
            event.actor.as_deref().into(),
        ];
        let hash = chain::hash(&self.head.hash, &fields);
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO events (seq, time, stack, environment, kind, subject, rollout, release,
                                 message, data, actor, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        insert.execute(params![
            seq as i64,
            event.time.as_millis(),
            stack,
            environment,
            event.kind,
            event.subject,
            rollout,
            release,
            event.message,
            data,
            event.actor,
            hash,
        ])?;
        drop(insert);
        self.move_head(seq, hash)
    }

    fn move_head(&mut self, seq: u64, hash: [u8; HASH_BYTES]) -> Result<u64, JournalError> {
        self.transaction
            .prepare_cached("UPDATE chain SET seq = ?1, hash = ?2")?
            .execute(params![seq as i64, hash])?;
        self.head = chain::Head { seq, hash };
        Ok(seq)
    }
}

impl Rows<'_> {
    /// Events in the order of their `seq`.
    pub fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, JournalError> {
        let mut conditions = Vec::new();
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut condition = |text: &str, value: Box<dyn ToSql>| {
            values.push(value);
            conditions.push(text.replace('?', &format!("?{}", values.len())));
        };
        if let Some(after) = filter.after {
            condition("seq > ?", Box::new(after as i64));
        }
        if let Some(stack) = &filter.stack {
            condition("stack = ?", Box::new(stack.to_string()));
        }
        if let Some(environment) = &filter.environment {
            condition("environment = ?", Box::new(environment.to_string()));
        }
        if let Some(rollout) = filter.rollout {
            condition("rollout = ?", Box::new(rollout.to_string()));
        }
        if let Some(kind) = &filter.kind {
            let text = "(kind = ? OR substr(kind, 1, length(?) + 1) = ? || '.')";
            condition(text, Box::new(kind.clone()));
        }
        let limit = filter.limit.unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let clause = if conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", conditions.join(" AND "))
        };
        let order = if filter.after.is_some() {
            "ASC"
        } else {
            "DESC"
        };
        let sql = format!("SELECT * FROM events {clause} ORDER BY seq {order} LIMIT {limit}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let values = rusqlite::params_from_iter(values);
        let rows = statement.query_map(values, event)?;
        let mut events = rows.collect::<Result<Vec<_>, _>>()?;
        if filter.after.is_none() {
            events.reverse();
        }
        Ok(events)
    }
}

fn event(row: &Row<'_>) -> Result<Event, rusqlite::Error> {
    let seq: i64 = row::get(row, "seq")?;
    Ok(Event {
        seq: u64::try_from(seq).unwrap_or(0),
        time: row::time(row, "time")?,
        scope: row::scope_if(row)?,
        kind: row::get(row, "kind")?,
        subject: row::get(row, "subject")?,
        rollout: row::parsed_if(row, "rollout")?,
        release: row::release(row, "release")?,
        message: row::get(row, "message")?,
        data: row::json(row, "data")?,
        actor: row::get(row, "actor")?,
    })
}
