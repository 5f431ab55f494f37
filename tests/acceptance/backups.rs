//! Backups of a real PostgreSQL and of files, as processes: made, proven, brought back in place and on an empty
//! machine; cut in the middle, and never told as whole then.

use crate::postgres::{found, skipped};
use crate::site::{Site, exchange, free_address};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Lays a database where there is none, and becomes it; it refuses root, and is started as its own user.
const DATABASE: &str = r#"
set -e
umask 077
test -f pgdata/PG_VERSION || "$BINARIES/initdb" -A trust -U postgres -N -D pgdata > /dev/null
exec "$BINARIES/postgres" -D pgdata -h 127.0.0.1 -p "$PORT" -k /tmp -c fsync=off -c max_wal_senders=5
"#;

pub(crate) const MAINSTAY: &str = "\
deploy:
  minimum_healthy_time: 300ms
  healthy_deadline: 60s
  watch: 1s
backups:
  enabled: true
  objectives: {rpo: 26h, rto: 4h}
  schedules: {daily: \"0 2 * * *\"}
  sources:
    database:
      postgresql: {service: database}
      query: select count(*) > 0 from accounts
    uploads:
      directory: {path: uploads}
";

/// Money that moves and stays the same: the sum of all accounts.
const ACCOUNTS: &str = "create table accounts (id int primary key, amount int not null);
insert into accounts select n, 100 from generate_series(1, 500) n";

pub(crate) struct Shop {
    pub(crate) site: Site,
    test: &'static str,
}

impl Shop {
    fn start(test: &'static str) -> Option<Self> {
        Self::with(test, |_| MAINSTAY.to_owned())
    }

    /// With another `mainstay.yaml`.
    pub(crate) fn with(
        test: &'static str,
        mainstay: impl FnOnce(&mut Site) -> String,
    ) -> Option<Self> {
        let binaries = newest()?;
        if !found("PostgreSQL", "psql", test) {
            return None;
        }
        let mut site = Site::empty();
        let mainstay = mainstay(&mut site);
        open_to_all(site.path());
        let user = if rustix::process::geteuid().is_root() {
            "\n    user: postgres"
        } else {
            ""
        };
        let compose = format!(
            "name: shop
services:
  database:
    image: postgres:15
    x-mainstay:
      command: [sh, database.sh]{user}
    expose: [\"5432\"]
    environment:
      BINARIES: {binaries}
      POSTGRES_USER: postgres
      POSTGRES_DB: postgres
    healthcheck:
      test: [CMD-SHELL, \"$$BINARIES/pg_isready -q -h 127.0.0.1 -p $$PORT\"]
      interval: 1s
    stop_signal: SIGINT
",
            binaries = binaries.display()
        );
        site.write("compose.yaml", &compose);
        site.write("mainstay.yaml", &mainstay);
        site.write("database.sh", DATABASE);
        site.write("uploads/one.txt", "the first");
        site.up();
        let shop = Self { site, test };
        shop.sql(ACCOUNTS);
        Some(shop)
    }

    /// What a query answers, of whatever instance runs.
    pub(crate) fn sql(&self, text: &str) -> String {
        sql(&self.site, text)
    }

    pub(crate) fn sum(&self) -> String {
        self.sql("select sum(amount) from accounts")
    }

    pub(crate) fn key(&self) -> PathBuf {
        let key = self.site.ok(&["backup", "key", "export"]);
        self.site.write("key", key.trim());
        self.site.path().join("key")
    }

    pub(crate) fn points(&self) -> Vec<String> {
        let status = self.site.json(&["backup", "list"]);
        let points = status["points"].as_array().unwrap().iter();
        points
            .map(|point| point["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Where the instance of the database listens.
pub(crate) fn url(site: &Site) -> String {
    let status = site.json(&["status"]);
    let address = status["services"][0]["instances"][0]["address"].as_str();
    let address = address.unwrap_or_else(|| panic!("no address: {status}"));
    format!("postgresql://postgres@{address}/postgres")
}

pub(crate) fn sql(site: &Site, text: &str) -> String {
    let url = url(site);
    let asked = Command::new("psql")
        .args([&url, "-qtAX", "-v", "ON_ERROR_STOP=1", "-c", text])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(asked.status.success(), "{text}: {words}");
    String::from_utf8(asked.stdout).unwrap().trim().to_owned()
}

fn newest() -> Option<PathBuf> {
    let binaries = crate::postgres::binaries();
    if binaries.is_none() {
        skipped("PostgreSQL", "backups");
    }
    binaries
}

pub(crate) fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
}

#[test]
fn what_was_lost_comes_back_and_a_drill_proves_that_it_would() {
    let Some(shop) = Shop::start("what_was_lost_comes_back") else {
        return;
    };
    let site = &shop.site;
    site.run(&["backup", "list", "--check"])
        .with_code(1)
        .says("no restore point");
    site.ok(&["backup", "create", "--name", "whole"]);
    site.run(&["backup", "create", "--name", "whole"])
        .with_code(1)
        .says("already");
    site.run(&["backup", "create", "--only", "databse"])
        .with_code(2)
        .says("did you mean `database`");
    site.run(&["backup", "list", "--check"])
        .with_code(1)
        .says("proven");
    let drilled = site.run(&["backup", "drill"]).with_code(0);
    assert!(
        drilled.err().contains("all of 1 tables"),
        "{}",
        drilled.err()
    );
    site.ok(&["backup", "list", "--check"]);
    site.ok(&["backup", "verify", "--percent", "100"]);

    shop.sql("delete from accounts where id > 10");
    site.write("uploads/one.txt", "spoilt");
    site.write("uploads/two.txt", "new since then");
    site.run(&["restore", "--latest"])
        .with_code(2)
        .says("--yes");
    site.ok(&["restore", "--latest", "--yes"]);
    assert_eq!(shop.sum(), "50000");
    let uploads = site.path().join("uploads");
    let text = std::fs::read_to_string(uploads.join("one.txt")).unwrap();
    assert_eq!(text, "the first");
    assert!(!uploads.join("two.txt").exists());

    // What was there before the restore can be had again, by its name.
    let safety = shop.points().remove(0);
    assert!(safety.starts_with("before-whole"), "{safety}");
    site.ok(&["restore", "--name", &safety, "--yes", "--no-safety"]);
    assert_eq!(shop.sum(), "1000");

    // Beside what is there, and single tables.
    let beside = [
        "restore", "--name", "whole", "--only", "database", "--beside",
    ];
    site.ok(&[&beside[..], &["of_then"]].concat());
    assert_eq!(shop.sum(), "1000");
    shop.sql("create table others (n int); insert into others values (7)");
    let table = ["restore", "--name", "whole", "--only", "database", "--yes"];
    site.ok(&[&table[..], &["--table", "public.accounts"]].concat());
    assert_eq!(shop.sum(), "50000");
    assert_eq!(shop.sql("select n from others"), "7");
    let events = site.events().join("\n");
    assert!(
        events.contains("drill.done") && events.contains("restore.done"),
        "{events}"
    );
}

/// An answer that was lost is asked for once more, by whoever speaks to the server itself.
#[test]
fn what_is_asked_twice_by_one_key_is_one_job() {
    let Some(shop) = Shop::start("what_is_asked_twice_by_one_key") else {
        return;
    };
    let site = &shop.site;
    let token = site.json(&["token", "create", "ci", "--role", "operator"]);
    let token = token["secret"].as_str().unwrap().to_owned();
    let ask = |verb: &str, key: &str, body: &str| {
        let fields = format!(
            "authorization: Bearer {token}\r\nidempotency-key: {key}\r\ncontent-type: application/json\r\n"
        );
        let path = format!("/api/v1/environments/shop/dev/backups{verb}");
        exchange(site.api(), "POST", &path, &fields, body.as_bytes()).unwrap()
    };
    let named = r#"{"name": "once"}"#;
    let (first, again) = (ask("", "one", named).json(), ask("", "one", named).json());
    assert_eq!(first["id"], again["id"], "{again}");
    let id = first["id"].as_str().unwrap();
    site.ok(&["backup", "job", id, "--follow"]);
    let still = ask("", "one", named).json();
    assert_eq!(first["id"], still["id"], "{still}");
    assert_eq!(shop.points(), ["once"]);
    // Another key is another request, and a key stands for one request only.
    assert_eq!(ask("", "two", named).status, 409);
    assert_eq!(ask("", "one", r#"{"name": "other"}"#).status, 400);
    // One that was refused is given back.
    let drill = r#"{"which": {"name": "nowhere"}}"#;
    assert_eq!(ask("/drill", "three", drill).status, 404);
    let verified = ask("/verify", "three", r#"{"which": "latest"}"#).json();
    assert_eq!(verified["kind"], "verify", "{verified}");
}

/// What fails says so and leaves no restore point: a database that is gone, a wrong key.
#[test]
fn a_backup_that_fails_says_so_and_is_no_restore_point() {
    let Some(shop) = Shop::start("a_backup_that_fails_says_so") else {
        return;
    };
    let site = &shop.site;
    site.ok(&["backup", "create", "--name", "good"]);
    shop.sql("create table broken (n int); alter table broken alter n set default 1/0");
    std::fs::remove_dir_all(site.path().join("uploads")).unwrap();
    let failed = site
        .run(&["backup", "create", "--name", "bad"])
        .with_code(1);
    let words = failed.says("uploads").err();
    assert_eq!(shop.points(), ["good"], "{words}");
    let events = site.events().join("\n");
    assert!(events.contains("backup.failed"), "{events}");
    // A restore whose data cannot be read leaves everything as it is.
    damage(
        &site
            .path()
            .join(".mainstay/backups/repositories/shop/dev/data"),
    );
    site.run(&[
        "restore",
        "--name",
        "good",
        "--only",
        "database",
        "--yes",
        "--no-safety",
    ])
    .with_code(1);
    assert_eq!(shop.sum(), "50000");
    site.run(&["backup", "verify", "--percent", "100"])
        .with_code(1);
    site.run(&["backup", "drill", "good"]).with_code(1);
}

/// To a transaction, and to another one after that.
#[test]
fn a_database_goes_back_to_a_moment() {
    let Some(shop) = Shop::start("a_database_goes_back_to_a_moment") else {
        return;
    };
    let site = &shop.site;
    let with_log = MAINSTAY.replace(
        "{service: database}",
        "{service: database, wal: {every: 5s}}",
    );
    site.write("mainstay.yaml", &with_log);
    site.ok(&["deploy"]);
    let received = || site.json(&["backup", "list"])["logs"][0]["until"].clone();
    site.eventually("the log is received", || received().is_string());
    site.ok(&["backup", "create", "--name", "base"]);
    shop.sql("create table steps (n int, at timestamptz default clock_timestamp())");
    for round in [1, 2] {
        let first = round * 100;
        for n in first..first + 8 {
            shop.sql(&format!("insert into steps values ({n})"));
            std::thread::sleep(std::time::Duration::from_millis(60));
        }
        // Between two rows: on a busy machine the one before is committed long after its own time, but before
        // the next is begun.
        let moment = shop.sql(&format!(
            "select to_char((at - interval '2 ms') at time zone 'GMT', 'YYYY-MM-DD HH24:MI:SS.MS')
             from steps where n = {}",
            first + 5
        ));
        // What was committed by then is here before it is asked for.
        let reached = moment.replacen(' ', "T", 1);
        site.eventually("the log reaches the moment", || {
            received()
                .as_str()
                .is_some_and(|until| until > reached.as_str())
        });
        let to = format!("{moment} UTC");
        site.ok(&[
            "restore",
            "--to",
            &to,
            "--only",
            "database",
            "--yes",
            "--no-safety",
        ]);
        assert_eq!(
            shop.sql("select max(n) from steps"),
            (first + 4).to_string()
        );
        assert_eq!(shop.sum(), "50000");
    }
    site.run(&["restore", "--to", "2001-01-01 00:00:00 UTC", "--yes"])
        .with_code(2)
        .says("nearest");
    site.eventually("the log is stored", || {
        site.json(&["backup", "list"])["logs"][0]["stored"].is_string()
    });
}

/// A kill between a piece of the log and the line that says so leaves what this makes by hand.
#[test]
fn a_piece_of_the_log_that_was_not_written_down_is_taken_up() {
    let shop = Shop::with("a_piece_of_the_log_that_was_not_written_down", |_| {
        MAINSTAY.replace(
            "{service: database}",
            "{service: database, wal: {every: 2s}}",
        )
    });
    let Some(shop) = shop else { return };
    let site = &shop.site;
    let log = |what: &str| site.json(&["backup", "list"])["logs"][0][what].clone();
    site.eventually("the log is received", || log("until").is_string());
    site.ok(&["backup", "create", "--name", "base"]);
    site.eventually("the log is stored", || log("stored").is_string());
    site.kill_server();
    let place = site.path().join(".mainstay/backups/logs/shop/dev");
    let place = place.join("database.json");
    let read = || -> Value {
        let text = std::fs::read_to_string(&place).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let mut ledger = read();
    let lost = ledger["pieces"].as_array_mut().unwrap().pop().unwrap();
    std::fs::write(&place, ledger.to_string()).unwrap();
    site.start_server();
    site.eventually("it is known again", || {
        let now = read();
        let mut pieces = now["pieces"].as_array().unwrap().iter();
        pieces.any(|piece| piece["snapshot"] == lost["snapshot"])
    });
}

/// Every pack file loses a byte in its middle.
fn damage(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
}

/// The control plane dies in the middle of a backup, and of a restore.
#[test]
fn a_control_plane_that_dies_leaves_nothing_half_done() {
    let Some(shop) = Shop::start("a_control_plane_that_dies") else {
        return;
    };
    let site = &shop.site;
    shop.sql("create table large as select n, repeat(md5(n::text), 20) t from generate_series(1, 60000) n");
    site.ok(&["backup", "create", "--name", "whole"]);
    let begun = |arguments: &[&str], step: &str| {
        let mut command = site.command(arguments);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        site.eventually(step, || {
            let jobs = site.json(&["backup", "list"])["jobs"].clone();
            let job = &jobs[0];
            job["state"] == "running" && job["step"].as_str().unwrap_or("").contains(step)
        });
        site.kill_server();
        let _ = child.kill();
        let _ = child.wait();
        site.start_server();
    };
    begun(&["backup", "create", "--name", "cut"], "saving database");
    assert_eq!(shop.points(), ["whole"]);
    let newest = site.json(&["backup", "list"])["jobs"][0].clone();
    assert_eq!(newest["state"], "failed", "{newest}");
    site.ok(&["backup", "create", "--name", "next"]);

    shop.sql("delete from accounts where id > 10");
    let restore = ["restore", "--name", "whole", "--yes", "--no-safety"];
    begun(&restore, "bring back database");
    site.eventually("the restore has gone on to its end", || {
        let job = site.json(&["backup", "list"])["jobs"][0].clone();
        job["state"] == "done"
    });
    assert_eq!(shop.sum(), "50000");
    let left = shop.sql("select count(*) from pg_database where datname like '%mainstay%'");
    assert_eq!(left, "0", "what was kept for an undo is given up");
}

/// A machine is lost: all there is is the repository and its key.
#[test]
fn a_whole_stack_comes_back_on_an_empty_machine() {
    let Some(shop) = Shop::start("a_whole_stack_comes_back_on_an_empty_machine") else {
        return;
    };
    let site = &shop.site;
    site.ok(&["backup", "create", "--name", "last"]);
    let key = shop.key();
    let kept = tempfile::tempdir().unwrap();
    let from = site.path().join(".mainstay/backups/repositories/shop/dev");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&from)
        .arg(kept.path())
        .status();
    assert!(copied.unwrap().success());
    let repository = kept.path().join("dev").display().to_string();
    let key = key.display().to_string();

    let mut elsewhere = Site::empty();
    elsewhere.set("MAINSTAY_PROXY_ADDRESS", &free_address().to_string());
    open_to_all(elsewhere.path());
    elsewhere
        .run(&[
            "recover",
            "--from",
            "/nowhere/at-all",
            "--key-file",
            &key,
            "--latest",
        ])
        .with_code(1);
    let wrong = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(wrong.path(), "no such key").unwrap();
    let wrong = wrong.path().display().to_string();
    elsewhere
        .run(&[
            "recover",
            "--from",
            &repository,
            "--key-file",
            &wrong,
            "--latest",
        ])
        .with_code(1)
        .says("key");
    let recovered = elsewhere.json(&[
        "recover",
        "--from",
        &repository,
        "--key-file",
        &key,
        "--latest",
        "--as",
        "dr",
    ]);
    assert_eq!(recovered["environment"]["state"], "up", "{recovered}");
    let rto = recovered["report"]["rto_ms"].as_u64();
    assert!(rto.is_some_and(|rto| rto > 0), "{recovered}");
    elsewhere.set("MAINSTAY_ENV", "dr");
    assert_eq!(sql(&elsewhere, "select sum(amount) from accounts"), "50000");
    let text = std::fs::read_to_string(elsewhere.path().join("uploads/one.txt"));
    assert_eq!(text.unwrap(), "the first");
    // The stack's own files are there, and so are its restore points.
    assert!(elsewhere.path().join("database.sh").exists());
    let points: Value = elsewhere.json(&["backup", "list"])["points"].clone();
    assert_eq!(points[0]["name"], "last", "{points} in {}", shop.test);
}
