//! Volumes that are filled from an archive and thrown away: what a drill starts a service against.
//!
//! The engine itself unpacks, into a container that is never started: the image needs no program for it, and what
//! is in the archive keeps its owners.
//!
//! **Invariant:** only what was made here is removed: it bears our labels, a label of its own, and a name that begins as
//! drills name it.

use super::DockerTarget;
use super::body::hash;
use super::engine::Engine;
use super::failure::{Answer, Failure};
use super::labels::{self, Labels};
use crate::spec::Volume;
use crate::target::TargetError;
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions, UploadToContainerOptionsBuilder,
};
use mainstay_model::Scope;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

/// Beside the labels of every volume of ours.
const FILLED: &str = "io.mainstay.drill";
/// In the name of each.
const NAME: &str = "_mainstay-drill_";
/// Where the archive is unpacked; its names begin with the name of the volume's own directory below it.
const ROOT: &str = "/mainstay-drill";
/// For all of an archive: the engine answers when it is through.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// A volume of an environment that lives as long as a drill. `key` tells it from others.
pub fn filled_volume(scope: &Scope, key: &str) -> Volume {
    Volume {
        name: format!("{}-{}{NAME}{key}", scope.stack, scope.environment),
        // One after the other has it, and what it holds is a copy.
        shared: true,
        labels: BTreeMap::from([(FILLED.to_owned(), "true".to_owned())]),
        ..Volume::default()
    }
}

impl DockerTarget {
    /// Makes a volume and unpacks an archive into it whose names begin with `directory`; of `image` nothing is
    /// run. Where this fails, what came so far is in it.
    ///
    /// # Errors
    /// An engine that does not answer, or has no such image; an archive that it does not understand.
    pub async fn fill_volume(
        &self,
        scope: &Scope,
        volume: &Volume,
        image: &str,
        directory: &str,
        archive: impl AsyncRead + Send + 'static,
    ) -> Result<(), TargetError> {
        let engine = &self.shared.engine;
        {
            let _making = self.shared.ground.lock().await;
            engine.ensure_volume(scope, volume).await?;
        }
        let container = engine.holder(scope, volume, image, directory).await?;
        let filled = engine.unpack(&container, archive).await;
        let removed = engine.remove_holder(&container).await;
        filled?;
        Ok(removed?)
    }

    /// Removes every volume that was filled for an environment; false: one is still in use.
    pub async fn remove_filled(&self, scope: &Scope) -> Result<bool, TargetError> {
        let _making = self.shared.ground.lock().await;
        let engine = &self.shared.engine;
        engine.remove_holders(scope).await?;
        Ok(engine.remove_filled(scope).await?)
    }
}

impl Engine {
    /// A container that has the volume, and is never started.
    async fn holder(
        &self,
        scope: &Scope,
        volume: &Volume,
        image: &str,
        directory: &str,
    ) -> Answer<String> {
        let mut labels = labels::of_scope(&self.server, scope);
        labels.extend(hash(&volume.labels));
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            // An image may have none, and the engine asks for one.
            cmd: Some(vec!["true".to_owned()]),
            labels: Some(labels),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                mounts: Some(vec![Mount {
                    typ: Some(MountType::VOLUME),
                    source: Some(volume.name.clone()),
                    target: Some(format!("{ROOT}/{directory}")),
                    ..Mount::default()
                }]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default()
            .name(&format!("{}.filling", volume.name))
            .build();
        let docker = self.api().await?;
        let made = docker.create_container(Some(options), body).await;
        Ok(made.map_err(self.failed())?.id)
    }

    async fn unpack(
        &self,
        container: &str,
        archive: impl AsyncRead + Send + 'static,
    ) -> Answer<()> {
        let docker = self.api().await?.clone().with_timeout(LIMIT);
        let options = UploadToContainerOptionsBuilder::default()
            .path(ROOT)
            .build();
        let body = bollard::body_try_stream(ReaderStream::new(archive));
        let unpacked = docker.upload_to_container(container, Some(options), body);
        unpacked.await.map_err(self.failed())
    }

    async fn remove_holder(&self, container: &str) -> Answer<()> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let docker = self.api().await?;
        let removed = docker.remove_container(container, Some(options)).await;
        match removed.map_err(self.failed()) {
            Err(failure) if !failure.is_missing() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Those that a kill left.
    async fn remove_holders(&self, scope: &Scope) -> Answer<()> {
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&self.marks(scope))
            .build();
        let docker = self.api().await?;
        let found = docker.list_containers(Some(options)).await;
        for container in found.map_err(self.failed())? {
            if let Some(id) = container.id {
                self.remove_holder(&id).await?;
            }
        }
        Ok(())
    }

    async fn remove_filled(&self, scope: &Scope) -> Answer<bool> {
        let options = ListVolumesOptionsBuilder::default()
            .filters(&self.marks(scope))
            .build();
        let docker = self.api().await?;
        let found = docker.list_volumes(Some(options)).await;
        let volumes = found.map_err(self.failed())?.volumes.unwrap_or_default();
        let mut all = true;
        for volume in volumes.iter().filter(|volume| volume.name.contains(NAME)) {
            let removed = docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>);
            match removed.await.map_err(self.failed()) {
                Ok(()) => {}
                Err(failure) if failure.is_missing() => {}
                Err(Failure::Refused { reason, .. }) => {
                    tracing::debug!(volume = volume.name, reason, "a volume of a drill stays");
                    all = false;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(all)
    }

    fn marks(&self, scope: &Scope) -> HashMap<String, Vec<String>> {
        let ours: Labels = labels::of_scope(&self.server, scope);
        let marks = ours.iter().map(|(name, value)| format!("{name}={value}"));
        let all = marks.chain([format!("{FILLED}=true")]).collect();
        HashMap::from([("label".to_owned(), all)])
    }
}
