//! A repository of snapshots, as it is worked on within the worker: blocking, on threads.
//!
//! rustic_core knows restic's format, packs, chunks, indexes and prunes. What stands here beside it is what it does
//! not promise: locks, failures that are told, streams whose end is proved, a restore that fits in memory.

mod adapter;
mod blobs;
mod copy;
mod crypt;
mod keys;
mod load;
mod lock;
mod maintain;
mod meter;
mod restore;
mod save;
mod snapshots;
mod source;
mod stream_tree;
mod trouble;

pub(crate) use meter::Meter;

use crate::store::{self, Limited, Store};
use crate::{Entry, EntryKind, Failure, FailureKind, Location, Opened, Row};
use adapter::Adapter;
use crypt::Crypt;
use lock::{Lock, Share};
use mainstay_model::Timestamp;
use rustic_core::repofile::{KeyId, Node, NodeType, SnapshotFile};
use rustic_core::{
    ConfigOptions, Credentials, KeyOptions, OpenStatus, RepositoryBackends, RepositoryOptions,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trouble::{damage, wrong_key};

/// Sizes of packs that we write, in bytes: restic's own, so that few of them fit into memory at once.
const PACK: u32 = 16 << 20;

type Rustic<S> = rustic_core::Repository<S>;

/// An open repository.
#[derive(Debug)]
pub(crate) struct Repository {
    at: Location,
    /// Where locks of repositories lie that have no place for one.
    locks: PathBuf,
    rustic: Rustic<OpenStatus>,
    /// The key that opened it.
    key: Option<KeyId>,
    adapter: Arc<Adapter>,
    crypt: Crypt,
    meter: Meter,
}

impl Repository {
    /// Opens what is there.
    pub(crate) fn open(at: &Location, locks: &Path, meter: &Meter) -> Result<Self, Failure> {
        let adapter = adapter(at)?;
        let trouble = adapter.trouble.clone();
        let first = rustic(&adapter, meter)?;
        let explain = |error| trouble.explain(error);
        if first.config_id().map_err(explain)?.is_none() {
            let message = format!("there is no repository at {}", at.store);
            let failure = Failure::new(FailureKind::Missing, message);
            return Err(
                failure.hint("the first backup makes one; look whether this is the right place")
            );
        }
        let key = Credentials::password(at.key.expose());
        let first = first.open(&key).map_err(|error| trouble.explain(error))?;
        Self::tuned(at, locks, meter, adapter, &first)
    }

    /// Opened a second time by the key itself, with what the repository says about packing replaced by our own: so
    /// nothing of it has to be written into a configuration that restic reads as well.
    fn tuned(
        at: &Location,
        locks: &Path,
        meter: &Meter,
        adapter: Arc<Adapter>,
        first: &Rustic<OpenStatus>,
    ) -> Result<Self, Failure> {
        let master = first.key();
        let crypt = Crypt::new(&master).ok_or_else(wrong_key)?;
        let bug = |error: serde_json::Error| Failure::new(FailureKind::Other, error.to_string());
        let mut config = serde_json::to_value(first.config()).map_err(bug)?;
        config["compression"] = at.compression.map_or(Value::Null, Value::from);
        for kind in ["treepack", "datapack"] {
            config[format!("{kind}_growfactor")] = 0.into();
        }
        config["datapack_size"] = PACK.into();
        adapter.set_config(crypt.seal_file(config.to_string().as_bytes())?);
        adapter.set_crypt(crypt.clone());
        let opened = rustic(&adapter, meter)?.open(&Credentials::Masterkey(master));
        Ok(Self {
            at: at.clone(),
            locks: locks.to_path_buf(),
            rustic: opened.map_err(|error| adapter.trouble.explain(error))?,
            key: *first.key_id(),
            adapter,
            crypt,
            meter: meter.clone(),
        })
    }

    /// Makes one where none is.
    pub(crate) fn create(at: &Location, locks: &Path, meter: &Meter) -> Result<Opened, Failure> {
        let look = || match Self::open(at, locks, meter) {
            Ok(there) => Ok(Err(there.opened(false))),
            Err(failure) if failure.kind == FailureKind::Missing => Ok(Ok(failure)),
            Err(failure) => Err(failure),
        };
        if let Err(there) = look()? {
            return Ok(there);
        }
        let adapter = adapter(at)?;
        adapter.store().create()?;
        let lock = lock::take(&at.store, locks, Share::Removes, "create")?;
        // Somebody else may have made it before we had the lock.
        let missing = match look()? {
            Ok(missing) => missing,
            Err(there) => return Ok(there),
        };
        clear(adapter.store(), &missing)?;
        let key = Credentials::password(at.key.expose());
        let options = KeyOptions::default().with_created(true);
        let made = rustic(&adapter, meter)?.init(&key, &options, &ConfigOptions::default());
        made.map_err(|error| adapter.trouble.explain(error))?;
        drop(lock);
        Ok(Self::open(at, locks, meter)?.opened(true))
    }

    pub(crate) fn opened(&self, created: bool) -> Opened {
        Opened {
            id: self.rustic.config().id.to_hex().to_string(),
            created,
        }
    }

    /// rustic's part once more, for a state of it that is not given back.
    fn again(&self) -> Result<Rustic<OpenStatus>, Failure> {
        let key = Credentials::Masterkey(self.rustic.key());
        let opened = rustic(&self.adapter, &self.meter)?.open(&key);
        opened.map_err(|error| self.adapter.trouble.explain(error))
    }

    /// Before anything is added: what stands in version 1 must not be compressed, and ours is.
    fn adds(&self, job: &str) -> Result<Lock, Failure> {
        let version = self.rustic.config().version;
        if version < 2 {
            let message = format!("{} has version {version} of restic's format", self.at.store);
            let failure = Failure::new(FailureKind::Other, message);
            return Err(failure.hint("`restic migrate upgrade_repo_v2` makes it version 2"));
        }
        self.lock(Share::Adds, job)
    }

    fn lock(&self, share: Share, job: &str) -> Result<Lock, Failure> {
        lock::take(&self.at.store, &self.locks, share, job)
    }

    /// By all of its name, or as much as is unique.
    fn snapshot(&self, name: &str) -> Result<SnapshotFile, Failure> {
        let not_found = |why: &str| {
            let message = format!("no snapshot `{name}` in {}: {why}", self.at.store);
            let failure = Failure::new(FailureKind::NotFound, message);
            failure.hint("see what is there: `mainstay backup list`")
        };
        let hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if name.is_empty() || name.len() > 64 || !hex {
            return Err(not_found("expected up to 64 hexadecimal digits"));
        }
        let listed = self.adapter.store().list(&format!("snapshots/{name}"))?;
        match listed.len() {
            0 => return Err(not_found("nothing has that name")),
            1 => {}
            _ => return Err(not_found("more than one has a name that begins so")),
        }
        let found = self.rustic.get_snapshot_from_str(name, |_| true);
        found.map_err(|error| self.adapter.trouble.explain(error))
    }

    /// What lies directly below a path; a file itself.
    pub(crate) fn entries(self, snapshot: &str, path: &str) -> Result<Vec<Entry>, Failure> {
        let snapshot = self.snapshot(snapshot)?;
        let trouble = self.adapter.trouble.clone();
        let explain = |error| trouble.explain(error);
        let repository = self.rustic.to_indexed().map_err(explain)?;
        let node = node_at(&repository, &snapshot, path, &trouble)?;
        let base = Path::new("/").join(path.trim_start_matches('/'));
        let Some(tree) = node.subtree else {
            return Ok(vec![entry(&base, &node)]);
        };
        let nodes = repository.get_tree(&tree).map_err(explain)?.nodes;
        Ok(nodes
            .iter()
            .map(|node| entry(&base.join(node.name()), node))
            .collect())
    }
}

/// The store of a place, as rustic sees it.
fn adapter(at: &Location) -> Result<Arc<Adapter>, Failure> {
    let mut store: Arc<dyn Store> = store::open(&at.store)?;
    if let Some(rate) = at.bandwidth {
        store = Arc::new(Limited::new(store, rate));
    }
    Ok(Arc::new(Adapter::new(store, at.store.to_string())))
}

fn rustic(adapter: &Arc<Adapter>, meter: &Meter) -> Result<Rustic<()>, Failure> {
    let mut options = RepositoryOptions::default();
    options.no_cache = true;
    let backends = RepositoryBackends::new(adapter.clone(), None);
    let opened = Rustic::new_with_progress(&options, &backends, meter.clone());
    opened.map_err(|error| adapter.trouble.explain(error))
}

/// Removes the key of a creation that was cut before its end; where there is data, nothing is touched.
fn clear(store: &Arc<dyn Store>, missing: &Failure) -> Result<(), Failure> {
    for folder in ["data/", "index/", "snapshots/"] {
        if !store.list(folder)?.is_empty() {
            let message = format!(
                "{}, but there is data of one: `config` is lost",
                missing.message
            );
            return Err(damage(message));
        }
    }
    for (name, _) in store.list("keys/")? {
        store.remove(&name)?;
    }
    Ok(())
}

fn time(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millisecond())
}

fn row(snapshot: &SnapshotFile) -> Row {
    let summary = snapshot.summary.as_ref();
    Row {
        snapshot: snapshot.id.to_hex().to_string(),
        time: time(snapshot.time.timestamp()),
        host: snapshot.hostname.clone(),
        tags: snapshot.tags.iter().cloned().collect(),
        paths: snapshot.paths.iter().cloned().collect(),
        bytes: summary.map_or(0, |summary| summary.total_bytes_processed),
    }
}

fn entry(path: &Path, node: &Node) -> Entry {
    Entry {
        path: path.display().to_string(),
        kind: match node.node_type {
            NodeType::File => EntryKind::File,
            NodeType::Dir => EntryKind::Directory,
            NodeType::Symlink { .. } => EntryKind::Link,
            _ => EntryKind::Other,
        },
        bytes: node.meta.size,
        modified: node.meta.mtime.map(time),
    }
}

/// What a snapshot has at a path; the root is a directory without a name.
fn node_at<S: rustic_core::IndexedTree>(
    repository: &Rustic<S>,
    snapshot: &SnapshotFile,
    path: &str,
    trouble: &trouble::Trouble,
) -> Result<Node, Failure> {
    let found = repository.node_from_path(snapshot.tree, Path::new(path));
    found.map_err(|error| {
        let said = error.display_log();
        if said.contains("not found in tree") || said.contains("is not a directory") {
            let name = snapshot.id.to_hex();
            let message = format!("no `{path}` in snapshot {}", &name[..8]);
            return Failure::new(FailureKind::NotFound, message);
        }
        trouble.explain(error)
    })
}
