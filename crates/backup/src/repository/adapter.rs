//! A [`Store`] as rustic sees it.
//!
//! What it adds: whole files are compared with the hash that is their name; packs of trees are read once and
//! kept; and while a snapshot is made, whatever would make it visible is held back until the source proved whole.

use super::crypt::{Crypt, name_of};
use super::trouble::{Trouble, damage};
use crate::store::{Range, Store};
use crate::{Failure, FailureKind};
use bytes::Bytes;
use parking_lot::Mutex;
use rustic_core::{
    ALL_FILE_TYPES, BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend,
};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Packs of trees that are kept: 4 MiB each where rustic or restic wrote them.
const KEPT_PACKS: usize = 8;

/// A pack larger than this is read in parts, in bytes.
const MAX_KEPT: u64 = 16 << 20;

const CONFIG: &str = "config";

/// What is not written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Hold {
    #[default]
    Nothing,
    /// The snapshot itself.
    Snapshot,
    /// And packs of trees, because the tree of a stream is made anew once its length is known.
    Trees,
}

#[derive(Debug, Default)]
struct Held {
    what: Hold,
    snapshots: Vec<(String, Vec<Bytes>)>,
    packs: BTreeMap<String, Vec<u8>>,
    /// What the index says about those packs.
    described: Vec<Value>,
}

/// A store for rustic.
#[derive(Debug)]
pub(crate) struct Adapter {
    store: Arc<dyn Store>,
    place: String,
    pub(crate) trouble: Trouble,
    /// Known once the repository is open.
    crypt: OnceLock<Crypt>,
    /// How rustic is to work, in place of what the repository says.
    config: Mutex<Option<Bytes>>,
    held: Mutex<Held>,
    kept: Mutex<VecDeque<(Id, Bytes)>>,
    sizes: Mutex<BTreeMap<String, u64>>,
    written: AtomicU64,
}

impl Adapter {
    pub(crate) fn new(store: Arc<dyn Store>, place: String) -> Self {
        Self {
            store,
            place,
            trouble: Trouble::default(),
            crypt: OnceLock::new(),
            config: Mutex::default(),
            held: Mutex::default(),
            kept: Mutex::default(),
            sizes: Mutex::default(),
            written: AtomicU64::new(0),
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn set_crypt(&self, crypt: Crypt) {
        let _ = self.crypt.set(crypt);
    }

    pub(crate) fn set_config(&self, sealed: Vec<u8>) {
        *self.config.lock() = Some(sealed.into());
    }

    /// The rest of what is written is held back, or goes out again.
    pub(crate) fn hold(&self, what: Hold) {
        self.held.lock().what = what;
    }

    pub(crate) fn take_snapshots(&self) -> Vec<(String, Vec<Bytes>)> {
        std::mem::take(&mut self.held.lock().snapshots)
    }

    /// Packs of trees held back, and how the index describes them.
    pub(crate) fn take_packs(&self) -> (BTreeMap<String, Vec<u8>>, Vec<Value>) {
        let mut held = self.held.lock();
        let packs = std::mem::take(&mut held.packs);
        (packs, std::mem::take(&mut held.described))
    }

    /// Bytes written by this job.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes a file under the name that its content has.
    pub(crate) fn put(&self, folder: &str, content: &[Bytes]) -> Result<String, Failure> {
        let name = name_of(content.iter().map(|piece| &piece[..]));
        let path = match folder {
            "data" => format!("data/{}/{name}", &name[..2]),
            _ => format!("{folder}/{name}"),
        };
        self.write(&path, content)?;
        Ok(name)
    }

    pub(crate) fn write(&self, path: &str, content: &[Bytes]) -> Result<(), Failure> {
        self.store.write(path, content)?;
        let length: usize = content.iter().map(Bytes::len).sum();
        self.written.fetch_add(length as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Part of a pack.
    pub(crate) fn read_pack(&self, id: &Id, offset: u32, length: u32) -> Result<Bytes, Failure> {
        let range = Range {
            offset: offset.into(),
            length: length.into(),
        };
        let path = path(FileType::Pack, id);
        let content = self.store.read(&path, Some(range));
        let content = content.map_err(|failure| missing(failure, &path))?;
        if content.len() != length as usize {
            return Err(short(id));
        }
        Ok(content)
    }

    /// Part of a pack of trees: the whole of it is read and kept, because its neighbours are asked for next.
    fn read_kept(&self, id: &Id, offset: u32, length: u32) -> Result<Bytes, Failure> {
        let part = |pack: &Bytes| {
            let (start, length) = (offset as usize, length as usize);
            let end = start.checked_add(length).filter(|end| *end <= pack.len());
            end.map(|end| pack.slice(start..end))
        };
        let found = self
            .kept
            .lock()
            .iter()
            .find(|(kept, _)| kept == id)
            .cloned();
        if let Some((_, pack)) = found {
            return part(&pack).ok_or_else(|| short(id));
        }
        let path = path(FileType::Pack, id);
        if self.size_of(&path)?.is_none_or(|size| size > MAX_KEPT) {
            return self.read_pack(id, offset, length);
        }
        let pack = self.store.read(&path, None);
        let pack = pack.map_err(|failure| missing(failure, &path))?;
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT_PACKS {
            kept.pop_front();
        }
        kept.push_back((*id, pack.clone()));
        part(&pack).ok_or_else(|| short(id))
    }

    fn size_of(&self, path: &str) -> Result<Option<u64>, Failure> {
        if let Some(size) = self.sizes.lock().get(path) {
            return Ok(Some(*size));
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let found = self.store.list(&format!("{folder}/"))?;
        let mut sizes = self.sizes.lock();
        sizes.extend(found);
        Ok(sizes.get(path).copied())
    }

    pub(crate) fn read_whole(&self, tpe: FileType, id: &Id) -> Result<Bytes, Failure> {
        if tpe == FileType::Config {
            let config = self.config.lock().clone();
            return match config {
                Some(config) => Ok(config),
                None => self.store.read(CONFIG, None),
            };
        }
        let path = path(tpe, id);
        let content = self.store.read(&path, None);
        let content = content.map_err(|failure| missing(failure, &path))?;
        if name_of([&content[..]]) != *id.to_hex() {
            return Err(damage(format!("{path} is not what was written")));
        }
        Ok(content)
    }

    fn accept(&self, tpe: FileType, id: &Id, trees: bool, list: BytesList) -> Result<(), Failure> {
        let content = list.into_vec();
        let mut held = self.held.lock();
        match (tpe, held.what) {
            (FileType::Snapshot, Hold::Snapshot | Hold::Trees) => {
                held.snapshots.push((id.to_hex().to_string(), content));
                Ok(())
            }
            (FileType::Pack, Hold::Trees) if trees => {
                held.packs.insert(id.to_hex().to_string(), content.concat());
                Ok(())
            }
            (FileType::Index, Hold::Trees) => {
                let rest = self.without_held(&mut held, &content.concat())?;
                drop(held);
                let Some(rest) = rest else { return Ok(()) };
                self.put("index", &[rest.into()]).map(drop)
            }
            _ => {
                drop(held);
                self.write(&path(tpe, id), &content)
            }
        }
    }

    /// Keys without those that are damaged: one of them must not lock out the others.
    fn whole_keys(&self, mut keys: Vec<(Id, u32)>) -> Result<Vec<(Id, u32)>, Failure> {
        let mut damaged = None;
        keys.retain(|(id, _)| match self.read_whole(FileType::Key, id) {
            Err(failure) if failure.kind == FailureKind::Damaged => {
                damaged = Some(failure);
                false
            }
            Ok(_) | Err(_) => true,
        });
        match damaged {
            Some(failure) if keys.is_empty() => Err(failure),
            _ => Ok(keys),
        }
    }

    /// An index without the packs that were held back; `None` where nothing is left of it.
    fn without_held(&self, held: &mut Held, sealed: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let broken = || Failure::new(FailureKind::Other, "an index cannot be read back");
        let crypt = self.crypt.get().ok_or_else(broken)?;
        let json = crypt.file(sealed).ok_or_else(broken)?;
        let mut index: Value = serde_json::from_slice(&json).map_err(|_| broken())?;
        let packs = index["packs"].as_array_mut().ok_or_else(broken)?;
        let is_held = |pack: &Value| {
            let id = pack["id"].as_str();
            id.is_some_and(|id| held.packs.contains_key(id))
        };
        let (gone, left): (Vec<_>, Vec<_>) = packs.drain(..).partition(is_held);
        held.described.extend(gone);
        if left.is_empty() {
            return Ok(None);
        }
        *packs = left;
        crypt.seal_file(index.to_string().as_bytes()).map(Some)
    }
}

fn short(id: &Id) -> Failure {
    let path = path(FileType::Pack, id);
    damage(format!("{path} is shorter than what was written"))
}

/// A file that the repository names and that is not there is damage, whatever the store calls it.
fn missing(failure: Failure, path: &str) -> Failure {
    match failure.kind {
        FailureKind::NotFound | FailureKind::Missing => damage(format!("{path} is missing")),
        FailureKind::Damaged => damage(format!("{path}: {}", failure.message)),
        _ => failure,
    }
}

/// Where a file lies.
pub(crate) fn path(tpe: FileType, id: &Id) -> String {
    let name = id.to_hex();
    match tpe {
        FileType::Config => CONFIG.to_owned(),
        FileType::Pack => format!("data/{}/{}", &name[..2], &*name),
        _ => format!("{}/{}", tpe.dirname(), &*name),
    }
}

impl ReadBackend for Adapter {
    fn location(&self) -> String {
        self.place.clone()
    }

    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let size = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
        let list = |prefix: &str| {
            let listed = self.store.list(prefix);
            listed.map_err(|failure| self.trouble.wrap(failure))
        };
        if !ALL_FILE_TYPES.contains(&tpe) {
            let found = list(CONFIG)?.into_iter();
            let found = found.filter(|(name, _)| name == CONFIG);
            return Ok(found
                .map(|(_, length)| (Id::default(), size(length)))
                .collect());
        }
        let found = list(&format!("{}/", tpe.dirname()))?.into_iter();
        let found = found.filter_map(|(name, length)| {
            let name = name.rsplit('/').next()?;
            Some((Id::parse_some(name, tpe)?, size(length)))
        });
        if tpe == FileType::Key {
            let keys = self.whole_keys(found.collect());
            return keys.map_err(|failure| self.trouble.wrap(failure));
        }
        Ok(found.collect())
    }

    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        let content = self.read_whole(tpe, id);
        content.map_err(|failure| self.trouble.wrap(failure))
    }

    fn read_partial(
        &self,
        tpe: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let content = match (tpe, cacheable) {
            (FileType::Pack, false) => self.read_pack(id, offset, length),
            (FileType::Pack, true) => self.read_kept(id, offset, length),
            _ => {
                let range = Range {
                    offset: offset.into(),
                    length: length.into(),
                };
                self.store.read(&path(tpe, id), Some(range))
            }
        };
        content.map_err(|failure| self.trouble.wrap(failure))
    }

    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        path(tpe, id)
    }
}

impl WriteBackend for Adapter {
    fn create(&self) -> RusticResult<()> {
        let created = self.store.create();
        created.map_err(|failure| self.trouble.wrap(failure))
    }

    fn write_bytes(
        &self,
        tpe: FileType,
        id: &Id,
        cacheable: bool,
        content: BytesList,
    ) -> RusticResult<()> {
        // A job that failed writes nothing more.
        let written = self.trouble.check();
        let written = written.and_then(|()| self.accept(tpe, id, cacheable, content));
        written.map_err(|failure| self.trouble.wrap(failure))
    }

    fn remove(&self, tpe: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        let removed = self.store.remove(&path(tpe, id));
        removed.map_err(|failure| self.trouble.wrap(failure))
    }
}
