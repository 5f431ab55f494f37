//! The log as it is received, beside the server's own.

use super::ledger::{self, Load as Writers};
use super::server::{Server, binaries, unprivileged};
use super::support::until;
use mainstay_databases::postgres::Lsn;
use mainstay_databases::postgres::replication::{Connect, Replication, Tcp, Through};
use mainstay_databases::postgres::wal::{Archive, Kind, Received, Receiver, Stopped};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

pub(crate) fn tcp(server: &Server) -> Arc<dyn Connect> {
    Arc::new(Tcp {
        address: format!("127.0.0.1:{}", server.port),
    })
}

pub(crate) fn receiver(server: &Server, folder: &Path) -> Receiver {
    Receiver {
        connect: tcp(server),
        login: server.login("postgres"),
        slot: "mainstay_test".to_owned(),
        folder: folder.to_owned(),
    }
}

/// A receiver that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) received: watch::Receiver<Received>,
    task: tokio::task::JoinHandle<Stopped>,
}

impl Running {
    pub(crate) fn start(receiver: Receiver) -> Self {
        let (sender, received) = watch::channel(Received::default());
        let task = tokio::spawn(async move {
            loop {
                let stopped = receiver.run(&sender).await;
                // The server has not seen yet that the one before is gone: tried again, as a receiver is.
                if !stopped.to_string().contains("is active for PID") {
                    return stopped;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
        Self { received, task }
    }

    pub(crate) async fn reached(&mut self, lsn: Lsn) {
        let reached = self.received.wait_for(|received| received.lsn >= lsn);
        let reached = tokio::time::timeout(super::support::PATIENCE, reached).await;
        let reached = reached.unwrap_or_else(|_| panic!("{lsn} never came"));
        if reached.is_err() {
            drop(reached);
            let stopped = (&mut self.task).await.unwrap();
            panic!("{lsn} never came: {stopped}");
        }
    }

    pub(crate) async fn stopped(&mut self) -> Stopped {
        let stopped = tokio::time::timeout(super::support::PATIENCE, &mut self.task).await;
        stopped.unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn flushed(server: &Server) -> Lsn {
    server
        .sql("postgres", "SELECT pg_current_wal_flush_lsn()")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn whole_segments_are_byte_for_byte_the_servers_also_when_the_receiver_is_killed() {
    let test = "whole_segments_are_byte_for_byte_the_servers_also_when_the_receiver_is_killed";
    let Some(bin) = binaries(test) else { return };
    let server = Server::start(&bin, &["wal_keep_size=1GB", "max_wal_size=2GB"]).await;
    ledger::create(&server, "app");
    let writers = Writers::start(&server, "app", 2);
    let folder = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let mut running = Running::start(receiver(&server, folder.path()));
        server.sql("postgres", "SELECT pg_switch_wal()");
        running.reached(flushed(&server)).await;
        server.sql(
            "app",
            "CREATE TABLE IF NOT EXISTS waste (t text); \
            INSERT INTO waste SELECT repeat(md5(i::text), 30) FROM generate_series(1, 8000) i",
        );
        if round == 7 {
            running.reached(flushed(&server)).await;
            let received = *running.received.borrow();
            assert!(received.at > mainstay_model::Timestamp::from_millis(1_700_000_000_000));
        }
    }
    drop(writers);
    let archive = Archive::existing(folder.path()).unwrap().unwrap();
    let list = archive.list().unwrap();
    let whole = list
        .iter()
        .filter(|kept| matches!(kept.kind, Kind::Whole(_)));
    let mut count = 0;
    for kept in whole {
        let theirs = server
            .data()
            .join("pg_wal")
            .join(kept.path.file_name().unwrap());
        assert!(
            std::fs::read(&kept.path).unwrap() == std::fs::read(&theirs).unwrap(),
            "{}",
            theirs.display()
        );
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

#[tokio::test]
async fn what_the_server_recycled_is_a_gap() {
    let Some(bin) = binaries("what_the_server_recycled_is_a_gap") else {
        return;
    };
    let settings = ["max_wal_size=32MB", "min_wal_size=32MB", "wal_keep_size=0"];
    let server = Server::start(&bin, &settings).await;
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(receiver(&server, folder.path()));
    running.reached(flushed(&server)).await;
    drop(running);
    until("the slot is free", async || {
        server
            .try_sql(
                "postgres",
                "SELECT pg_drop_replication_slot('mainstay_test')",
            )
            .is_ok()
    })
    .await;
    for _ in 0..6 {
        server.sql(
            "postgres",
            "CREATE TABLE waste (i int); DROP TABLE waste; SELECT pg_switch_wal(); CHECKPOINT",
        );
    }
    let mut running = Running::start(receiver(&server, folder.path()));
    let stopped = running.stopped().await;
    assert!(matches!(stopped, Stopped::Gap(_)), "{stopped}");
    // It stays one, until somebody begins anew.
    let mut running = Running::start(receiver(&server, folder.path()));
    assert!(matches!(running.stopped().await, Stopped::Gap(_)));
    Archive::clear(folder.path()).unwrap();
    let mut running = Running::start(receiver(&server, folder.path()));
    running.reached(flushed(&server)).await;
}

#[tokio::test]
async fn a_base_backup_through_a_place_is_whole_and_one_that_is_cut_is_none() {
    let test = "a_base_backup_through_a_place_is_whole_and_one_that_is_cut_is_none";
    let Some(bin) = binaries(test) else { return };
    let mut server = Server::start(&bin, &[]).await;
    ledger::create(&server, "app");
    let _writers = Writers::start(&server, "app", 2);
    let through = Through {
        place: Arc::new(server.place()),
        host: "127.0.0.1".to_owned(),
        port: server.port,
    };
    let open = Replication::open(&through, &server.login("postgres"))
        .await
        .unwrap();
    let mut backup = open.base_backup("test").await.unwrap();
    let mut bytes = Vec::new();
    backup.data.read_to_end(&mut bytes).await.unwrap();
    let base = backup.end.await.unwrap();
    assert!(base.end > base.start);
    let folder = server.folder.path().join("copy");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("../base.tar"), &bytes).unwrap();
    let tar = Command::new("tar")
        .arg("-xf")
        .arg(folder.join("../base.tar"))
        .arg("-C")
        .arg(&folder)
        .status();
    assert!(tar.unwrap().success());
    let verified = Command::new(bin.join("pg_verifybackup"))
        .arg("-n")
        .arg(&folder)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    assert!(unprivileged().is_empty() || rustix::process::geteuid().is_root());

    server.sql(
        "app",
        "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 20) t FROM generate_series(1, 60000) i",
    );
    let open = Replication::open(&*tcp(&server), &server.login("postgres"))
        .await
        .unwrap();
    let mut backup = open.base_backup("test").await.unwrap();
    let mut some = vec![0; 1 << 20];
    backup.data.read_exact(&mut some).await.unwrap();
    server.kill().await;
    let _ = backup.data.read_to_end(&mut bytes).await;
    assert!(backup.end.await.is_err());
}

#[tokio::test]
async fn who_is_asked_for_a_password_logs_in_with_it() {
    let Some(bin) = binaries("who_is_asked_for_a_password_logs_in_with_it") else {
        return;
    };
    let server = Server::start(&bin, &[]).await;
    for (method, user) in [
        ("scram-sha-256", "scram"),
        ("md5", "hashed"),
        ("password", "clear"),
    ] {
        let encryption = if method == "md5" {
            "md5"
        } else {
            "scram-sha-256"
        };
        server.sql("postgres", &format!(
            "SET password_encryption = '{encryption}'; CREATE ROLE {user} LOGIN REPLICATION PASSWORD 'it''s a \"secret\"'"
        ));
    }
    // For physical replication nobody but `scram` has a rule; the others get in over their database.
    let rules = "host replication scram 127.0.0.1/32 scram-sha-256\nhost postgres hashed 127.0.0.1/32 md5\n\
        host postgres clear 127.0.0.1/32 password\nhost all postgres 127.0.0.1/32 trust\n";
    std::fs::write(server.data().join("pg_hba.conf"), rules).unwrap();
    server.sql("postgres", "SELECT pg_reload_conf()");
    let mut login = server.login("postgres");
    for user in ["scram", "hashed", "clear"] {
        login.user = user.to_owned();
        for (password, right) in [
            (None, false),
            (Some("wrong"), false),
            (Some("it's a \"secret\""), true),
        ] {
            login.password = password.map(|text| mainstay_model::Secret::new(text.to_owned()));
            let open = Replication::open(&*tcp(&server), &login).await;
            let said = format!("{open:?}");
            assert_eq!(open.is_ok(), right, "{user} {password:?}: {said}");
            assert!(!said.contains("secret"));
            if let Ok(mut open) = open {
                assert_eq!(open.identify().await.unwrap().timeline, 1);
                assert_eq!(open.major(), 15);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_as_it_was_asked_to_says_so_and_is_followed_on() {
    let test = "a_server_that_stops_as_it_was_asked_to_says_so_and_is_followed_on";
    let Some(bin) = binaries(test) else { return };
    let mut server = Server::start(&bin, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut running = Running::start(receiver(&server, folder.path()));
        server.sql("postgres", "CREATE TABLE waste (i int); DROP TABLE waste");
        running.reached(flushed(&server)).await;
        // It waits until we have all of its log.
        tokio::task::block_in_place(|| server.stop());
        let stopped = running.stopped().await;
        assert!(matches!(stopped, Stopped::ShutDown(_)), "{stopped}");
        server.up().await;
    }
}

#[tokio::test]
async fn a_server_that_is_killed_is_followed_on_and_a_slot_that_it_gave_up_is_a_gap() {
    let test = "a_server_that_is_killed_is_followed_on_and_a_slot_that_it_gave_up_is_a_gap";
    let Some(bin) = binaries(test) else { return };
    let settings = [
        "max_wal_size=64MB",
        "min_wal_size=32MB",
        "max_slot_wal_keep_size=64MB",
    ];
    let mut server = Server::start(&bin, &settings).await;
    ledger::create(&server, "app");
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut running = Running::start(receiver(&server, folder.path()));
        running.reached(flushed(&server)).await;
        let before: i64 = server.sql("app", ledger::LAST).parse().unwrap();
        let writers = Writers::start(&server, "app", 2);
        until("money moves", async || {
            server.sql("app", ledger::LAST).parse::<i64>().unwrap() > before
        })
        .await;
        server.kill().await;
        let stopped = running.stopped().await;
        assert!(matches!(stopped, Stopped::Lost(_)), "{stopped}");
        drop(writers);
        server.up().await;
    }
    let mut running = Running::start(receiver(&server, folder.path()));
    running.reached(flushed(&server)).await;
    drop(running);
    until("the slot is free", async || {
        server.sql("postgres", "SELECT active FROM pg_replication_slots") == "f"
    })
    .await;
    for _ in 0..8 {
        server.sql(
            "postgres",
            "CREATE TABLE waste (i int); DROP TABLE waste; SELECT pg_switch_wal(); CHECKPOINT",
        );
    }
    let state = "SELECT wal_status FROM pg_replication_slots";
    until("the server gave the slot up", async || {
        server.sql("postgres", "CHECKPOINT");
        server.sql("postgres", state) == "lost"
    })
    .await;
    let mut running = Running::start(receiver(&server, folder.path()));
    let stopped = running.stopped().await;
    assert!(matches!(stopped, Stopped::Gap(_)), "{stopped}");
}

/// A file system of a few megabytes, where whoever runs the test may make one.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=40m", "tmpfs"])
            .arg(folder.path())
            .output();
        mount
            .is_ok_and(|done| done.status.success())
            .then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The receiver may still hold a file of it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_stops_the_receiver_and_with_room_it_goes_on() {
    let test = "a_full_disk_stops_the_receiver_and_with_room_it_goes_on";
    let Some(bin) = binaries(test) else { return };
    let Some(small) = Small::mount() else {
        return super::support::want("the right to mount", test);
    };
    let server = Server::start(&bin, &[]).await;
    let mut running = Running::start(receiver(&server, small.0.path()));
    running.reached(flushed(&server)).await;
    let waste = "CREATE TABLE IF NOT EXISTS waste (t text); \
        INSERT INTO waste SELECT repeat(md5(i::text), 30) FROM generate_series(1, 70000) i";
    server.sql("postgres", waste);
    let stopped = running.stopped().await;
    assert!(matches!(stopped, Stopped::Disk(_)), "{stopped}");
    let archive = Archive::existing(small.0.path()).unwrap().unwrap();
    let list = archive.list().unwrap();
    assert!(list.iter().any(|kept| matches!(kept.kind, Kind::Whole(_))));
    let mut running = Running::start(receiver(&server, small.0.path()));
    // What was kept elsewhere makes room, again and again.
    let end = flushed(&server);
    until("all of it came", async || {
        let whole: Vec<_> = archive.list().unwrap();
        archive.forget(&whole).unwrap();
        if running.received.has_changed().is_err() {
            running = Running::start(receiver(&server, small.0.path()));
        }
        running.received.borrow().lsn >= end
    })
    .await;
}
