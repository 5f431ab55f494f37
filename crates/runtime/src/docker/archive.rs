//! Files of a container as tar, volumes included, packed by its engine: the image needs no program
//! for it, and the container need not run.

use super::DockerTarget;
use super::failure::Failure;
use crate::target::TargetError;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::{StreamExt, TryStreamExt};
use mainstay_model::{InstanceId, Scope};
use std::io;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

/// A tar stream. An error in the middle is one of the reader, and never an end.
pub type Archive = Box<dyn AsyncRead + Send + Unpin>;

impl DockerTarget {
    /// What lies at `path`, a file or a directory, as the instance sees it. The names in the archive begin
    /// with the last part of `path`.
    ///
    /// # Errors
    /// No such instance or path; an engine that does not answer.
    pub async fn read_files(
        &self,
        scope: &Scope,
        id: &InstanceId,
        path: &str,
    ) -> Result<Archive, TargetError> {
        self.with(scope, id, |_| ())?;
        let engine = &self.shared.engine;
        let found = engine.look(scope, id).await?;
        let container = found.ok_or_else(|| {
            TargetError::new(format!("{id} has no container")).hint("`mainstay ps` says why")
        })?;
        let docker = engine.api().await?.clone();
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let address = engine.address.clone();
        let mut pieces = Box::pin(docker.download_from_container(&container.id, Some(options)));
        // What is wrong from the start is said with its own words.
        let first = match pieces.next().await {
            Some(Ok(first)) => Some(first),
            Some(Err(error)) => return Err(Failure::of(&address, error).into()),
            None => None,
        };
        let rest =
            pieces.map_err(move |error| io::Error::other(Failure::of(&address, error).line()));
        let all = futures_util::stream::iter(first.map(Ok)).chain(rest);
        Ok(Box::new(StreamReader::new(Box::pin(all))))
    }
}
