//! Directories: what comes back is what was there, with modes, times, links; and what cannot be read is told.

use crate::support::{Place, new, quiet, random, skip, trial};
use libtest_mimic::Trial;
use mainstay_backup::{EntryKind, FailureKind, Saved, Tree};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_directory_comes_back_as_it_was",
            a_directory_comes_back_as_it_was,
        ),
        trial(
            "a_link_to_a_directory_is_that_directory",
            a_link_to_a_directory_is_that_directory,
        ),
        trial(
            "a_second_save_reads_only_what_changed",
            a_second_save_reads_only_what_changed,
        ),
        trial("excluded_files_are_left_out", excluded_files_are_left_out),
        trial(
            "a_part_of_a_directory_comes_back",
            a_part_of_a_directory_comes_back,
        ),
        trial(
            "a_directory_with_something_in_it_is_left_alone",
            a_directory_with_something_in_it_is_left_alone,
        ),
        trial(
            "a_file_that_cannot_be_read_fails_the_save",
            a_file_that_cannot_be_read_fails_the_save,
        ),
        trial(
            "a_directory_that_is_not_there_is_not_saved",
            a_directory_that_is_not_there_is_not_saved,
        ),
    ]
}

/// Everything that a restore must bring back, by path.
pub(crate) fn picture(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    let mut inodes: BTreeMap<u64, PathBuf> = BTreeMap::new();
    while let Some(folder) = open.pop() {
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        names.sort();
        for path in names {
            let meta = fs::symlink_metadata(&path).unwrap();
            let below = path.strip_prefix(root).unwrap().to_path_buf();
            let what = if meta.is_dir() {
                open.push(path.clone());
                "folder".to_owned()
            } else if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                let first = inodes.entry(meta.ino()).or_insert_with(|| below.clone());
                let content = fs::read(&path).unwrap();
                format!(
                    "{} as {}",
                    crate::support::sha256(&content),
                    first.display()
                )
            };
            let mode = if meta.is_symlink() { 0 } else { meta.mode() };
            let owner = (meta.uid(), meta.gid());
            let time = (meta.mtime(), meta.mtime_nsec());
            all.insert(below, format!("{what} {mode:o} {owner:?} {time:?}"));
        }
    }
    all
}

/// Files large and small, names that hurt, links of both kinds, modes, an empty folder.
pub(crate) fn fill(root: &Path) {
    fs::create_dir_all(root.join("sub/deep er/leaf")).unwrap();
    fs::create_dir_all(root.join("empty")).unwrap();
    fs::write(root.join("large"), random(7, 9 << 20)).unwrap();
    fs::write(root.join("twin"), random(7, 9 << 20)).unwrap();
    fs::write(root.join("nothing"), b"").unwrap();
    for n in 0..300 {
        fs::write(
            root.join(format!("sub/{n}")),
            format!("file {n}\n").repeat(n),
        )
        .unwrap();
    }
    fs::write(
        root.join("sub/deep er/leaf/Grüße \"and\" \\ more\n"),
        b"odd",
    )
    .unwrap();
    fs::write(
        root.join(std::ffi::OsStr::from_bytes(b"\xff\xfe.bin")),
        b"bytes",
    )
    .unwrap();
    fs::hard_link(root.join("sub/77"), root.join("sub/another name")).unwrap();
    symlink("../large", root.join("sub/link")).unwrap();
    symlink("/nowhere/at/all", root.join("dangling")).unwrap();
    fs::write(root.join("script"), b"#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("script"), PermissionsExt::from_mode(0o4755)).unwrap();
    fs::set_permissions(root.join("sub/1"), PermissionsExt::from_mode(0o400)).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_234_567_890, 123_456_789);
    fs::File::open(root.join("large"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    fs::File::open(root.join("sub/deep er"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    fs::set_permissions(
        root.join("sub/deep er/leaf"),
        PermissionsExt::from_mode(0o500),
    )
    .unwrap();
}

pub(crate) fn tree(root: &Path) -> Tree {
    Tree {
        root: root.to_path_buf(),
        exclude: Vec::new(),
    }
}

/// Where the data lies behind a link, and the directory has bits of its own.
async fn a_link_to_a_directory_is_that_directory(place: Place) {
    place.create().await;
    let root = place.path("data");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), b"here").unwrap();
    fs::set_permissions(&root, PermissionsExt::from_mode(0o2750)).unwrap();
    symlink(&root, place.path("link")).unwrap();
    let saved = save(&place, &place.path("link")).await;
    assert_eq!((saved.files, saved.bytes), (1, 4));
    let target = place.path("back");
    let load = place
        .client
        .load_tree(&place.at, &saved.snapshot, "/volumes/data", &target, &quiet);
    load.await.unwrap();
    assert_eq!(fs::read(target.join("file")).unwrap(), b"here");
    assert_eq!(fs::metadata(&target).unwrap().mode() & 0o7777, 0o2750);
}

async fn save(place: &Place, root: &Path) -> Saved {
    let (new, tree) = (new("/volumes/data"), tree(root));
    let saved = place.client.save_tree(&place.at, &new, &tree, &quiet);
    saved.await.unwrap()
}

/// The test's directory is removed by somebody who may be refused.
pub(crate) fn tidy(root: &Path) {
    let leaf = root.join("sub/deep er/leaf");
    let _ = fs::set_permissions(leaf, PermissionsExt::from_mode(0o700));
}

async fn a_directory_comes_back_as_it_was(place: Place) {
    place.create().await;
    let root = place.path("data");
    fill(&root);
    let before = picture(&root);
    let saved = save(&place, &root).await;
    assert_eq!(saved.warnings, Vec::<String>::new());
    assert!(
        saved.added < 12 << 20,
        "the twin is saved once: {}",
        saved.added
    );

    let target = place.path("back");
    let load = place
        .client
        .load_tree(&place.at, &saved.snapshot, "/volumes/data", &target, &quiet);
    let loaded = load.await.unwrap();
    assert_eq!(
        loaded.bytes,
        saved.bytes - fs::metadata(root.join("sub/77")).unwrap().len()
    );
    similar(&before, &picture(&target));
    let modes = [&root, &target].map(|path| fs::metadata(path).unwrap().mode());
    assert_eq!(modes[0], modes[1], "the directory itself");

    if place.restic_ok(&["check", "--read-data"]).is_some() {
        let theirs = place.path("theirs");
        place.restic_ok(&[
            "restore",
            &saved.snapshot,
            "--target",
            theirs.to_str().unwrap(),
        ]);
        let theirs = theirs.join("volumes/data");
        similar(&before, &picture(&theirs));
        tidy(&theirs);
    }
    tidy(&root);
    tidy(&target);
}

pub(crate) fn similar(a: &BTreeMap<PathBuf, String>, b: &BTreeMap<PathBuf, String>) {
    for (path, what) in a {
        assert_eq!(Some(what), b.get(path), "{}", path.display());
    }
    assert_eq!(a.len(), b.len());
}

async fn a_second_save_reads_only_what_changed(place: Place) {
    place.create().await;
    let root = place.path("data");
    fill(&root);
    let first = save(&place, &root).await;
    fs::write(root.join("sub/5"), b"changed").unwrap();
    let second = save(&place, &root).await;
    assert_eq!(first.files, second.files);
    assert!(
        second.added < first.added / 20,
        "{} of {}",
        second.added,
        first.added
    );
    let target = place.path("back");
    let load = place.client.load_tree(
        &place.at,
        &second.snapshot,
        "/volumes/data",
        &target,
        &quiet,
    );
    load.await.unwrap();
    similar(&picture(&root), &picture(&target));
    tidy(&root);
    tidy(&target);
}

async fn excluded_files_are_left_out(place: Place) {
    place.create().await;
    let root = place.path("data");
    for name in [
        "keep",
        "a.tmp",
        "cache/x",
        "sub/cache/y",
        "sub/b.tmp",
        "sub/keep",
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), name).unwrap();
    }
    let exclude = ["*.tmp", "/cache"].map(str::to_owned).to_vec();
    let tree = Tree {
        exclude,
        ..tree(&root)
    };
    let saved = place
        .client
        .save_tree(&place.at, &new("/data"), &tree, &quiet)
        .await
        .unwrap();
    let target = place.path("back");
    let load = place
        .client
        .load_tree(&place.at, &saved.snapshot, "/data", &target, &quiet);
    load.await.unwrap();
    let files: Vec<_> = picture(&target).into_keys().collect();
    let expected = ["keep", "sub", "sub/cache", "sub/cache/y", "sub/keep"].map(PathBuf::from);
    assert_eq!(files, expected);
}

async fn a_part_of_a_directory_comes_back(place: Place) {
    place.create().await;
    let root = place.path("data");
    fill(&root);
    let saved = save(&place, &root).await;
    let part = place.path("part");
    let path = "/volumes/data/sub/12";
    let load = place
        .client
        .load_tree(&place.at, &saved.snapshot, path, &part, &quiet);
    load.await.unwrap();
    assert_eq!(
        fs::read(part.join("12")).unwrap(),
        fs::read(root.join("sub/12")).unwrap()
    );
    assert_eq!(fs::read_dir(&part).unwrap().count(), 1);
    let entries = place
        .client
        .entries(&place.at, &saved.snapshot, "/volumes/data")
        .await
        .unwrap();
    let kind = |name: &str| {
        let path = format!("/volumes/data/{name}");
        entries
            .iter()
            .find(|entry| entry.path == path)
            .map(|entry| entry.kind)
    };
    assert_eq!(kind("sub"), Some(EntryKind::Directory));
    assert_eq!(kind("large"), Some(EntryKind::File));
    assert_eq!(kind("dangling"), Some(EntryKind::Link));
    for path in ["/volumes/data/no", "/no", "/volumes/data/large/no"] {
        let failure = place
            .client
            .entries(&place.at, &saved.snapshot, path)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound, "{failure}");
    }
    for snapshot in ["beef", "", "no such", &"0".repeat(64)] {
        let failure = place
            .client
            .entries(&place.at, snapshot, "/")
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound, "{failure}");
    }
    tidy(&root);
}

async fn a_directory_with_something_in_it_is_left_alone(place: Place) {
    place.create().await;
    let root = place.path("data");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("file"), b"new").unwrap();
    let saved = save(&place, &root).await;
    let target = place.path("back");
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("file"), b"old").unwrap();
    let load = || {
        place
            .client
            .load_tree(&place.at, &saved.snapshot, "/volumes/data", &target, &quiet)
    };
    let failure = load().await.unwrap_err();
    assert!(failure.message.contains("not empty"), "{failure}");
    assert_eq!(fs::read(target.join("file")).unwrap(), b"old");
    // What a restore that was cut left behind is no content.
    fs::remove_file(target.join("file")).unwrap();
    fs::create_dir_all(target.join(".mainstay-restore-1/sub")).unwrap();
    load().await.unwrap();
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
    assert_eq!(fs::read(target.join("file")).unwrap(), b"new");
}

async fn a_file_that_cannot_be_read_fails_the_save(place: Place) {
    place.create().await;
    let root = place.path("data");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("sub/fine"), b"fine").unwrap();
    if rustix::process::geteuid().is_root() {
        // Root may read everything, but the kernel's own files are shorter than they say.
        let kernel = Path::new("/sys/kernel/mm");
        if !kernel.exists() {
            skip("/sys", place.name);
            return;
        }
        let saved = place
            .client
            .save_tree(&place.at, &new("/data"), &tree(kernel), &quiet)
            .await;
        let failure = saved.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Source, "{failure}");
        assert!(failure.message.contains("/sys/kernel/mm/"), "{failure}");
        assert_eq!(place.client.list(&place.at).await.unwrap(), []);
        return;
    }
    fs::set_permissions(root.join("sub/fine"), PermissionsExt::from_mode(0o000)).unwrap();
    let saved = place
        .client
        .save_tree(&place.at, &new("/data"), &tree(&root), &quiet)
        .await;
    let failure = saved.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Source, "{failure}");
    assert!(failure.message.contains("sub/fine"), "{failure}");
    assert_eq!(place.client.list(&place.at).await.unwrap(), []);
}

async fn a_directory_that_is_not_there_is_not_saved(place: Place) {
    place.create().await;
    let root = place.path("no such");
    let saved = place
        .client
        .save_tree(&place.at, &new("/data"), &tree(&root), &quiet)
        .await;
    let failure = saved.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Source, "{failure}");
    assert!(failure.message.contains("no such"), "{failure}");
    assert_eq!(place.client.list(&place.at).await.unwrap(), []);
}
