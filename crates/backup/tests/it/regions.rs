//! A directory here and a bucket elsewhere: copied, cut while it is copied, restored from there alone.

use crate::bucket::moto::{Moto, s3};
use crate::cuts::{kill_at, marked};
use crate::support::{Place, new, quiet, random, trial};
use crate::trees::{fill, picture, similar, tidy, tree};
use libtest_mimic::Trial;
use mainstay_backup::{FailureKind, Location, ReadData, StoreAt};
use mainstay_model::Secret;
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_region_is_restored_from_its_copy_alone",
            a_region_is_restored_from_its_copy_alone,
        ),
        trial(
            "a_bucket_is_pruned_and_goes_on",
            a_bucket_is_pruned_and_goes_on,
        ),
    ]
}

fn bucket(place: &Place, moto: &Moto) -> Location {
    Location {
        store: StoreAt::S3(s3(moto.address, "second/region")),
        key: Secret::new("the key of the second region".to_owned()),
        ..place.at.clone()
    }
}

async fn well(place: &Place, at: &Location) {
    let checked = place.client.check(at, ReadData::All, &quiet).await.unwrap();
    assert_eq!(checked.problems, Vec::<String>::new());
}

async fn a_region_is_restored_from_its_copy_alone(place: Place) {
    let Some(moto) = Moto::start(place.name) else {
        return;
    };
    let there = bucket(&place, &moto);
    place.create().await;
    place.client.open(&there, true).await.unwrap();
    let root = place.path("data");
    fill(&root);
    let before = picture(&root);
    let dump = random(1, 30 << 20);
    let (what, tree) = (new("/volumes/data"), tree(&root));
    let saved = place
        .client
        .save_tree(&place.at, &what, &tree, &quiet)
        .await
        .unwrap()
        .snapshot;
    let dumped = place.save("/dump", &dump).await.snapshot;
    let wanted = [saved.clone(), dumped.clone()];
    let (client, file) = marked(&place);
    for share in [1, 15, 30] {
        let watch = kill_at(file.clone(), share << 20);
        if let Err(failure) = client.copy(&place.at, &there, &wanted, &watch).await {
            assert_eq!(failure.kind, FailureKind::Ended, "{failure}");
        }
        well(&place, &there).await;
    }
    let copied = place
        .client
        .copy(&place.at, &there, &wanted, &quiet)
        .await
        .unwrap();
    assert_eq!(place.client.list(&there).await.unwrap().len(), 2);
    std::fs::remove_dir_all(place.repository()).unwrap();
    let target = place.path("back");
    let name = &copied.map[&saved];
    let load = place
        .client
        .load_tree(&there, name, "/volumes/data", &target, &quiet);
    load.await.unwrap();
    similar(&before, &picture(&target));
    let mut got = Vec::new();
    place
        .client
        .load_file(&there, &copied.map[&dumped], "/dump", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == dump);
    tidy(&root);
    tidy(&target);
}

async fn a_bucket_is_pruned_and_goes_on(mut place: Place) {
    let Some(moto) = Moto::start(place.name) else {
        return;
    };
    place.at = bucket(&place, &moto);
    place.create().await;
    let keep = random(1, 5 << 20);
    let kept = place.save("/keep", &keep).await;
    let dropped = place.save("/drop", &random(2, 20 << 20)).await;
    place
        .client
        .forget(&place.at, &[dropped.snapshot])
        .await
        .unwrap();
    let client = place.client.clone().grace(Duration::ZERO);
    let pruned = client.prune(&place.at, &quiet).await.unwrap();
    assert!(pruned.marked >= 20 << 20, "{pruned:?}");
    let pruned = client.prune(&place.at, &quiet).await.unwrap();
    assert!(pruned.removed >= 20 << 20, "{pruned:?}");
    let at = place.at.clone();
    well(&place, &at).await;
    let mut got = Vec::new();
    place
        .client
        .load_file(&place.at, &kept.snapshot, "/keep", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == keep);
    // The lock lies on this machine, and says nothing of the bucket's secrets.
    let locks = std::fs::read_dir(place.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let locks: Vec<_> = locks
        .filter(|path| path.extension().is_some_and(|e| e == "lock"))
        .collect();
    assert_eq!(locks.len(), 1);
    let text = std::fs::read_to_string(&locks[0]).unwrap();
    assert!(
        text.contains("\"prune\"") && !text.contains("AKIA"),
        "{text}"
    );
    place.save("/after", b"after").await;
}
