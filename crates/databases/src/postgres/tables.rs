//! Single tables out of a dump, in place of their content.
//!
//! The whole archive is restored into a database beside, because a table may need types and sequences, and so that
//! all of it was read before anything is touched. From there the tables come over in one transaction. A table that
//! is there keeps what refers to it: views, foreign keys, grants, triggers; its rows are replaced, and kept in the
//! schema [`KEPT`] for an undo. One that is not there is made. Foreign keys that would not hold are named, and then
//! nothing happened.

use super::Postgres;
use super::load::{CHANGE, Desk, database};
use super::login::{Client, QUICK};
use super::sql::{beside, identifier, literal};
use crate::command::{IDLE, inflow, outflow};
use crate::database::{Failure, Undo};
use crate::place::Place;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;

const KEPT: &str = "mainstay_kept";

/// Between a dump and `psql`, in bytes.
const PIPE: usize = 256 << 10;

/// Triggers and foreign keys rest until the end of the transaction, where keys are checked.
const BEGIN: &str =
    "BEGIN;\nSET LOCAL search_path = pg_catalog;\nSET LOCAL session_replication_role = replica;\n";

/// One table, by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    schema: String,
    name: String,
}

impl Table {
    /// `name` alone is in `public`.
    fn parse(name: &str) -> Self {
        let (schema, name) = name.split_once('.').unwrap_or(("public", name));
        Self {
            schema: schema.to_owned(),
            name: name.to_owned(),
        }
    }

    fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// For `to_regclass`, or as a pattern of `pg_dump`, which reads quoted names as they are.
    fn text(&self) -> String {
        literal(&self.quoted())
    }
}

/// A session of the live database, and the one beside.
struct Bench<'a> {
    place: &'a dyn Place,
    client: Client,
    database: &'a str,
    side: String,
}

impl Bench<'_> {
    async fn ask(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let answer = self.client.psql(self.place, database, sql, QUICK).await?;
        Ok(answer.trim_end().to_owned())
    }

    async fn kind(&self, database: &str, table: &Table) -> Result<String, Failure> {
        let text = table.text();
        let sql = format!("SELECT relkind FROM pg_class WHERE oid = to_regclass({text});");
        self.ask(database, &sql).await
    }
}

pub(crate) async fn load(
    postgres: &Postgres,
    place: &dyn Place,
    data: &mut (dyn AsyncRead + Send + Unpin),
    names: &[String],
) -> Result<Undo, Failure> {
    let live = &postgres.login.database;
    if names.is_empty() {
        return Err(Failure::new("no table is named"));
    }
    let desk = Desk::open(postgres, place, live).await?;
    let bench = Bench {
        place,
        client: Client::open(place, &postgres.login, live).await?,
        database: live,
        side: beside(live, "tables"),
    };
    desk.drop_database(&bench.side).await?;
    desk.create(postgres, &bench.side, live).await?;
    desk.restore(&bench.side, data).await?;
    let tables: Vec<Table> = names.iter().map(|name| Table::parse(name)).collect();
    let done = bring(&bench, &tables).await;
    desk.drop_database(&bench.side).await?;
    done?;
    Ok(Undo {
        kept: BTreeMap::from([
            ("kind".to_owned(), "tables".to_owned()),
            ("database".to_owned(), live.clone()),
        ]),
    })
}

async fn bring(bench: &Bench<'_>, tables: &[Table]) -> Result<(), Failure> {
    let (there, missing) = sort(bench, tables).await?;
    let unsettled = format!("SELECT to_regnamespace('{KEPT}') IS NOT NULL;");
    if bench.ask(bench.database, &unsettled).await? == "t" {
        return Err(Failure::new(
            "an earlier restore of tables is neither settled nor undone",
        ));
    }
    let mut before = format!(
        "{BEGIN}CREATE SCHEMA {KEPT};\n\
         CREATE TABLE {KEPT}.tables (kept text, name text, columns text);\n\
         CREATE TABLE {KEPT}.sequences (name text, value bigint, called boolean);\n"
    );
    for (index, table) in there.iter().enumerate() {
        let (name, text) = (table.quoted(), table.text());
        let sequences = bench.ask(bench.database, &owned_sequences(&text)).await?;
        let columns = bench.ask(bench.database, &own_columns(&text)).await?;
        let columns = literal(&columns);
        let _ = write!(
            before,
            "LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE;\n\
             CREATE TABLE {KEPT}.t{index} AS SELECT * FROM ONLY {name};\n\
             DELETE FROM ONLY {name};\n\
             INSERT INTO {KEPT}.tables VALUES ('t{index}', {text}, {columns});\n"
        );
        for sequence in sequences.lines() {
            let _ = writeln!(
                before,
                "INSERT INTO {KEPT}.sequences SELECT {}, last_value, is_called FROM {sequence};",
                literal(sequence)
            );
        }
    }
    for table in &missing {
        let text = table.text();
        let _ = writeln!(
            before,
            "INSERT INTO {KEPT}.tables VALUES (NULL, {text}, NULL);"
        );
    }
    let keys = bench.ask(bench.database, &foreign_keys(&there)).await?;
    let after = format!("SET LOCAL search_path = pg_catalog;\n{keys}\nCOMMIT;\n");
    let (writer, mut reader) = tokio::io::duplex(PIPE);
    let mut head = bench.client.head();
    head.extend_from_slice(before.as_bytes());
    let words = bench.client.psql_words(bench.database);
    let taken = inflow(bench.place, "psql", &words, &head, &mut reader);
    let given = give(bench, &there, &missing, writer, &after);
    // What is not given to its end holds no COMMIT.
    let (taken, given) = tokio::join!(taken, given);
    taken?;
    given
}

/// Those that are there and those that are not; all are in the dump, and all are plain tables.
async fn sort(bench: &Bench<'_>, tables: &[Table]) -> Result<(Vec<Table>, Vec<Table>), Failure> {
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for table in tables {
        let name = format!("{}.{}", table.schema, table.name);
        match bench.kind(&bench.side, table).await?.as_str() {
            "r" => {}
            "" => return Err(Failure::new(format!("the dump has no table {name}"))),
            "p" => {
                return Err(Failure::new(format!("{name} is partitioned"))
                    .hint("name its partitions instead"));
            }
            _ => return Err(Failure::new(format!("{name} is no table"))),
        }
        match bench.kind(bench.database, table).await?.as_str() {
            "r" => there.push(table.clone()),
            "" => missing.push(table.clone()),
            _ => return Err(Failure::new(format!("{name} is no table any more"))),
        }
    }
    Ok((there, missing))
}

/// Two dumps, each whole, and then what ends the transaction.
async fn give(
    bench: &Bench<'_>,
    there: &[Table],
    missing: &[Table],
    mut writer: DuplexStream,
    after: &str,
) -> Result<(), Failure> {
    let lost = |_| Failure::new("psql ended before all of the tables were given to it");
    for (tables, data_only) in [(there, true), (missing, false)] {
        if tables.is_empty() {
            continue;
        }
        let mut arguments = vec!["--format=plain".to_owned()];
        if data_only {
            arguments.push("--data-only".to_owned());
        }
        arguments.extend(
            tables
                .iter()
                .map(|table| format!("--table={}", table.quoted())),
        );
        let words = bench.client.words("pg_dump", &bench.side, &arguments);
        let head = bench.client.head();
        let mut flow = outflow(bench.place, "pg_dump", &words, &head).await?;
        tokio::io::copy(&mut flow.data, &mut writer)
            .await
            .map_err(lost)?;
        flow.end.await?;
    }
    let ended = async {
        writer.write_all(after.as_bytes()).await?;
        writer.shutdown().await
    };
    let ended = timeout(IDLE, ended).await;
    ended
        .map_err(|_| Failure::new("psql takes nothing any more"))?
        .map_err(lost)
}

fn owned_sequences(table: &str) -> String {
    format!(
        "SELECT format('%I.%I', n.nspname, s.relname) FROM pg_depend d JOIN pg_class s ON s.oid = d.objid JOIN \
         pg_namespace n ON n.oid = s.relnamespace WHERE d.classid = 'pg_class'::regclass AND d.refclassid = \
         'pg_class'::regclass AND d.refobjid = to_regclass({table}) AND d.deptype IN ('a', 'i') AND s.relkind = 'S';"
    )
}

/// Columns that are written, and not computed.
fn own_columns(table: &str) -> String {
    format!(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute a WHERE attrelid = \
         to_regclass({table}) AND attnum > 0 AND NOT attisdropped AND coalesce(to_jsonb(a)->>'attgenerated', '') = '';"
    )
}

/// Statements that fail, by its name, for each foreign key from or to these tables that does not hold.
fn foreign_keys(tables: &[Table]) -> String {
    let tables: Vec<String> = tables
        .iter()
        .map(|table| format!("to_regclass({})", table.text()))
        .collect();
    if tables.is_empty() {
        return "SELECT '' WHERE false;".to_owned();
    }
    let tables = tables.join(", ");
    format!(
        "SELECT format('DO $mainstay$ BEGIN IF EXISTS (SELECT FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE \
         %s)) THEN RAISE EXCEPTION %L; END IF; END $mainstay$;', \
         (SELECT format('%I.%I', n.nspname, r.relname) FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace \
          WHERE r.oid = k.conrelid), \
         (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ') FROM unnest(k.conkey) u(n) JOIN pg_attribute a \
          ON a.attrelid = k.conrelid AND a.attnum = u.n), \
         (SELECT format('%I.%I', n.nspname, r.relname) FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace \
          WHERE r.oid = k.confrelid), \
         (SELECT string_agg(format('p.%I = c.%I', b.attname, a.attname), ' AND ') FROM unnest(k.conkey, k.confkey) u(n, m) \
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n JOIN pg_attribute b ON b.attrelid = \
          k.confrelid AND b.attnum = u.m), \
         format('foreign key %s of table %s would not hold', k.conname, replace(k.conrelid::regclass::text, '%', '%%'))) \
         FROM pg_constraint k WHERE k.contype = 'f' AND (k.conrelid IN ({tables}) OR k.confrelid IN ({tables}));"
    )
}

pub(crate) async fn undo(
    postgres: &Postgres,
    place: &dyn Place,
    undo: &Undo,
) -> Result<(), Failure> {
    let live = database(undo)?;
    let client = Client::open(place, &postgres.login, live).await?;
    let is_kept = format!("SELECT to_regnamespace('{KEPT}') IS NOT NULL;");
    if client.psql(place, live, &is_kept, QUICK).await?.trim() != "t" {
        return Ok(());
    }
    let kept =
        format!("SELECT json_build_array(kept, name, columns) FROM {KEPT}.tables ORDER BY kept;");
    let kept = client.psql(place, live, &kept, QUICK).await?;
    let mut sql = BEGIN.to_owned();
    for line in kept.lines() {
        let row: (Option<String>, String, Option<String>) = serde_json::from_str(line)
            .map_err(|error| Failure::new(format!("what was kept of a table: {error}")))?;
        let _ = match row {
            (Some(kept), name, Some(columns)) => writeln!(
                sql,
                "LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE;\nDELETE FROM ONLY {name};\n\
                 INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {KEPT}.{kept};"
            ),
            (_, name, _) => writeln!(sql, "DROP TABLE IF EXISTS {name};"),
        };
    }
    let _ = writeln!(
        sql,
        "SELECT setval(to_regclass(name), value, called) FROM {KEPT}.sequences;\n\
         DROP SCHEMA {KEPT} CASCADE;\nCOMMIT;"
    );
    client.psql(place, live, &sql, CHANGE).await.map(drop)
}

pub(crate) async fn settle(
    postgres: &Postgres,
    place: &dyn Place,
    undo: &Undo,
) -> Result<(), Failure> {
    let live = database(undo)?;
    let client = Client::open(place, &postgres.login, live).await?;
    let sql = format!("SET client_min_messages = warning;\nDROP SCHEMA IF EXISTS {KEPT} CASCADE;");
    client.psql(place, live, &sql, CHANGE).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn a_name_alone_is_in_public() {
        assert_eq!(Table::parse("orders").quoted(), "\"public\".\"orders\"");
        assert_eq!(Table::parse("shop.it's").text(), "'\"shop\".\"it''s\"'");
    }
}
