//! Rollback: an earlier release, as it was, without building anything.

use super::deploy::with_gates;
use super::{Start, preflight};
use crate::api::Actor;
use crate::api::types::{ApiError, ErrorCode, Operation, OperationKind, RollbackRequest};
use crate::control::{Control, now};
use crate::environment::Environment;
use crate::pipeline::{self, Direction};
use crate::planning::{self, Desired, Wish};
use crate::specs::Bundle;
use mainstay_journal::{NewEvent, Release, ReleaseStatus};
use mainstay_model::{ReleaseNumber, Scope};
use mainstay_pipeline::Pipeline;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Whose downgrade is run, and to which revision; what survives a crash of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Downgrade {
    pub(crate) release: ReleaseNumber,
    pub(crate) to: Option<String>,
}

impl Control {
    /// Goes back to a release that once was current: the one before, or the one named.
    pub async fn rollback(
        self: &Arc<Self>,
        scope: &Scope,
        request: RollbackRequest,
        actor: &Actor,
        id: Uuid,
    ) -> Result<Operation, ApiError> {
        let environment = self.environment(scope)?;
        let _gate = environment.gate.lock().await;
        let desired = match Self::idle(&environment) {
            Ok((desired, _)) => desired,
            Err(error) if error.code == ErrorCode::NotFound => Desired::default(),
            Err(error) => return Err(error),
        };
        preflight::proxy(self).await?;
        let releases = self.store.releases(scope).await?;
        let release = choose(&releases, desired.release, request.to.as_deref())?;
        let number = release.number;
        let bundle = self
            .bundle(&environment, number)
            .map_err(|error| ApiError::unavailable(error).hint("deploy it anew instead"))?;
        self.check_artifacts(number, &bundle)?;
        let downgrade = self.schema_way(&environment, number, &request).await?;
        preflight::engine(self, &bundle.stack, bundle.images.clone()).await?;
        let wish = Wish {
            to: number,
            generations: release
                .services
                .iter()
                .map(|(name, service)| (name.clone(), service.generation))
                .collect(),
            renew: BTreeSet::new(),
            rollback: desired.release.is_some(),
        };
        let order = mainstay_stack::dependency_order(&bundle.stack);
        let plan = planning::plan(&desired, &bundle.stack, &order, &wish);
        let none = BTreeMap::new();
        let facts = pipeline::Facts {
            kind: OperationKind::Rollback,
            first: desired.release.is_none(),
            watched: !plan.watch.is_zero(),
            notes: false,
            migrates: downgrade.is_some(),
            waived: &none,
            by: &actor.name,
        };
        let steps = pipeline::plan(&bundle.stack, facts);
        let direction = match &downgrade {
            Some(downgrade) => self.direction(&environment, downgrade.clone())?,
            None => Direction::Up,
        };
        self.note_incident(scope, &desired, number, &request, actor, id)
            .await?;
        let plan = with_gates(plan, &steps);
        let start = Start {
            reason: request.reason,
            pipeline: Some(Pipeline::begin(steps)),
            direction,
            downgrade,
            ..Start::plain(id, OperationKind::Rollback, plan, bundle, &actor.name)
        };
        self.begin(&environment, start).await
    }

    /// A rollback by hand is an incident: from what, to what, by whom and why.
    async fn note_incident(
        &self,
        scope: &Scope,
        desired: &Desired,
        to: ReleaseNumber,
        request: &RollbackRequest,
        actor: &Actor,
        id: Uuid,
    ) -> Result<(), ApiError> {
        let from = desired
            .release
            .map_or_else(|| "nothing".to_owned(), |from| from.to_string());
        let reason = request.reason.as_deref().unwrap_or("no reason was given");
        let event = NewEvent {
            scope: Some(scope.clone()),
            rollout: Some(id),
            release: Some(to),
            actor: Some(actor.name.clone()),
            data: serde_json::json!({
                "from": desired.release,
                "to": to,
                "reason": request.reason,
                "downgrade": request.downgrade,
                "forced": request.force,
            }),
            ..NewEvent::new(
                now(),
                "incident.rollback",
                format!("{scope} goes back from {from} to {to}: {reason}"),
            )
        };
        self.store.record(event).await
    }

    /// Whether the schema lets the release run; how it is taken back where that was asked for.
    async fn schema_way(
        &self,
        environment: &Environment,
        number: ReleaseNumber,
        request: &RollbackRequest,
    ) -> Result<Option<Downgrade>, ApiError> {
        let stands = self.schema_stands(environment, number).await?;
        let Some(why) = stands.forbids() else {
            return Ok(None);
        };
        let newer = stands.now.as_ref().map(|schema| schema.release);
        if request.downgrade
            && let Some(release) = newer
        {
            let downgrade = Downgrade {
                release,
                to: stands.needed.clone(),
            };
            self.direction(environment, downgrade.clone())?;
            return Ok(Some(downgrade));
        }
        if request.force {
            return Ok(None);
        }
        Err(ApiError::conflict(why).hint(format!(
            "take the schema back first: `mainstay rollback {} --downgrade`; or go back all the same, where the old release can live with it: `--force`",
            number.0
        )))
    }

    /// A downgrade by the rules of the release that brought the schema.
    pub(crate) fn direction(
        &self,
        environment: &Environment,
        downgrade: Downgrade,
    ) -> Result<Direction, ApiError> {
        let Downgrade { release, to } = downgrade;
        let bundle = self.bundle(environment, release).map_err(|error| {
            ApiError::unavailable(format!("{release}, whose downgrade is needed: {error}"))
        })?;
        let rules = bundle.stack.deploy.migrations.as_ref();
        if rules.is_none_or(|rules| rules.downgrade.is_none()) {
            return Err(ApiError::conflict(format!("{release} has no downgrade command"))
                .hint("`deploy.migrations.downgrade` of its files; take the schema back by hand, then `--force`"));
        }
        Ok(Direction::Down {
            bundle,
            release,
            to,
        })
    }

    fn check_artifacts(&self, number: ReleaseNumber, bundle: &Bundle) -> Result<(), ApiError> {
        let gone = bundle
            .artifacts
            .iter()
            .find(|(_, hash)| !self.has_artifact(hash));
        match gone {
            None => Ok(()),
            Some((path, _)) => Err(ApiError::unavailable(format!(
                "{} of {number} is not kept any more",
                path.display()
            ))
            .hint("deploy it anew; `deploy.keep_releases` says how many are kept")),
        }
    }
}

/// The release meant by a number, a tag or the beginning of a commit; without one, the last that
/// was current before this one.
// `releases` are newest first.
fn choose<'a>(
    releases: &'a [Release],
    current: Option<ReleaseNumber>,
    wanted: Option<&str>,
) -> Result<&'a Release, ApiError> {
    let usable = |release: &&Release| {
        release.status == ReleaseStatus::Superseded
            || (release.status == ReleaseStatus::Current && current.is_none())
    };
    let Some(wanted) = wanted else {
        return releases
            .iter()
            .filter(usable)
            .filter(|release| current.is_none_or(|current| release.number < current))
            .max_by_key(|release| release.number)
            .ok_or_else(|| {
                ApiError::conflict("there is no earlier release to go back to")
                    .hint("`mainstay releases` shows what there is; name one to go forward")
            });
    };
    let number = wanted.strip_prefix('r').unwrap_or(wanted).parse().ok();
    let meant = |release: &&Release| {
        number == Some(release.number.0)
            || release.tag.as_deref() == Some(wanted)
            || (wanted.len() >= 7
                && release
                    .commit
                    .as_deref()
                    .is_some_and(|commit| commit.starts_with(wanted)))
    };
    let found = releases.iter().filter(meant);
    let Some(release) = found.clone().find(usable).or_else(|| found.clone().next()) else {
        return Err(ApiError::not_found(format!(
            "no release has the number, tag or commit `{wanted}`"
        ))
        .hint("`mainstay releases` shows what there is"));
    };
    let number = release.number;
    match release.status {
        _ if current == Some(number) => Err(ApiError::conflict(format!("{number} runs already"))),
        ReleaseStatus::Failed => Err(ApiError::conflict(format!(
            "{number} never became current: it failed"
        ))
        .hint("deploy it anew if its cause is gone")),
        _ => Ok(release),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stored_release;

    fn releases() -> Vec<Release> {
        use ReleaseStatus::{Current, Failed, Superseded};
        let statuses = [Superseded, Superseded, Failed, Current];
        let mut releases: Vec<_> = (1..)
            .zip(statuses)
            .map(|(number, status)| stored_release(number, status))
            .collect();
        releases.reverse();
        releases
    }

    fn chosen(wanted: Option<&str>) -> Result<u32, String> {
        choose(&releases(), Some(ReleaseNumber(4)), wanted)
            .map(|release| release.number.0)
            .map_err(|error| error.message)
    }

    #[test]
    fn the_release_before_is_the_last_that_was_current() {
        assert_eq!(chosen(None), Ok(2));
    }

    #[test]
    fn a_release_is_meant_by_number_tag_or_commit() {
        assert_eq!(chosen(Some("1")), Ok(1));
        assert_eq!(chosen(Some("r2")), Ok(2));
        assert_eq!(chosen(Some("v0.1")), Ok(1));
        assert_eq!(chosen(Some("00000002")), Ok(2));
        assert!(chosen(Some("v9")).unwrap_err().contains("`v9`"));
        assert_eq!(chosen(Some("4")).unwrap_err(), "r4 runs already");
        assert!(chosen(Some("3")).unwrap_err().contains("failed"));
    }
}
