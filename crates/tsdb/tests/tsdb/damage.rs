//! Bytes cut off and bytes changed, everywhere: what is whole answers, the rest is set aside.

use std::fs;
use std::path::{Path, PathBuf};

use mainstay_series::{Matcher, Selection, Storage as _, Window};
use mainstay_tsdb::{Durability, Entry, Options, Store};

use crate::support::{BLOCK, START, any, count, fill, labels, open, open_with, read};

/// A store with a small log of a few batches; the path of its one segment.
fn small_log(dir: &Path) -> PathBuf {
    let options = Options {
        compress_log: false,
        ..Options::default()
    };
    let (store, _) = open_with(dir, options);
    for time in 0..5 {
        let series: Vec<_> = (0..=time as usize).map(|n| labels("m", n)).collect();
        let entry = |labels| Entry::labelled(labels, START + time * 1000, time as f64);
        let batch: Vec<_> = series.iter().map(entry).collect();
        store.append(&batch, Durability::Synced).unwrap();
    }
    drop(store);
    dir.join("wal/00000000")
}

/// How many samples are there after each whole batch.
const WHOLE: [usize; 6] = [0, 1, 3, 6, 10, 15];

#[test]
fn a_log_cut_anywhere_keeps_its_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fs::read(small_log(dir.path())).unwrap();
    let mut before = 0;
    for end in 0..=bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        fs::write(dir.path().join("wal/00000000"), &bytes[..end]).unwrap();
        let (store, report) = open(dir.path());
        let there = count(&read(&store));
        assert!(
            WHOLE.contains(&there) && there >= before,
            "cut at {end}: {there}"
        );
        assert!(
            report.is_clean(),
            "what just ends is what a crash leaves: {report:?}"
        );
        assert!(
            report
                .cuts
                .iter()
                .all(|cut| cut.kept_bytes + cut.lost_bytes == end as u64)
        );
        before = there;
        // And it is mended: the next start has nothing to say.
        drop(store);
        let (store, report) = open(dir.path());
        assert_eq!((report.cuts.len(), count(&read(&store))), (0, there));
    }
    assert_eq!(before, 15);
}

#[test]
fn a_log_changed_anywhere_keeps_what_is_before_and_sets_the_rest_aside() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fs::read(small_log(dir.path())).unwrap();
    for place in 0..bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        let mut changed = bytes.clone();
        changed[place] ^= 0x20;
        fs::write(dir.path().join("wal/00000000"), &changed).unwrap();
        fs::write(dir.path().join("wal/00000001"), b"").unwrap();
        let (store, report) = open(dir.path());
        let there = count(&read(&store));
        assert!(
            WHOLE.contains(&there) && there < 15,
            "changed at {place}: {there}"
        );
        assert!(!report.is_clean() && report.cuts.len() == 1, "{report:?}");
        assert_eq!(
            report.set_aside.len(),
            2,
            "the original and what came after"
        );
        assert_eq!(fs::read(&report.set_aside[0]).unwrap(), changed);
        put_again(&store);
        drop(store);
        let (store, report) = open(dir.path());
        assert!(report.is_clean() && report.cuts.is_empty(), "{report:?}");
        assert_eq!(count(&read(&store)), there + 1);
    }
}

fn put_again(store: &Store) {
    let series = labels("again", 0);
    let entry = [Entry::labelled(&series, START + 60_000, 1.0)];
    store.append(&entry, Durability::Synced).unwrap();
}

#[test]
fn a_missing_segment_ends_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 4096,
        ..Options::default()
    };
    let (store, _) = open_with(dir.path(), options);
    fill(&store, 10, START, START + 3_600_000);
    drop(store);
    fs::remove_file(dir.path().join("wal/00000003")).unwrap();
    let (store, report) = open(dir.path());
    assert!(report.cuts[0].reason.contains("missing"), "{report:?}");
    assert!(report.set_aside.len() > 1 && !report.is_clean());
    let there = count(&read(&store));
    assert!(there > 0 && there < 2400, "{there}");
}

/// A store with two blocks and a head.
fn two_blocks(dir: &Path) -> Vec<PathBuf> {
    let (store, _) = open(dir);
    fill(&store, 3, START, START + 3 * BLOCK);
    store.maintain(START + 3 * BLOCK).unwrap();
    let blocks = store.stats(0).unwrap().blocks;
    assert_eq!(blocks.len(), 2);
    blocks.iter().map(|block| dir.join(&block.ulid)).collect()
}

#[test]
fn a_block_that_does_not_open_is_set_aside_and_others_answer() {
    for file in ["meta.json", "index", "chunks/000001", "tombstones"] {
        let dir = tempfile::tempdir().unwrap();
        let blocks = two_blocks(dir.path());
        fs::write(blocks[0].join(file), b"no").unwrap();
        let (store, report) = open(dir.path());
        assert_eq!(
            (report.blocks, report.broken_blocks.len()),
            (1, 1),
            "{file}: {report:?}"
        );
        assert!(report.set_aside[0].join(file).exists(), "{report:?}");
        assert_eq!(count(&read(&store)), 2 * 3 * 480);
    }
}

#[test]
fn a_block_changed_anywhere_is_an_error_or_answers_right() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = two_blocks(dir.path());
    let expected = read(&open(dir.path()).0);
    for file in ["index", "chunks/000001", "tombstones"] {
        let path = blocks[0].join(file);
        let bytes = fs::read(&path).unwrap();
        for place in (0..bytes.len()).step_by(bytes.len() / 150 + 1) {
            let mut changed = bytes.clone();
            changed[place] ^= 0x04;
            fs::write(&path, &changed).unwrap();
            let (store, report) = open(dir.path());
            if report.blocks == 2 {
                let matchers = any();
                let selection = Selection::new(&matchers, Window::ALL);
                let is_right = match store.select(&selection) {
                    Err(_) => true,
                    Ok(series) => series.iter().all(|series| {
                        let mut samples = mainstay_series::Samples::default();
                        let read = series.read(Window::ALL, &mut samples);
                        let bits = samples.iter().map(|s| (s.time_ms, s.value.to_bits()));
                        read.is_err()
                            || expected[&series.labels().to_string()] == bits.collect::<Vec<_>>()
                    }),
                };
                assert!(is_right, "{file} changed at {place}");
            } else {
                let name = blocks[0].file_name().unwrap();
                fs::rename(&report.set_aside[0], dir.path().join(name)).unwrap();
            }
            // Other selections do not panic either.
            let _ = store.maintain(START);
            drop(store);
            restore(&blocks[0], &path, &bytes);
        }
    }
    assert_eq!(read(&open(dir.path()).0), expected);
}

fn restore(block: &Path, path: &Path, bytes: &[u8]) {
    assert!(block.is_dir());
    fs::write(path, bytes).unwrap();
}

#[test]
fn half_made_and_half_deleted_blocks_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = two_blocks(dir.path());
    let expected = read(&open(dir.path()).0);
    for suffix in [".tmp-for-creation", ".tmp-for-deletion"] {
        let name = format!("01HF7YAT00AAAAAAAAAAAAAAAA{suffix}");
        fs::create_dir_all(dir.path().join(name).join("chunks")).unwrap();
    }
    fs::create_dir_all(dir.path().join("wal/checkpoint.00000009.tmp")).unwrap();
    let (store, report) = open(dir.path());
    assert!(report.is_clean() && report.blocks == 2, "{report:?}");
    assert_eq!(read(&store), expected);
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2 + blocks.len(), "log, marker, blocks");
}

#[test]
fn a_selection_of_a_damaged_chunk_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = two_blocks(dir.path());
    let path = blocks[0].join("chunks/000001");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (store, _) = open(dir.path());
    let matchers = [Matcher::equal("instance", "host-2:9100")];
    let found = store
        .select(&Selection::new(&matchers, Window::ALL))
        .unwrap();
    let mut samples = mainstay_series::Samples::default();
    let error = found[0]
        .read(Window::ALL, &mut samples)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("000001") && error.contains("checksum"),
        "{error}"
    );
    let healthy = [Matcher::equal("instance", "host-0:9100")];
    let found = store
        .select(&Selection::new(&healthy, Window::ALL))
        .unwrap();
    samples.clear();
    found[0].read(Window::ALL, &mut samples).unwrap();
}
