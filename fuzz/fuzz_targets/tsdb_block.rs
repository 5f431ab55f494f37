//! A block with some bytes changed: no panic, no endless work, whatever is asked of it.
//!
//! The first byte chooses a file, each three that follow change one of its bytes. Checksums count
//! as right in this build. Run it with `TMPDIR` in memory.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mainstay_series::{LabelQuery, Labels, Matcher, Sample, Samples, Selection, Storage, Window};
use mainstay_tsdb::{Options, Store};

const FILES: [&str; 4] = ["index", "chunks/000001", "tombstones", "meta.json"];
const NAME: &str = "01HF7YAT00AAAAAAAAAAAAAAAA";

/// A block of ours, made once.
static BLOCK: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("can be made").keep();
    let (store, _) = Store::open(&dir, Options::default(), 0).expect("opens");
    let samples = (0..400).map(|n| {
        let series = format!("s{}", n % 5);
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("series", series)]);
        let value = f64::from(n * n % 17);
        let time_ms = i64::from(n) * 1000;
        Ok::<_, String>((labels, Sample { time_ms, value }))
    });
    store.backfill(samples, 0).expect("is written");
    let window = Window {
        start_ms: 5000,
        end_ms: 9000,
    };
    let one = [Matcher::equal("series", "s1")];
    store.delete(&one, window).expect("is deleted");
    let block = store.stats(0).expect("can be counted").blocks.remove(0);
    dir.join(block.ulid)
});

fn copy(target: &Path, changed: usize, bytes: &[u8]) {
    std::fs::create_dir_all(target.join("chunks")).expect("can be made");
    for (place, file) in FILES.iter().enumerate() {
        let mut text = std::fs::read(BLOCK.join(file)).expect("is there");
        if place == changed {
            for change in bytes.chunks_exact(3).take(64) {
                let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % text.len();
                text[at] = change[2];
            }
        }
        std::fs::write(target.join(file), text).expect("can be written");
    }
}

fn ask(store: &Store) {
    let patterns = [
        ("series", "s.*"),
        ("series", "s1|s2"),
        ("other", ".*"),
        ("series", ""),
    ];
    for (name, pattern) in patterns {
        let matchers = [Matcher::regex(name, pattern).expect("is one")];
        let selection = Selection::new(&matchers, Window::ALL);
        for series in store.select(&selection).into_iter().flatten() {
            let _ = series.read(Window::ALL, &mut Samples::default());
        }
        let query = LabelQuery {
            matchers: &matchers,
            window: Window::ALL,
            limit: 0,
        };
        let _ = (
            store.label_names(query),
            store.label_values("series", query),
        );
    }
    let _ = (store.maintain(0), store.clean_tombstones(0));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let dir = tempfile::tempdir().expect("can be made");
    copy(
        &dir.path().join(NAME),
        usize::from(*first) % FILES.len(),
        rest,
    );
    let (store, _) = Store::open(dir.path(), Options::default(), 0).expect("opens");
    ask(&store);
});
