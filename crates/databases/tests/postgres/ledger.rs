//! Accounts between which money moves, and the journal of it.

use super::server::Server;
use std::process::{Child, Command, Stdio};

pub(crate) const ACCOUNTS: u32 = 50;
pub(crate) const EACH: u32 = 1000;

/// What must be so in every state that existed. The journal's numbers are given under a lock, so that they are
/// in the order of commits.
pub(crate) const SUM: &str = "SELECT sum(balance) FROM ledger.account";
pub(crate) const HOLES: &str = "SELECT count(*) - coalesce(max(id), 0) FROM ledger.journal";
pub(crate) const LAST: &str = "SELECT coalesce(max(id), 0) FROM ledger.journal";
/// What the journal says the balances are.
pub(crate) const WRONG: &str = "SELECT count(*) FROM ledger.account a WHERE balance <> 1000 + \
    (SELECT coalesce(sum(amount), 0) FROM ledger.journal WHERE into_account = a.id) - \
    (SELECT coalesce(sum(amount), 0) FROM ledger.journal WHERE from_account = a.id)";

const SCHEMA: &str = "
CREATE SCHEMA ledger;
CREATE TABLE ledger.account (id integer PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE ledger.counter (next bigint NOT NULL);
CREATE TABLE ledger.journal (id bigint PRIMARY KEY, from_account integer NOT NULL REFERENCES ledger.account,
  into_account integer NOT NULL REFERENCES ledger.account, amount bigint NOT NULL, at timestamptz NOT NULL);
INSERT INTO ledger.account SELECT i, 1000 FROM generate_series(1, 50) i;
INSERT INTO ledger.counter VALUES (1);
CREATE TABLE public.\"odd names\" (\"a b\" text, r jsonb, n numeric DEFAULT 1.50, PRIMARY KEY (\"a b\"));
INSERT INTO public.\"odd names\" SELECT 'it''s ' || i, json_build_object('i', i)::jsonb FROM generate_series(1, 2000) i;
CREATE FUNCTION ledger.move() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE a integer := 1 + floor(random() * 50); b integer := 1 + floor(random() * 50); c bigint;
  m bigint := 1 + floor(random() * 100);
BEGIN
  UPDATE ledger.account SET balance = balance - m WHERE id = least(a, b);
  UPDATE ledger.account SET balance = balance + m WHERE id = greatest(a, b);
  UPDATE ledger.counter SET next = next + 1 RETURNING next - 1 INTO c;
  INSERT INTO ledger.journal VALUES (c, least(a, b), greatest(a, b), m, clock_timestamp());
  RETURN c;
END $$;
";

pub(crate) fn create(server: &Server, database: &str) {
    server.sql("postgres", &format!("CREATE DATABASE {database}"));
    server.sql(database, SCHEMA);
}

/// Writers that move money until they are dropped.
#[derive(Debug)]
pub(crate) struct Load(Vec<Child>);

impl Load {
    pub(crate) fn start(server: &Server, database: &str, writers: usize) -> Self {
        let one = || {
            let mut child = Command::new("psql")
                .args(["-XAtq", "-U", "postgres", "-h", "127.0.0.1", "-p"])
                .args([&server.port.to_string(), "-d", database])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            std::thread::spawn(move || {
                use std::io::Write as _;
                while stdin.write_all(b"SELECT ledger.move();\n").is_ok() {}
            });
            child
        };
        Self((0..writers).map(|_| one()).collect())
    }
}

impl Load {
    /// A superuser who does nothing.
    pub(crate) fn idle(server: &Server, database: &str) -> Self {
        let child = Command::new("psql")
            .args(["-XAtq", "-U", "postgres", "-h", "127.0.0.1", "-p"])
            .args([&server.port.to_string(), "-d", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Self(vec![child.unwrap()])
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Panics where a database is no state that existed.
pub(crate) fn sound(ask: impl Fn(&str) -> String) -> i64 {
    assert_eq!(ask(SUM), (ACCOUNTS * EACH).to_string(), "the sum");
    assert_eq!(ask(HOLES), "0", "a hole in the journal");
    assert_eq!(ask(WRONG), "0", "balances and journal");
    ask(LAST).parse().unwrap()
}
