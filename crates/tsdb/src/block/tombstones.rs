//! `tombstones` of a block: which spans of which series were deleted.
//!
//! Source: Prometheus, `tsdb/docs/format/tombstones.md`; the checksum begins after the version.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use mainstay_series::Window;

use crate::bytes::{Cursor, put_uvarint, put_varint, sums_up};
use crate::error::{At as _, StoreError};

const MAGIC: u32 = 0x0130_BA30;
const VERSION: u8 = 1;
const NAME: &str = "tombstones";

/// Spans by series, disjoint and ascending.
pub(crate) type Tombstones = BTreeMap<u32, Vec<Window>>;

/// Adds a span; those that touch become one.
pub(crate) fn add(spans: &mut Vec<Window>, new: Window) {
    spans.push(new);
    spans.sort_by_key(|span| span.start_ms);
    spans.dedup_by(|later, first| {
        let touches = later.start_ms <= first.end_ms.saturating_add(1);
        if touches {
            first.end_ms = first.end_ms.max(later.end_ms);
        }
        touches
    });
}

pub(crate) fn encode(stones: &Tombstones) -> Vec<u8> {
    let mut bytes = MAGIC.to_be_bytes().to_vec();
    bytes.push(VERSION);
    for (id, spans) in stones {
        for span in spans {
            put_uvarint(&mut bytes, u64::from(*id));
            put_varint(&mut bytes, span.start_ms);
            put_varint(&mut bytes, span.end_ms);
        }
    }
    let sum = crc32c::crc32c(&bytes[5..]);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Option<Tombstones> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let mut cursor = Cursor(body);
    let is_right = cursor.u32()? == MAGIC && cursor.byte()? == VERSION;
    if !is_right || !sums_up(cursor.0, Cursor(sum).u32()) {
        return None;
    }
    let mut stones = Tombstones::new();
    while !cursor.is_empty() {
        let id = u32::try_from(cursor.uvarint()?).ok()?;
        let (start_ms, end_ms) = (cursor.varint()?, cursor.varint()?);
        add(stones.entry(id).or_default(), Window { start_ms, end_ms });
    }
    Some(stones)
}

/// Reads a block's; none where it has no such file.
pub(crate) fn read(dir: &Path) -> Result<Tombstones, StoreError> {
    let path = dir.join(NAME);
    match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Tombstones::new()),
        Err(error) => Err(error).at(&path),
        Ok(bytes) => {
            decode(&bytes).ok_or_else(|| StoreError::corrupt(&path, "it is no list of tombstones"))
        }
    }
}

pub(crate) fn write(dir: &Path, stones: &Tombstones) -> Result<(), StoreError> {
    super::replace(&dir.join(NAME), &encode(stones))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_ms: i64, end_ms: i64) -> Window {
        Window { start_ms, end_ms }
    }

    #[test]
    fn spans_that_touch_become_one() {
        let mut spans = vec![span(10, 20), span(40, 50)];
        add(&mut spans, span(21, 30));
        assert_eq!(spans, [span(10, 30), span(40, 50)]);
        add(&mut spans, span(5, 60));
        assert_eq!(spans, [span(5, 60)]);
    }

    #[test]
    fn they_come_back_and_a_changed_byte_is_seen() {
        let stones = Tombstones::from([(3, vec![span(-5, 9)]), (900, vec![span(1, i64::MAX)])]);
        let bytes = encode(&stones);
        assert_eq!(decode(&bytes), Some(stones));
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            assert_eq!(decode(&bytes), None, "byte {place}");
        }
    }
}
