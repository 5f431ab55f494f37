//! Images of ours: which there are, and removing those that nobody needs.

use super::error::ImageError;
use super::record::OwnImage;
use super::{Images, SERVICE_LABEL, STACK_LABEL};
use bollard::errors::Error;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptions};
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Pruned {
    pub removed: Vec<OwnImage>,
    /// An upper bound: layers may be shared.
    pub bytes: u64,
}

impl Images {
    /// Images that were built for a stack, the newest first.
    pub async fn own(&self, stack: &str) -> Result<Vec<OwnImage>, ImageError> {
        let label = format!("{STACK_LABEL}={stack}");
        let options = ListImagesOptionsBuilder::default()
            .filters(&HashMap::from([("label", vec![label])]))
            .build();
        let found = self.docker.list_images(Some(options)).await;
        let found = found.map_err(self.failed("cannot list images"))?;
        let mut own: Vec<OwnImage> = found
            .into_iter()
            .map(|image| OwnImage {
                stack: stack.to_owned(),
                service: image.labels.get(SERVICE_LABEL).cloned().unwrap_or_default(),
                version: image
                    .labels
                    .get("org.opencontainers.image.version")
                    .cloned(),
                size: u64::try_from(image.size).unwrap_or(0),
                created_at: Timestamp::from_millis(image.created.saturating_mul(1000)),
                names: image
                    .repo_tags
                    .into_iter()
                    .filter(|name| name != "<none>:<none>")
                    .collect(),
                id: image.id,
            })
            .collect();
        own.sort_by(|a, b| b.created_at.cmp(&a.created_at).then(a.id.cmp(&b.id)));
        Ok(own)
    }

    /// Removes images that were built for a stack, apart from those in `keep` (by id) and those
    /// that a container has.
    pub async fn prune(&self, stack: &str, keep: &BTreeSet<String>) -> Result<Pruned, ImageError> {
        let mut pruned = Pruned::default();
        for image in self.own(stack).await? {
            if keep.contains(&image.id) {
                continue;
            }
            if self.remove(&image).await? {
                pruned.bytes += image.size;
                pruned.removed.push(image);
            }
        }
        Ok(pruned)
    }

    /// By each of its names: the last one takes the image with it. False where a container or
    /// another image needs it.
    async fn remove(&self, image: &OwnImage) -> Result<bool, ImageError> {
        let names = if image.names.is_empty() {
            vec![image.id.clone()]
        } else {
            image.names.clone()
        };
        for name in names {
            let removed = self
                .docker
                .remove_image(&name, None::<RemoveImageOptions>, None)
                .await;
            match removed {
                Ok(_)
                | Err(Error::DockerResponseServerError {
                    status_code: 404, ..
                }) => {}
                Err(Error::DockerResponseServerError {
                    status_code: 409, ..
                }) => return Ok(false),
                Err(error) => return Err(self.failed(format!("cannot remove `{name}`"))(error)),
            }
        }
        Ok(true)
    }
}
