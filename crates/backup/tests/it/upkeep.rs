//! Forget, prune, copy, keys, locks.

use crate::support::{KEY, Place, location, new, quiet, random, trial};
use libtest_mimic::Trial;
use mainstay_backup::{FailureKind, ReadData};
use mainstay_model::Secret;
use std::time::Duration;
use tokio::sync::oneshot;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_prune_marks_first_and_removes_later",
            a_prune_marks_first_and_removes_later,
        ),
        trial(
            "what_is_needed_again_is_taken_back",
            what_is_needed_again_is_taken_back,
        ),
        trial(
            "a_copy_has_everything_under_another_key",
            a_copy_has_everything_under_another_key,
        ),
        trial("keys_come_and_go", keys_come_and_go),
        trial("whoever_removes_is_alone", whoever_removes_is_alone),
        trial(
            "a_limit_slows_down_and_changes_nothing",
            a_limit_slows_down_and_changes_nothing,
        ),
        trial(
            "a_level_of_compression_is_heard",
            a_level_of_compression_is_heard,
        ),
    ]
}

async fn well(place: &Place) {
    let checked = place
        .client
        .check(&place.at, ReadData::All, &quiet)
        .await
        .unwrap();
    assert_eq!(checked.problems, Vec::<String>::new());
    place.restic_ok(&["check", "--read-data"]);
}

fn size(place: &Place) -> u64 {
    let walk = std::process::Command::new("du")
        .args(["-sb"])
        .arg(place.repository())
        .output();
    let text = String::from_utf8(walk.unwrap().stdout).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

async fn a_prune_marks_first_and_removes_later(place: Place) {
    place.create().await;
    let (keep, drop) = (random(1, 5 << 20), random(2, 20 << 20));
    let kept = place.save("/keep", &keep).await;
    let dropped = place.save("/drop", &drop).await;
    place
        .client
        .forget(&place.at, std::slice::from_ref(&dropped.snapshot))
        .await
        .unwrap();
    place
        .client
        .forget(&place.at, &[dropped.snapshot])
        .await
        .unwrap();
    let before = size(&place);
    let pruned = place.client.prune(&place.at, &quiet).await.unwrap();
    assert!(pruned.marked >= 20 << 20, "{pruned:?}");
    assert_eq!(pruned.removed, 0);
    assert!(
        size(&place) + (1 << 20) > before,
        "everything is still there"
    );
    let again = place.client.prune(&place.at, &quiet).await.unwrap();
    assert_eq!(again.removed, 0, "the grace is not over");
    well(&place).await;
    let client = place.client.clone().grace(Duration::ZERO);
    let last = client.prune(&place.at, &quiet).await.unwrap();
    assert!(last.removed >= 20 << 20, "{last:?}");
    assert!(size(&place) < before - (15 << 20));
    well(&place).await;
    let mut got = Vec::new();
    place
        .client
        .load_file(&place.at, &kept.snapshot, "/keep", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == keep);
}

async fn what_is_needed_again_is_taken_back(place: Place) {
    place.create().await;
    let data = random(1, 20 << 20);
    let first = place.save("/data", &data).await;
    place
        .client
        .forget(&place.at, &[first.snapshot])
        .await
        .unwrap();
    place.client.prune(&place.at, &quiet).await.unwrap();
    let second = place.save("/data", &data).await;
    let client = place.client.clone().grace(Duration::ZERO);
    for _ in 0..2 {
        client.prune(&place.at, &quiet).await.unwrap();
        let mut got = Vec::new();
        place
            .client
            .load_file(&place.at, &second.snapshot, "/data", &mut got, &quiet)
            .await
            .unwrap();
        assert!(got == data);
    }
    well(&place).await;
}

async fn a_copy_has_everything_under_another_key(mut place: Place) {
    place.create().await;
    let data = [random(1, 6 << 20), random(2, 6 << 20)];
    let first = place.save("/first", &data[0]).await.snapshot;
    let second = place.save("/second", &data[1]).await.snapshot;
    let mut other = location(&place.path("other"));
    other.key = Secret::new("another key".to_owned());
    let wanted = [first.clone()];
    let failure = place
        .client
        .copy(&place.at, &other, &wanted, &quiet)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    place.client.open(&other, true).await.unwrap();
    let copied = place
        .client
        .copy(&place.at, &other, &wanted, &quiet)
        .await
        .unwrap();
    assert!(copied.bytes > 6 << 20);
    // The first is there already and is not copied again.
    let both = [first.clone(), second.clone()];
    let again = place
        .client
        .copy(&place.at, &other, &both, &quiet)
        .await
        .unwrap();
    assert_eq!(again.map.len(), 2);
    assert_eq!(again.map[&first], copied.map[&first]);
    assert!(again.bytes < 7 << 20, "{}", again.bytes);
    assert_eq!(place.client.list(&other).await.unwrap().len(), 2);
    std::fs::remove_dir_all(place.repository()).unwrap();
    for (name, path, data) in [(&first, "/first", &data[0]), (&second, "/second", &data[1])] {
        let mut got = Vec::new();
        let name = &again.map[name];
        place
            .client
            .load_file(&other, name, path, &mut got, &quiet)
            .await
            .unwrap();
        assert!(got == *data);
    }
    place.at = other;
    let checked = place
        .client
        .check(&place.at, ReadData::Percent(50), &quiet)
        .await
        .unwrap();
    assert_eq!(checked.problems, Vec::<String>::new());
}

async fn keys_come_and_go(mut place: Place) {
    place.create().await;
    let data = random(1, 1 << 20);
    let saved = place.save("/data", &data).await;
    let new = Secret::new("a new key".to_owned());
    let id = place.client.add_key(&place.at, &new).await.unwrap();
    let keys = place.client.keys(&place.at).await.unwrap();
    assert_eq!(keys.len(), 2);
    let old = keys.iter().find(|key| key.current).unwrap().id.clone();
    assert_ne!(old, id);
    assert!(keys.iter().all(|key| key.created.is_some()));
    let failure = place.client.remove_key(&place.at, &old).await.unwrap_err();
    assert!(failure.message.contains("cannot be removed"), "{failure}");
    place.at.key = new;
    place.client.remove_key(&place.at, &old).await.unwrap();
    let mut got = Vec::new();
    place
        .client
        .load_file(&place.at, &saved.snapshot, "/data", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == data);
    place.at.key = Secret::new(KEY.to_owned());
    let failure = place.client.list(&place.at).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongKey, "{failure}");
}

/// A save that is going on: another save beside it is fine, a prune is not; and who it is, is told.
async fn whoever_removes_is_alone(place: Place) {
    place.create().await;
    place.save("/before", &random(1, 1 << 20)).await;
    let (release, released) = oneshot::channel::<()>();
    let (begun, began) = oneshot::channel::<()>();
    let begun = std::sync::Mutex::new(Some(begun));
    let seen = move |progress: mainstay_backup::Progress| {
        if progress.done > 0
            && let Some(begun) = begun.lock().unwrap().take()
        {
            let _ = begun.send(());
        }
    };
    let data = random(2, 8 << 20);
    let whole = async { released.await.map_err(|error| error.to_string()) };
    let what = new("/long");
    // The data ends only with what it is chained to.
    let (mut writer, reader) = tokio::io::duplex(1 << 20);
    let long = place
        .client
        .save_stream(&place.at, &what, reader, whole, &seen);
    let meanwhile = async {
        tokio::io::AsyncWriteExt::write_all(&mut writer, &data)
            .await
            .unwrap();
        began.await.unwrap();
        let failure = place.client.prune(&place.at, &quiet).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Busy, "{failure}");
        assert!(failure.message.contains("(save)"), "{failure}");
        place.save("/beside", &random(3, 1 << 20)).await;
        assert_eq!(place.client.list(&place.at).await.unwrap().len(), 2);
        drop(writer);
        release.send(()).unwrap();
    };
    let (saved, ()) = tokio::join!(long, meanwhile);
    saved.unwrap();
    place.client.prune(&place.at, &quiet).await.unwrap();
    assert_eq!(place.client.list(&place.at).await.unwrap().len(), 3);
    well(&place).await;
}

async fn a_limit_slows_down_and_changes_nothing(mut place: Place) {
    place.create().await;
    place.at.bandwidth = Some(16 << 20);
    let data = random(1, 4 << 20);
    let saved = place.save("/data", &data).await;
    let mut got = Vec::new();
    place
        .client
        .load_file(&place.at, &saved.snapshot, "/data", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == data);
}

async fn a_level_of_compression_is_heard(mut place: Place) {
    place.create().await;
    let mut added = Vec::new();
    for level in [Some(0), Some(1), None, Some(15)] {
        place.at.compression = level;
        let line = |n: usize| {
            format!(
                "{level:?} {:x} {n}\n",
                n.wrapping_mul(n).wrapping_mul(2_654_435_761)
            )
        };
        let text: String = (0..200_000).map(line).collect();
        let saved = place.save("/text", text.as_bytes()).await;
        added.push(saved.added * 1000 / text.len() as u64);
    }
    assert!(added[0] >= 1000, "{added:?}");
    assert!(
        added[1] < 700 && added[2] < 700 && added[3] < added[2],
        "{added:?}"
    );
    well(&place).await;
}
