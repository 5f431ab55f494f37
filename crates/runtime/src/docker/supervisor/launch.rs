//! From a spec to a container that runs: ground, files, creation, joining, start.
//!
//! Each step looks first and does what is missing, so that a launch that was cut short is gone
//! through again from its beginning.

use super::{AWAY, Next, Supervisor, now};
use crate::docker::body::{self, Around};
use crate::docker::engine::Container;
use crate::docker::failure::{Answer, Failure};
use crate::docker::labels::Kept;
use crate::spec::{ContainerRun, HealthCheck, InstanceSpec, MountKind, Probe};
use crate::status::Phase;
use bollard::models::{HealthConfig, NetworkConnectRequest};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use std::path::PathBuf;
use std::time::Duration;

/// What an image's health check that says nothing else means to the engine.
const IMAGE_INTERVAL: Duration = Duration::from_secs(30);
const IMAGE_RETRIES: u32 = 3;

/// The version of the API since which `subpath` of a volume is known (Docker 26).
const SUBPATH_SINCE: (usize, usize) = (1, 45);

impl Supervisor {
    pub(super) async fn launch(&mut self) -> Next {
        self.show(Phase::Starting, now());
        let started = match self.container().await {
            Ok(None) => return Next::Rest,
            Ok(Some(())) => self.start().await,
            Err(failure) => Err(failure),
        };
        match started {
            Ok(container) => {
                self.answered();
                self.state.restart_at = None;
                if container.running {
                    Next::Watch(Box::new(container))
                } else {
                    // It ended before we looked.
                    self.ended(&container).await
                }
            }
            Err(failure) if failure.is_unreachable() => Next::Away(failure),
            Err(failure) if failure.is_passing() => {
                tokio::time::sleep(AWAY).await;
                Next::Resume
            }
            Err(failure) => self.not_started(&failure).await,
        }
    }

    /// Sees to it that the container is there. `None`: it is not, and without its spec, which holds
    /// secrets and is on no disk, it cannot be made.
    async fn container(&mut self) -> Answer<Option<()>> {
        let found = self.look().await?;
        let Some(spec) = self.spec.clone() else {
            let (state, files) = (&self.state, &self.shared.files);
            let whole = files.are_there(&state.scope, &state.id, state.files);
            return Ok(found.filter(|_| whole).map(drop));
        };
        if !spec.files.is_empty() && !self.shared.engine.address.is_local() {
            return Err(Failure::new(
                format!(
                    "`{}` has files that may be in memory only, and the engine at {} is another machine",
                    spec.id.service, self.shared.engine.address
                ),
                "pass the secrets as environment there, or deploy from a server on that machine",
            ));
        }
        let written = self
            .shared
            .files
            .write(&spec.scope, &spec.id, &spec.files)?;
        if found.is_some() && self.state.created {
            return Ok(Some(()));
        }
        self.lay_ground(&spec).await?;
        let health = self.health(&spec).await?;
        self.state.kept = Kept::of(&spec, health);
        self.state.files = written.len();
        if found.is_none() {
            self.create(&spec, &written).await?;
        }
        self.join(&spec).await?;
        self.state.created = true;
        self.save_quietly().await;
        Ok(Some(()))
    }

    async fn lay_ground(&self, spec: &InstanceSpec<ContainerRun>) -> Answer<()> {
        let _making = self.shared.ground.lock().await;
        let engine = &self.shared.engine;
        for attachment in &spec.run.reach.networks {
            engine
                .ensure_network(&spec.scope, &attachment.network)
                .await?;
        }
        for mount in &spec.run.mounts {
            if let MountKind::Volume { volume, .. } = &mount.kind {
                engine.ensure_volume(&spec.scope, volume).await?;
            }
        }
        Ok(())
    }

    /// The service's, or the image's own.
    async fn health(&self, spec: &InstanceSpec<ContainerRun>) -> Answer<Option<HealthCheck>> {
        if spec.health.is_some() || !spec.run.image_health {
            return Ok(spec.health.clone());
        }
        let engine = &self.shared.engine;
        let image = engine.api().await?.inspect_image(&spec.run.image).await;
        let config = image.map_err(engine.failed())?.config;
        Ok(config
            .and_then(|config| config.healthcheck)
            .and_then(|check| of_image(&check)))
    }

    /// An engine that does not know `subpath` would mount the whole volume, and not say so.
    async fn can_mount(&self, spec: &InstanceSpec<ContainerRun>) -> Answer<()> {
        let mut mounts = spec.run.mounts.iter();
        let wanted = mounts.any(|mount| {
            matches!(
                &mount.kind,
                MountKind::Volume {
                    subpath: Some(_),
                    ..
                }
            )
        });
        if !wanted {
            return Ok(());
        }
        let version = self.shared.engine.api().await?.client_version();
        if (version.major_version, version.minor_version) >= SUBPATH_SINCE {
            return Ok(());
        }
        Err(Failure::new(
            format!(
                "`{}` mounts a `subpath` of a volume, which this engine does not know",
                spec.id.service
            ),
            "use Docker 26 or later, or a volume of its own",
        ))
    }

    async fn create(
        &self,
        spec: &InstanceSpec<ContainerRun>,
        files: &[(PathBuf, String)],
    ) -> Answer<()> {
        let engine = &self.shared.engine;
        self.can_mount(spec).await?;
        let around = Around {
            server: &engine.server,
            kept: &self.state.kept,
            publish: !engine.is_bridged().await?,
            files,
        };
        let platform = spec.run.platform.as_deref().unwrap_or_default();
        let options = CreateContainerOptionsBuilder::default()
            .name(&self.name)
            .platform(platform)
            .build();
        let body = body::create(spec, &around);
        let made = engine
            .api()
            .await?
            .create_container(Some(options), body)
            .await;
        let made = made.map_err(engine.failed())?;
        for warning in made.warnings {
            self.warn(&warning);
        }
        Ok(())
    }

    /// The networks after the first, which came with the creation.
    async fn join(&self, spec: &InstanceSpec<ContainerRun>) -> Answer<()> {
        let engine = &self.shared.engine;
        for attachment in spec.run.reach.networks.iter().skip(1) {
            let request = NetworkConnectRequest {
                container: self.name.clone(),
                endpoint_config: Some(body::endpoint(attachment)),
            };
            let docker = engine.api().await?;
            let joined = docker.connect_network(&attachment.network.name, request);
            match joined.await.map_err(engine.failed()) {
                Ok(()) => {}
                // Joined by a launch that was cut short.
                Err(Failure::Refused { reason, .. }) if reason.contains("already exists") => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    async fn start(&mut self) -> Answer<Container> {
        let shared = self.shared.clone();
        let _alone = if self.state.kept.own_volumes.is_empty() {
            None
        } else {
            let alone = shared.volumes.lock().await;
            self.check_volumes().await?;
            Some(alone)
        };
        shared.engine.start(&self.name).await?;
        let found = self.look().await?;
        found.ok_or_else(|| {
            Failure::new(
                format!(
                    "the container `{}` went as soon as it was started",
                    self.name
                ),
                "somebody removes containers: `docker events`",
            )
        })
    }

    /// The last line of defence of what must not be there twice: no volume that only one may have
    /// is given to two.
    async fn check_volumes(&self) -> Answer<()> {
        for volume in &self.state.kept.own_volumes {
            let holders = self.shared.engine.holders(volume).await?;
            let other = holders.into_iter().find(|name| *name != self.name);
            if let Some(other) = other {
                return Err(Failure::new(
                    format!("the volume `{volume}` is in use by `{other}`, which still runs"),
                    "two at once would damage it: let the other end first, or say `x-mainstay: {shared: true}` on a volume that is made for that",
                ));
            }
        }
        Ok(())
    }
}

/// An image's HEALTHCHECK as a command probe; `None` for `NONE`.
fn of_image(check: &HealthConfig) -> Option<HealthCheck> {
    let test = check.test.as_deref()?;
    let command = match test.split_first()? {
        (kind, [line]) if kind == "CMD-SHELL" => {
            vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]
        }
        (kind, words) if kind == "CMD" && !words.is_empty() => words.to_vec(),
        _ => return None,
    };
    let time = |nanos: Option<i64>| {
        let nanos = nanos.filter(|nanos| *nanos > 0)?;
        Some(Duration::from_nanos(nanos as u64))
    };
    Some(HealthCheck {
        probe: Probe::Command { command },
        interval: time(check.interval).unwrap_or(IMAGE_INTERVAL),
        start_interval: time(check.start_interval).unwrap_or(Duration::from_millis(500)),
        timeout: time(check.timeout).unwrap_or(IMAGE_INTERVAL),
        start_period: time(check.start_period).unwrap_or_default(),
        retries: check
            .retries
            .and_then(|retries| u32::try_from(retries).ok())
            .filter(|retries| *retries > 0)
            .unwrap_or(IMAGE_RETRIES),
        passes: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(test: &[&str]) -> Option<Vec<String>> {
        let check = HealthConfig {
            test: Some(test.iter().map(|word| (*word).to_owned()).collect()),
            ..HealthConfig::default()
        };
        of_image(&check).map(|check| check.probe.command().to_vec())
    }

    #[test]
    fn an_images_check_becomes_a_command() {
        let words = ["/bin/sh", "-c", "pg_isready || exit 1"];
        assert_eq!(
            command(&["CMD-SHELL", words[2]]),
            Some(words.map(str::to_owned).into())
        );
        assert_eq!(command(&["CMD", "true"]), Some(vec!["true".to_owned()]));
        assert_eq!(command(&["NONE"]), None);
        assert_eq!(command(&[]), None);
    }
}
