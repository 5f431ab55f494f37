//! MariaDB under write load: a ledger in which every transfer is one transaction, so that its sum holds at every
//! moment, and whose log leads to exactly the balances that stand beside it.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

mod ledger;
mod server;
#[path = "../support/mod.rs"]
mod support;

use ledger::{SCHEMA, judged, number};
use mainstay_databases::mysql::{Mysql, MysqlAt};
use mainstay_databases::{Database, Dump, Load, Password};
use mainstay_model::Secret;
use server::{PASSWORD, Server, place};
use std::sync::Arc;
use support::{Local, boxed, breaking, read, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn filled(test: &str) -> Option<Server> {
    let server = Server::start(test).await?;
    server.sql("CREATE DATABASE shop CHARACTER SET utf8mb4", "");
    server.sql(SCHEMA, "shop");
    Some(server)
}

/// What is in a database beside rows.
fn things(server: &Server, database: &str) -> String {
    let of = |what: &str, of: &str, name: &str| {
        let sql = format!(
            "SELECT {name} FROM information_schema.{what} WHERE {of}_schema = '{database}' ORDER BY 1"
        );
        server.sql(&sql, "")
    };
    let tables = of("tables", "table", "CONCAT(table_name, table_type)");
    let rest = ["trigger", "routine", "event"]
        .map(|kind| of(&format!("{kind}s"), kind, &format!("{kind}_name")));
    let keys = of(
        "referential_constraints",
        "constraint",
        "CONCAT(table_name, unique_constraint_schema)",
    );
    format!("{tables}\n{}\n{keys}", rest.join("\n")).replace(database, "HERE")
}

fn databases(server: &Server) -> String {
    server.sql(
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'mainstay%'",
        "",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_under_load_are_states_that_existed() {
    let Some(server) = filled("copies_under_load_are_states_that_existed").await else {
        return;
    };
    let mut writers: Vec<_> = (0..3)
        .map(|_| server.begin("CALL churn(1000000)", "shop"))
        .collect();
    let database = server.database("shop");
    for round in 0..3 {
        let wanted = number(&server, "shop") + 50;
        until("writers go on", async || number(&server, "shop") > wanted).await;
        let before = number(&server, "shop");
        let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
        let (dumped, after) = (end.unwrap(), number(&server, "shop"));
        assert_eq!(dumped.figures.tables["account"].rows, 50);
        assert_eq!(dumped.figures.tables["odd `name"].rows, 2);
        let name = format!("copy{round}");
        let beside = Load::Beside { name: name.clone() };
        let undo = database
            .load(place(), boxed(&bytes), beside.clone())
            .await
            .unwrap();
        let seq = judged(&server, &name);
        assert!((before..=after).contains(&seq), "{before} {seq} {after}");
        assert_eq!(dumped.figures.tables["log"].rows, seq as u64);
        let copy = server.database(&name).figures(place()).await.unwrap();
        assert_eq!(copy, dumped.figures);
        assert_eq!(things(&server, &name), things(&server, "shop"));
        let again = database
            .load(place(), boxed(&bytes), beside)
            .await
            .unwrap_err();
        assert!(again.hint.is_some());
        database.undo(place(), &undo).await.unwrap();
        database.undo(place(), &undo).await.unwrap();
    }
    for writer in &mut writers {
        let _ = writer.kill();
        let _ = writer.wait();
    }
    assert_eq!(databases(&server), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scratch_server_counts_the_same() {
    let Some(server) = filled("a_scratch_server_counts_the_same").await else {
        return;
    };
    server.sql("CALL churn(100)", "shop");
    let database = server.database("shop");
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let dumped = end.unwrap();
    let scratch = database.scratch(place()).await.unwrap();
    let undo = scratch
        .load(place(), boxed(&bytes), Load::Replace)
        .await
        .unwrap();
    scratch.settle(place(), &undo).await.unwrap();
    assert_eq!(scratch.figures(place()).await.unwrap(), dumped.figures);
    assert_eq!(
        scratch.ask(place(), "SELECT total(), 2;").await.unwrap(),
        "50000"
    );
    assert_eq!(
        scratch
            .ask(place(), "SELECT note FROM log ORDER BY n LIMIT 1")
            .await
            .unwrap(),
        "n1"
    );
    server.sql(
        "UPDATE account SET balance = balance + 1 WHERE id = 7",
        "shop",
    );
    let changed = database.figures(place()).await.unwrap();
    assert_ne!(
        changed.tables["account"].checksum,
        dumped.figures.tables["account"].checksum
    );
    assert_eq!(changed.tables["log"], dumped.figures.tables["log"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_replaces_nothing_and_an_undo_brings_the_state_back() {
    let Some(server) = filled("what_breaks_replaces_nothing…").await else {
        return;
    };
    server.sql("CALL churn(100)", "shop");
    let database = server.database("shop");
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let (copy, copied) = (end.unwrap().figures, things(&server, "shop"));
    server.sql(
        "CALL churn(50); DROP VIEW richest; DROP TRIGGER noted; DROP TABLE audit; CREATE TABLE newer (id INT); \
         INSERT INTO newer VALUES (1); CREATE TRIGGER newest BEFORE INSERT ON newer FOR EACH ROW SET NEW.id = 5;",
        "shop",
    );
    let (before, there) = (
        database.figures(place()).await.unwrap(),
        things(&server, "shop"),
    );

    let text = String::from_utf8(bytes.clone()).unwrap();
    let wrong = text.replacen("CREATE TABLE `log`", "CREATE TABBLE `log`", 1);
    let statement = text.find("CREATE TABLE `log`").unwrap();
    let broken = breaking(&bytes[..statement]);
    for data in [
        boxed(&bytes[..statement]),
        boxed(wrong.as_bytes()),
        boxed(&[]),
        broken,
    ] {
        database
            .load(place(), data, Load::Replace)
            .await
            .unwrap_err();
        assert_eq!(database.figures(place()).await.unwrap(), before);
        assert_eq!(things(&server, "shop"), there);
        assert_eq!(databases(&server), "");
    }

    let undo = database
        .load(place(), boxed(&bytes), Load::Replace)
        .await
        .unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), copy);
    assert_eq!(things(&server, "shop"), copied);
    judged(&server, "shop");
    server.sql("CALL churn(5); SELECT * FROM richest", "shop");
    database.undo(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), before);
    assert_eq!(things(&server, "shop"), there);
    database.undo(place(), &undo).await.unwrap();
    assert_eq!(databases(&server), "");

    let undo = database
        .load(place(), boxed(&bytes), Load::Replace)
        .await
        .unwrap();
    database.settle(place(), &undo).await.unwrap();
    database.settle(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), copy);
    assert_eq!(databases(&server), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_service_has_itself_is_enough() {
    let Some(server) = filled("what_a_service_has_itself_is_enough").await else {
        return;
    };
    server.sql("CREATE USER app@localhost IDENTIFIED BY 'of the app'; GRANT ALL ON shop.* TO app@localhost; CREATE DATABASE plain; CREATE TABLE plain.t AS SELECT 1 AS a; GRANT ALL ON plain.* TO app@localhost", "");
    let with = |variables: &[(&str, &str)]| {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Arc::new(Local {
            environment: variables.iter().map(own).collect(),
            ..Local::default()
        })
    };
    let root = with(&[
        ("MYSQL_DATABASE", "shop"),
        ("MARIADB_ROOT_PASSWORD", PASSWORD),
        ("MYSQL_USER", "app"),
    ]);
    let app = with(&[
        ("MARIADB_DATABASE", "shop"),
        ("MYSQL_USER", "app"),
        ("MYSQL_PASSWORD", "of the app"),
    ]);
    for (place, user) in [(root, "root"), (app, "app")] {
        let at = MysqlAt::Socket(server.socket());
        let found = Mysql::of_service(&*place, at, None, None, None)
            .await
            .unwrap();
        assert_eq!(found.login.user, user);
        let (_, end) = read(found.dump(place.clone()).await.unwrap()).await;
        if user == "root" {
            assert_eq!(end.unwrap().figures.tables["account"].rows, 50);
            continue;
        }
        // Functions of somebody else are not left out silently.
        let failure = end.unwrap_err();
        assert!(failure.hint.is_some(), "{failure:?}");
        let plain = Mysql {
            database: "plain".to_owned(),
            ..found
        };
        assert_eq!(plain.figures(place).await.unwrap().tables["t"].rows, 1);
    }
    let nothing = Mysql::of_service(&*place(), MysqlAt::Usual, None, None, None).await;
    assert!(nothing.unwrap_err().hint.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_tables_come_back_without_the_others() {
    let Some(server) = filled("some_tables_come_back_without_the_others").await else {
        return;
    };
    server.sql(
        "CALL churn(20); INSERT INTO audit (what) VALUES ('first')",
        "shop",
    );
    let database = server.database("shop");
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let copy = end.unwrap().figures;
    server.sql(
        "CALL churn(20); DELETE FROM audit; DELETE FROM `odd ``name`",
        "shop",
    );
    let (before, there) = (
        database.figures(place()).await.unwrap(),
        things(&server, "shop"),
    );
    let tables = |names: &[&str]| Load::Tables {
        names: names.iter().map(|&name| name.to_owned()).collect(),
    };
    let tied = database
        .load(place(), boxed(&bytes), tables(&["log"]))
        .await
        .unwrap_err();
    assert!(tied.message.contains("`log` and `account`"), "{tied}");
    let unknown = database
        .load(place(), boxed(&bytes), tables(&["logs"]))
        .await
        .unwrap_err();
    assert!(unknown.message.contains("`logs`"), "{unknown}");

    let some = tables(&["audit", "odd `name"]);
    let undo = database.load(place(), boxed(&bytes), some).await.unwrap();
    let now = database.figures(place()).await.unwrap();
    assert_eq!(now.tables["audit"], copy.tables["audit"]);
    assert_eq!(now.tables["odd `name"], copy.tables["odd `name"]);
    assert_eq!(now.tables["log"], before.tables["log"]);
    assert_eq!(things(&server, "shop"), there);
    database.undo(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), before);
    assert_eq!(things(&server, "shop"), there);

    let together = tables(&["log", "account"]);
    let undo = database
        .load(place(), boxed(&bytes), together)
        .await
        .unwrap();
    assert_eq!(
        database.figures(place()).await.unwrap().tables["log"],
        copy.tables["log"]
    );
    assert_eq!(things(&server, "shop"), there);
    database.undo(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), before);
    assert_eq!(databases(&server), "");
}

/// We are killed: in the middle of a load, and between its end and the moment when somebody writes it down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_load_left_goes_with_the_next_one_and_what_was_there_comes_back() {
    let Some(server) = filled("what_a_killed_load_left_goes_with_the_next_one…").await else {
        return;
    };
    server.sql("CALL churn(100)", "shop");
    let database = server.database("shop");
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let copy = end.unwrap().figures;
    server.sql("CALL churn(50)", "shop");
    let (before, there) = (
        database.figures(place()).await.unwrap(),
        things(&server, "shop"),
    );

    let (mut writer, reader) = tokio::io::duplex(1 << 20);
    let load = database.load(place(), Box::new(reader), Load::Replace);
    let cut = async {
        writer.write_all(&bytes[..bytes.len() / 2]).await.unwrap();
        until("it is being loaded", async || {
            databases(&server).contains("mainstay_load_")
        })
        .await;
    };
    tokio::select! {
        loaded = load => panic!("half of it is all of it: {loaded:?}"),
        () = cut => {}
    }
    assert!(databases(&server).contains("mainstay_load_"));
    assert_eq!(database.figures(place()).await.unwrap(), before);

    for unsettled in 0..2 {
        let undo = database
            .load(place(), boxed(&bytes), Load::Replace)
            .await
            .unwrap();
        assert_eq!(database.figures(place()).await.unwrap(), copy);
        let left = databases(&server);
        let [one] = left.lines().collect::<Vec<_>>()[..] else {
            panic!("{left}");
        };
        assert!(one.starts_with("mainstay_undo_"), "{left}");
        if unsettled == 0 {
            // Nobody ever hears of this one.
            continue;
        }
        database.undo(place(), &undo).await.unwrap();
        assert_eq!(database.figures(place()).await.unwrap(), before);
        assert_eq!(things(&server, "shop"), there);
    }
    assert_eq!(databases(&server), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_is_never_a_success() {
    let Some(mut server) = filled("a_server_killed_in_the_middle_is_never_a_success").await else {
        return;
    };
    // More than all pipes and buffers between hold.
    server.sql(
        "INSERT INTO audit (what) SELECT LEFT(MD5(seq), 20) FROM seq_1_to_300000",
        "shop",
    );
    for ended in ["the session", "the server"] {
        let Dump { mut data, end } = server.database("shop").dump(place()).await.unwrap();
        let mut begun = vec![0; 1 << 20];
        data.read_exact(&mut begun).await.unwrap();
        if ended == "the server" {
            server.kill();
        } else {
            let sql = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT%audit%' AND id <> CONNECTION_ID()";
            let session = server.sql(sql, "");
            server.sql(&format!("KILL {session}"), "");
        }
        let _ = data.read_to_end(&mut begun).await;
        let failure = end.await.unwrap_err();
        assert!(!failure.message.is_empty(), "{ended}: {failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_log_in_says_so_and_no_secret() {
    let Some(server) = filled("a_wrong_log_in_says_so_and_no_secret").await else {
        return;
    };
    let wrong = Password::Given(Secret::new("wr0ng-one".to_owned()));
    let Err(failure) = server.logged_in("shop", wrong).dump(place()).await else {
        panic!("logged in");
    };
    assert!(
        failure.message.contains("Access denied") && failure.hint.is_some(),
        "{failure:?}"
    );
    assert!(!format!("{failure:?}").contains("wr0ng-one"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
    let by_file = Password::File(file.path().display().to_string());
    let answer = server
        .logged_in("shop", by_file)
        .ask(place(), "SELECT COUNT(*) FROM account")
        .await;
    assert_eq!(answer.unwrap(), "50");
    let missing = server.database("nothing").dump(place()).await.unwrap();
    let (_, end) = read(missing).await;
    assert!(end.unwrap_err().message.contains("nothing"));
}
