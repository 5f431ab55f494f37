//! The fuzz target's corpus, replayed.

use mainstay_audit::{Surroundings, dockerfile, dockerfile_findings};
use std::path::Path;

#[test]
fn nothing_that_was_fed_panics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/dockerfile");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a corpus") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        let file = dockerfile::parse("Dockerfile", &text);
        let _ = dockerfile_findings(&file, &Surroundings::default());
        count += 1;
    }
    assert!(count > 3, "{count} files");
}
