//! restic's repositories under our hands, and both beside each other.

use crate::support::{Place, new, quiet, trial};
use crate::trees::{fill, picture, similar, tree};
use libtest_mimic::Trial;
use mainstay_backup::ReadData;
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "an_old_repository_is_read_and_not_written",
            an_old_repository_is_read_and_not_written,
        ),
        trial(
            "a_repository_of_restic_is_read_and_continued",
            a_repository_of_restic_is_read_and_continued,
        ),
    ]
}

async fn an_old_repository_is_read_and_not_written(place: Place) {
    let root = place.path("data");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), b"old").unwrap();
    if place
        .restic_ok(&["init", "--repository-version", "1"])
        .is_none()
    {
        return;
    }
    let path = root.to_str().unwrap();
    place.restic_ok(&["backup", path]);
    let row = place.client.list(&place.at).await.unwrap().remove(0);
    let mut got = Vec::new();
    let file = format!("{path}/file");
    place
        .client
        .load_file(&place.at, &row.snapshot, &file, &mut got, &quiet)
        .await
        .unwrap();
    assert_eq!(got, b"old");
    let failure = place.try_save("/x", b"x").await.unwrap_err();
    assert!(failure.message.contains("version 1"), "{failure}");
    place.restic_ok(&["migrate", "upgrade_repo_v2"]);
    place.save("/x", b"x").await;
    place.restic_ok(&["check", "--read-data"]);
}

async fn a_repository_of_restic_is_read_and_continued(place: Place) {
    let root = place.path("data");
    fill(&root);
    let before = picture(&root);
    if place.restic_ok(&["init"]).is_none() {
        return;
    }
    let path = root.to_str().unwrap();
    place.restic_ok(&["backup", "--tag", "theirs", "--host", "elsewhere", path]);
    let opened = place.client.open(&place.at, true).await.unwrap();
    assert!(!opened.created);
    let rows = place.client.list(&place.at).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].host.as_str(), &rows[0].tags[..]),
        ("elsewhere", &["theirs".to_owned()][..])
    );
    assert_eq!(rows[0].paths, [path]);
    let target = place.path("back");
    let load = place
        .client
        .load_tree(&place.at, &rows[0].snapshot, path, &target, &quiet);
    load.await.unwrap();
    similar(&before, &picture(&target));
    let (what, tree) = (new("/volumes/data"), tree(&root));
    let saved = place
        .client
        .save_tree(&place.at, &what, &tree, &quiet)
        .await
        .unwrap();
    assert!(saved.added < 256 << 10, "the same chunks: {}", saved.added);
    let checked = place
        .client
        .check(&place.at, ReadData::All, &quiet)
        .await
        .unwrap();
    assert_eq!(checked.problems, Vec::<String>::new());
    place.restic_ok(&["check", "--read-data"]);
    place.restic_ok(&["forget", &rows[0].snapshot, "--prune"]);
    let again = place.path("again");
    let load = place
        .client
        .load_tree(&place.at, &saved.snapshot, "/volumes/data", &again, &quiet);
    load.await.unwrap();
    similar(&before, &picture(&again));
    for root in [&root, &target, &again] {
        let leaf = root.join("sub/deep er/leaf");
        let _ = fs::set_permissions(leaf, PermissionsExt::from_mode(0o700));
    }
}
