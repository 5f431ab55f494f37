//! What a restore has to write, found from the trees before anything is written.

use crate::Failure;
use crate::repository::Rustic;
use crate::repository::blobs::{self, Piece, Run};
use crate::repository::trouble::{Trouble, damage};
use rustic_core::repofile::{Node, NodeType};
use rustic_core::{Id, IndexedFull};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Folders within each other.
const MAX_DEPTH: usize = 1000;

/// A file to write.
#[derive(Debug)]
pub(super) struct Target {
    /// Relative to the target directory, as all paths here.
    pub(super) path: PathBuf,
    /// Without its list of blobs.
    pub(super) node: Node,
    pub(super) empty: bool,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What the target directory itself becomes.
    pub(super) root: Option<Node>,
    /// Each before what it holds.
    pub(super) folders: Vec<(PathBuf, Node)>,
    pub(super) files: Vec<Target>,
    /// Further names of a file, by its number.
    pub(super) hard_links: Vec<(PathBuf, usize)>,
    /// Symbolic links, devices, pipes.
    pub(super) others: Vec<(PathBuf, Node)>,
    /// Names directly below the target.
    pub(super) top: Vec<OsString>,
    pub(super) runs: Vec<Run>,
    /// Of all files together.
    pub(super) bytes: u64,
    /// Where each blob goes: numbers of files, and bytes within them.
    targets: HashMap<Id, Vec<(u32, u64)>>,
}

/// What is only needed while the plan is made.
struct Planner<'a, S> {
    repository: &'a Rustic<S>,
    trouble: &'a Trouble,
    plan: Plan,
    /// Files by device and inode, where a file has more than one name.
    seen: HashMap<(u64, u64), usize>,
    pieces: BTreeMap<usize, Vec<Piece>>,
    /// In the order in which they are first needed.
    packs: HashMap<Id, usize>,
}

impl Plan {
    pub(super) fn of<S: IndexedFull>(
        repository: &Rustic<S>,
        node: Node,
        trouble: &Trouble,
    ) -> Result<Self, Failure> {
        let mut planner = Planner {
            repository,
            trouble,
            plan: Self::default(),
            seen: HashMap::new(),
            pieces: BTreeMap::new(),
            packs: HashMap::new(),
        };
        match node.subtree {
            Some(tree) => {
                planner.folder(&tree, Path::new(""), 0)?;
                planner.plan.root = Some(node);
            }
            None => planner.node(node, Path::new(""), 0)?,
        }
        let Planner {
            mut plan, pieces, ..
        } = planner;
        for mut pieces in pieces.into_values() {
            pieces.sort_unstable_by_key(|piece| piece.offset);
            plan.runs.append(&mut blobs::runs(pieces));
        }
        Ok(plan)
    }

    pub(super) fn targets(&self, blob: &Id) -> &[(u32, u64)] {
        self.targets.get(blob).map_or(&[], Vec::as_slice)
    }
}

impl<S: IndexedFull> Planner<'_, S> {
    fn folder(
        &mut self,
        tree: &rustic_core::TreeId,
        path: &Path,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(damage("folders lie within each other without end"));
        }
        let tree = self.repository.get_tree(tree);
        let tree = tree.map_err(|error| self.trouble.explain(error))?;
        let mut names = HashSet::new();
        for node in tree.nodes {
            if !names.insert(node.name.clone()) {
                return Err(damage(format!("`{}` is there twice", node.name)));
            }
            self.node(node, path, depth)?;
        }
        Ok(())
    }

    fn node(&mut self, node: Node, parent: &Path, depth: usize) -> Result<(), Failure> {
        let name = node.name().into_owned();
        let whole = Path::new(&name).file_name() == Some(name.as_os_str());
        if !whole || name.as_encoded_bytes().contains(&b'/') {
            // It would leave the target.
            return Err(damage(format!("`{}` is no name of a file", node.name)));
        }
        let path = parent.join(&name);
        if depth == 0 {
            self.plan.top.push(name);
        }
        match &node.node_type {
            NodeType::Dir => {
                let tree = node.subtree;
                self.plan.folders.push((path.clone(), node));
                match tree {
                    Some(tree) => self.folder(&tree, &path, depth + 1),
                    None => Err(damage(format!("{} has no tree", path.display()))),
                }
            }
            NodeType::File => self.file(node, path),
            _ => {
                self.plan.others.push((path, node));
                Ok(())
            }
        }
    }

    fn file(&mut self, mut node: Node, path: PathBuf) -> Result<(), Failure> {
        let number = self.plan.files.len();
        let meta = &node.meta;
        if meta.links > 1 && meta.inode != 0 {
            let key = (meta.device_id, meta.inode);
            if let Some(first) = self.seen.get(&key) {
                self.plan.hard_links.push((path, *first));
                return Ok(());
            }
            self.seen.insert(key, number);
        }
        let file = u32::try_from(number).map_err(|_| damage("there are too many files"))?;
        let mut at = 0;
        for id in node.content.take().unwrap_or_default() {
            let piece = blobs::find(self.repository, &id, self.trouble)?;
            let targets = self.plan.targets.entry(piece.id).or_default();
            if targets.is_empty() {
                let next = self.packs.len();
                let pack = *self.packs.entry(piece.pack).or_insert(next);
                self.pieces.entry(pack).or_default().push(piece);
            }
            targets.push((file, at));
            at += u64::from(piece.size);
        }
        self.plan.bytes += at;
        self.plan.files.push(Target {
            path,
            node,
            empty: at == 0,
        });
        Ok(())
    }
}
