//! Files of the copy in a drill's network: a volume for each part, filled before anybody starts, and mounted where
//! services have what it is a copy of.

use super::{Stage, databases};
use crate::backups::job::Trouble;
use crate::specs::{Bundle, Copies};
use mainstay_model::{Scope, ServiceName};
use mainstay_recovery::{Part, PartKind, Restored, SourceProof};
use mainstay_runtime::docker::filled_volume;
use mainstay_runtime::spec::Volume;
use mainstay_stack::{Mount, MountKind, SourceKind, Stack};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::io::AsyncRead;

/// Where the files of one part go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled {
    volume: Volume,
    /// Of somebody who has it mounted: the engine unpacks into a container of it.
    image: String,
    /// Who sees it, and where.
    seen: Vec<(ServiceName, String)>,
}

/// By their sources: parts of the copy that somebody in the network has mounted.
pub(super) fn of_parts(
    bundle: &Bundle,
    scope: &Scope,
    cast: &[ServiceName],
    parts: &[Part],
) -> BTreeMap<String, Filled> {
    let stack = &bundle.stack;
    let mut files = BTreeMap::new();
    for part in parts {
        let Some(source) = stack.backups.sources.get(&part.source) else {
            continue;
        };
        let seen: Vec<(ServiceName, String)> = mounts(stack, cast)
            .filter(|(_, mount)| is_of(mount, &source.kind, part.kind))
            .map(|(service, mount)| (service.clone(), mount.target.clone()))
            .collect();
        let image = seen.iter().find_map(|(service, _)| {
            let settled = bundle.images.get(service).map(|image| image.id.clone());
            settled.or_else(|| stack.services.get(service)?.image.clone())
        });
        if let Some(image) = image {
            let volume = filled_volume(scope, &part.source);
            let filled = Filled {
                volume,
                image,
                seen,
            };
            files.insert(part.source.clone(), filled);
        }
    }
    files
}

fn mounts<'a>(
    stack: &'a Stack,
    cast: &'a [ServiceName],
) -> impl Iterator<Item = (&'a ServiceName, &'a Mount)> {
    let services = cast.iter().filter_map(|name| stack.services.get(name));
    services.flat_map(|service| {
        service
            .mounts
            .iter()
            .map(move |mount| (&service.name, mount))
    })
}

fn is_of(mount: &Mount, source: &SourceKind, part: PartKind) -> bool {
    match (source, part) {
        (SourceKind::Volume(volume), PartKind::Volume) => {
            mount.kind == MountKind::Volume && mount.source == volume.volume
        }
        (SourceKind::Directory(directory), PartKind::Directory) => {
            mount.kind == MountKind::Bind && Path::new(&mount.source) == directory.path
        }
        _ => false,
    }
}

/// Where a service that is written to would find something, and finds nothing: with what it has there elsewhere.
fn empty(
    stack: &Stack,
    cast: &[ServiceName],
    parts: &[Part],
    is_filled: impl Fn(&ServiceName, &str) -> bool,
) -> Vec<(ServiceName, String)> {
    // A database was restored into what its own volume is here.
    let engines = databases(stack, parts);
    let empty = mounts(stack, cast).filter(|(service, mount)| {
        let writes = match mount.kind {
            MountKind::Volume => true,
            MountKind::Bind => !mount.read_only,
            MountKind::Tmpfs => false,
        };
        writes && !engines.contains(*service) && !is_filled(service, &mount.target)
    });
    empty
        .map(|(service, mount)| (service.clone(), mount.source.clone()))
        .collect()
}

impl Stage {
    /// Whether somebody here has mounted what the part is a copy of.
    pub(in crate::backups) fn wants(&self, part: &Part) -> bool {
        self.files.contains_key(&part.source)
    }

    /// Unpacks the files of a part, an archive whose names begin with `directory`.
    pub(in crate::backups) async fn fill(
        &self,
        part: &Part,
        directory: &str,
        archive: impl AsyncRead + Send + 'static,
    ) -> Result<(), Trouble> {
        let Some(files) = self.files.get(&part.source) else {
            return Ok(());
        };
        let failed = |error: mainstay_runtime::target::TargetError| {
            Trouble::new(format!("its files cannot be unpacked: {error}"))
        };
        let engine = self.control.targets().engine_of(&self.bundle.stack);
        let engine = engine.map_err(failed)?;
        let engine = engine.ok_or_else(|| Trouble::new("there is no engine to unpack it"))?;
        let scope = &self.environment.scope;
        let filled = engine.fill_volume(scope, &files.volume, &files.image, directory, archive);
        filled.await.map_err(failed)?;
        self.filled().insert(part.source.clone());
        Ok(())
    }

    /// What came of the copy, by where a service sees it.
    pub(super) fn copies_of(&self, service: &ServiceName) -> Copies {
        let filled = self.filled();
        let files = self.files.iter();
        let there = files.filter(|(source, _)| filled.contains(*source));
        let seen = there.flat_map(|(_, files)| {
            let of = files.seen.iter().filter(|(name, _)| name == service);
            of.map(|(_, target)| (target.clone(), files.volume.clone()))
        });
        seen.collect()
    }

    /// What is empty here, and for whom.
    pub(in crate::backups) fn empty(&self) -> Vec<(ServiceName, String)> {
        let is_filled = |service: &ServiceName, target: &str| {
            let copies = self.copies_of(service);
            copies.contains_key(target)
        };
        empty(&self.bundle.stack, &self.cast, &self.parts, is_filled)
    }

    /// Files that were to come and did not.
    pub(super) fn lacks_files(&self, sources: &[SourceProof]) -> Option<String> {
        let mut wanted = sources
            .iter()
            .filter(|proof| self.files.contains_key(&proof.source));
        let lost = wanted.find(|proof| proof.restored != Restored::Yes)?;
        Some(lost.source.clone())
    }
}

#[cfg(test)]
mod tests;
