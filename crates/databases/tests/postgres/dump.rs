//! Dumps under load, and back.

use super::ledger::{self, Load as Writers};
use super::server::{Server, binaries};
use super::support::{Local, until};
use mainstay_databases::postgres::Postgres;
use mainstay_databases::{Database as _, Dumped, Failure, Load, Place};
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

pub(crate) async fn dump(postgres: &Postgres, place: &Local) -> Result<(Vec<u8>, Dumped), Failure> {
    let mut dump = postgres.dump(Arc::new(place.clone())).await?;
    let mut bytes = Vec::new();
    dump.data.read_to_end(&mut bytes).await.unwrap();
    Ok((bytes, dump.end.await?))
}

pub(crate) fn place(server: &Server) -> Arc<dyn Place> {
    Arc::new(server.place())
}

async fn busy(server: &Server, database: &str) -> Writers {
    let writers = Writers::start(server, database, 3);
    until("money moves", async || {
        server.sql(database, ledger::LAST) != "0"
    })
    .await;
    writers
}

pub(crate) fn data(bytes: &[u8]) -> Box<dyn tokio::io::AsyncRead + Send + Unpin> {
    Box::new(std::io::Cursor::new(bytes.to_vec()))
}

#[tokio::test]
async fn a_dump_under_load_is_a_state_that_existed_and_its_figures_are_of_that_state() {
    let test = "a_dump_under_load_is_a_state_that_existed_and_its_figures_are_of_that_state";
    let Some(bin) = binaries(test) else { return };
    let server = Server::start(&bin, &[]).await;
    ledger::create(&server, "app");
    let writers = busy(&server, "app").await;
    let postgres = Postgres::new(server.login("app"));
    for _ in 0..3 {
        let (bytes, dumped) = dump(&postgres, &server.place()).await.unwrap();
        assert_eq!(dumped.figures.tables["ledger.account"].rows, 50);
        assert_eq!(dumped.details["database"], "app");
        let mut proof = postgres.clone();
        proof.details = dumped.details.clone();
        let scratch = proof.scratch(place(&server)).await.unwrap();
        scratch
            .load(place(&server), data(&bytes), Load::Replace)
            .await
            .unwrap();
        assert_eq!(
            scratch.figures(place(&server)).await.unwrap(),
            dumped.figures
        );
        let mut answers = std::collections::BTreeMap::new();
        for query in [ledger::SUM, ledger::HOLES, ledger::WRONG, ledger::LAST] {
            answers.insert(query, scratch.ask(place(&server), query).await.unwrap());
        }
        let last = ledger::sound(|query| answers[query].clone());
        assert_eq!(dumped.figures.tables["ledger.journal"].rows, last as u64);
    }
    drop(writers);
}

#[tokio::test]
async fn replacing_is_undone_and_settled() {
    let Some(bin) = binaries("replacing_is_undone_and_settled") else {
        return;
    };
    let server = Server::start(&bin, &[]).await;
    ledger::create(&server, "app");
    server.sql(
        "postgres",
        "CREATE ROLE reader; ALTER DATABASE app SET search_path TO \"$user\", ledger; \
        GRANT CONNECT ON DATABASE app TO reader; COMMENT ON DATABASE app IS 'books'",
    );
    server.sql(
        "app",
        "GRANT SELECT ON ledger.account TO reader; ALTER TABLE ledger.counter OWNER TO reader",
    );
    let writers = busy(&server, "app").await;
    let mut postgres = Postgres::new(server.login("app"));
    let (bytes, dumped) = dump(&postgres, &server.place()).await.unwrap();
    postgres.details = dumped.details.clone();
    let last = |database: &str| ledger::sound(|query| server.sql(database, query));
    let then = dumped.figures.tables["ledger.journal"].rows as i64;
    drop(writers);
    let before = last("app");
    assert!(before >= then);
    let _idle = Writers::start(&server, "app", 1);
    server.sql("app", "DROP TABLE public.\"odd names\"");
    let undo = postgres
        .load(place(&server), data(&bytes), Load::Replace)
        .await
        .unwrap();
    assert_eq!(last("app"), then);
    let setting = "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase \
        WHERE datname = 'app'";
    assert_eq!(
        server.sql("postgres", setting),
        r#"{"search_path=\"$user\", ledger"}"#
    );
    assert_eq!(
        server.sql("app", "SELECT count(*) FROM public.\"odd names\""),
        "2000"
    );
    assert_eq!(
        server.sql(
            "app",
            "SELECT has_table_privilege('reader', 'ledger.account', 'select')"
        ),
        "t"
    );
    postgres.undo(place(&server), &undo).await.unwrap();
    postgres.undo(place(&server), &undo).await.unwrap();
    assert!(last("app") >= before);
    assert_eq!(
        server.sql("app", "SELECT to_regclass('public.\"odd names\"') IS NULL"),
        "t"
    );
    let undo = postgres
        .load(place(&server), data(&bytes), Load::Replace)
        .await
        .unwrap();
    postgres.settle(place(&server), &undo).await.unwrap();
    postgres.settle(place(&server), &undo).await.unwrap();
    postgres.undo(place(&server), &undo).await.unwrap();
    assert_eq!(last("app"), then);
    let names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";
    assert_eq!(
        server.sql("postgres", names),
        "app postgres template0 template1"
    );
    put_beside(&server, &postgres, &bytes, then).await;
}

async fn put_beside(server: &Server, postgres: &Postgres, bytes: &[u8], then: i64) {
    let names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";
    let beside = Load::Beside {
        name: "app_then".to_owned(),
    };
    let undo = postgres
        .load(place(server), data(bytes), beside.clone())
        .await
        .unwrap();
    assert_eq!(ledger::sound(|query| server.sql("app_then", query)), then);
    assert!(
        postgres
            .load(place(server), data(bytes), beside)
            .await
            .is_err()
    );
    postgres.undo(place(server), &undo).await.unwrap();
    assert_eq!(
        server.sql("postgres", names),
        "app postgres template0 template1"
    );
}

#[tokio::test]
async fn an_archive_that_breaks_off_leaves_everything_as_it_was() {
    let Some(bin) = binaries("an_archive_that_breaks_off_leaves_everything_as_it_was") else {
        return;
    };
    let server = Server::start(&bin, &[]).await;
    ledger::create(&server, "app");
    let postgres = Postgres::new(server.login("app"));
    let (bytes, _) = dump(&postgres, &server.place()).await.unwrap();
    server.sql("app", "INSERT INTO ledger.counter VALUES (7)");
    for cut in [0, 10, bytes.len() / 2, bytes.len() - 20] {
        // Ends early, as if that were its end.
        let failed = postgres
            .load(place(&server), data(&bytes[..cut]), Load::Replace)
            .await;
        let failure = failed.unwrap_err().to_string();
        assert!(failure.starts_with("pg_restore"), "{failure}");
        // Ends in an error; also when the error is all that is missing.
        for cut in [cut, bytes.len()] {
            let broken = data(&bytes[..cut]).chain(Broken);
            let failed = postgres
                .load(place(&server), Box::new(broken), Load::Replace)
                .await;
            assert!(failed.is_err());
        }
        assert_eq!(
            server.sql("app", "SELECT count(*) FROM ledger.counter"),
            "2"
        );
        let names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";
        assert_eq!(
            server.sql("postgres", names),
            "app postgres template0 template1"
        );
    }
}

/// A stream that fails.
struct Broken;

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::Error::other("a pack is damaged")))
    }
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_is_a_failure() {
    let Some(bin) = binaries("a_server_that_is_killed_in_the_middle_is_a_failure") else {
        return;
    };
    let mut server = Server::start(&bin, &[]).await;
    ledger::create(&server, "app");
    server.sql(
        "app",
        "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 20) t FROM generate_series(1, 60000) i",
    );
    let postgres = Postgres::new(server.login("app"));
    let mut dump = postgres.dump(place(&server)).await.unwrap();
    let mut some = vec![0; 1 << 20];
    dump.data.read_exact(&mut some).await.unwrap();
    server.kill().await;
    let mut rest = Vec::new();
    let _ = dump.data.read_to_end(&mut rest).await;
    let failure = dump.end.await.unwrap_err().to_string();
    // Whichever of both programs saw it first.
    let told = ["pg_dump", "psql failed"];
    assert!(told.iter().any(|told| failure.contains(told)), "{failure}");
    server.up().await;
    // A dump that is not read to its end does not count either.
    let dump = postgres.dump(place(&server)).await.unwrap();
    drop(dump.data);
    assert!(dump.end.await.is_err());
}

#[tokio::test]
async fn roles_are_made_where_they_are_missing_and_passwords_are_told_to_nobody() {
    let test = "roles_are_made_where_they_are_missing_and_passwords_are_told_to_nobody";
    let Some(bin) = binaries(test) else { return };
    let server = Server::start(&bin, &[]).await;
    ledger::create(&server, "app");
    server.sql(
        "postgres",
        "CREATE ROLE team; CREATE ROLE owner LOGIN SUPERUSER PASSWORD 'hunter2'; GRANT team TO owner; \
        ALTER DATABASE app OWNER TO owner",
    );
    server.sql(
        "postgres",
        "ALTER DATABASE app SET app.jwt_secret TO 'hunter3'",
    );
    server.sql("app", "ALTER TABLE ledger.counter OWNER TO team");
    let rules = "host all owner 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n";
    std::fs::write(server.data().join("pg_hba.conf"), rules).unwrap();
    server.sql("postgres", "SELECT pg_reload_conf()");
    let mut postgres = Postgres::new(server.login("app"));
    postgres.login.user = "owner".to_owned();
    // Given, and found in the place.
    let mut given = postgres.clone();
    given.login.password = Some(mainstay_model::Secret::new("hunter2".to_owned()));
    dump(&given, &server.place()).await.unwrap();
    given.login.password = Some(mainstay_model::Secret::new("hunter4".to_owned()));
    let failure = format!("{:?}", dump(&given, &server.place()).await.unwrap_err());
    assert!(
        failure.contains("no log-in") && !failure.contains("hunter"),
        "{failure}"
    );
    let mut inside = server.place();
    inside
        .environment
        .push(("POSTGRES_PASSWORD".to_owned(), "hunter2".to_owned()));
    let (bytes, dumped) = dump(&postgres, &inside).await.unwrap();
    assert!(!format!("{dumped:?}").contains("hunter"), "{dumped:?}");
    assert_eq!(dumped.details["settings-left-out"], "app.jwt_secret");
    postgres.details = dumped.details;
    postgres.login.user = "postgres".to_owned();
    let scratch = postgres.scratch(place(&server)).await.unwrap();
    let undo = scratch
        .load(place(&server), data(&bytes), Load::Replace)
        .await
        .unwrap();
    assert!(
        undo.kept["roles-made"].starts_with("owner, team")
            || undo.kept["roles-made"].starts_with("team, owner")
    );
    let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'counter'";
    assert_eq!(scratch.ask(place(&server), owner).await.unwrap(), "team");
    let can = "SELECT rolcanlogin::text || rolsuper::text FROM pg_roles WHERE rolname = 'owner'";
    assert_eq!(scratch.ask(place(&server), can).await.unwrap(), "falsetrue");
    assert!(
        scratch
            .ask(place(&server), "DELETE FROM ledger.counter")
            .await
            .is_err()
    );
    assert!(scratch.ask(place(&server), "\\! true").await.is_err());
}

#[tokio::test]
async fn a_database_whose_sessions_cannot_be_ended_stays() {
    let Some(bin) = binaries("a_database_whose_sessions_cannot_be_ended_stays") else {
        return;
    };
    let server = Server::start(&bin, &[]).await;
    server.sql("postgres", "CREATE ROLE owner LOGIN CREATEDB");
    server.sql("postgres", "CREATE DATABASE app OWNER owner");
    server.sql(
        "app",
        "SET ROLE owner; CREATE SCHEMA x; CREATE TABLE x.t AS SELECT 1 AS i",
    );
    let mut postgres = Postgres::new(server.login("app"));
    postgres.login.user = "owner".to_owned();
    let (bytes, _) = dump(&postgres, &server.place()).await.unwrap();
    server.sql("app", "INSERT INTO x.t VALUES (2)");
    let superuser = Writers::idle(&server, "app");
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'app'";
    until("a superuser is connected", async || {
        server.sql("postgres", connected) == "1"
    })
    .await;
    let failure = postgres
        .load(place(&server), data(&bytes), Load::Replace)
        .await
        .unwrap_err();
    assert!(
        failure.to_string().contains("was not replaced"),
        "{failure}"
    );
    assert_eq!(server.sql("app", "SELECT count(*) FROM x.t"), "2");
    let names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";
    assert_eq!(
        server.sql("postgres", names),
        "app postgres template0 template1"
    );
    drop(superuser);
    let undo = postgres
        .load(place(&server), data(&bytes), Load::Replace)
        .await
        .unwrap();
    assert_eq!(server.sql("app", "SELECT count(*) FROM x.t"), "1");
    postgres.settle(place(&server), &undo).await.unwrap();
}
