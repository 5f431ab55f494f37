//! Inputs that a fuzzer found something with, and some to begin from, each read again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{count, open, read};

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn logs_of_the_corpus_open_and_open_again() {
    let files = corpus("tsdb_wal");
    assert!(!files.is_empty());
    for file in files {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        fs::copy(&file, dir.path().join("wal/00000000")).unwrap();
        let (store, _) = open(dir.path());
        let there = count(&read(&store));
        drop(store);
        let (store, report) = open(dir.path());
        assert!(report.cuts.is_empty(), "{}: {report:?}", file.display());
        assert_eq!(count(&read(&store)), there, "{}", file.display());
    }
}
