//! A copy of everything as of one moment: hard links of blocks, and the head as one block.

use std::fs;
use std::path::Path;

use mainstay_series::{Window, sort_by_labels};

use super::Store;
use crate::block::meta::{Compaction, Meta, ulid};
use crate::block::write::BlockWriter;
use crate::compact;
use crate::error::{At as _, StoreError};
use crate::wal::segments::sync_dir;

impl Store {
    /// Writes all that is there now into an empty or missing directory on the same file system, or
    /// all but what no block has yet. A store, and a Prometheus, can be opened on it.
    pub fn snapshot(&self, target: &Path, with_head: bool, now_ms: i64) -> Result<(), StoreError> {
        let _only = self.maintenance.lock();
        fs::create_dir_all(target).at(target)?;
        if fs::read_dir(target).at(target)?.next().is_some() {
            let reason = format!("{} is not empty", target.display());
            return Err(StoreError::Refused(reason));
        }
        for block in self.blocks().iter() {
            link_all(&block.dir, &target.join(&block.meta.ulid))?;
        }
        self.link_aggregates(target)?;
        if with_head {
            self.write_head(target, now_ms)?;
        }
        sync_dir(target)
    }

    fn write_head(&self, target: &Path, now_ms: i64) -> Result<(), StoreError> {
        let (mut all, symbols, span) = {
            let head = self.head.read();
            (head.everything(), head.symbols(), head.span())
        };
        let Some(Window { start_ms, end_ms }) = span else {
            return Ok(());
        };
        sort_by_labels(&mut all, |selected| &selected.labels);
        let id = ulid(now_ms);
        let compaction = Compaction {
            level: 1,
            sources: vec![id.clone()],
            parents: Vec::new(),
        };
        let meta = Meta::new(id, start_ms, end_ms + 1, compaction);
        let mut writer = BlockWriter::begin(target, meta, symbols)?;
        for one in all {
            let chunks = compact::chunks_of(one.labels.clone(), one.parts, self.options.block_ms)?;
            writer.add(&one.labels, &chunks)?;
        }
        writer.finish().map(|_| ())
    }
}

/// Links each file; what may be replaced later is replaced by another file, so that the link stays.
pub(super) fn link_all(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::create_dir(to).at(to)?;
    for entry in fs::read_dir(from).at(from)? {
        let entry = entry.at(from)?;
        let target = to.join(entry.file_name());
        if entry.file_type().at(from)?.is_dir() {
            link_all(&entry.path(), &target)?;
        } else {
            fs::hard_link(entry.path(), &target).at(&target)?;
        }
    }
    sync_dir(to)
}
