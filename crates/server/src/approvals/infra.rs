//! Changes of the infrastructure. The client makes them, with the user's own Terraform and credentials; here stands
//! who agreed to which plan. What was agreed to is agreed to once.

use super::{asked, event, waits_for};
use crate::api::Actor;
use crate::api::types::{ApiError, ApprovalRequest, InfraAnswer, InfraRequest, Subject};
use crate::control::{Control, now};
use crate::environment::{Environment, Kept};
use mainstay_journal::{NewEvent, RequestState};
use mainstay_model::Scope;
use mainstay_stack::policy::Ask;
use std::sync::Arc;
use uuid::Uuid;

impl Control {
    /// Whether the change may be made now. Where the policy wants approval, and nobody was asked about this very
    /// plan yet, it waits from here on.
    pub async fn infra(
        self: &Arc<Self>,
        scope: &Scope,
        request: InfraRequest,
        actor: &Actor,
        id: Uuid,
    ) -> Result<InfraAnswer, ApiError> {
        let change = &request.change;
        let is_hash = change.plan.len() == 64 && change.plan.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hash || change.summary.len() > 200 {
            let words = "`change.plan` is the SHA-256 of a plan in hex, and `summary` a short line";
            return Err(ApiError::invalid(words));
        }
        let environment = self.add(Environment::new(scope.clone(), Kept::default()));
        let _gate = environment.gate.lock().await;
        let ask = Ask {
            tag: request.tag.as_deref(),
            dirty: request.dirty,
        };
        self.refuse_by_policy(&environment, &request.policy, ask, &actor.name)
            .await?;
        let subject = Subject::Infra(request.change);
        let known = {
            let inner = environment.inner();
            let mut requests = inner.requests.iter();
            requests.find(|one| one.subject == subject).cloned()
        };
        match known {
            Some(known) if known.missing() > 0 => Ok(waiting(known)),
            Some(known) if !request.begin => Ok(InfraAnswer {
                agreed: true,
                request: Some(known),
            }),
            Some(known) => self.hand_out(&environment, known, actor).await,
            None => {
                let Some(approval) = Self::approval_needed(&environment, &request.policy) else {
                    if request.begin {
                        self.note_begin(scope, &subject, actor).await?;
                    }
                    return Ok(InfraAnswer {
                        agreed: true,
                        request: None,
                    });
                };
                let new = ApprovalRequest {
                    tag: request.tag,
                    commit: request.commit,
                    subject,
                    ..asked(&environment, &approval, &actor.name, id)?
                };
                self.begin_to_wait(&environment, &new).await?;
                Ok(waiting(new))
            }
        }
    }

    /// Enough people agreed: it is used up before anybody acts on it.
    async fn hand_out(
        &self,
        environment: &Environment,
        request: ApprovalRequest,
        actor: &Actor,
    ) -> Result<InfraAnswer, ApiError> {
        let words = format!("{} is made by {}", request.subject, actor.name);
        let begun = event(&request, "begun", words.clone(), &actor.name, now());
        self.close_request(environment, &request, RequestState::Begun, words, begun)
            .await?;
        Ok(InfraAnswer {
            agreed: true,
            request: Some(request),
        })
    }

    /// Nobody has to agree; that it was made stands in the journal all the same.
    async fn note_begin(
        &self,
        scope: &Scope,
        subject: &Subject,
        actor: &Actor,
    ) -> Result<(), ApiError> {
        let words = format!("{subject} is made by {}", actor.name);
        let event = NewEvent {
            scope: Some(scope.clone()),
            actor: Some(actor.name.clone()),
            ..NewEvent::new(now(), "infra.begun", words)
        };
        self.store.record(event).await?;
        Ok(())
    }
}

fn waiting(request: ApprovalRequest) -> InfraAnswer {
    tracing::info!(scope = %request.scope, id = %request.id, "{} {}", request.subject, waits_for(&request));
    InfraAnswer {
        agreed: false,
        request: Some(request),
    }
}
