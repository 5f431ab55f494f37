//! What a kill left in a repository goes with a prune, when no job can be about it any more; nothing else does.

use crate::backups::{MAINSTAY, Shop};
use mainstay_backup::{Client, Location, NewSnapshot, StoreAt};
use mainstay_model::{Secret, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// Two days, in milliseconds.
const LONG_AGO: i64 = 2 * 86_400_000;

#[test]
fn parts_of_a_point_that_never_came_to_be_go_with_a_prune() {
    let test = "parts_of_a_point_that_never_came_to_be_go_with_a_prune";
    let Some(shop) = Shop::with(test, |_| MAINSTAY.to_owned()) else {
        return;
    };
    let site = &shop.site;
    site.ok(&["backup", "create", "--name", "whole"]);
    let key = std::fs::read_to_string(shop.key()).unwrap();
    let repository = site.path().join(".mainstay/backups/repositories/shop/dev");
    let location = Location {
        store: StoreAt::Directory(repository),
        key: Secret::new(key),
        compression: None,
        bandwidth: None,
    };
    let locks = tempfile::tempdir().unwrap();
    let worker = [env!("CARGO_BIN_EXE_mainstay"), "backup-worker"];
    let worker = worker.map(std::ffi::OsString::from).to_vec();
    let client = Client::new(worker, locks.path().to_owned());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let save = |name: &str, age: i64| {
        let new = NewSnapshot {
            host: "shop/dev".to_owned(),
            tags: vec!["mainstay".to_owned(), format!("point:{name}")],
            path: "/database.dump".to_owned(),
            time: Timestamp::from_millis(now - age),
        };
        let whole = async { Ok::<(), String>(()) };
        let saved = client.save_stream(&location, &new, name.as_bytes(), whole, &|_| {});
        runtime.block_on(saved).unwrap().0.snapshot
    };
    let (old, same, young) = (
        save("cut", LONG_AGO),
        save("whole", LONG_AGO),
        save("cut", 0),
    );
    let listed = || {
        let rows = runtime.block_on(client.list(&location)).unwrap();
        let names = rows.into_iter().map(|row| row.snapshot);
        names.collect::<Vec<String>>()
    };
    let before = listed();
    site.run(&["backup", "prune"])
        .with_code(0)
        .says("2 snapshots");
    let after = listed();
    let gone: Vec<&String> = before.iter().filter(|name| !after.contains(name)).collect();
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(gone.contains(&&old) && gone.contains(&&same));
    assert!(after.contains(&young), "a job may be about it");
    site.ok(&["backup", "verify", "--percent", "100"]);
    site.ok(&["backup", "drill", "whole"]);
}
