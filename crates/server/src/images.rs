//! Images as the control plane has them made: on the engine of an environment, named by releases.
//!
//! It decides nothing about a rollout. What a release deploys is settled before it is made
//! (`operations::preflight`), by the records that these verbs answer.

use crate::api::Actor;
use crate::api::types::{
    ApiError, ImageAudit, ImageBuild, ImageError, ImageMessage, ImageProgress, ImagePull,
    ImageQuery, ImageRecord, ListedImage, Pruned,
};
use crate::control::{Control, now};
use mainstay_audit::image::Around;
use mainstay_audit::{Finding, image};
use mainstay_model::{ReleaseNumber, Scope};
use mainstay_runtime::images::{Context, Images, Registries, SERVICE_LABEL, STACK_LABEL};
use mainstay_runtime::target::TargetError;
use mainstay_stack::Engine;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// Messages that nobody has read yet; the oldest go first.
const MESSAGES: usize = 1024;

/// Ends with the last message.
pub(crate) type Work = Pin<Box<dyn Future<Output = ImageMessage> + Send>>;

/// Between the work and whoever reads of it. Locked for moments only, never across an await.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(Arc<Mutex<VecDeque<ImageMessage>>>);

impl Queue {
    pub(crate) fn push(&self, message: ImageMessage) {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() == MESSAGES {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    pub(crate) fn take(&self) -> Option<ImageMessage> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    fn progress(&self) -> impl FnMut(ImageProgress) + Send + use<> {
        let queue = self.clone();
        move |progress| queue.push(ImageMessage::Progress(progress))
    }
}

fn last(outcome: Result<ImageRecord, ImageError>) -> ImageMessage {
    match outcome {
        Ok(record) => ImageMessage::Done(record),
        Err(error) => ImageMessage::Failed(error),
    }
}

fn no_engine(error: TargetError) -> ImageError {
    ImageError {
        message: error.message,
        hint: error.hint,
        step: None,
        missing: false,
    }
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        let api = if error.missing {
            Self::not_found(error.message)
        } else {
            Self::unavailable(error.message)
        };
        match error.hint {
            Some(hint) => api.hint(hint),
            None => api,
        }
    }
}

impl Control {
    /// Those of an engine, with the logins of this server's user.
    pub(crate) async fn images(&self, engine: Option<&Engine>) -> Result<Images, TargetError> {
        let target = self.targets().engine_at(engine)?;
        let address = target.address().to_string();
        let client = target.client().await?;
        Ok(Images::new(client, address, Registries::from_environment()))
    }

    /// Builds, and pushes where that was asked for.
    pub(crate) async fn build_image(
        self: Arc<Self>,
        scope: Scope,
        mut request: ImageBuild,
        context: Context,
        queue: Queue,
    ) -> ImageMessage {
        let labels = &mut request.options.labels;
        labels.insert(STACK_LABEL.to_owned(), scope.stack.to_string());
        labels.entry(SERVICE_LABEL.to_owned()).or_default();
        let work = async {
            let images = self
                .images(request.engine.as_ref())
                .await
                .map_err(no_engine)?;
            let built = images
                .build(&request.options, context, queue.progress())
                .await?;
            if !request.push {
                return Ok(built);
            }
            let mut pushed = built;
            for name in request.options.names.iter().rev() {
                pushed = images.push(name, queue.progress()).await?;
            }
            Ok(pushed)
        };
        last(work.await)
    }

    pub(crate) async fn pull_image(
        self: Arc<Self>,
        request: ImagePull,
        queue: Queue,
    ) -> ImageMessage {
        let work = async {
            let images = self
                .images(request.engine.as_ref())
                .await
                .map_err(no_engine)?;
            let platform = request.platform.as_deref();
            images
                .ensure(&request.reference, request.pull, platform, queue.progress())
                .await
        };
        last(work.await)
    }

    pub(crate) async fn audit_image(&self, request: ImageAudit) -> Result<Vec<Finding>, ApiError> {
        let images = self.images(request.engine.as_ref()).await?;
        let mut facts = images.facts(&request.reference).await?;
        facts.files = Some(images.files(&request.reference).await?);
        let around = Around {
            has_health_check: request.has_health_check,
            has_user: request.has_user,
            own: request.own,
        };
        let waived: Vec<&str> = request.waived.iter().map(String::as_str).collect();
        Ok(image::findings(&facts, around, now(), &waived))
    }

    pub(crate) async fn list_images(
        &self,
        scope: &Scope,
        request: ImageQuery,
    ) -> Result<Vec<ListedImage>, ApiError> {
        let images = self.images(request.engine.as_ref()).await?;
        let named = self.named_images(scope).await?;
        let own = images.own(scope.stack.as_str()).await?;
        let listed = own.into_iter().map(|image| ListedImage {
            releases: named.get(&image.id).cloned().unwrap_or_default(),
            image,
        });
        Ok(listed.collect())
    }

    /// Removes images of the stack that no kept release names.
    pub(crate) async fn prune_images(
        &self,
        scope: &Scope,
        request: ImageQuery,
        actor: &Actor,
    ) -> Result<Pruned, ApiError> {
        let images = self.images(request.engine.as_ref()).await?;
        let keep = self.named_images(scope).await?.into_keys().collect();
        let pruned = images.prune(scope.stack.as_str(), &keep).await?;
        if !pruned.removed.is_empty() {
            let message = format!("{} images of {} removed", pruned.removed.len(), scope.stack);
            self.record_machine_event("images.pruned", scope.stack.as_str(), message, actor)
                .await?;
        }
        Ok(pruned)
    }

    /// After releases were forgotten: their images go, unless a kept one names them too. What was
    /// only built and never deployed stays.
    pub(crate) async fn forget_images(
        &self,
        scope: &Scope,
        engine: Option<&Engine>,
        forgotten: &BTreeSet<String>,
    ) -> Result<(), ApiError> {
        if forgotten.is_empty() {
            return Ok(());
        }
        let named = self.named_images(scope).await?;
        let images = self.images(engine).await?;
        let keep = images
            .own(scope.stack.as_str())
            .await?
            .into_iter()
            .map(|image| image.id)
            .filter(|id| named.contains_key(id) || !forgotten.contains(id))
            .collect();
        images.prune(scope.stack.as_str(), &keep).await?;
        Ok(())
    }

    /// Id → the releases that name it, in every environment of the stack.
    async fn named_images(&self, scope: &Scope) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
        let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for environment in self.environments() {
            if environment.scope.stack != scope.stack {
                continue;
            }
            let numbers: Vec<ReleaseNumber> = self
                .store
                .releases(&environment.scope)
                .await?
                .iter()
                .map(|release| release.number)
                .collect();
            for number in numbers {
                let (path, _) = self.bundle_place(&environment.scope, number);
                if !path.exists() {
                    continue;
                }
                let bundle = self
                    .bundle(&environment, number)
                    .map_err(ApiError::unavailable)?;
                for image in bundle.images.values() {
                    let name = format!("{} {number}", environment.scope.environment);
                    named.entry(image.id.clone()).or_default().push(name);
                }
            }
        }
        Ok(named)
    }
}
