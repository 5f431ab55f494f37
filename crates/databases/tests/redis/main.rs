//! Redis under write load: a ledger in which every transfer is one step, so that its sum holds at every
//! moment, and whose log leads to exactly the balances that stand beside it.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

mod ledger;
mod server;
#[path = "../support/mod.rs"]
mod support;

use ledger::{fill, fill_kinds, judged, write};
use mainstay_databases::redis::Redis;
use mainstay_databases::{Database, Dump, Load, Password, Undo};
use mainstay_model::Secret;
use mainstay_recovery::Figures;
use server::Server;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Local, boxed, breaking, read, until};
use tokio::io::AsyncReadExt as _;

fn place() -> Arc<Local> {
    Arc::new(Local::default())
}

async fn seq_now(server: &Server) -> i64 {
    let mut connection = server.connect().await;
    redis::cmd("GET")
        .arg("seq")
        .query_async(&mut connection)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_under_load_are_states_that_existed() {
    let test = "copies_under_load_are_states_that_existed";
    let Some(server) = Server::start(test, Some("it's \"secret\" $X"), &["--save", ""]).await
    else {
        return;
    };
    let Some(other) = Server::start(test, None, &["--appendonly", "yes"]).await else {
        return;
    };
    let mut connection = server.connect().await;
    fill(&mut connection).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..4).map(|seed| write(&server, &stop, seed)).collect();
    let (database, target) = (server.database(), other.database());
    for round in 0..4 {
        let wanted = seq_now(&server).await + 50;
        until("writers go on", async || seq_now(&server).await > wanted).await;
        let before = seq_now(&server).await;
        let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
        let (dumped, after) = (end.unwrap(), seq_now(&server).await);
        assert_eq!(dumped.figures.tables["db0"].rows, 3, "round {round}");
        let undo = target
            .load(place(), boxed(&bytes), Load::Replace)
            .await
            .unwrap();
        let seq = judged(&mut other.connect().await).await;
        assert!((before..=after).contains(&seq), "{before} {seq} {after}");
        assert_eq!(target.figures(place()).await.unwrap(), dumped.figures);
        target.settle(place(), &undo).await.unwrap();
        target.settle(place(), &undo).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_value_counts_the_same_in_a_scratch_server() {
    let Some(server) = Server::start("every_kind_of_value…", None, &["--save", ""]).await else {
        return;
    };
    let mut connection = server.connect().await;
    fill_kinds(&mut connection).await;
    let database = server.database();
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let dumped = end.unwrap();
    assert_eq!(dumped.figures.tables["functions"].rows, 1);
    assert_eq!(dumped.figures.tables["db5"].rows, 1);
    assert_eq!(dumped.details["version"].split('.').count(), 3);
    gone(&mut connection).await;
    let scratch = database.scratch(place()).await.unwrap();
    assert!(scratch.figures(place()).await.unwrap().tables.is_empty());
    scratch
        .load(place(), boxed(&bytes), Load::Replace)
        .await
        .unwrap();
    assert_eq!(scratch.figures(place()).await.unwrap(), dumped.figures);
    assert_eq!(scratch.ask(place(), "GET number").await.unwrap(), "-123456");
    assert_eq!(scratch.ask(place(), "SCARD numbers").await.unwrap(), "300");
    // One changed value is seen.
    redis::cmd("HSET")
        .arg("fields")
        .arg("f7")
        .arg("other")
        .query_async::<i64>(&mut connection)
        .await
        .unwrap();
    let changed = database.figures(place()).await.unwrap();
    assert_ne!(
        changed.tables["db0"].checksum,
        dumped.figures.tables["db0"].checksum
    );
    assert_eq!(changed.tables["db5"], dumped.figures.tables["db5"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_is_never_a_success() {
    let test = "a_server_killed_in_the_middle_is_never_a_success";
    for part in [0, 1, 5] {
        let Some(mut server) =
            Server::start(test, None, &["--save", "", "--rdbcompression", "no"]).await
        else {
            return;
        };
        let mut connection = server.connect().await;
        // 49 MB: more than all pipes and buffers between hold, of which those of a TCP connection alone grow to 10.
        let random = r"for n = 1, 20000 do redis.call('SET', 'k' .. n, redis.sha1hex(n) .. string.rep(redis.sha1hex(-n), 60)) end return 1";
        redis::cmd("EVAL")
            .arg(random)
            .arg(0)
            .query_async::<i64>(&mut connection)
            .await
            .unwrap();
        let Dump { mut data, end } = server.database().dump(place()).await.unwrap();
        let mut begun = vec![0; part << 20];
        data.read_exact(&mut begun).await.unwrap();
        server.kill_with_children();
        let _ = data.read_to_end(&mut begun).await;
        let failure = end.await.unwrap_err();
        assert!(!failure.message.is_empty(), "{part}: {failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_nobody_reads_to_its_end_is_no_success() {
    let Some(server) = Server::start("a_copy_that_nobody_reads…", None, &["--save", ""]).await
    else {
        return;
    };
    let mut connection = server.connect().await;
    fill_kinds(&mut connection).await;
    let Dump { data, end } = server.database().dump(place()).await.unwrap();
    drop(data);
    assert!(end.await.is_err());
}

/// We are killed in the middle of a load, and before anybody wrote down that the next had put its copy in place:
/// what was there before both is still what an undo brings back.
async fn killed(server: &Server, database: &Redis, bytes: &[u8], copy: &Figures) -> Undo {
    let folder = server.directory.path();
    std::fs::write(folder.join("mainstay-load-killed.rdb.part"), "half").unwrap();
    let load = async || {
        let loaded = database.load(place(), boxed(bytes), Load::Replace).await;
        assert_eq!(database.figures(place()).await.unwrap(), *copy);
        assert_eq!(server.left_over().len(), 1);
        loaded.unwrap()
    };
    drop(load().await);
    load().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_replaces_nothing_and_an_undo_brings_the_state_back() {
    let test = "what_breaks_replaces_nothing_and_an_undo_brings_the_state_back";
    let login = Some("pass word");
    let more = ["--appendonly", "yes", "--masterauth", "other"];
    let Some(mut server) = Server::start(test, login, &more).await else {
        return;
    };
    let mut connection = server.connect().await;
    fill_kinds(&mut connection).await;
    gone(&mut connection).await;
    let database = server.database();
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let copy = end.unwrap().figures;
    redis::cmd("FLUSHALL")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    fill(&mut connection).await;
    let before = database.figures(place()).await.unwrap();

    // Cut, changed, and a source that breaks off.
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 0x10;
    let broken = breaking(&bytes[..bytes.len() / 2]);
    for data in [
        boxed(&bytes[..bytes.len() - 1]),
        boxed(&bytes[..20]),
        boxed(&[]),
        boxed(&changed),
        broken,
    ] {
        database
            .load(place(), data, Load::Replace)
            .await
            .unwrap_err();
        assert_eq!(database.figures(place()).await.unwrap(), before);
        assert_eq!(server.left_over(), Vec::<String>::new());
    }

    let undo = killed(&server, &database, &bytes, &copy).await;
    server.restart().await;
    assert_eq!(
        database.figures(place()).await.unwrap(),
        copy,
        "after a crash"
    );
    database.undo(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), before);
    database.undo(place(), &undo).await.unwrap();
    server.restart().await;
    assert_eq!(
        database.figures(place()).await.unwrap(),
        before,
        "after a crash"
    );
    assert_eq!(server.left_over(), Vec::<String>::new());
    let mut connection = server.connect().await;
    let mut asked = redis::cmd("CONFIG");
    asked.arg("GET").arg("masterauth");
    let kept: Vec<String> = asked.query_async(&mut connection).await.unwrap();
    assert_eq!(kept[1], "other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_log_in_says_so_and_what_is_no_whole_server_is_refused() {
    let test = "a_wrong_log_in_says_so_and_what_is_no_whole_server_is_refused";
    let Some(server) = Server::start(test, Some("right"), &["--save", ""]).await else {
        return;
    };
    let wrong = Redis::on_port(server.port)
        .with_password(Password::Given(Secret::new("wr0ng-one".to_owned())));
    let (_, end) = read(wrong.dump(place()).await.unwrap()).await;
    let failure = end.unwrap_err();
    assert!(
        failure.message.contains("WRONGPASS") && failure.hint.is_some(),
        "{failure:?}"
    );
    assert!(!format!("{failure:?}").contains("wr0ng-one"));
    let failure = wrong.ask(place(), "PING").await.unwrap_err();
    assert!(failure.message.contains("AUTH"), "{failure:?}");
    let mut variable = Local::default();
    variable
        .environment
        .push(("REDIS_PASS".to_owned(), "right".to_owned()));
    let by_variable =
        Redis::on_port(server.port).with_password(Password::Variable("REDIS_PASS".to_owned()));
    assert_eq!(
        by_variable.ask(Arc::new(variable), "PING").await.unwrap(),
        "PONG"
    );
    let beside = Load::Beside {
        name: "1".to_owned(),
    };
    server
        .database()
        .load(place(), boxed(&[]), beside)
        .await
        .unwrap_err();
    let nobody = Redis::on_port(support::free_port());
    let (_, end) = read(nobody.dump(place()).await.unwrap()).await;
    assert!(end.unwrap_err().message.contains("Could not connect"));
}

/// The key that lives for a moment.
async fn gone(connection: &mut redis::aio::MultiplexedConnection) {
    until("the passing key is gone", async || {
        let asked = redis::cmd("EXISTS")
            .arg("passing")
            .query_async::<i64>(connection)
            .await;
        asked.unwrap() == 0
    })
    .await;
}

/// Whoever loads is gone while the live server follows: it is its own again, with the old or the new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_is_given_up_leaves_no_follower() {
    let test = "a_load_that_is_given_up_leaves_no_follower";
    let Some(server) = Server::start(test, Some("pass word"), &["--save", ""]).await else {
        return;
    };
    let mut connection = server.connect().await;
    fill_kinds(&mut connection).await;
    redis::cmd("DEL")
        .arg("passing")
        .query_async::<i64>(&mut connection)
        .await
        .unwrap();
    let database = server.database();
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let copy = end.unwrap().figures;
    redis::cmd("FLUSHALL")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    fill(&mut connection).await;
    let before = database.figures(place()).await.unwrap();
    let mut following = async |wanted: &str| {
        let state = redis::cmd("INFO")
            .arg("replication")
            .query_async::<String>(&mut connection)
            .await;
        state.is_ok_and(|state| state.contains(wanted))
    };
    let load = {
        let (database, bytes) = (database.clone(), bytes.clone());
        tokio::spawn(async move { database.load(place(), boxed(&bytes), Load::Replace).await })
    };
    until("it follows, or is done", async || {
        following("role:slave").await || load.is_finished()
    })
    .await;
    load.abort();
    until("it is its own again", async || {
        following("role:master").await
    })
    .await;
    let now = database.figures(place()).await.unwrap();
    assert!(now == before || now == copy, "{now:?}");
    redis::cmd("SET")
        .arg("written")
        .arg(1)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
}
