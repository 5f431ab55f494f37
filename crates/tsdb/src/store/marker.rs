//! `cut.json`: what of the log is in blocks.
//!
//! Written after the blocks of a cut were published and before the head forgets. Without it (the
//! directory of a Prometheus, or a crash just before) the newest end of a block is taken, as
//! Prometheus does.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{At as _, StoreError};

const NAME: &str = "cut.json";
const MAJOR: u32 = 1;

/// Samples before `before_ms` that stand in segments before `segment` are in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    major: u32,
    minor: u32,
    pub(super) before_ms: i64,
    pub(super) segment: u64,
}

impl Marker {
    pub(super) fn new(before_ms: i64, segment: u64) -> Self {
        Self {
            major: MAJOR,
            minor: 0,
            before_ms,
            segment,
        }
    }

    pub(super) fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(NAME);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.at(&path)?,
        };
        let marker: Self =
            serde_json::from_slice(&bytes).map_err(|error| StoreError::corrupt(&path, error))?;
        if marker.major != MAJOR {
            let reason = format!("format {}.{} is not known", marker.major, marker.minor);
            return Err(StoreError::corrupt(&path, reason));
        }
        Ok(Some(marker))
    }

    pub(super) fn write(self, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(NAME);
        let text = serde_json::to_vec(&self).map_err(|error| StoreError::corrupt(&path, error))?;
        crate::block::replace(&path, &text)
    }
}
