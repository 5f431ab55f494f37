//! Pulls and pushes, and the decision whether to pull at all.

use super::Images;
use super::build::{modified, split};
use super::error::ImageError;
use super::progress::{self, Progress};
use super::record::ImageRecord;
use bollard::query_parameters::{CreateImageOptionsBuilder, PushImageOptionsBuilder};
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Of one pull or push.
const DEADLINE: Duration = Duration::from_hours(1);

/// When an image is asked for at its registry (`pull_policy` of Compose; `build` is no question
/// of pulling).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// When the engine has it not.
    #[default]
    Missing,
    Always,
    Never,
}

impl Images {
    /// Resolves a name to exactly one image, and sees that the engine has it.
    pub async fn ensure(
        &self,
        reference: &str,
        pull: Pull,
        platform: Option<&str>,
        each: impl FnMut(Progress),
    ) -> Result<ImageRecord, ImageError> {
        if pull != Pull::Always {
            match self.record(reference, reference).await {
                Err(error) if error.missing && pull == Pull::Missing => {}
                Err(error) if error.missing => {
                    return Err(error.hint(
                        "`pull_policy: never` says not to pull it: build it, or change the policy",
                    ));
                }
                other => return other,
            }
        }
        self.pull(reference, platform, each).await
    }

    /// Sees that the engine has the very image that a record names, also when it was removed
    /// meanwhile.
    pub async fn restore(
        &self,
        record: &ImageRecord,
        each: impl FnMut(Progress),
    ) -> Result<(), ImageError> {
        match self.record(&record.id, &record.reference).await {
            Ok(_) => return Ok(()),
            Err(error) if error.missing => {}
            Err(error) => return Err(error),
        }
        let gone = || {
            ImageError::new(format!(
                "the engine has no image `{}` ({}) any more",
                record.reference,
                record.short_id()
            ))
        };
        let Some(digest) = &record.digest else {
            return Err(
                gone().hint("it was built and never pushed: build and deploy that version again")
            );
        };
        let found = self.pull(digest, Some(&record.platform), each).await?;
        if found.id == record.id {
            return Ok(());
        }
        Err(gone().hint(format!(
            "its registry gives another one for `{digest}`: deploy that version again"
        )))
    }

    /// Asks the registry. A reference with a digest is held to it by the engine.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        mut each: impl FnMut(Progress),
    ) -> Result<ImageRecord, ImageError> {
        let what = format!("cannot pull `{reference}`");
        // The engine wants the digest where a tag would be.
        let (repository, tag) = match reference.split_once('@') {
            Some((name, digest)) => (split(name).0, digest),
            None => split(reference),
        };
        let options = CreateImageOptionsBuilder::default();
        let mut options = options.from_image(repository).tag(tag);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let docker = self.with_credentials(reference).await;
        let stream = docker.create_image(Some(options.build()), None, None);
        let each = |info| {
            if let Some(progress) = progress::of_pull(info) {
                each(progress);
            }
        };
        self.drain(&what, stream, each).await?;
        self.record(reference, reference).await
    }

    /// Sends an image to its registry; its record then has the digest there.
    pub async fn push(
        &self,
        reference: &str,
        mut each: impl FnMut(Progress),
    ) -> Result<ImageRecord, ImageError> {
        let what = format!("cannot push `{reference}`");
        let (repository, tag) = split(reference);
        let options = PushImageOptionsBuilder::default().tag(tag).build();
        let docker = self.with_credentials(reference).await;
        let stream = docker.push_image(repository, Some(options), None);
        let each = |info| {
            if let Some(progress) = progress::of_push(info) {
                each(progress);
            }
        };
        self.drain(&what, stream, each).await?;
        self.record(reference, reference).await
    }

    async fn with_credentials(&self, reference: &str) -> bollard::Docker {
        let registry = super::credentials::registry_of(reference);
        let header = self.registries.of(registry).await;
        let header = header.map(|value| ("x-registry-auth", value));
        modified(self.docker.clone().with_timeout(DEADLINE), header, "")
    }

    async fn drain<T>(
        &self,
        what: &str,
        stream: impl Stream<Item = Result<T, bollard::errors::Error>>,
        mut each: impl FnMut(T),
    ) -> Result<(), ImageError> {
        let work = async {
            let mut stream = std::pin::pin!(stream);
            while let Some(info) = stream.next().await {
                each(info?);
            }
            Ok(())
        };
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(outcome) => outcome.map_err(self.failed(what)),
            Err(_) => Err(ImageError::new(format!(
                "{what}: it takes longer than {}",
                mainstay_model::format_duration(DEADLINE)
            ))),
        }
    }
}
