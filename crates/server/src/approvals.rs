//! What waits for somebody's approval: deploys, and changes of the infrastructure.
//!
//! A deploy that was asked for stands sealed on disk, under the id of its operation; who agreed stands in the
//! journal. A decision is written before it is acted on: a server that starts up begins what was
//! approved and had not begun.

mod infra;

use crate::api::Actor;
use crate::api::types::{
    ApiError, ApprovalRequest, Approved, Decided, Decision, DeployRequest, ErrorCode, Operation,
    OperationOutcome, OperationResult, Role, Subject,
};
use crate::control::{Control, now};
use crate::environment::Environment;
use mainstay_journal::{Journal, JournalError, NewEvent, RequestRow, RequestState};
use mainstay_model::{Scope, Timestamp};
use mainstay_stack::policy::{Approval, ApproverRole};
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// Requests of one environment that wait at a time.
const MOST: usize = 20;

impl Control {
    /// Keeps the request until enough people have agreed. The caller holds the gate.
    pub(crate) async fn ask_for_approval(
        &self,
        environment: &Environment,
        request: &DeployRequest,
        approval: &Approval,
        by: &str,
        id: Uuid,
    ) -> Result<Operation, ApiError> {
        let scope = &environment.scope;
        let shown = ApprovalRequest {
            tag: request.tag.clone(),
            commit: request.commit.clone(),
            description: request.description.clone(),
            promoted_from: request.promoted_from.clone(),
            ..asked(environment, approval, by, id)?
        };
        let (path, name) = self.request_place(scope, id);
        let bytes = serde_json::to_vec(request).map_err(internal)?;
        self.key
            .seal(&path, &name, &bytes)
            .map_err(|error| ApiError::unavailable(error).hint("see that the disk has room"))?;
        self.begin_to_wait(environment, &shown).await?;
        Ok(operation(&shown))
    }

    async fn begin_to_wait(
        &self,
        environment: &Environment,
        request: &ApprovalRequest,
    ) -> Result<(), ApiError> {
        let words = waits_for(request);
        let event = event(request, "created", words, &request.by, request.created_at);
        self.keep_request(request, RequestState::Pending, None, vec![event])
            .await?;
        environment.inner().requests.push(request.clone());
        Ok(())
    }

    /// Agrees to a request. Enough of that, and its deploy begins.
    pub async fn approve(
        self: &Arc<Self>,
        id: Uuid,
        decision: Decision,
        actor: &Actor,
    ) -> Result<Decided, ApiError> {
        let (environment, mut request) = match self.open_request(id).await {
            Ok(found) => found,
            Err(error) => return self.approved_before(id, actor).await?.ok_or(error),
        };
        {
            let _gate = environment.gate.lock().await;
            actor.needs(request.role)?;
            if actor.name == request.by && !request.self_approval {
                return Err(ApiError::new(
                    ErrorCode::Denied,
                    format!("{} asked for it, and somebody else has to agree", actor.name),
                )
                .hint("as another user or with another token; `policy.approval.self_approval` is for those who work alone"));
            }
            let now = now();
            if request.approvals.iter().all(|one| one.by != actor.name) {
                request.approvals.push(Approved {
                    by: actor.name.clone(),
                    at: now,
                    reason: decision.reason,
                });
            }
            let missing = request.missing();
            let begins = missing == 0 && request.subject == Subject::Deploy;
            if begins && environment.inner().running.is_some() {
                return Err(
                    ApiError::conflict(format!("a rollout runs in {}", environment.scope))
                        .hint("approve it again when that has ended: `mainstay rollout status`"),
                );
            }
            let state = match missing {
                0 => RequestState::Approved,
                _ => RequestState::Pending,
            };
            let words = format!("{} was approved by {}", request.subject, actor.name);
            let event = event(&request, "approved", words, &actor.name, now);
            self.keep_request(&request, state, None, vec![event])
                .await?;
            let mut inner = environment.inner();
            if let Some(known) = inner.requests.iter_mut().find(|known| known.id == id) {
                *known = request.clone();
            }
            if !begins {
                return Ok(Decided {
                    operation: operation(&request),
                    missing,
                });
            }
        }
        let operation = Box::pin(self.begin_approved(&environment, &request)).await?;
        Ok(Decided {
            operation,
            missing: 0,
        })
    }

    /// Asked again after the answer was lost.
    async fn approved_before(&self, id: Uuid, actor: &Actor) -> Result<Option<Decided>, ApiError> {
        let Some(row) = self.store.request(id).await? else {
            return Ok(None);
        };
        let known: Option<ApprovalRequest> = serde_json::from_value(row.data).ok();
        let own = known.is_some_and(|one| one.approvals.iter().any(|one| one.by == actor.name));
        if row.state != RequestState::Begun || !own {
            return Ok(None);
        }
        Ok(Some(Decided {
            operation: self.operation(id).await?,
            missing: 0,
        }))
    }

    pub async fn reject(
        &self,
        id: Uuid,
        decision: Decision,
        actor: &Actor,
    ) -> Result<Decided, ApiError> {
        let (environment, request) = self.open_request(id).await?;
        let _gate = environment.gate.lock().await;
        // Whoever asked may take it back.
        if actor.name != request.by {
            actor.needs(request.role)?;
        }
        let reason = decision
            .reason
            .unwrap_or_else(|| "no reason was given".to_owned());
        let words = format!("rejected by {}: {reason}", actor.name);
        let event = event(&request, "rejected", words.clone(), &actor.name, now());
        self.close_request(&environment, &request, RequestState::Rejected, words, event)
            .await?;
        let operation = self.operation(id).await?;
        Ok(Decided {
            operation,
            missing: 0,
        })
    }

    /// Ends what nobody decided on in time.
    pub(crate) async fn expire_requests(&self, environment: &Environment) {
        let now = now();
        let late: Vec<ApprovalRequest> = {
            let inner = environment.inner();
            let late = inner.requests.iter().filter(|one| one.expires_at <= now);
            late.cloned().collect()
        };
        for request in late {
            let Ok(_gate) = environment.gate.try_lock() else {
                return;
            };
            let words = format!("nobody decided on it until {}", request.expires_at);
            let event = event(&request, "expired", words.clone(), &request.by, now);
            let closed =
                self.close_request(environment, &request, RequestState::Expired, words, event);
            if let Err(error) = closed.await {
                tracing::warn!(request = %request.id, %error, "a request that is too old is still kept");
            }
        }
    }

    /// Takes up what waits, and begins what was approved and had not begun.
    pub(crate) async fn recover_requests(self: &Arc<Self>) -> Result<(), ApiError> {
        for row in self.store.open_requests().await? {
            let Ok(request) = serde_json::from_value::<ApprovalRequest>(row.data) else {
                tracing::error!(id = %row.id, "a request for approval cannot be read");
                continue;
            };
            let environment = self.add(Environment::new(
                row.scope.clone(),
                crate::environment::Kept::default(),
            ));
            environment.inner().requests.push(request.clone());
            if row.state == RequestState::Approved && request.subject == Subject::Deploy {
                let control = Arc::clone(self);
                self.rollouts().spawn(async move {
                    if let Err(error) = Box::pin(control.begin_approved(&environment, &request)).await {
                        tracing::warn!(id = %request.id, %error, "an approved deploy did not begin");
                    }
                });
            }
        }
        Ok(())
    }

    /// Begins the deploy; where it is refused now, the request is too.
    async fn begin_approved(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        request: &ApprovalRequest,
    ) -> Result<Operation, ApiError> {
        let (path, name) = self.request_place(&request.scope, request.id);
        let asked = self
            .key
            .open_sealed(&path, &name)
            .map_err(ApiError::unavailable)
            .and_then(|bytes| serde_json::from_slice::<DeployRequest>(&bytes).map_err(internal));
        let begun = match asked {
            Ok(asked) => self.deploy_approved(environment, asked, request).await,
            Err(error) => Err(error),
        };
        let now = now();
        let (state, words) = match &begun {
            Ok(_) => (RequestState::Begun, "begun".to_owned()),
            Err(error) => (RequestState::Refused, error.message.clone()),
        };
        let word = if begun.is_ok() { "begun" } else { "refused" };
        let event = event(request, word, words.clone(), &request.by, now);
        self.close_request(environment, request, state, words, event)
            .await?;
        begun
    }

    async fn open_request(
        &self,
        id: Uuid,
    ) -> Result<(Arc<Environment>, ApprovalRequest), ApiError> {
        let found = self.environments().into_iter().find_map(|environment| {
            let inner = environment.inner();
            let request = inner.requests.iter().find(|one| one.id == id).cloned();
            drop(inner);
            request.map(|request| (environment, request))
        });
        if let Some(found) = found {
            return Ok(found);
        }
        match self.store.request(id).await? {
            None => Err(ApiError::not_found(format!(
                "nothing with the id {id} waits for approval"
            ))
            .hint("`mainstay status` lists those that do")),
            Some(row) => Err(ApiError::conflict(format!(
                "it is decided on already: {}",
                row.reason.unwrap_or_else(|| "begun".to_owned())
            ))),
        }
    }

    async fn close_request(
        &self,
        environment: &Environment,
        request: &ApprovalRequest,
        state: RequestState,
        reason: String,
        event: NewEvent,
    ) -> Result<(), ApiError> {
        self.keep_request(request, state, Some(reason), vec![event])
            .await?;
        environment
            .inner()
            .requests
            .retain(|one| one.id != request.id);
        let (path, _) = self.request_place(&request.scope, request.id);
        let _ = std::fs::remove_file(path);
        Ok(())
    }

    async fn keep_request(
        &self,
        request: &ApprovalRequest,
        state: RequestState,
        reason: Option<String>,
        events: Vec<NewEvent>,
    ) -> Result<(), ApiError> {
        let row = RequestRow {
            id: request.id,
            scope: request.scope.clone(),
            by: request.by.clone(),
            created_at: request.created_at,
            expires_at: request.expires_at,
            state,
            decided_at: (state != RequestState::Pending).then(now),
            reason,
            data: serde_json::to_value(request).map_err(internal)?,
        };
        let write = move |journal: &mut Journal| {
            journal.write(|writer| {
                writer.put_request(&row)?;
                events
                    .iter()
                    .try_for_each(|event| writer.append(event).map(|_| ()))
            })
        };
        Ok(self.store.journal().write::<_, JournalError>(write).await?)
    }

    fn request_place(&self, scope: &Scope, id: Uuid) -> (PathBuf, String) {
        let directory = self.data().requests();
        let path = directory
            .join(scope.stack.as_str())
            .join(scope.environment.as_str())
            .join(format!("{id}.sealed"));
        (path, format!("{scope}/request/{id}"))
    }
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Internal, error.to_string())
}

fn role(role: ApproverRole) -> Role {
    match role {
        ApproverRole::Operator => Role::Operator,
        ApproverRole::Admin => Role::Admin,
    }
}

fn event(
    request: &ApprovalRequest,
    kind: &str,
    message: String,
    actor: &str,
    now: Timestamp,
) -> NewEvent {
    NewEvent {
        scope: Some(request.scope.clone()),
        rollout: Some(request.id),
        subject: request.tag.clone(),
        actor: Some(actor.to_owned()),
        ..NewEvent::new(now, format!("request.{kind}"), message)
    }
}

/// A new request of which nothing is known yet but who asked and who has to agree.
fn asked(
    environment: &Environment,
    approval: &Approval,
    by: &str,
    id: Uuid,
) -> Result<ApprovalRequest, ApiError> {
    let scope = &environment.scope;
    if environment.inner().requests.len() >= MOST {
        let words = format!("{MOST} requests wait for approval in {scope} already");
        let hint = "reject those that nobody needs: `mainstay status` lists them";
        return Err(ApiError::conflict(words).hint(hint));
    }
    let now = now();
    Ok(ApprovalRequest {
        id,
        scope: scope.clone(),
        by: by.to_owned(),
        created_at: now,
        expires_at: now + approval.expires,
        tag: None,
        commit: None,
        description: None,
        promoted_from: None,
        needed: approval.count,
        role: role(approval.role),
        self_approval: approval.self_approval,
        approvals: Vec::new(),
        subject: Subject::Deploy,
    })
}

/// What a request waits for, in words.
fn waits_for(request: &ApprovalRequest) -> String {
    let missing = request.missing();
    let role = format!("{:?}", request.role).to_lowercase();
    format!(
        "waits for {missing} approval{} by {role}, until {}",
        if missing == 1 { "" } else { "s" },
        request.expires_at
    )
}

/// A request as the operation that it will be.
pub(crate) fn operation(request: &ApprovalRequest) -> Operation {
    Operation {
        id: request.id,
        scope: request.scope.clone(),
        kind: request.subject.kind(),
        release: None,
        started_at: request.created_at,
        outcome: None,
        // A deploy that enough people agreed to is about to begin; a change of the infrastructure waits for nobody.
        waiting: (request.missing() > 0 || request.subject == Subject::Deploy)
            .then(|| waits_for(request)),
    }
}

/// A request that was decided on and has no rollout.
pub(crate) fn decided(row: &RequestRow) -> Operation {
    let result = match row.state {
        RequestState::Rejected => Some(OperationResult::Rejected),
        RequestState::Expired => Some(OperationResult::Expired),
        RequestState::Refused => Some(OperationResult::Failed),
        RequestState::Begun => Some(OperationResult::Unchanged),
        RequestState::Pending | RequestState::Approved => None,
    };
    let subject = serde_json::from_value::<ApprovalRequest>(row.data.clone());
    let subject = subject.map(|request| request.subject).unwrap_or_default();
    Operation {
        id: row.id,
        scope: row.scope.clone(),
        kind: subject.kind(),
        release: None,
        started_at: row.created_at,
        outcome: result.map(|result| OperationOutcome {
            result,
            reason: row.reason.clone().unwrap_or_default(),
            finished_at: row.decided_at.unwrap_or(row.created_at),
        }),
        waiting: None,
    }
}
