//! What an engine knows about an image.

use super::Images;
use super::error::ImageError;
use super::record::ImageRecord;
use bollard::models::ImageInspect;
use mainstay_audit::image::ImageFacts;
use mainstay_model::{Secret, Timestamp};

impl Images {
    /// The record of an image that the engine has; `reference` is what its record calls it.
    pub async fn record(&self, image: &str, reference: &str) -> Result<ImageRecord, ImageError> {
        let found = self.inspect(image).await?;
        record(found, reference)
            .ok_or_else(|| ImageError::new(format!("the engine does not say what `{image}` is")))
    }

    /// What the rules about images look at, apart from the files.
    pub async fn facts(&self, image: &str) -> Result<ImageFacts, ImageError> {
        let found = self.inspect(image).await?;
        let history = self.docker.image_history(image).await;
        let history =
            history.map_err(self.failed(format!("cannot read the history of `{image}`")))?;
        let config = found.config.unwrap_or_default();
        Ok(ImageFacts {
            reference: image.to_owned(),
            user: config.user.unwrap_or_default(),
            environment: config
                .env
                .unwrap_or_default()
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())))
                .collect(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            exposed_ports: config.exposed_ports.unwrap_or_default(),
            health_check: config
                .healthcheck
                .and_then(|check| check.test)
                .unwrap_or_default(),
            entry_point: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            size: size(found.size),
            created_at: found.created.as_deref().and_then(time),
            history: history
                .into_iter()
                .rev()
                .map(|layer| Secret::new(layer.created_by))
                .collect(),
            files: None,
        })
    }

    pub(super) async fn inspect(&self, image: &str) -> Result<ImageInspect, ImageError> {
        self.docker
            .inspect_image(image)
            .await
            .map_err(self.failed(format!("cannot look at `{image}`")))
    }
}

pub(crate) fn record(found: ImageInspect, reference: &str) -> Option<ImageRecord> {
    let config = found.config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let label = |name: &str| {
        labels
            .get(&format!("org.opencontainers.image.{name}"))
            .cloned()
    };
    let digests = found.repo_digests.unwrap_or_default();
    let platform = [found.os, found.architecture, found.variant]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/");
    Some(ImageRecord {
        reference: reference.to_owned(),
        id: found.id.filter(|id| id.starts_with("sha256:"))?,
        digest: digest_of(&digests, reference),
        platform,
        size: size(found.size),
        created_at: found.created.as_deref().and_then(time),
        version: label("version"),
        revision: label("revision"),
    })
}

/// The digest under the name that was asked for: one image may have been pushed to several places.
fn digest_of(digests: &[String], reference: &str) -> Option<String> {
    let name = long_name(reference);
    digests
        .iter()
        .find(|digest| long_name(digest) == name)
        .or_else(|| digests.first().filter(|_| name.starts_with("sha256")))
        .cloned()
}

/// Without tag and digest, and without what Docker Hub lets one leave out.
fn long_name(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    let name = super::build::split(name).0;
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

fn size(bytes: Option<i64>) -> u64 {
    bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(0)
}

/// The engine's times have nanoseconds; year 1 stands for never.
fn time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = serde_json::from_value(text.into()).ok()?;
    (time.as_millis() > 0).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::digest_of;

    #[test]
    fn the_digest_is_that_of_the_name_that_was_asked_for() {
        let digests = [
            "reg:5000/app@sha256:aa".to_owned(),
            "redis@sha256:bb".to_owned(),
        ];
        for (reference, digest) in [
            ("reg:5000/app:v1", Some("reg:5000/app@sha256:aa")),
            ("docker.io/library/redis:7", Some("redis@sha256:bb")),
            ("redis@sha256:bb", Some("redis@sha256:bb")),
            ("other:1", None),
        ] {
            assert_eq!(
                digest_of(&digests, reference).as_deref(),
                digest,
                "{reference}"
            );
        }
    }
}
