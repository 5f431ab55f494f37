//! Single tables out of a dump.

use super::dump::{data, dump, place};
use super::ledger;
use super::server::{Server, binaries};
use mainstay_databases::postgres::Postgres;
use mainstay_databases::{Database as _, Load};

const SHOP: &str = "
CREATE TABLE customer (id serial PRIMARY KEY, name text, upper text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer integer REFERENCES customer);
CREATE VIEW names AS SELECT name FROM customer;
INSERT INTO customer (name) VALUES ('a'), ('b'), ('c');
INSERT INTO orders (customer) VALUES (1), (2), (2);";

fn tables(names: &[&str]) -> Load {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Load::Tables { names }
}

#[tokio::test]
async fn one_table_comes_back_and_goes_again() {
    let Some(bin) = binaries("one_table_comes_back_and_goes_again") else {
        return;
    };
    let server = Server::start(&bin, &[]).await;
    ledger::create(&server, "app");
    server.sql("app", SHOP);
    let postgres = Postgres::new(server.login("app"));
    let (bytes, _) = dump(&postgres, &server.place()).await.unwrap();
    let bring = async |load: Load| postgres.load(place(&server), data(&bytes), load).await;
    let names = || {
        server.sql(
            "app",
            "SELECT string_agg(name, ' ' ORDER BY id) FROM customer",
        )
    };
    server.sql(
        "app",
        "UPDATE customer SET name = 'x'; INSERT INTO customer (name) VALUES ('d')",
    );
    let undo = bring(tables(&["public.customer"])).await.unwrap();
    assert_eq!(names(), "a b c");
    assert_eq!(
        server.sql(
            "app",
            "SELECT string_agg(upper, ' ' ORDER BY id) FROM customer"
        ),
        "A B C"
    );
    assert_eq!(
        server.sql("app", "SELECT count(*) FROM names WHERE name = 'a'"),
        "1"
    );
    assert!(
        bring(tables(&["customer"]))
            .await
            .unwrap_err()
            .to_string()
            .contains("neither settled")
    );
    for _ in 0..2 {
        postgres.undo(place(&server), &undo).await.unwrap();
    }
    assert_eq!(names(), "x x x d");
    assert_eq!(
        server.sql(
            "app",
            "INSERT INTO customer (name) VALUES ('e') RETURNING id"
        ),
        "5"
    );
    with_its_keys(&server, &postgres, &bytes).await;
    one_that_was_dropped(&server, &postgres, &bytes).await;
    let databases = server.sql(
        "postgres",
        "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database",
    );
    assert_eq!(databases, "app postgres template0 template1");
}

async fn with_its_keys(server: &Server, postgres: &Postgres, bytes: &[u8]) {
    let bring = async |load: Load| postgres.load(place(server), data(bytes), load).await;
    let names = || {
        server.sql(
            "app",
            "SELECT string_agg(name, ' ' ORDER BY id) FROM customer",
        )
    };
    // An order of somebody who is not in the dump.
    server.sql("app", "INSERT INTO orders (customer) VALUES (5)");
    let failure = bring(tables(&["customer"])).await.unwrap_err().to_string();
    assert!(failure.contains("orders_customer_fkey"), "{failure}");
    assert_eq!(names(), "x x x d e");
    let undo = bring(tables(&["customer", "orders"])).await.unwrap();
    assert_eq!(
        server.sql(
            "app",
            "SELECT string_agg(customer::text, ' ' ORDER BY id) FROM orders"
        ),
        "1 2 2"
    );
    for _ in 0..2 {
        postgres.settle(place(server), &undo).await.unwrap();
    }
    postgres.undo(place(server), &undo).await.unwrap();
    assert_eq!(names(), "a b c");
}

async fn one_that_was_dropped(server: &Server, postgres: &Postgres, bytes: &[u8]) {
    let bring = async |load: Load| postgres.load(place(server), data(bytes), load).await;
    server.sql("app", "DROP TABLE public.\"odd names\"");
    let failure = bring(tables(&["odd names", "nowhere"]))
        .await
        .unwrap_err()
        .to_string();
    assert!(failure.contains("no table public.nowhere"), "{failure}");
    let undo = bring(tables(&["odd names"])).await.unwrap();
    assert_eq!(
        server.sql("app", "SELECT count(*) FROM public.\"odd names\""),
        "2000"
    );
    postgres.undo(place(server), &undo).await.unwrap();
    assert_eq!(
        server.sql("app", "SELECT to_regclass('public.\"odd names\"') IS NULL"),
        "t"
    );
}
