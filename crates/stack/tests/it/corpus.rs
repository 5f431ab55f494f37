//! The fuzz targets' corpora and what they once found, replayed.

use crate::disk;
use mainstay_stack::{MemoryLoader, Request, resolve};
use std::path::PathBuf;

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = disk::repository().join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).expect("a corpus");
    entries
        .map(|entry| entry.expect("an input").path())
        .collect()
}

#[test]
fn nothing_of_the_corpora_panics() {
    const COMPOSE: &str = "services: {app: {x-mainstay: {command: app}, ports: ['1:1']}}";
    let mut count = 0;
    for (target, name) in [
        ("compose", "compose.yaml"),
        ("mainstay_yaml", "mainstay.yaml"),
    ] {
        for path in inputs(target) {
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let files = MemoryLoader::default()
                .with("/shop/compose.yaml", COMPOSE)
                .with(format!("/shop/{name}"), text);
            let request = Request {
                directory: "/shop".into(),
                ..Request::default()
            };
            let resolution = resolve(&files, &request);
            assert_eq!(
                resolution.stack.is_none(),
                resolution.problems.has_errors(),
                "{}",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} inputs");
}
