//! Mounts in the engine's three forms: `Binds` makes a directory of the host where it is missing,
//! `Mounts` refuses, `Tmpfs` takes mount(8)'s options.

use super::super::body::hash;
use crate::spec::{ContainerRun, Mount as Asked, MountKind};
use bollard::models::{Mount, MountBindOptions, MountTmpfsOptions, MountType, MountVolumeOptions};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// Volumes that only one instance at a time may have.
pub(crate) fn own_volumes(run: &ContainerRun) -> Vec<String> {
    let volumes = run.mounts.iter().filter_map(|mount| match &mount.kind {
        // Who only reads harms nobody.
        MountKind::Volume { volume, .. } if !volume.shared && !mount.read_only => {
            Some(volume.name.clone())
        }
        _ => None,
    });
    volumes.collect()
}

/// In the short form colons part the fields: a path that holds one is left to the long form.
fn is_short(mount: &Asked) -> bool {
    let plain = |source: &str| !source.contains(':') && !mount.target.contains(':');
    match &mount.kind {
        MountKind::Bind {
            source,
            create,
            selinux,
            ..
        } => (*create || selinux.is_some()) && plain(source),
        _ => false,
    }
}

pub(super) fn binds(run: &ContainerRun) -> Vec<String> {
    let short = run.mounts.iter().filter(|mount| is_short(mount));
    let texts = short.filter_map(|mount| {
        let MountKind::Bind {
            source,
            propagation,
            selinux,
            ..
        } = &mount.kind
        else {
            return None;
        };
        let access = if mount.read_only { "ro" } else { "rw" };
        let words = [Some(access), propagation.as_deref(), selinux.as_deref()];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        Some(format!("{source}:{}:{}", mount.target, words.join(",")))
    });
    texts.collect()
}

pub(super) fn mounts(run: &ContainerRun, files: &[(PathBuf, String)]) -> Vec<Mount> {
    let long = run.mounts.iter().filter(|mount| !is_short(mount));
    let asked = long.filter_map(mount);
    let files = files.iter().map(|(source, target)| Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target.clone()),
        read_only: Some(true),
        ..Mount::default()
    });
    asked.chain(files).collect()
}

pub(super) fn tmpfs(run: &ContainerRun) -> HashMap<String, String> {
    let asked = run.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::TmpfsAs { options } => Some((mount.target.clone(), options.clone())),
        _ => None,
    });
    asked.collect()
}

fn mount(asked: &Asked) -> Option<Mount> {
    let plain = Mount {
        target: Some(asked.target.clone()),
        read_only: Some(asked.read_only),
        ..Mount::default()
    };
    match &asked.kind {
        MountKind::Bind {
            source,
            propagation,
            ..
        } => Some(Mount {
            typ: Some(MountType::BIND),
            source: Some(source.clone()),
            bind_options: propagation.as_ref().map(|word| MountBindOptions {
                propagation: word.parse().ok(),
                ..MountBindOptions::default()
            }),
            ..plain
        }),
        MountKind::Volume {
            volume,
            no_copy,
            subpath,
        } => Some(Mount {
            typ: Some(MountType::VOLUME),
            source: Some(volume.name.clone()),
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(*no_copy),
                labels: Some(hash(&BTreeMap::new())),
                driver_config: None,
                subpath: subpath.clone(),
            }),
            ..plain
        }),
        // Without a source the engine makes one, and removes it with the container.
        MountKind::Unnamed => Some(Mount {
            typ: Some(MountType::VOLUME),
            ..plain
        }),
        MountKind::Tmpfs { size, mode } => Some(Mount {
            typ: Some(MountType::TMPFS),
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: size.map(|size| size.0 as i64),
                mode: mode.map(i64::from),
                options: None,
            }),
            ..plain
        }),
        MountKind::TmpfsAs { .. } => None,
    }
}
