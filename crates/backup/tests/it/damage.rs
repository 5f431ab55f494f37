//! Files that are not what was written: told with their names, and nothing is answered as whole.

use crate::support::{Place, new, quiet, random, trial};
use crate::trees::{fill, tree};
use libtest_mimic::Trial;
use mainstay_backup::{FailureKind, ReadData};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_flipped_bit_in_a_pack_is_told",
            a_flipped_bit_in_a_pack_is_told,
        ),
        trial("a_truncated_pack_is_told", a_truncated_pack_is_told),
        trial("a_missing_pack_is_told", a_missing_pack_is_told),
        trial("a_damaged_snapshot_is_told", a_damaged_snapshot_is_told),
        trial(
            "a_damaged_key_locks_out_no_other",
            a_damaged_key_locks_out_no_other,
        ),
        trial(
            "a_damaged_tree_removes_nothing",
            a_damaged_tree_removes_nothing,
        ),
        trial(
            "a_lost_configuration_is_not_made_anew",
            a_lost_configuration_is_not_made_anew,
        ),
    ]
}

/// Files below a folder of the repository, the largest last.
fn files(place: &Place, folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![place.repository().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort_by_key(|path| fs::metadata(path).unwrap().len());
    found
}

fn flip(path: &Path, at: usize) {
    let mut content = fs::read(path).unwrap();
    content[at] ^= 0x10;
    fs::write(path, content).unwrap();
}

/// Checks and loads; both must name the pack.
async fn is_told(place: &Place, pack: &Path, read: ReadData) {
    let name = pack.file_name().unwrap().to_str().unwrap();
    let checked = place.client.check(&place.at, read, &quiet).await.unwrap();
    let told = checked
        .problems
        .iter()
        .any(|problem| problem.contains(name));
    assert!(told, "{name}: {:?}", checked.problems);
    let row = place.client.list(&place.at).await.unwrap().remove(0);
    let mut got = Vec::new();
    let load = place
        .client
        .load_file(&place.at, &row.snapshot, "/dump", &mut got, &quiet);
    let failure = load.await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Damaged, "{failure}");
    assert!(failure.message.contains(name), "{failure}");
    let target = place.path("back");
    let load = place
        .client
        .load_tree(&place.at, &row.snapshot, "/", &target, &quiet);
    let failure = load.await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Damaged, "{failure}");
    assert_eq!(
        fs::read_dir(&target).unwrap().count(),
        0,
        "nothing is left of it"
    );
}

async fn saved(place: &Place) -> PathBuf {
    place.create().await;
    place.save("/dump", &random(1, 40 << 20)).await;
    let checked = place
        .client
        .check(&place.at, ReadData::All, &quiet)
        .await
        .unwrap();
    assert_eq!(checked.problems, Vec::<String>::new());
    assert_eq!(checked.snapshots, 1);
    assert!(checked.read > 40 << 20);
    files(place, "data").pop().unwrap()
}

async fn a_flipped_bit_in_a_pack_is_told(place: Place) {
    let pack = saved(&place).await;
    flip(&pack, 1 << 20);
    let checked = place
        .client
        .check(&place.at, ReadData::Structure, &quiet)
        .await
        .unwrap();
    assert_eq!(
        checked.problems,
        Vec::<String>::new(),
        "only its data shows it"
    );
    is_told(&place, &pack, ReadData::All).await;
}

async fn a_truncated_pack_is_told(place: Place) {
    let pack = saved(&place).await;
    let length = fs::metadata(&pack).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&pack).unwrap();
    file.set_len(length / 2).unwrap();
    is_told(&place, &pack, ReadData::Structure).await;
}

async fn a_missing_pack_is_told(place: Place) {
    let pack = saved(&place).await;
    fs::remove_file(&pack).unwrap();
    is_told(&place, &pack, ReadData::Structure).await;
}

async fn a_damaged_snapshot_is_told(place: Place) {
    saved(&place).await;
    let snapshot = files(&place, "snapshots").pop().unwrap();
    flip(&snapshot, 40);
    let name = snapshot.file_name().unwrap().to_str().unwrap();
    let failure = place.client.list(&place.at).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Damaged, "{failure}");
    assert!(failure.message.contains(name), "{failure}");
    let checked = place
        .client
        .check(&place.at, ReadData::Structure, &quiet)
        .await
        .unwrap();
    assert!(
        checked
            .problems
            .iter()
            .any(|problem| problem.contains(name))
    );
    // It is in nobody's way: what comes after it is saved, and can be loaded.
    let data = random(9, 1 << 20);
    let saved = place.save("/later", &data).await;
    let mut got = Vec::new();
    place
        .client
        .load_file(&place.at, &saved.snapshot, "/later", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == data);
    let root = place.path("data");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("x"), b"x").unwrap();
    let tree = place
        .client
        .save_tree(&place.at, &new("/data"), &tree(&root), &quiet)
        .await
        .unwrap();
    place
        .client
        .forget(&place.at, &[saved.snapshot, tree.snapshot])
        .await
        .unwrap();
    // It is forgotten by its name, and the repository is well again.
    place
        .client
        .forget(&place.at, &[name.to_owned()])
        .await
        .unwrap();
    assert_eq!(place.client.list(&place.at).await.unwrap(), []);
}

async fn a_damaged_key_locks_out_no_other(place: Place) {
    place.create().await;
    let other = mainstay_model::Secret::new("another".to_owned());
    let id = place.client.add_key(&place.at, &other).await.unwrap();
    flip(&place.repository().join("keys").join(&id), 100);
    place.save("/x", b"x").await;
    let checked = place
        .client
        .check(&place.at, ReadData::Structure, &quiet)
        .await
        .unwrap();
    assert!(checked.problems.iter().any(|problem| problem.contains(&id)));
    let keys = files(&place, "keys");
    let last = keys.iter().find(|path| !path.ends_with(&id)).unwrap();
    flip(last, 100);
    let failure = place.client.list(&place.at).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Damaged, "{failure}");
}

async fn a_damaged_tree_removes_nothing(place: Place) {
    place.create().await;
    let root = place.path("data");
    fill(&root);
    let (what, tree) = (new("/data"), tree(&root));
    place
        .client
        .save_tree(&place.at, &what, &tree, &quiet)
        .await
        .unwrap();
    let packs = files(&place, "data");
    // Trees are in the smaller one.
    flip(&packs[0], 100);
    let client = place.client.clone().grace(std::time::Duration::ZERO);
    for _ in 0..2 {
        let failure = client.prune(&place.at, &quiet).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Damaged, "{failure}");
    }
    assert_eq!(files(&place, "data").len(), packs.len());
    let leaf = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(root.join("sub/deep er/leaf"), leaf).unwrap();
}

async fn a_lost_configuration_is_not_made_anew(place: Place) {
    saved(&place).await;
    fs::remove_file(place.repository().join("config")).unwrap();
    let failure = place.client.open(&place.at, true).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Damaged, "{failure}");
    assert_eq!(files(&place, "keys").len(), 1, "the key is not thrown away");
}
