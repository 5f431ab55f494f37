//! Snapshots of one repository in another one, with other keys and elsewhere.

use super::trouble::damage;
use super::{Repository, blobs};
use crate::{Copied, Failure};
use rustic_core::repofile::SnapshotFile;
use rustic_core::{IndexedFull, TreeId};
use std::collections::{BTreeMap, HashSet};

/// What makes two snapshots the same, whatever they are called.
type Likeness = (i128, TreeId, String, String, String);

impl Repository {
    /// Copies snapshots to `to`, with every blob that it does not have. What was copied before stays one.
    pub(crate) fn copy(self, to: &Self, snapshots: &[String]) -> Result<Copied, Failure> {
        let _lock = to.adds("copy")?;
        let explain_from = |error| self.adapter.trouble.explain(error);
        let explain_to = |error| to.adapter.trouble.explain(error);
        let wanted = snapshots.iter().map(|name| self.snapshot(name));
        let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
        let mut there = likenesses(to)?;
        let missing: Vec<_> = wanted
            .iter()
            .filter(|snapshot| !there.contains_key(&likeness(snapshot)))
            .collect();
        if !missing.is_empty() {
            let from = self.again()?.to_indexed().map_err(explain_from)?;
            // rustic leaves out in silence what the index of the source does not know.
            let mut seen = HashSet::new();
            for snapshot in &missing {
                self.complete(&from, snapshot.tree, &mut seen)?;
            }
            let target = to.again()?.to_indexed_ids().map_err(explain_to)?;
            let copied = from.copy(&target, missing.iter().copied());
            self.adapter.trouble.check()?;
            to.adapter.trouble.check()?;
            copied.map_err(explain_to)?;
            there = likenesses(to)?;
        }
        let mut map = BTreeMap::new();
        for snapshot in &wanted {
            let copy = there.get(&likeness(snapshot));
            let copy = copy.ok_or_else(|| damage("a snapshot is not there after it was copied"))?;
            map.insert(snapshot.id.to_hex().to_string(), copy.clone());
        }
        Ok(Copied {
            map,
            bytes: to.adapter.written(),
        })
    }

    /// That every blob below a tree is in the index.
    fn complete<S: IndexedFull>(
        &self,
        repository: &super::Rustic<S>,
        tree: TreeId,
        seen: &mut HashSet<TreeId>,
    ) -> Result<(), Failure> {
        let mut open = vec![tree];
        while let Some(tree) = open.pop() {
            if !seen.insert(tree) {
                continue;
            }
            let tree = repository.get_tree(&tree);
            let tree = tree.map_err(|error| self.adapter.trouble.explain(error))?;
            for node in tree.nodes {
                open.extend(node.subtree);
                for id in node.content.unwrap_or_default() {
                    blobs::find(repository, &id, &self.adapter.trouble)?;
                }
            }
        }
        Ok(())
    }
}

fn likeness(snapshot: &SnapshotFile) -> Likeness {
    (
        snapshot.time.timestamp().as_nanosecond(),
        snapshot.tree,
        snapshot.hostname.clone(),
        snapshot.paths.formatln(),
        snapshot.tags.formatln(),
    )
}

fn likenesses(repository: &Repository) -> Result<BTreeMap<Likeness, String>, Failure> {
    let all = repository.snapshots()?;
    let named = all.iter().map(|snapshot| {
        let name = snapshot.id.to_hex().to_string();
        (likeness(snapshot), name)
    });
    Ok(named.collect())
}
