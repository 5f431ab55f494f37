//! The journal in the server's words: what is asked of it, and how its rows are shown.

use crate::api::types::{
    ApiError, ErrorCode, Event, JournalVerdict, Operation, OperationKind, OperationOutcome,
    OperationResult, PipelineReport, Record, Release, ReleaseDetail, ReleaseStatus,
};
use crate::environment::Kept;
use crate::specs::Bundle;
use crate::tokens::hex;
use mainstay_journal as journal;
use mainstay_journal::{
    Claim, EventFilter, JournalError, JournalHandle, NewEvent, RolloutKind, RolloutOutcome,
    RolloutRow,
};
use mainstay_model::{ReleaseNumber, Scope, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use tokio::sync::watch;
use uuid::Uuid;

/// Releases that one listing shows.
const RELEASES: u32 = 1000;

/// The journal of this server.
#[derive(Debug, Clone)]
pub struct Store {
    journal: JournalHandle,
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        let code = match &error {
            JournalError::RolloutRunning { .. } => ErrorCode::Conflict,
            JournalError::KeyReused { .. } => ErrorCode::Invalid,
            _ => ErrorCode::Unavailable,
        };
        let words = error.to_string();
        match words.split_once("; hint: ") {
            Some((message, hint)) => Self::new(code, message).hint(hint),
            None => Self::new(code, words),
        }
    }
}

/// What is known of an idempotency key.
#[derive(Debug)]
pub enum Known<T> {
    Fresh,
    /// Begun before; where it is not answered yet, it may be still being set up.
    Before {
        id: Uuid,
        answer: Option<T>,
    },
}

impl Store {
    pub fn new(journal: JournalHandle) -> Self {
        Self { journal }
    }

    pub fn journal(&self) -> &JournalHandle {
        &self.journal
    }

    pub async fn environments(&self) -> Result<Vec<(Scope, Kept)>, ApiError> {
        let rows = self
            .journal
            .read::<_, JournalError>(|rows| rows.environments())
            .await?;
        rows.into_iter()
            .map(|row| {
                let kept = serde_json::from_value(row.data).map_err(|error| {
                    ApiError::unavailable(format!("row of {}: {error}", row.scope))
                })?;
                Ok((row.scope, kept))
            })
            .collect()
    }

    pub async fn keep_environment(
        &self,
        scope: &Scope,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let data = serde_json::to_value(kept).map_err(internal)?;
        let scope = scope.clone();
        let write = move |journal: &mut journal::Journal| {
            journal.write(|writer| writer.put_environment(&scope, &data, now))
        };
        Ok(self.journal.write::<_, JournalError>(write).await?)
    }

    pub async fn next_release(&self, scope: &Scope) -> Result<ReleaseNumber, ApiError> {
        let scope = scope.clone();
        let read = move |rows: journal::Rows<'_>| rows.next_release(&scope);
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    pub async fn release(
        &self,
        scope: &Scope,
        number: ReleaseNumber,
    ) -> Result<Option<journal::Release>, ApiError> {
        let scope = scope.clone();
        let read = move |rows: journal::Rows<'_>| rows.release(&scope, number);
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    /// Newest first.
    pub async fn releases(&self, scope: &Scope) -> Result<Vec<journal::Release>, ApiError> {
        let scope = scope.clone();
        let read = move |rows: journal::Rows<'_>| rows.releases(&scope, RELEASES);
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    pub async fn pipelines_of(
        &self,
        scope: &Scope,
        number: ReleaseNumber,
    ) -> Result<Vec<journal::PipelineRow>, ApiError> {
        let scope = scope.clone();
        let read = move |rows: journal::Rows<'_>| rows.pipelines_of(&scope, number);
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    pub async fn pipeline(&self, rollout: Uuid) -> Result<Option<journal::PipelineRow>, ApiError> {
        let read = move |rows: journal::Rows<'_>| rows.pipeline(rollout);
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    pub async fn request(&self, id: Uuid) -> Result<Option<journal::RequestRow>, ApiError> {
        let read = move |rows: journal::Rows<'_>| rows.request(id);
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    pub async fn open_requests(&self) -> Result<Vec<journal::RequestRow>, ApiError> {
        let read = |rows: journal::Rows<'_>| rows.open_requests();
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    pub async fn rollout(&self, id: Uuid) -> Result<Option<RolloutRow>, ApiError> {
        let read = move |rows: journal::Rows<'_>| rows.rollout(id);
        Ok(self.journal.read::<_, JournalError>(read).await?)
    }

    pub async fn last_rollout(&self, scope: &Scope) -> Result<Option<RolloutRow>, ApiError> {
        let scope = scope.clone();
        let read = move |rows: journal::Rows<'_>| rows.rollouts(&scope, 1);
        let rows = self.journal.read::<_, JournalError>(read).await?;
        Ok(rows.into_iter().next())
    }

    pub async fn record(&self, event: NewEvent) -> Result<(), ApiError> {
        let write = move |journal: &mut journal::Journal| journal.append(&event);
        self.journal.write::<_, JournalError>(write).await?;
        Ok(())
    }

    pub async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, ApiError> {
        let read = move |rows: journal::Rows<'_>| rows.events(&filter);
        let events = self.journal.read::<_, JournalError>(read).await?;
        Ok(events.into_iter().map(shown_event).collect())
    }

    /// Changes to the `seq` of the newest event.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.journal.subscribe()
    }

    pub async fn verify(&self) -> Result<JournalVerdict, ApiError> {
        let read = |rows: journal::Rows<'_>| rows.verify();
        let verdict = self.journal.read::<_, JournalError>(read).await?;
        Ok(JournalVerdict {
            intact: verdict.broken.is_none(),
            events: verdict.head.seq,
            head: hex(&verdict.head.hash),
            problem: verdict
                .broken
                .map(|broken| format!("event {}: {}", broken.seq, broken.problem)),
        })
    }

    pub async fn claim<T: DeserializeOwned>(
        &self,
        key: &str,
        request: &str,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Known<T>, ApiError> {
        let (key, request, operation) = (key.to_owned(), request.to_owned(), id.to_string());
        let write = move |journal: &mut journal::Journal| {
            journal.write(|writer| writer.claim(&key, &request, &operation, now))
        };
        Ok(match self.journal.write::<_, JournalError>(write).await? {
            Claim::Fresh => Known::Fresh,
            Claim::Known { operation, result } => Known::Before {
                id: operation.parse().map_err(internal)?,
                answer: result.and_then(|result| serde_json::from_value(result).ok()),
            },
        })
    }

    /// Notes what came of a claimed key; a failure gives it back.
    pub async fn settle<T: Serialize>(
        &self,
        key: &str,
        answer: &Result<T, ApiError>,
    ) -> Result<(), ApiError> {
        let key = key.to_owned();
        let answer = match answer {
            Ok(answer) => Some(serde_json::to_value(answer).map_err(internal)?),
            Err(_) => None,
        };
        let write = move |journal: &mut journal::Journal| {
            journal.write(|writer| match &answer {
                Some(answer) => writer.settle(&key, answer),
                None => writer.release_claim(&key),
            })
        };
        Ok(self.journal.write::<_, JournalError>(write).await?)
    }
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Internal, error.to_string())
}

fn shown_event(event: journal::Event) -> Event {
    Event {
        seq: event.seq,
        time: event.time,
        scope: event.scope,
        kind: event.kind,
        operation: event.rollout,
        release: event.release,
        subject: event.subject,
        message: event.message,
        actor: event.actor,
        data: event.data,
    }
}

/// What the server keeps of a release; empty for those of older versions.
pub(crate) fn record(release: &journal::Release) -> Record {
    serde_json::from_value(release.record.clone()).unwrap_or_default()
}

/// A release as the API shows it.
pub(crate) fn shown_release(release: &journal::Release) -> Release {
    Release {
        number: release.number,
        created_at: release.created_at,
        by: release.by.clone(),
        description: release.description.clone(),
        tag: release.tag.clone(),
        commit: release.commit.clone(),
        status: match release.status {
            journal::ReleaseStatus::RollingOut => ReleaseStatus::RollingOut,
            journal::ReleaseStatus::Current => ReleaseStatus::Current,
            journal::ReleaseStatus::Superseded => ReleaseStatus::Superseded,
            journal::ReleaseStatus::Failed => ReleaseStatus::Failed,
        },
        services: release
            .services
            .iter()
            .map(|(name, service)| (name.clone(), service.generation))
            .collect(),
        verified_at: release.verified_at,
        promoted_from: record(release).promoted_from,
    }
}

/// Beside the stack in a release's definition: what exactly its services run.
const IMAGES: &str = "images";

/// What the journal keeps of a release: the redacted stack, and its images where it has some.
pub(crate) fn definition(bundle: &Bundle) -> serde_json::Result<serde_json::Value> {
    let mut definition = serde_json::to_value(bundle.stack.redacted())?;
    if !bundle.images.is_empty()
        && let Some(fields) = definition.as_object_mut()
    {
        fields.insert(IMAGES.to_owned(), serde_json::to_value(&bundle.images)?);
    }
    Ok(definition)
}

/// The same with all that is kept of it.
pub(crate) fn shown_detail(
    mut release: journal::Release,
    pipelines: Vec<PipelineReport>,
) -> ReleaseDetail {
    let images = release
        .definition
        .as_object_mut()
        .and_then(|definition| definition.remove(IMAGES))
        .and_then(|images| serde_json::from_value(images).ok())
        .unwrap_or_default();
    ReleaseDetail {
        release: shown_release(&release),
        images,
        record: record(&release),
        pipelines,
        stack: release.definition,
        artifacts: release
            .artifacts
            .into_iter()
            .map(|(path, hash)| (PathBuf::from(path), hash))
            .collect(),
    }
}

/// A rollout's row as an operation.
pub(crate) fn shown_operation(row: &RolloutRow) -> Operation {
    let outcome = row.outcome.map(|outcome| OperationOutcome {
        result: match outcome {
            RolloutOutcome::Succeeded => OperationResult::Succeeded,
            RolloutOutcome::RolledBack => OperationResult::RolledBack,
            RolloutOutcome::Failed => OperationResult::Failed,
        },
        reason: row.reason.clone().unwrap_or_default(),
        finished_at: row.finished_at.unwrap_or(row.started_at),
    });
    Operation {
        id: row.id,
        scope: row.scope.clone(),
        kind: match row.kind {
            RolloutKind::Deploy => OperationKind::Deploy,
            RolloutKind::Rollback => OperationKind::Rollback,
            RolloutKind::Scale => OperationKind::Scale,
            RolloutKind::Restart => OperationKind::Restart,
            RolloutKind::Down => OperationKind::Down,
        },
        release: Some(row.to),
        started_at: row.started_at,
        outcome,
        waiting: None,
    }
}

/// The journal's word for a kind of operation.
pub(crate) fn kept_kind(kind: OperationKind) -> Result<RolloutKind, ApiError> {
    Ok(match kind {
        OperationKind::Deploy => RolloutKind::Deploy,
        OperationKind::Rollback => RolloutKind::Rollback,
        OperationKind::Scale => RolloutKind::Scale,
        OperationKind::Restart => RolloutKind::Restart,
        OperationKind::Down => RolloutKind::Down,
        OperationKind::Infra => {
            let words = "a change of the infrastructure is no rollout";
            return Err(ApiError::new(ErrorCode::Internal, words));
        }
    })
}
