//! What services keep: claims of storage, and the volumes and mounts of a pod.

use super::known::{self, Engine};
use super::pod::pointer;
use super::security;
use super::site::{self, Object, Site};
use crate::names;
use mainstay_model::Bytes;
use mainstay_stack::{FileKind, GrantedFile, Mount, MountKind, Service, VOLUME_SIZE};
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeMap;

/// Binary units, as Kubernetes writes quantities.
pub(super) fn quantity(size: Bytes) -> String {
    let Bytes(bytes) = size;
    for (power, unit) in [(30, "Gi"), (20, "Mi"), (10, "Ki")] {
        if bytes > 0 && bytes.is_multiple_of(1 << power) {
            return format!("{}{unit}", bytes >> power);
        }
    }
    bytes.to_string()
}

/// Whether a service has its volumes by claims of its own, one each time it is there.
pub(super) fn is_set(service: &Service) -> bool {
    service.stateful.is_some() && !service.singleton
        || service.stateful.is_some() && known::engine(service).is_some()
}

/// Services that mount a volume.
fn users(site: &Site<'_>, key: &str) -> usize {
    let mounts = |service: &&Service| {
        let mut mounts = service.mounts.iter();
        mounts.any(|mount| mount.kind == MountKind::Volume && mount.source == key)
    };
    site.stack.services.values().filter(mounts).count()
}

/// Whether a volume is claimed by the StatefulSet that alone has it.
fn is_template(site: &Site<'_>, service: &Service, key: &str) -> bool {
    let external = site
        .stack
        .volumes
        .get(key)
        .is_some_and(|volume| volume.external);
    is_set(service) && !external && users(site, key) == 1
}

fn claim_spec(site: &Site<'_>, key: &str, many: bool) -> Map {
    let size = site.stack.render.volumes.get(key).copied();
    let request = Map::new().set("storage", quantity(size.unwrap_or(VOLUME_SIZE)));
    let mode = if many {
        "ReadWriteMany"
    } else {
        "ReadWriteOnce"
    };
    Map::new()
        .set("accessModes", [mode])
        .maybe(
            "storageClassName",
            site.stack.render.kubernetes.storage_class.as_ref(),
        )
        .set("resources", Map::new().set("requests", request))
}

/// Claims for volumes that are not a StatefulSet's own.
pub(super) fn claims(site: &Site<'_>) -> Vec<Object> {
    let mut all = Vec::new();
    for (key, volume) in &site.stack.volumes {
        let services = site.stack.services.values();
        let mut services = services.filter(|service| {
            let mut mounts = service.mounts.iter();
            mounts.any(|mount| mount.kind == MountKind::Volume && mount.source == *key)
        });
        let Some(first) = services.next() else {
            continue;
        };
        if volume.external || is_template(site, first, key) {
            continue;
        }
        let many = volume.shared || users(site, key) > 1 || first.replicas > 1;
        let name = names::dns(key);
        let claim = site.object("v1", "PersistentVolumeClaim", &name, &site::name(first));
        let claim = claim.set("spec", claim_spec(site, key, many));
        all.push(Object::new("pvc.yaml", claim));
    }
    all
}

/// `volumeClaimTemplates` of a StatefulSet.
pub(super) fn templates(site: &Site<'_>, service: &Service) -> Vec<Map> {
    let own = service.mounts.iter().filter(|mount| {
        mount.kind == MountKind::Volume && is_template(site, service, &mount.source)
    });
    let mut keys: Vec<&str> = own.map(|mount| mount.source.as_str()).collect();
    keys.dedup();
    keys.into_iter()
        .map(|key| {
            let metadata = Map::new()
                .set("name", names::dns(key))
                .set("labels", site.selector(&site::name(service)));
            Map::new()
                .set("metadata", metadata)
                .set("spec", claim_spec(site, key, false))
        })
        .collect()
}

/// Volumes of a pod and where its container has them.
#[derive(Default)]
pub(super) struct Volumes {
    pub(super) volumes: Vec<Map>,
    pub(super) mounts: Vec<Map>,
}

impl Volumes {
    /// A volume that is there once, however often it is mounted.
    pub(super) fn volume(&mut self, volume: Map) {
        if !self.volumes.contains(&volume) {
            self.volumes.push(volume);
        }
    }

    /// Takes out the folder at `path`.
    pub(super) fn without(&mut self, path: &str) {
        let path = Doc::from(path);
        let at = self
            .mounts
            .iter()
            .position(|mount| mount.get("mountPath") == Some(&path));
        if let Some(at) = at {
            let mount = self.mounts.remove(at);
            self.volumes
                .retain(|volume| volume.get("name") != mount.get("name"));
        }
    }

    fn mount(&mut self, name: &str, path: &str, read_only: bool, part: Option<&str>) {
        let mount = Map::new()
            .set("name", name)
            .set("mountPath", path)
            .maybe("subPath", part)
            .maybe("readOnly", read_only.then_some(true));
        self.mounts.push(mount);
    }

    /// A folder that is empty each time a pod begins.
    pub(super) fn scratch(&mut self, name: &str, path: &str, memory: bool, limit: Option<Bytes>) {
        let empty = Map::new()
            .maybe("medium", memory.then_some("Memory"))
            .maybe("sizeLimit", limit.map(quantity));
        self.volume(Map::new().set("name", name).set("emptyDir", empty));
        self.mount(name, path, false, None);
    }
}

/// Everything that a service has mounted.
pub(super) fn volumes(site: &Site<'_>, service: &Service) -> Volumes {
    let mut all = Volumes::default();
    for (at, mount) in service.mounts.iter().enumerate() {
        mounted(site, service, mount, at, &mut all);
    }
    for (at, path) in service.container.tmpfs.keys().enumerate() {
        all.scratch(&format!("memory-{at}"), path, true, None);
    }
    if let Some(size) = service.container.resources.shm_size {
        all.scratch("shm", "/dev/shm", true, Some(size));
    }
    if let Some(engine) = known::engine(service).filter(|_| security::read_only(service)) {
        unwritable(service, engine, &mut all);
    }
    granted(site, service, &mut all);
    all
}

/// What an engine writes to beside its volume, since its root is read-only.
fn unwritable(service: &Service, engine: Engine, all: &mut Volumes) {
    let has = |path: &str| {
        let mut mounts = service.mounts.iter();
        mounts.any(|mount| mount.target == path) || service.container.tmpfs.contains_key(path)
    };
    let folders = known::scratch(engine).iter().copied();
    for path in folders.chain([known::data(engine)]) {
        if !has(path) {
            all.scratch(
                &format!("scratch{}", path.replace('/', "-")),
                path,
                false,
                None,
            );
        }
    }
}

fn mounted(site: &Site<'_>, service: &Service, mount: &Mount, at: usize, all: &mut Volumes) {
    match mount.kind {
        MountKind::Volume => {
            let key = &mount.source;
            let name = names::dns(key);
            if !is_template(site, service, key) {
                let external = site.stack.volumes.get(key).filter(|volume| volume.external);
                let claim =
                    external.map_or_else(|| name.clone(), |volume| names::dns(&volume.name));
                let claim = Map::new().set("claimName", claim);
                let volume = Map::new()
                    .set("name", &name)
                    .set("persistentVolumeClaim", claim);
                all.volume(volume);
            }
            let part = mount.options.subpath.as_deref();
            all.mount(&name, &mount.target, mount.read_only, part);
        }
        MountKind::Tmpfs => {
            let limit = mount.options.tmpfs_size;
            all.scratch(&format!("tmpfs-{at}"), &mount.target, true, limit);
        }
        // Said as lost or refused.
        MountKind::Bind => {}
    }
}

/// Where Compose puts secrets: a folder of their own, which can be mounted whole and so follows a change.
const SECRETS: &str = "/run/secrets";

/// Secrets and configs as files: only those that the service is given.
fn granted(site: &Site<'_>, service: &Service, all: &mut Volumes) {
    let (whole, single): (Vec<&GrantedFile>, Vec<&GrantedFile>) = service
        .files
        .iter()
        .partition(|file| file.kind == FileKind::Secret && within(file).is_some());
    let items: Vec<Map> = whole
        .iter()
        .map(|file| item(file, within(file).unwrap_or_default()))
        .collect();
    if !items.is_empty() {
        let secret = Map::new()
            .set("secretName", site.secret())
            .set("items", items);
        all.volume(Map::new().set("name", "secrets").set("secret", secret));
        all.mount("secrets", SECRETS, true, None);
    }
    for file in single {
        let name = names::dns(&format!("file-{}", file.name));
        let leaf = file.target.rsplit('/').next().unwrap_or_default();
        let items = [item(file, leaf)];
        let source = match file.kind {
            FileKind::Secret => Map::new()
                .set("secretName", site.secret())
                .set("items", items),
            FileKind::Config => Map::new()
                .set("name", files_name(service))
                .set("items", items),
        };
        let key = match file.kind {
            FileKind::Secret => "secret",
            FileKind::Config => "configMap",
        };
        all.volume(Map::new().set("name", &name).set(key, source));
        all.mount(&name, &file.target, true, Some(leaf));
    }
}

fn within(file: &GrantedFile) -> Option<&str> {
    let rest = file.target.strip_prefix(SECRETS)?.strip_prefix('/')?;
    (!rest.contains('/')).then_some(rest)
}

fn item(file: &GrantedFile, path: &str) -> Map {
    Map::new()
        .set("key", key(&file.name))
        .set("path", path)
        .set("mode", i64::from(file.mode))
}

/// A key of a Secret or ConfigMap: letters, digits, `-`, `_`, `.`.
pub(super) fn key(name: &str) -> String {
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().map(|c| if fit(c) { c } else { '-' }).collect()
}

/// The ConfigMap with the files of a service.
pub(super) fn files_name(service: &Service) -> String {
    format!("{}-files", site::name(service))
}

/// Texts of a service's configs, by key.
pub(super) fn config_files(service: &Service) -> BTreeMap<String, String> {
    let configs = service
        .files
        .iter()
        .filter(|file| file.kind == FileKind::Config);
    let texts = configs.filter_map(|file| {
        let content = file.content.as_ref()?;
        Some((key(&file.name), content.expose().text()?.to_owned()))
    });
    texts.collect()
}

/// Where an engine's data would not lie on the root of a new file system, which has `lost+found` in it.
pub(super) fn data_folder(service: &Service) -> Option<(String, Doc)> {
    if known::engine(service)? != Engine::Postgresql || service.environment.contains_key("PGDATA") {
        return None;
    }
    let data = known::data(Engine::Postgresql);
    let mut mounts = service.mounts.iter();
    mounts.find(|mount| mount.target == data && mount.kind == MountKind::Volume)?;
    Some(("PGDATA".to_owned(), Doc::from(format!("{data}/pgdata"))))
}

/// A reference to a key of the stack's Secret.
pub(super) fn reference(site: &Site<'_>, secret: &str) -> Map {
    pointer("secretKeyRef", &site.secret(), &key(secret))
}
