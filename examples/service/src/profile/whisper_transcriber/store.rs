//! What is asked of the store about jobs.
//!
//! **Invariant:** a job that was acknowledged is in the store, and exactly one worker at a time
//! holds it: by a lease that ends, and by the number of the attempt, which each write names.

use super::audio::Report;
use super::job::{Job, JobState};
use crate::moment::Moment;
use crate::store::{Row, Statement, Store, StoreError, Value, statement};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, bytes BIGINT NOT NULL,
    state TEXT NOT NULL, progress DOUBLE PRECISION NOT NULL, attempts BIGINT NOT NULL,
    worker TEXT, lease_until_ms BIGINT, created_ms BIGINT NOT NULL, started_ms BIGINT,
    finished_ms BIGINT, result TEXT, error TEXT);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created_ms);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, created_ms);
CREATE TABLE IF NOT EXISTS recordings (job TEXT PRIMARY KEY, content BYTEA NOT NULL);
";

/// Starts of one job until it is given up: a recording that kills its worker is not tried for ever.
const MAX_ATTEMPTS: i64 = 3;

/// An upload that was checked.
#[derive(Debug)]
pub(crate) struct NewJob {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) content: Bytes,
}

/// Which jobs to list, newest first.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Everybody's where `None`.
    pub(crate) owner: Option<String>,
    pub(crate) state: Option<JobState>,
    pub(crate) limit: u32,
}

/// A job that this worker holds until the lease ends.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) content: Bytes,
    worker: String,
    attempt: i64,
}

/// Everything of a job but its recording.
macro_rules! columns {
    () => {
        "id, owner, name, bytes, state, progress, attempts, created_ms, started_ms, finished_ms, \
         result, error"
    };
}

/// Whether the job is still this worker's, at this attempt.
macro_rules! held {
    () => {
        "id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'"
    };
}

/// The oldest job that waits, or whose worker was lost. `$1` worker, `$2` lease, `$3` now, `$4`
/// most attempts.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE jobs SET state = 'running', worker = $1, lease_until_ms = $2, started_ms = $3, ",
            "attempts = attempts + 1, progress = 0 WHERE id = (SELECT id FROM jobs ",
            "WHERE state = 'queued' ",
            "OR (state = 'running' AND lease_until_ms < $3 AND attempts < $4) ",
            "ORDER BY created_ms LIMIT 1 ",
            $lock,
            ") RETURNING id, attempts"
        )
    };
}

impl Store {
    /// Takes the job in. When this returns it is on the disk.
    pub(crate) async fn add_job(&self, job: NewJob, now: Moment) -> Result<(), StoreError> {
        let bytes = job.content.len() as i64;
        self.run(vec![
            statement!(
                "INSERT INTO recordings (job, content) VALUES ($1, $2)",
                job.id.as_str(),
                job.content
            ),
            statement!(
                "INSERT INTO jobs (id, owner, name, bytes, state, progress, attempts, created_ms) \
                 VALUES ($1, $2, $3, $4, 'queued', 0, 0, $5)",
                job.id.as_str(),
                job.owner.as_str(),
                job.name.as_str(),
                bytes,
                now.0
            ),
        ])
        .await
        .map(drop)
    }

    pub(crate) async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1");
        let rows = self.run(vec![statement!(sql, id)]).await?;
        rows.first().map(job).transpose()
    }

    pub(crate) async fn jobs(&self, filter: &Filter) -> Result<Vec<Job>, StoreError> {
        // Empty text stands for "any": PostgreSQL cannot tell the type of a bare NULL.
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM jobs WHERE ($1 = '' OR owner = $1) AND ($2 = '' OR state = $2) \
             ORDER BY created_ms DESC, id DESC LIMIT $3"
        );
        let rows = self
            .run(vec![statement!(
                sql,
                filter.owner.as_deref().unwrap_or_default(),
                filter.state.map(JobState::as_str).unwrap_or_default(),
                i64::from(filter.limit)
            )])
            .await?;
        rows.iter().map(job).collect()
    }

    /// How many jobs there are in each state; every state stands in it.
    pub(crate) async fn job_counts(&self) -> Result<BTreeMap<JobState, u64>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT state, count(*) FROM jobs GROUP BY state"
            )])
            .await?;
        let mut counts: BTreeMap<_, _> = JobState::ALL.map(|state| (state, 0)).into();
        for row in &rows {
            if let Some(state) = JobState::parse(row.text(0)?) {
                counts.insert(state, row.integer(1)? as u64);
            }
        }
        Ok(counts)
    }

    /// Gives the next job to a worker, `None` where nothing waits. Times are the instances' own
    /// clocks: a lease must be longer than they may differ.
    pub(crate) async fn claim(
        &self,
        worker: &str,
        now: Moment,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let until = now.0 + lease.as_millis() as i64;
        let sql = if self.is_postgres() {
            claim!("FOR UPDATE SKIP LOCKED")
        } else {
            claim!("")
        };
        let rows = self
            .run(vec![statement!(sql, worker, until, now.0, MAX_ATTEMPTS)])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let (id, attempt) = (row.text(0)?.to_owned(), row.integer(1)?);
        let content = self
            .run(vec![statement!(
                "SELECT content FROM recordings WHERE job = $1",
                id.as_str()
            )])
            .await?
            .first()
            .map_or(Ok(Bytes::new()), |row| row.bytes(0))?;
        Ok(Some(Claim {
            id,
            content,
            worker: worker.to_owned(),
            attempt,
        }))
    }

    /// Says how far the job is and keeps the lease. `false`: somebody else has it now, stop.
    pub(crate) async fn progress(
        &self,
        claim: &Claim,
        progress: f64,
        lease_until: Moment,
    ) -> Result<bool, StoreError> {
        let sql = concat!(
            "UPDATE jobs SET progress = $4, lease_until_ms = $5 WHERE ",
            held!(),
            " RETURNING id"
        );
        self.held(sql, claim, vec![progress.into(), lease_until.0.into()])
            .await
    }

    /// Keeps the outcome and lets the recording go. `false`: somebody else has the job now.
    pub(crate) async fn finish(
        &self,
        claim: &Claim,
        outcome: &Result<Report, String>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let sql = concat!(
            "UPDATE jobs SET state = $4, result = $5, error = $6, finished_ms = $7, progress = 1, ",
            "worker = NULL WHERE ",
            held!(),
            " RETURNING id"
        );
        let (state, result, error) = match outcome {
            Ok(report) => ("done", serde_json::to_string(report).ok(), None),
            Err(error) => ("failed", None, Some(error.as_str())),
        };
        let ours = self
            .held(
                sql,
                claim,
                vec![
                    state.into(),
                    result.as_deref().into(),
                    error.into(),
                    now.0.into(),
                ],
            )
            .await?;
        if ours {
            self.run(vec![statement!(
                "DELETE FROM recordings WHERE job = $1",
                claim.id.as_str()
            )])
            .await?;
        }
        Ok(ours)
    }

    /// Puts the job back: this instance ends, another one takes it. The attempt does not count.
    pub(crate) async fn put_back(&self, claim: &Claim) -> Result<bool, StoreError> {
        let sql = concat!(
            "UPDATE jobs SET state = 'queued', worker = NULL, lease_until_ms = NULL, progress = 0, ",
            "attempts = attempts - 1 WHERE ",
            held!(),
            " RETURNING id"
        );
        self.held(sql, claim, Vec::new()).await
    }

    /// Ends jobs whose worker was lost too often; their recordings go.
    pub(crate) async fn give_up_lost(&self, now: Moment) -> Result<(), StoreError> {
        self.run(vec![
            statement!(
                "UPDATE jobs SET state = 'failed', finished_ms = $1, worker = NULL, \
                 error = 'given up: its worker was lost each time' \
                 WHERE state = 'running' AND lease_until_ms < $1 AND attempts >= $2",
                now.0,
                MAX_ATTEMPTS
            ),
            statement!(
                "DELETE FROM recordings WHERE job IN \
                 (SELECT id FROM jobs WHERE state IN ('done', 'failed'))"
            ),
        ])
        .await
        .map(drop)
    }

    async fn held(
        &self,
        sql: &'static str,
        claim: &Claim,
        more: Vec<Value>,
    ) -> Result<bool, StoreError> {
        let mut parameters: Vec<Value> = vec![
            claim.id.as_str().into(),
            claim.worker.as_str().into(),
            claim.attempt.into(),
        ];
        parameters.extend(more);
        let rows = self.run(vec![Statement { sql, parameters }]).await?;
        Ok(!rows.is_empty())
    }
}

fn job(row: &Row) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.text(0)?.to_owned(),
        owner: row.text(1)?.to_owned(),
        name: row.text(2)?.to_owned(),
        bytes: row.integer(3)? as u64,
        state: JobState::parse(row.text(4)?).ok_or(StoreError::Field { column: 4 })?,
        progress: row.real(5)?,
        attempts: row.integer(6)? as u32,
        created: Moment(row.integer(7)?),
        started: row.maybe_integer(8)?.map(Moment),
        finished: row.maybe_integer(9)?.map(Moment),
        result: row
            .maybe_text(10)?
            .and_then(|text| serde_json::from_str(text).ok()),
        error: row.maybe_text(11)?.map(str::to_owned),
    })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
