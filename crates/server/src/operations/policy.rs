//! What the environment's policy says of a deploy, or of a change of its infrastructure.
//!
//! Two policies judge it: the one that it would bring, and the one in force. So nobody escapes a
//! policy by changing it in the same deploy: a change of it is deployed under it.

use crate::api::types::{ApiError, DeployRequest, EnvironmentState, ReleaseStatus};
use crate::control::{Control, now};
use crate::environment::Environment;
use crate::store::shown_release;
use mainstay_journal::NewEvent;
use mainstay_model::ServiceName;
use mainstay_runtime::images::ImageRecord;
use mainstay_stack::policy::{Approval, Ask, Objection, Policy};

impl Control {
    /// Refuses with all objections at once; the refusal is written down.
    pub(crate) async fn refuse_by_policy(
        &self,
        environment: &Environment,
        brought: &Policy,
        ask: Ask<'_>,
        by: &str,
    ) -> Result<(), ApiError> {
        let now = now();
        let in_force = environment.inner().kept.policy.clone();
        let mut objections: Vec<Objection> = brought.objections(ask, now);
        for objection in in_force
            .iter()
            .flat_map(|policy| policy.objections(ask, now))
        {
            if !objections.contains(&objection) {
                objections.push(objection);
            }
        }
        let Some(first) = objections.first() else {
            return Ok(());
        };
        let words: Vec<String> = objections.iter().map(ToString::to_string).collect();
        let message = format!(
            "the policy of {} refuses: {}",
            environment.scope,
            words.join("; ")
        );
        let event = NewEvent {
            scope: Some(environment.scope.clone()),
            subject: ask.tag.map(str::to_owned),
            actor: Some(by.to_owned()),
            data: serde_json::json!(objections),
            ..NewEvent::new(now, "policy.refused", message.clone())
        };
        self.store.record(event).await?;
        Err(ApiError::conflict(message).hint(first.hint()))
    }

    /// What both policies ask for together.
    pub(crate) fn approval_needed(environment: &Environment, brought: &Policy) -> Option<Approval> {
        let in_force = environment.inner().kept.policy.clone();
        let mut policies: Vec<&Policy> = vec![brought];
        policies.extend(&in_force);
        Policy::approval_of(&policies)
    }

    /// A promotion within this server: the release runs there, was watched through, and is the very
    /// same. Of another server its client's word is written down.
    pub(super) async fn check_promotion(&self, request: &DeployRequest) -> Result<(), ApiError> {
        let Some(from) = &request.promoted_from else {
            return Ok(());
        };
        if from.server.is_some() {
            return Ok(());
        }
        let refuse = |why: &str| {
            ApiError::conflict(format!(
                "{} of {} cannot be promoted: {why}",
                from.release, from.scope
            ))
            .hint("`mainstay status` there says how it is; `--force` promotes it all the same")
        };
        let there = self.environment(&from.scope)?;
        let release = self.store.release(&from.scope, from.release).await?;
        let release = release.ok_or_else(|| refuse("there is no such release"))?;
        let same = request
            .artifacts
            .iter()
            .all(|(path, hash)| release.artifacts.get(&path.display().to_string()) == Some(hash));
        if !same {
            return Err(refuse("its artifacts are others than those sent"));
        }
        let images = crate::store::record(&release).images;
        let same = |(name, image): (&ServiceName, &ImageRecord)| {
            images.get(name).is_none_or(|there| there.id == image.id)
        };
        if !request.images.iter().all(same) {
            return Err(refuse("its images are others than those sent"));
        }
        if request.force {
            return Ok(());
        }
        let summary = self.summary(&there);
        let shown = shown_release(&release);
        if summary.release != Some(from.release) || shown.status != ReleaseStatus::Current {
            return Err(refuse("it is not what runs there"));
        }
        if summary.state != EnvironmentState::Up {
            return Err(refuse("not everything there is healthy, or a rollout runs"));
        }
        if shown.verified_at.is_none() {
            return Err(refuse("it was not watched through"));
        }
        Ok(())
    }
}
