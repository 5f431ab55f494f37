//! Points in time, of a ledger under load.

use super::ledger::{self, Load as Writers};
use super::server::{Server, binaries};
use super::support::until;
use super::wal::{Running, flushed, receiver, tcp};
use mainstay_databases::postgres::recover::{self, Progress, Recovered, Recovery, Target};
use mainstay_databases::postgres::replication::Replication;
use mainstay_databases::postgres::{Lsn, Postgres};
use mainstay_databases::{Database, Failure};
use mainstay_model::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

const SETTINGS: [&str; 3] = [
    "track_commit_timestamp=on",
    "wal_keep_size=1GB",
    "max_wal_size=2GB",
];

/// When each entry of the journal was committed, in microseconds since 1970.
const COMMITS: &str = "SELECT id, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint \
    FROM ledger.journal ORDER BY id";

/// A server with its base backup, its received log, and what was committed when.
struct Story {
    server: Server,
    base: Vec<u8>,
    wal: tempfile::TempDir,
    commits: Vec<(i64, i64)>,
    received: Timestamp,
}

impl Story {
    async fn tell(bin: &Path, transactions: i64) -> Self {
        let server = Server::start(bin, &SETTINGS).await;
        ledger::create(&server, "app");
        let wal = tempfile::tempdir().unwrap();
        let mut running = Running::start(receiver(&server, wal.path()));
        running.reached(flushed(&server)).await;
        let writers = Writers::start(&server, "app", 3);
        until("money moves", async || {
            server.sql("app", ledger::LAST) != "0"
        })
        .await;
        let base = base(&server).await;
        let last: i64 = server.sql("app", ledger::LAST).parse().unwrap();
        let enough = last + transactions;
        until("enough money moved", async || {
            server.sql("app", "SELECT pg_switch_wal()");
            server.sql("app", ledger::LAST).parse::<i64>().unwrap() > enough
        })
        .await;
        drop(writers);
        until("nobody writes", async || {
            server.sql("app", "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%move%' AND pid <> pg_backend_pid()") == "0"
        })
        .await;
        let commits = commits(&server);
        running.reached(flushed(&server)).await;
        let end = Timestamp::from_millis(commits.last().unwrap().1 / 1000 + 1);
        let at = running
            .received
            .wait_for(|received| received.at > end)
            .await
            .unwrap()
            .at;
        Self {
            server,
            base,
            wal,
            commits,
            received: at,
        }
    }

    /// The log as tar, unpacked for the server's user.
    async fn bring_log(&self, folder: &Path) {
        let tar = std::process::Command::new("tar")
            .arg("-cf")
            .arg("-")
            .arg("-C")
            .arg(self.wal.path())
            .arg(".")
            .output();
        let data = self.server.data().display().to_string();
        let folder = folder.display().to_string();
        let mut tar = std::io::Cursor::new(tar.unwrap().stdout);
        recover::bring_log(&self.server.place(), &data, &folder, &mut tar)
            .await
            .unwrap();
    }

    fn log(&self) -> PathBuf {
        self.server.folder.path().join("log-files")
    }

    fn recovery(&self, target: Target) -> Recovery {
        Recovery {
            wal: self.log().display().to_string(),
            target,
            inclusive: true,
            timeline: None,
            complete_until: None,
            user: "postgres".to_owned(),
            limit: Duration::from_secs(120),
        }
    }

    async fn scratch(
        &self,
        recovery: &Recovery,
    ) -> Result<(Recovered, Box<dyn Database>), Failure> {
        let postgres = Postgres::new(self.server.login("app"));
        let (progress, _) = watch::channel(Progress::default());
        let mut base = std::io::Cursor::new(self.base.clone());
        recovery
            .scratch(&self.server.place(), &postgres, &mut base, &progress)
            .await
    }

    /// The last entry that was committed by `at`.
    fn expected(&self, at: Timestamp) -> i64 {
        let micros = at.as_millis() * 1000;
        self.commits
            .iter()
            .rev()
            .find(|(_, at)| *at <= micros)
            .map_or(0, |(id, _)| *id)
    }
}

async fn base(server: &Server) -> Vec<u8> {
    let open = Replication::open(&*tcp(server), &server.login("postgres"))
        .await
        .unwrap();
    let mut backup = open.base_backup("test").await.unwrap();
    let mut bytes = Vec::new();
    backup.data.read_to_end(&mut bytes).await.unwrap();
    backup.end.await.unwrap();
    bytes
}

fn commits(server: &Server) -> Vec<(i64, i64)> {
    let text = server.sql("app", COMMITS);
    let parse = |line: &str| {
        let (id, at) = line.split_once('|').unwrap();
        (id.parse().unwrap(), at.parse().unwrap())
    };
    text.lines().map(parse).collect()
}

/// The last entry of a copy that is a state which existed.
async fn last(server: &Server, database: &dyn Database) -> i64 {
    let mut answers = std::collections::BTreeMap::new();
    for query in [ledger::SUM, ledger::HOLES, ledger::WRONG, ledger::LAST] {
        let answer = database.ask(Arc::new(server.place()), query).await.unwrap();
        answers.insert(query, answer);
    }
    ledger::sound(|query| answers[query].clone())
}

/// Numbers that look random and come again with the same seed.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[tokio::test]
async fn random_moments_are_hit_within_one_transaction() {
    let Some(bin) = binaries("random_moments_are_hit_within_one_transaction") else {
        return;
    };
    let rounds = std::env::var("MAINSTAY_PITR_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let story = Story::tell(&bin, 1500).await;
    story.bring_log(&story.log()).await;
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    // Not before the base backup was consistent: its own writes are after that.
    let earliest = story
        .scratch(&story.recovery(Target::Immediate))
        .await
        .unwrap()
        .0;
    let first = earliest.committed.unwrap().as_millis() + 1;
    let end = story.commits.last().unwrap().1 / 1000;
    for round in 0..rounds.unwrap_or(10) {
        let at = first + (next(&mut seed) % u64::try_from(end - first).unwrap()) as i64;
        let at = Timestamp::from_millis(at);
        let (_, copy) = story
            .scratch(&story.recovery(Target::Time(at)))
            .await
            .unwrap();
        let (last, expected) = (last(&story.server, &*copy).await, story.expected(at));
        assert!(
            (last - expected).abs() <= 1,
            "round {round}: {at} has {expected}, and {last} came"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_said_and_nothing_is_claimed() {
    let test = "what_cannot_be_reached_is_said_and_nothing_is_claimed";
    let Some(bin) = binaries(test) else { return };
    let story = Story::tell(&bin, 300).await;
    story.bring_log(&story.log()).await;
    let end = story.commits.last().unwrap();
    let later = Timestamp::from_millis(end.1 / 1000 + 60_000);
    let mut recovery = story.recovery(Target::Time(later));
    let failure = story.scratch(&recovery).await.err().unwrap();
    assert!(failure.to_string().contains("does not reach"), "{failure}");
    let hint = failure.hint.unwrap();
    let reachable: Timestamp = hint.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((reachable.as_millis() - end.1 / 1000).abs() <= 1, "{hint}");
    // What was received until after the target says that nothing is missing.
    recovery.target = Target::Time(Timestamp::from_millis(end.1 / 1000 + 1));
    recovery.complete_until = Some(story.received);
    let (_, copy) = story.scratch(&recovery).await.unwrap();
    assert_eq!(last(&story.server, &*copy).await, end.0);
    drop(copy);
    let (recovered, copy) = story
        .scratch(&story.recovery(Target::Latest))
        .await
        .unwrap();
    assert_eq!(last(&story.server, &*copy).await, end.0);
    assert_eq!(recovered.timeline, 2);
    drop(copy);
    let beyond = story.recovery(Target::Lsn(Lsn(u64::MAX >> 1)));
    assert!(story.scratch(&beyond).await.is_err());
    damaged(&story).await;
}

/// The log with a segment missing, cut off, or overwritten, and the base backup cut off.
async fn damaged(story: &Story) {
    let latest = story.recovery(Target::Latest);
    let mut names: Vec<PathBuf> = std::fs::read_dir(story.log())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.retain(|path| path.extension().is_none());
    names.sort();
    let middle = &names[names.len() - 2];
    let whole = std::fs::read(middle).unwrap();
    let name = middle.file_name().unwrap().to_str().unwrap();
    std::fs::write(middle, &whole[..whole.len() / 2]).unwrap();
    let failure = story.scratch(&latest).await.err().unwrap().to_string();
    assert!(
        failure.contains(name) && failure.contains("cut off"),
        "{failure}"
    );
    std::fs::write(middle, vec![0; whole.len()]).unwrap();
    let failure = story.scratch(&latest).await.err().unwrap().to_string();
    // Of the segment that the base begins with, the server itself says so.
    let told = ["cannot be read", "checkpoint record"];
    assert!(told.iter().any(|told| failure.contains(told)), "{failure}");
    std::fs::remove_file(middle).unwrap();
    let failure = story.scratch(&latest).await.err().unwrap().to_string();
    assert!(
        failure.contains(name) && failure.contains("missing"),
        "{failure}"
    );
    let postgres = Postgres::new(story.server.login("app"));
    let (progress, _) = watch::channel(Progress::default());
    let mut cut = std::io::Cursor::new(story.base[..story.base.len() / 2].to_vec());
    let done = latest
        .scratch(&story.server.place(), &postgres, &mut cut, &progress)
        .await;
    assert!(done.is_err());
}

#[tokio::test]
async fn in_place_is_undone_settled_and_followed_on() {
    let Some(bin) = binaries("in_place_is_undone_settled_and_followed_on") else {
        return;
    };
    let mut story = Story::tell(&bin, 400).await;
    story.bring_log(&story.log()).await;
    let end = *story.commits.last().unwrap();
    let middle = story.commits[story.commits.len() - 100];
    let at = Timestamp::from_millis(middle.1 / 1000);
    let data = story.server.data().display().to_string();
    let place = story.server.place();
    story.server.stop();
    let (progress, said) = watch::channel(Progress::default());
    let recovery = story.recovery(Target::Time(at));
    let mut cut = std::io::Cursor::new(story.base[..story.base.len() / 2].to_vec());
    assert!(
        recovery
            .in_place(&place, &data, &mut cut, &progress)
            .await
            .is_err()
    );
    story.server.up().await;
    let sound = |story: &Story| ledger::sound(|query| story.server.sql("app", query));
    assert_eq!(sound(&story), end.0);
    story.server.stop();
    let mut base = std::io::Cursor::new(story.base.clone());
    let (recovered, undo) = recovery
        .in_place(&place, &data, &mut base, &progress)
        .await
        .unwrap();
    assert_eq!(recovered.timeline, 2);
    assert!(said.borrow().segment.is_some());
    story.server.up().await;
    assert!((sound(&story) - story.expected(at)).abs() <= 1);
    story.server.stop();
    for _ in 0..2 {
        recover::undo(&place, &undo).await.unwrap();
    }
    story.server.up().await;
    assert_eq!(sound(&story), end.0);
    story.server.stop();
    let mut base = std::io::Cursor::new(story.base.clone());
    let (_, undo) = recovery
        .in_place(&place, &data, &mut base, &progress)
        .await
        .unwrap();
    for _ in 0..2 {
        recover::settle(&place, &undo).await.unwrap();
    }
    assert!(!story.server.data().join("mainstay-kept").exists());
    assert_eq!(
        std::fs::metadata(story.server.data())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    story.server.up().await;
    followed_on(&story).await;
}

/// The receiver goes on in the new timeline, and both moments before and after the branch can be reached.
async fn followed_on(story: &Story) {
    let writers = Writers::start(&story.server, "app", 2);
    let mut running = Running::start(receiver(&story.server, story.wal.path()));
    let before: i64 = story.server.sql("app", ledger::LAST).parse().unwrap();
    until("money moves again", async || {
        story
            .server
            .sql("app", ledger::LAST)
            .parse::<i64>()
            .unwrap()
            > before + 200
    })
    .await;
    drop(writers);
    story.server.sql("app", "SELECT pg_switch_wal()");
    running.reached(flushed(&story.server)).await;
    let folder = story.server.folder.path().join("log-after");
    story.bring_log(&folder).await;
    let mut recovery = story.recovery(Target::Latest);
    recovery.wal = folder.display().to_string();
    let (recovered, copy) = story.scratch(&recovery).await.unwrap();
    assert_eq!(recovered.timeline, 3);
    assert!(last(&story.server, &*copy).await > before + 200);
    drop(copy);
    recovery.timeline = Some(1);
    let (_, copy) = story.scratch(&recovery).await.unwrap();
    assert_eq!(
        last(&story.server, &*copy).await,
        story.commits.last().unwrap().0
    );
}
