//! Reads the whole log after a start, keeps what is whole, and puts the rest where it harms nobody.
//!
//! A **torn tail** (the bytes of the last segment just end) is what a crash leaves: it is cut, and
//! reported. Anything else that does not fit is **damage**: the segment keeps what was whole before
//! it, and its original and all later segments are moved to `set-aside/`, not deleted. Nothing after
//! a damage is believed, since it may build on what was lost.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::frame::{Broken, Records};
use super::record::{self, Record};
use super::segments;
use crate::error::{At as _, StoreError};
use crate::report::{Cut, RecoveryReport};

/// What was read, and where writing goes on.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) next_segment: u64,
}

/// Gives every record to `take`, with the segment it stood in (a checkpoint's number for one of a
/// checkpoint), and mends the log.
pub(crate) fn replay(
    dir: &Path,
    aside: &Path,
    report: &mut RecoveryReport,
    take: &mut dyn FnMut(u64, Record),
) -> Result<Replayed, StoreError> {
    let listing = segments::list(dir)?;
    if let Some(number) = listing.checkpoint {
        read_checkpoint(dir, number, report, take)?;
    }
    let first = listing.checkpoint.map_or(0, |number| number + 1);
    let live: Vec<u64> = listing
        .segments
        .into_iter()
        .filter(|n| *n >= first)
        .collect();
    let mut next_segment = live.last().map_or(first, |last| last + 1);
    for (place, &number) in live.iter().enumerate() {
        let is_last = place + 1 == live.len();
        let path = segments::segment(dir, number);
        report.segments += 1;
        let gap = place > 0 && live[place - 1] + 1 != number;
        let broken = if gap {
            Some(missing())
        } else {
            read_segment(&path, report, &mut |record| take(number, record))?
        };
        if let Some(broken) = broken {
            mend(&path, &broken, is_last, aside, report)?;
            if !(broken.torn && is_last) {
                for later in &live[place + 1..] {
                    set_aside(&segments::segment(dir, *later), aside, report)?;
                }
                next_segment = number + 1;
                break;
            }
        }
    }
    Ok(Replayed { next_segment })
}

fn missing() -> Broken {
    Broken {
        good: 0,
        reason: "the segment before it is missing",
        torn: false,
    }
}

/// What is damaged in a checkpoint is lost; the segments after it are read all the same, because
/// what they say of their own series is still true.
fn read_checkpoint(
    dir: &Path,
    number: u64,
    report: &mut RecoveryReport,
    take: &mut dyn FnMut(u64, Record),
) -> Result<(), StoreError> {
    let folder = segments::checkpoint(dir, number);
    for part in segments::list(&folder)?.segments {
        let path = segments::segment(&folder, part);
        if let Some(broken) = read_segment(&path, report, &mut |record| take(number, record))? {
            let length = fs::metadata(&path).at(&path)?.len();
            report.cuts.push(cut(&path, &broken, length));
            break;
        }
    }
    Ok(())
}

/// Reads one file; what is wrong with it, if anything.
pub(crate) fn read_segment(
    path: &Path,
    report: &mut RecoveryReport,
    take: &mut dyn FnMut(Record),
) -> Result<Option<Broken>, StoreError> {
    let bytes = fs::read(path).at(path)?;
    let mut records = Records::new(&bytes);
    let mut good = 0;
    loop {
        match records.next() {
            Ok(None) => return Ok(None),
            Err(broken) => return Ok(Some(broken)),
            Ok(Some(bytes)) => match record::decode(bytes) {
                Some(Record::Other) => report.foreign_records += 1,
                Some(record) => take(record),
                None => {
                    let reason = "a record that is not what its type says";
                    let torn = false;
                    return Ok(Some(Broken { good, reason, torn }));
                }
            },
        }
        good = records.good();
    }
}

fn cut(path: &Path, broken: &Broken, length: u64) -> Cut {
    Cut {
        file: path.to_owned(),
        kept_bytes: broken.good as u64,
        lost_bytes: length - broken.good as u64,
        reason: broken.reason.to_owned(),
        torn: broken.torn,
    }
}

/// Shortens a segment to what is whole; keeps its original where more than a torn tail is wrong.
fn mend(
    path: &Path,
    broken: &Broken,
    is_last: bool,
    aside: &Path,
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let length = fs::metadata(path).at(path)?.len();
    report.cuts.push(cut(path, broken, length));
    if !(broken.torn && is_last) {
        let target = free_name(aside, path)?;
        fs::copy(path, &target).at(&target)?;
        report.set_aside.push(target);
    }
    let file = OpenOptions::new().write(true).open(path).at(path)?;
    file.set_len(broken.good as u64).at(path)?;
    file.sync_all().at(path)
}

/// Moves something out of the way, and says so.
pub(crate) fn set_aside(
    path: &Path,
    aside: &Path,
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let target = free_name(aside, path)?;
    fs::rename(path, &target).at(path)?;
    report.set_aside.push(target);
    Ok(())
}

/// A name in `set-aside/` that nothing has.
fn free_name(aside: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(aside).at(aside)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let names = (0u32..).map(|n| aside.join(format!("{name}.{n}")));
    let free = names.take(100_000).find(|path| !path.exists());
    free.ok_or_else(|| StoreError::corrupt(aside, "no free name is left"))
}
