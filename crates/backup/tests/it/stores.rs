//! What every kind of store must keep.

use crate::support::skip;
use bytes::Bytes;
use libtest_mimic::Trial;
use mainstay_backup::FailureKind;
use mainstay_backup::store::{Directory, Limited, Range, Store};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// A name of a file as the hash of its content makes it.
fn name(of: u8) -> String {
    format!("data/{of:02x}/{}", format!("{of:02x}").repeat(32))
}

/// Written against the trait alone: any new kind of store is put through it.
pub(crate) fn conformance(store: &dyn Store) {
    store.create().unwrap();
    store.create().unwrap();
    assert_eq!(store.list("data/").unwrap(), []);
    assert_eq!(store.list("config").unwrap(), []);

    // In pieces, with an empty one between, and more of them than one call of the kernel takes.
    let piece = |n: u8| Bytes::from(vec![n; usize::from(n) * 3]);
    let pieces: Vec<_> = (0..=255)
        .chain((0..=255).rev())
        .cycle()
        .take(3000)
        .map(piece)
        .collect();
    let whole: Vec<u8> = pieces.concat();
    store.write(&name(0xab), &pieces).unwrap();
    assert!(store.read(&name(0xab), None).unwrap() == whole);
    let range = |offset, length| Some(Range { offset, length });
    let end = whole.len() as u64;
    assert_eq!(
        store.read(&name(0xab), range(1000, 77)).unwrap(),
        whole[1000..1077]
    );
    assert_eq!(
        store.read(&name(0xab), range(end - 1, 1)).unwrap(),
        whole[whole.len() - 1..]
    );
    for beyond in [range(end - 1, 2), range(end + 10, 1), range(u64::MAX, 5)] {
        let failure = store.read(&name(0xab), beyond).unwrap_err();
        assert_eq!(
            failure.kind,
            FailureKind::Damaged,
            "a short answer: {failure}"
        );
    }

    store.write("config", &[Bytes::from_static(b"c")]).unwrap();
    store.write("keys/aa", &[Bytes::new()]).unwrap();
    store.write(&name(0xac), &[]).unwrap();
    let mut all = store.list("data/").unwrap();
    all.sort();
    assert_eq!(all, [(name(0xab), end), (name(0xac), 0)]);
    assert_eq!(store.list("data/ac/").unwrap(), [(name(0xac), 0)]);
    assert_eq!(store.list("keys/a").unwrap(), [("keys/aa".to_owned(), 0)]);
    assert_eq!(store.list("config").unwrap(), [("config".to_owned(), 1)]);
    assert_eq!(store.list("snapshots/").unwrap(), []);
    assert_eq!(store.read("keys/aa", None).unwrap(), b""[..]);

    // Written again is the same file: whoever was cut off does it twice.
    store.write(&name(0xab), &pieces).unwrap();
    assert!(store.read(&name(0xab), None).unwrap() == whole);

    store.remove(&name(0xab)).unwrap();
    store.remove(&name(0xab)).unwrap();
    let failure = store.read(&name(0xab), None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound, "{failure}");
    assert_eq!(store.list("data/").unwrap(), [(name(0xac), 0)]);
    for outside in ["../x", "data/../../x", "/etc/x", "", "data//x"] {
        assert!(store.read(outside, None).is_err(), "{outside}");
    }
    at_once(store);
}

/// Many writers and readers; nobody sees half a file.
fn at_once(store: &dyn Store) {
    std::thread::scope(|scope| {
        for n in 0..8_u8 {
            scope.spawn(move || {
                let content = vec![n; 100_000];
                for _ in 0..5 {
                    store.write(&name(n), &[content.clone().into()]).unwrap();
                    assert!(store.read(&name(n), None).unwrap() == content);
                    store.list("data/").unwrap();
                }
                store.remove(&name(n)).unwrap();
            });
        }
    });
}

pub(crate) fn trials() -> Vec<Trial> {
    let test = |name: &'static str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    vec![
        test("a_directory_keeps_what_a_store_must", || {
            let dir = tempfile::tempdir().unwrap();
            conformance(&Directory::new(dir.path().join("new/repository")));
        }),
        test("a_limited_store_keeps_what_a_store_must", || {
            let dir = tempfile::tempdir().unwrap();
            let inner = Arc::new(Directory::new(dir.path().to_path_buf()));
            conformance(&Limited::new(inner, 1 << 40));
        }),
        test(
            "files_of_a_directory_are_ours_alone",
            files_of_a_directory_are_ours_alone,
        ),
        test(
            "a_write_that_fails_leaves_nothing",
            a_write_that_fails_leaves_nothing,
        ),
    ]
}

fn files_of_a_directory_are_ours_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("repository");
    let store = Directory::new(root.clone());
    store.create().unwrap();
    store.write("keys/aa", &[Bytes::from_static(b"k")]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for folder in ["", "keys", "data", "data/00", "data/ff", "tmp", "locks"] {
        assert_eq!(mode(&root.join(folder)), 0o700, "{folder}");
    }
    assert_eq!(mode(&root.join("keys/aa")), 0o600);
}

/// Nothing under the final name, nothing under a temporary one; and the reason is told apart.
fn a_write_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Directory::new(dir.path().to_path_buf());
    store.create().unwrap();
    // A folder where the file should be: the rename fails.
    std::fs::create_dir_all(dir.path().join("index/aa/x")).unwrap();
    store
        .write("index/aa", &[Bytes::from_static(b"k")])
        .unwrap_err();
    let left = std::fs::read_dir(dir.path().join("tmp")).unwrap().count();
    assert_eq!(left, 0);
    if rustix::process::geteuid().is_root() {
        skip(
            "a user without rights",
            "a_write_that_fails_leaves_nothing (the second half)",
        );
        return;
    }
    std::fs::set_permissions(dir.path().join("tmp"), PermissionsExt::from_mode(0o500)).unwrap();
    let failure = store
        .write("index/bb", &[Bytes::from_static(b"k")])
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused, "{failure}");
}
