//! A region is lost under writes: its server, its proxy, its database and its disk, at once. What is left is the
//! copy in another region, and its key. What comes back is a state that existed, and no older than it says.

use crate::backups::{MAINSTAY, Shop, open_to_all, sql, url};
use crate::site::{Site, free_address, kill};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_postgres::NoTls;

/// Each transfer is a row that says so, in the same transaction.
const LEDGER: &str = "create table ledger (n bigint primary key, source int not null, target int not null, \
                      at timestamptz not null default clock_timestamp())";

/// Accounts that are not what the ledger leads to.
const WRONG: &str = "select count(*) from accounts a where amount <> 100 \
     - (select count(*) from ledger where source = a.id) + (select count(*) from ledger where target = a.id)";

/// Moves money one by one, until it is ended or nobody answers any more.
struct Writer {
    stop: Arc<AtomicBool>,
    /// The last one that was acknowledged.
    acknowledged: Arc<AtomicI64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    fn start(url: String) -> Self {
        let (stop, acknowledged) = (Arc::default(), Arc::default());
        let (ended, count) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(write(&url, &ended, &count));
        });
        Self {
            stop,
            acknowledged,
            thread: Some(thread),
        }
    }

    fn acknowledged(&self) -> i64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn write(url: &str, stop: &AtomicBool, acknowledged: &AtomicI64) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    for n in 1..i64::MAX {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let (source, target) = (1 + n * 7 % 500, 1 + n * 13 % 500);
        let transfer = format!(
            "begin; update accounts set amount = amount - 1 where id = {source}; \
             update accounts set amount = amount + 1 where id = {target}; \
             insert into ledger (n, source, target) values ({n}, {source}, {target}); commit"
        );
        if client.batch_execute(&transfer).await.is_err() {
            break;
        }
        acknowledged.store(n, Ordering::SeqCst);
    }
    connection.abort();
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Everything of it at once, in the middle of whatever it does; then its disk.
fn lose(site: &Site) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let left = site.processes();
        if left.is_empty() {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "still there: {left:?}"
        );
        for process in left {
            kill(process.pid);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for entry in std::fs::read_dir(site.path()).unwrap() {
        let path = entry.unwrap().path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.unwrap();
    }
}

/// An empty machine of another region.
fn elsewhere() -> Site {
    let mut site = Site::empty();
    site.set("MAINSTAY_PROXY_ADDRESS", &free_address().to_string());
    open_to_all(site.path());
    site
}

/// What came back is one state that existed: the newest transfer of it, and when that was.
fn judged(site: &Site) -> (i64, i64) {
    assert_eq!(sql(site, "select sum(amount) from accounts"), "50000");
    assert_eq!(sql(site, WRONG), "0");
    let last = sql(
        site,
        "select max(n) || ' ' || count(*) || ' ' || floor(extract(epoch from max(at)) * 1000)::bigint from ledger",
    );
    let figures: Vec<i64> = last.split(' ').map(|one| one.parse().unwrap()).collect();
    let [newest, rows, at] = figures[..] else {
        panic!("{last}");
    };
    assert_eq!(newest, rows, "a transfer is missing in the middle");
    (newest, at)
}

/// What the recovery says is lost, in milliseconds: no less than what is.
fn honest(recovered: &Value, newest_at: i64, killed_at: i64, oldest: i64) {
    let measured = |name: &str| {
        let value = recovered["report"][name].as_i64();
        value.unwrap_or_else(|| panic!("no {name}: {recovered}"))
    };
    let (rpo, rto) = (measured("rpo_ms"), measured("rto_ms"));
    let lost = killed_at - newest_at;
    assert!(lost <= rpo, "{lost} ms are lost, and it says {rpo}");
    // Nor does it frighten: it is counted from the begin of the recovery.
    let whole = now_ms() - oldest;
    assert!(rpo <= whole, "it says {rpo} of {whole}");
    assert!(rto > 0 && rto <= now_ms() - killed_at, "{rto}");
}

fn settings(repository: &str, copy: &str) -> String {
    format!(
        "{MAINSTAY}  repository: {{directory: {repository}}}\n  copies:\n    far:\n      repository: {{directory: {copy}}}\n      \
         keep: {{within: 30d}}\n"
    )
}

#[test]
fn a_region_that_is_lost_under_writes_comes_back_in_another_from_its_copy() {
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = far.path().join("copy").display().to_string();
    let repository = near.path().join("repository").display().to_string();
    let shop = Shop::with("a_region_that_is_lost_under_writes", |_| {
        settings(&repository, &copy)
    });
    let Some(shop) = shop else { return };
    let site = &shop.site;
    shop.sql(LEDGER);
    let writer = Writer::start(url(site));
    let goes_on = |by: i64| {
        let wanted = writer.acknowledged() + by;
        site.eventually("money moves", || writer.acknowledged() >= wanted);
    };
    goes_on(20);
    site.ok(&["backup", "create", "--name", "first"]);
    goes_on(20);
    let (oldest, before) = (now_ms(), writer.acknowledged());
    site.ok(&["backup", "create", "--name", "second"]);
    let after = writer.acknowledged();
    goes_on(20);
    let key = far.path().join("key");
    std::fs::copy(shop.key(), &key).unwrap();
    let key = key.display().to_string();

    let killed_at = now_ms();
    lose(site);
    drop(writer);
    drop(near);
    let mut elsewhere = elsewhere();
    let from = ["recover", "--from", &copy, "--key-file", &key, "--latest"];
    let from = [&from[..], &["--as", "dr"]].concat();
    // Nothing goes to a directory that only has the name of the one that was lost.
    elsewhere
        .run(&from)
        .with_code(2)
        .says(&repository)
        .says("--repository");
    let onward = far.path().join("onward").display().to_string();
    let recovered = elsewhere.json(&[&from[..], &["--repository", &onward]].concat());
    assert_eq!(recovered["environment"]["state"], "up", "{recovered}");
    assert_eq!(recovered["repository"], *onward);
    assert_eq!(recovered["point"]["name"], "second");
    elsewhere.set("MAINSTAY_ENV", "dr");
    let (newest, at) = judged(&elsewhere);
    // One that was in flight when the copy was made may be in it before it is acknowledged.
    assert!(
        (before..=after + 1).contains(&newest),
        "{before} {newest} {after}"
    );
    honest(&recovered, at, killed_at, oldest);
    // It is a database that takes writes, and whose points can be listed.
    sql(&elsewhere, "update accounts set amount = amount");
    let points = elsewhere.json(&["backup", "list"])["points"].clone();
    assert_eq!(points.as_array().map(Vec::len), Some(2), "{points}");
    goes_on_in(&elsewhere, &onward, &["far"]);
    assert!(!std::path::Path::new(&repository).exists());
}

/// The next restore point lies where it was said, in the copies that are another place, and comes back from there.
fn goes_on_in(site: &Site, repository: &str, copies: &[&str]) {
    site.ok(&["backup", "create", "--name", "after"]);
    let list = site.json(&["backup", "list"]);
    assert_eq!(list["repository"], *repository);
    let points = list["points"].as_array().unwrap();
    let after = points.iter().find(|point| point["name"] == "after");
    let after = after.unwrap_or_else(|| panic!("{list}"));
    assert_eq!(after["here"], true, "{after}");
    let has = after["copies"].as_object().unwrap();
    assert!(has.keys().eq(copies), "{after}");
    // With the key that is exported: nobody else has another one.
    let key = site.path().join("key-after");
    std::fs::write(&key, site.ok(&["backup", "key", "export"]).trim()).unwrap();
    let key = key.display().to_string();
    let mut third = elsewhere();
    let from = ["recover", "--from", repository, "--key-file", &key];
    let to = [
        "--point",
        "after",
        "--as",
        "third",
        "--repository",
        repository,
    ];
    let recovered = third.json(&[&from[..], &to].concat());
    assert_eq!(recovered["point"]["name"], "after", "{recovered}");
    third.set("MAINSTAY_ENV", "third");
    assert_eq!(sql(&third, "select sum(amount) from accounts"), "50000");
}

/// Pieces of the log go to the copy as they are stored: what is lost is what was not there yet.
#[test]
fn where_the_log_is_followed_a_lost_region_loses_seconds() {
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = far.path().join("copy").display().to_string();
    let repository = near.path().join("repository").display().to_string();
    let shop = Shop::with("where_the_log_is_followed_a_lost_region", |_| {
        settings(&repository, &copy)
            .replace(
                "{service: database}",
                "{service: database, wal: {every: 2s}}",
            )
            .replace("    uploads:\n      directory: {path: uploads}\n", "")
    });
    let Some(shop) = shop else { return };
    let site = &shop.site;
    shop.sql(LEDGER);
    let log = |what: &str| site.json(&["backup", "list"])["logs"][0][what].clone();
    site.eventually("the log is received", || log("until").is_string());
    site.ok(&["backup", "create", "--name", "base"]);
    let writer = Writer::start(url(site));
    let goes_on = |by: i64| {
        let wanted = writer.acknowledged() + by;
        site.eventually("money moves", || writer.acknowledged() >= wanted);
    };
    let clock =
        "select to_char(clock_timestamp() at time zone 'GMT', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
    goes_on(20);
    let (early, early_at) = (writer.acknowledged(), shop.sql(clock));
    goes_on(20);
    let (sure, sure_ms, sure_at) = (writer.acknowledged(), now_ms(), shop.sql(clock));
    // A piece goes to the copy before the next one is stored.
    for _ in 0..2 {
        let stored = || log("stored").as_str().unwrap_or_default().to_owned();
        let before = stored();
        site.eventually("a piece with all of that is stored", || {
            let now = stored();
            now > before && now > sure_at
        });
    }
    let key = far.path().join("key");
    std::fs::copy(shop.key(), &key).unwrap();
    let key = key.display().to_string();
    goes_on(20);

    let killed_at = now_ms();
    lose(site);
    let last = writer.acknowledged();
    drop(writer);
    drop(near);
    let from = ["recover", "--from", &copy, "--key-file", &key, "--as", "dr"];
    let mut newest_there_is = elsewhere();
    let onward = ["--latest", "--repository", &copy];
    let recovered = newest_there_is.json(&[&from[..], &onward].concat());
    assert_eq!(recovered["moments"][0]["by_log"], true, "{recovered}");
    newest_there_is.set("MAINSTAY_ENV", "dr");
    let (newest, at) = judged(&newest_there_is);
    assert!(
        (sure..=last + 1).contains(&newest),
        "{sure} {newest} {last}"
    );
    honest(&recovered, at, killed_at, sure_ms);
    sql(&newest_there_is, "update accounts set amount = amount");

    // One moment before that, elsewhere again.
    let mut of_then = elsewhere();
    of_then.ok(&[&from[..], &["--to", &early_at, "--repository", &copy]].concat());
    of_then.set("MAINSTAY_ENV", "dr");
    let (newest, _) = judged(&of_then);
    assert!((early..sure).contains(&newest), "{early} {newest} {sure}");
    // The copy is the repository now: nothing is copied into itself.
    goes_on_in(&newest_there_is, &copy, &[]);
}
