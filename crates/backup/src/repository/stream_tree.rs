//! The tree of a stream, which has one file.
//!
//! rustic writes the node of a file before it has read it, so that the length of a stream would stand as zero; and
//! restic restores a file of length zero as an empty one. So the trees that rustic makes are held back, the list of
//! blobs is taken from them, and trees with the right length are written here (restic's design document, *Pack
//! Format*, *Indexing*, *Trees and Data*).

use super::adapter::Adapter;
use super::crypt::{Crypt, pack};
use super::source::GO_DIRECTORY;
use crate::{Failure, FailureKind, NewSnapshot};
use rustic_core::repofile::{Metadata, Node, NodeType, Tree};
use rustic_core::{DataId, TreeId};
use serde_json::{Value, json};
use std::path::Path;

/// A packed tree, in the header of a pack.
const PACKED_TREE: u8 = 3;

/// The blobs of the one file in the trees that were held back, known by its mark.
pub(crate) fn content(adapter: &Adapter, crypt: &Crypt, mark: u64) -> Result<Vec<DataId>, Failure> {
    let (packs, described) = adapter.take_packs();
    for blob in described.iter().flat_map(|pack| {
        let blobs = pack["blobs"].as_array().into_iter().flatten();
        blobs.map(|blob| (&pack["id"], blob))
    }) {
        let tree = read(&packs, crypt, blob);
        let nodes = tree.map(|tree| tree.nodes).unwrap_or_default();
        let found = nodes.into_iter().find(|node| node.meta.inode == mark);
        if let Some(content) = found.and_then(|node| node.content) {
            return Ok(content);
        }
    }
    Err(bug())
}

fn read(
    packs: &std::collections::BTreeMap<String, Vec<u8>>,
    crypt: &Crypt,
    (pack, blob): (&Value, &Value),
) -> Option<Tree> {
    let number = |name: &str| blob[name].as_u64().and_then(|n| usize::try_from(n).ok());
    let (offset, length) = (number("offset")?, number("length")?);
    let sealed = packs.get(pack.as_str()?)?.get(offset..offset + length)?;
    let unpacked = number("uncompressed_length").and_then(|n| u32::try_from(n).ok());
    serde_json::from_slice(&crypt.blob(sealed, unpacked)?).ok()
}

/// Writes the trees from the file up to the root in a pack of their own, and the index of that pack.
pub(crate) fn write(
    adapter: &Adapter,
    crypt: &Crypt,
    new: &NewSnapshot,
    content: Vec<DataId>,
    size: u64,
) -> Result<TreeId, Failure> {
    let time = jiff::Timestamp::from_millisecond(new.time.as_millis()).ok();
    let meta = |mode| Metadata {
        mode: Some(mode),
        mtime: time,
        atime: time,
        ctime: time,
        ..Metadata::default()
    };
    let mut parts = Path::new(&new.path).components().rev();
    let name = parts.next().ok_or_else(bug)?;
    let mut node = Node::new_node(name.as_os_str(), NodeType::File, meta(0o600));
    node.meta.size = size;
    node.meta.links = 1;
    node.content = Some(content);
    let mut packed = Packed::default();
    let mut root = packed.add(crypt, node)?;
    for part in parts.filter(|part| matches!(part, std::path::Component::Normal(_))) {
        let mode = GO_DIRECTORY | 0o700;
        let mut node = Node::new_node(part.as_os_str(), NodeType::Dir, meta(mode));
        node.subtree = Some(root);
        root = packed.add(crypt, node)?;
    }
    packed.write(adapter, crypt)?;
    Ok(root)
}

/// A pack that grows.
#[derive(Default)]
struct Packed {
    body: Vec<u8>,
    header: Vec<u8>,
    blobs: Vec<Value>,
}

impl Packed {
    /// A tree of one node.
    fn add(&mut self, crypt: &Crypt, node: Node) -> Result<TreeId, Failure> {
        let tree = Tree { nodes: vec![node] };
        let (json, id) = tree.serialize().map_err(|_| bug())?;
        let sealed = crypt.seal(&pack(&json)?)?;
        let number = |length: usize| u32::try_from(length).map_err(|_| bug());
        let (length, unpacked) = (number(sealed.len())?, number(json.len())?);
        let name = id.to_hex();
        self.blobs.push(json!({
            "id": &*name, "type": "tree", "offset": self.body.len(), "length": length,
            "uncompressed_length": unpacked,
        }));
        self.header.push(PACKED_TREE);
        self.header.extend(length.to_le_bytes());
        self.header.extend(unpacked.to_le_bytes());
        self.header.extend(bytes(&name)?);
        self.body.extend(sealed);
        Ok(id)
    }

    fn write(self, adapter: &Adapter, crypt: &Crypt) -> Result<(), Failure> {
        let header = crypt.seal(&self.header)?;
        let length = u32::try_from(header.len())
            .map_err(|_| bug())?
            .to_le_bytes();
        let parts = [self.body.into(), header.into(), length.to_vec().into()];
        let id = adapter.put("data", &parts)?;
        let now = jiff::Timestamp::now().to_string();
        let index = json!({ "packs": [{ "id": id, "blobs": self.blobs, "time": now }] });
        let sealed = crypt.seal_file(index.to_string().as_bytes())?;
        adapter.put("index", &[sealed.into()]).map(drop)
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, Failure> {
    let digits = (0..hex.len()).step_by(2);
    let bytes = digits.map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    bytes.collect::<Result<_, _>>().map_err(|_| bug())
}

fn bug() -> Failure {
    Failure::new(
        FailureKind::Other,
        "the tree of the stream was not made as expected",
    )
}
